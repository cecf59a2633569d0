/** What goes wrong in operation, seen from outside: through the tables, the result stream and the machines. */
import { afterEach, expect, test, vi } from 'vitest';
import { cameraRow } from './camera-that-sends.ts';
import { type SteppedSystem, type SystemOptions, startSteppedSystem } from './stepped-system.ts';

// A test takes seconds; on a machine that is busy with other things it may take longer, and nothing in it measures that.
vi.setConfig({ testTimeout: 120_000 });

const minuteMs = 60_000;
const bootMs = 6 * minuteMs;

let system: SteppedSystem;
async function started(options: Partial<SystemOptions> = {}) {
  system = await startSteppedSystem({ start: '2026-11-24T09:00:20Z', ...options });
}
afterEach(() => system.close());

/** A camera that is always on and sends. */
async function addCamera(cameraId: string, row: Record<string, unknown> = {}) {
  await system.createStream(cameraId);
  system.send(cameraId);
  await system.putRow(cameraRow(cameraId, row));
}

async function untilRunning(cameraIds: string[], limitMs = bootMs) {
  const areRunning = async () => {
    const cameras = await system.cameras();
    return cameraIds.every((id) => cameras.find((state) => state.cameraId === id)?.phase === 'running');
  };
  await system.passUntilSo(`${cameraIds.join(', ')} running`, areRunning, limitMs, 5_000);
}

test('a killed worker: its camera is watched by the next one under the next epoch, and no id is published twice', async () => {
  await started();
  await addCamera('dock-1');
  await untilRunning(['dock-1']);
  const before = await system.camera('dock-1');
  const first = before.ownerWorkerId ?? '';
  const published = (await system.results()).frames.length;

  // In the middle of a fragment, between two checkpoints.
  await system.pass(3_500);
  system.cloud.compute.killTask(first, 'SIGKILL');
  await system.settle();
  const killedAtMs = system.clock.nowMs();
  await system.passUntilSo(
    'a new worker publishes',
    async () => (await system.results()).frames.some(({ epoch }) => epoch === before.epoch + 1),
    2 * minuteMs,
  );
  expect(system.clock.nowMs() - killedAtMs).toBeLessThanOrEqual(minuteMs);
  const after = await system.camera('dock-1');
  expect(after).toMatchObject({ epoch: before.epoch + 1 });
  expect(after.ownerWorkerId).not.toBe(first);
  await system.pass(20_000);

  // `results` has thrown had an id come twice; nothing of the dead epoch came after the kill either.
  const { frames, tracks } = await system.results();
  expect(frames.length).toBeGreaterThan(published + 10);
  for (const { epoch, workerId, inferredAt } of frames) {
    expect(workerId).toBe(epoch === before.epoch ? first : after.ownerWorkerId);
    if (epoch === before.epoch) expect(Date.parse(inferredAt)).toBeLessThanOrEqual(killedAtMs);
  }
  expect(new Set(tracks.map(({ epoch }) => epoch))).toEqual(new Set([before.epoch, before.epoch + 1]));
  expect((await system.workers()).map(({ workerId }) => workerId)).toEqual([after.ownerWorkerId]);
  expect(system.instances()).toHaveLength(1);
});

