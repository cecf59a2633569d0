/**
 * EC2 takes a Spot instance back, or recommends to leave it: the replacement is ordered at once, cameras move while they are
 * watched, and what has no other place is watched until just before the end.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { cameraRow } from './camera-that-sends.ts';
import { expectSeamless, moves } from './moved-cameras.ts';
import { type SteppedSystem, startSteppedSystem } from './stepped-system.ts';

// A test takes seconds; on a machine that is busy with other things it may take longer, and nothing in it measures that.
vi.setConfig({ testTimeout: 240_000 });

const minuteMs = 60_000;
let system: SteppedSystem;
afterEach(() => system.close());

/** @param priorities of cameras of 1 fps, on workers that offer three and are filled to two. */
async function watching(priorities: Record<string, number>) {
  system = await startSteppedSystem({
    ...{ start: '2026-11-24T09:00:20Z', inferencesPerSecond: 3 },
    policy: { scaleInDelayMs: minuteMs },
  });
  for (const [cameraId, priority] of Object.entries(priorities)) {
    await system.createStream(cameraId);
    system.send(cameraId);
    await system.putRow(cameraRow(cameraId, { priority }));
  }
  const allRun = async () => (await system.cameras()).every(({ phase }) => phase === 'running');
  await system.passUntilSo('every camera runs', allRun, 15 * minuteMs, 5_000);
  await system.pass(10_000);
}

/** Every machine that was ever launched. */
const launched = () => system.cloud.compute.listInstances().length;
const instanceOf = async (workerId: string) =>
  (await system.workers()).find((worker) => worker.workerId === workerId)?.instanceId ?? '';

test('taken back: cameras move by priority, the last is watched to 25 s before the end, and one machine comes for one', async () => {
  await watching({ 'dock-1': 40, 'dock-2': 50, 'dock-3': 60, 'dock-4': 70 });
  const before = launched();
  const doomed = (await system.camera('dock-1')).ownerWorkerId ?? '';
  const cameras = (await system.cameras()).filter(({ ownerWorkerId }) => ownerWorkerId === doomed);
  expect(cameras).toHaveLength(2);
  const [low, high] = cameras.sort((a, b) => (a.camera?.priority ?? 0) - (b.camera?.priority ?? 0));

  const noticedAtMs = system.clock.nowMs();
  system.cloud.compute.interruptSpot(await instanceOf(doomed));
  await system.settle();
  // Within one invocation: the worker drains, and its replacement is ordered.
  expect((await system.workers()).find(({ workerId }) => workerId === doomed)?.drain).toMatchObject({
    reason: 'EC2 takes its Spot instance back',
    handover: { untilMs: noticedAtMs + 95_000 },
  });
  expect(launched()).toBe(before + 1);

  await system.pass(30_000);
  expect(await system.camera(high?.cameraId ?? '')).toMatchObject({ phase: 'running', epoch: (high?.epoch ?? 0) + 1 });
  expect(await system.camera(low?.cameraId ?? '')).toMatchObject({ phase: 'running', ownerWorkerId: doomed });
  await system.pass(75_000);
  expect(await system.camera(low?.cameraId ?? '')).toMatchObject({
    phase: 'waiting-capacity',
    releasedEpoch: low?.epoch,
  });
  const allRun = async () => (await system.cameras()).every(({ phase }) => phase === 'running');
  await system.passUntilSo('every camera runs', allRun, 6 * minuteMs, 5_000);
  await system.pass(8 * minuteMs);
  expect(await allRun()).toBe(true);
  expect(system.instances()).toHaveLength(2);
  expect(launched()).toBe(before + 1);

  expectSeamless('Spot interruption', await moves(system, [high?.cameraId ?? ''], noticedAtMs));
  const { frames } = await system.results();
  const last = frames.filter(({ cameraId, epoch }) => cameraId === low?.cameraId && epoch === low?.epoch).at(-1);
  const watchedForMs = Date.parse(last?.capturedAt ?? '') - noticedAtMs;
  console.info(`the camera without another place was watched for ${watchedForMs} ms after the notice`);
  expect(watchedForMs).toBeGreaterThanOrEqual(93_000);
  expect(watchedForMs).toBeLessThanOrEqual(95_000);
});

test('recommended to leave: nobody is blind, because the worker stays until its replacement has everything', async () => {
  await watching({ 'dock-1': 50, 'dock-2': 50 });
  const before = launched();
  const owner = (await system.camera('dock-1')).ownerWorkerId ?? '';
  const instanceId = await instanceOf(owner);
  const startedMs = system.clock.nowMs();
  system.cloud.compute.recommendRebalance(instanceId);
  await system.settle();
  expect(launched()).toBe(before + 1);
  const isGone = () => system.instances().every(({ id }) => id !== instanceId);
  await system.passUntilSo('the machine is gone', isGone, 10 * minuteMs, 2_000);
  await system.pass(8 * minuteMs);
  const moved = await moves(system, ['dock-1', 'dock-2'], startedMs);
  expect(moved.every(({ workers }) => workers.length === 2)).toBe(true);
  expectSeamless('rebalance recommendation', moved);
  expect({ instances: system.instances().length, launched: launched() }).toEqual({
    instances: 1,
    launched: before + 1,
  });
});

test('taken back after the recommendation: the end that EC2 names counts from then on', async () => {
  await watching({ 'dock-1': 50 });
  const before = launched();
  const owner = (await system.camera('dock-1')).ownerWorkerId ?? '';
  const instanceId = await instanceOf(owner);
  system.cloud.compute.recommendRebalance(instanceId);
  await system.settle();
  await system.pass(20_000);
  const noticedAtMs = system.clock.nowMs();
  system.cloud.compute.interruptSpot(instanceId);
  await system.settle();
  expect((await system.workers()).find(({ workerId }) => workerId === owner)?.drain).toMatchObject({
    handover: { untilMs: noticedAtMs + 95_000 },
  });
  await system.passUntilSo(
    'it runs elsewhere',
    async () => (await system.camera('dock-1')).epoch === 2,
    6 * minuteMs,
    5_000,
  );
  await system.pass(8 * minuteMs);
  expect(await system.camera('dock-1')).toMatchObject({ phase: 'running', epoch: 2 });
  expect({ instances: system.instances().length, launched: launched() }).toEqual({
    instances: 1,
    launched: before + 1,
  });
});