test('rows that are wrong in every way change nothing but their own verdict', async () => {
  await started();
  await addCamera('good-1');
  await addCamera('good-2');
  await untilRunning(['good-1', 'good-2']);
  const facts = async (cameraId: string) => {
    const { camera, epoch, ownerWorkerId, phase, issues } = await system.camera(cameraId);
    return { camera, epoch, ownerWorkerId, phase, issues };
  };
  const before = [await facts('good-1'), await facts('good-2')];
  const published = (await system.results()).frames.length;

  const poison: Record<string, unknown>[] = [
    { cameraId: 'no-stream' },
    { cameraId: 'no fps', streamName: 's', detect: { fps: -1 } },
    { cameraId: 'no-zone', streamName: 's', schedule: { timeZone: 'Mars/Olympus', windows: [] } },
    { cameraId: 'no-fleet', streamName: 's', fleet: 'nowhere' },
    {
      cameraId: 'no-sense',
      streamName: 17,
      detect: 'yes',
      regions: [[[[1]]]],
      schedule: [null],
      priority: '9'.repeat(400),
    },
    { cameraId: 'no-such-stream', streamName: 'no-such-stream' },
  ];
  await Promise.all(poison.map((row) => system.putRow(row)));
  await addCamera('late', {});
  await untilRunning(['late'], 2 * minuteMs);

  expect([await facts('good-1'), await facts('good-2')]).toEqual(before);
  expect((await system.results()).frames.length).toBeGreaterThan(published);
  const verdicts = Object.fromEntries((await system.cameras()).map((state) => [state.cameraId, state]));
  for (const cameraId of ['no-stream', 'no fps', 'no-zone', 'no-fleet', 'no-sense']) {
    expect(verdicts[cameraId], cameraId).toMatchObject({ phase: 'invalid', camera: null, epoch: 0 });
    expect(verdicts[cameraId]?.issues.some(({ severity }) => severity === 'error')).toBe(true);
  }
  expect(verdicts['no-such-stream']).toMatchObject({
    phase: 'silent',
    phaseReason: expect.stringContaining('does not exist'),
  });
  expect(system.cloud.lambda.deadLetters).toEqual([]);
  expect(system.warnings).toEqual([]);
  expect(system.instances()).toHaveLength(1);

  // Put right, a wrong row is watched like any other.
  await addCamera('no-stream');
  await untilRunning(['no-stream'], 2 * minuteMs);
});

test('a full fleet sheds its least important camera, says why, and takes it back when there is room', async () => {
  await started({ policy: { maxWorkers: 1, defaultInferencesPerSecond: 3 }, inferencesPerSecond: 3 });
  await addCamera('low', { priority: 10 });
  await addCamera('middle', { priority: 50 });
  await untilRunning(['low', 'middle']);
  await addCamera('high-1', { priority: 90 });
  await addCamera('high-2', { priority: 90 });
  await untilRunning(['high-1', 'high-2', 'middle'], 2 * minuteMs);
  expect(await system.camera('low')).toMatchObject({
    phase: 'shed',
    phaseReason: 'the fleet is at its largest size and cameras of higher priority fill it',
  });
  const [decision] = (await system.decisions()).slice(-1);
  expect(decision?.reason).toMatch(/capped at 1 of 2 workers needed, 1 camera shed by priority/);
  expect(decision?.exceptions).toEqual([expect.objectContaining({ cameraId: 'low', phase: 'shed' })]);
  expect(system.instances()).toHaveLength(1);

  await system.putRow(cameraRow('high-2', { priority: 90, enabled: false }));
  await untilRunning(['low', 'middle', 'high-1'], 2 * minuteMs);
  expect(await system.camera('high-2')).toMatchObject({ phase: 'disabled' });
  await system.results();
});

test('a silent camera gives its machine back after the grace, and gets one again when media returns', async () => {
  await started();
  await addCamera('dock-1');
  await untilRunning(['dock-1']);
  const seen = (await system.results()).frames.length;
  await system.fallSilent('dock-1');
  const silentFromMs = system.clock.nowMs();
  await system.pass(minuteMs + 15_000);
  expect(await system.camera('dock-1')).toMatchObject({
    phase: 'silent',
    phaseReason: expect.stringContaining('no media reaches worker'),
  });
  expect(system.instances()).toHaveLength(1);

  // Five minutes of grace, five more of patience, then nothing costs money.
  await system.passUntilSo('no instance is left', () => system.instances().length === 0, 15 * minuteMs, 10_000);
  expect(system.clock.nowMs() - silentFromMs).toBeGreaterThanOrEqual(10 * minuteMs);
  const released = await system.camera('dock-1');
  expect(released).toMatchObject({ phase: 'silent', phaseReason: expect.stringMatching(/^no media since/) });
  expect(released.ownerWorkerId).toBeUndefined();

  system.send('dock-1');
  const backAtMs = system.clock.nowMs();
  await untilRunning(['dock-1'], 12 * minuteMs);
  const { frames } = await system.results();
  expect(frames.length).toBeGreaterThan(seen);
  // The metric shows returning media two and a half minutes late; then the machine has to boot.
  expect(system.clock.nowMs() - backAtMs).toBeLessThanOrEqual(10 * minuteMs);
  expect((await system.camera('dock-1')).silentSinceMs).toBeUndefined();
});
