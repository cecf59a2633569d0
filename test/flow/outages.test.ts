/** Parts of AWS that fail for a while: what the system does meanwhile, and that it comes back by itself, without a repeat. */
import { afterEach, expect, test, vi } from 'vitest';
import type { FaultCall } from '../../local/service.ts';
import { cameraRow } from './camera-that-sends.ts';
import { type SteppedSystem, startSteppedSystem } from './stepped-system.ts';

// A test takes seconds; on a machine that is busy with other things it may take longer, and nothing in it measures that.
vi.setConfig({ testTimeout: 120_000 });

const minuteMs = 60_000;
const unavailable = { status: 503, code: 'ServiceUnavailable', message: 'an outage' };
let system: SteppedSystem;
afterEach(() => system.close());

/** One camera that is always on, watched for some seconds. */
async function watching() {
  system = await startSteppedSystem({ start: '2026-11-24T09:00:20Z' });
  await system.createStream('dock-1');
  system.send('dock-1');
  await system.putRow(cameraRow('dock-1'));
  await system.passUntilSo(
    'frames are published',
    async () => (await system.results()).frames.length > 10,
    6 * minuteMs,
  );
}

const failing = (match: (call: FaultCall) => boolean) => system.cloud.context.faults.inject(match, unavailable);
const capturedTimes = async () =>
  (await system.results()).frames.map(({ capturedAt }) => Date.parse(capturedAt)).sort((a, b) => a - b);
async function longestHoleMs() {
  const times = await capturedTimes();
  return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? time)));
}

test('the result stream is out for half a minute: everything is kept and delivered once, in order', async () => {
  await watching();
  const heal = failing(({ service }) => service === 'kinesis');
  await system.pass(30_000);
  heal();
  await system.pass(30_000);
  expect(await longestHoleMs()).toBe(1_000);
  const { frames } = await system.results();
  const order = frames.map(({ capturedAt }) => capturedAt);
  expect(order).toEqual([...order].sort());
});

test('DynamoDB is out for a minute: nobody publishes without a lease, then all goes on', async () => {
  await watching();
  const heal = failing(({ service }) => service === 'dynamodb');
  const fromMs = system.clock.nowMs();
  await system.pass(minuteMs);
  heal();
  await system.passUntilSo(
    'frames are published again',
    async () => ((await capturedTimes()).at(-1) ?? 0) > fromMs + minuteMs,
    3 * minuteMs,
  );
  const silent = (await capturedTimes()).filter((atMs) => atMs > fromMs + 18_000 && atMs < fromMs + 55_000);
  expect(silent).toEqual([]);
  await system.pass(2 * minuteMs);
  expect(await system.camera('dock-1')).toMatchObject({ phase: 'running' });
  expect(system.instances()).toHaveLength(1);
});

test('sessions that end, as they do every 40 minutes, or break, cost no frame', async () => {
  await watching();
  const { mediaFaults } = system.cloud.kinesisVideo;
  for (const broken of [false, true, false, true]) {
    await system.pass(5_300);
    const sessions = broken ? mediaFaults.cutSessions('dock-1') : mediaFaults.endSessions('dock-1');
    expect(sessions).toBe(1);
  }
  await system.pass(10_000);
  expect(await longestHoleMs()).toBe(1_000);
});

test('the camera loses its connection again and again: each time it is watched on, and no frame comes twice', async () => {
  await watching();
  for (let round = 0; round < 4; round += 1) {
    await system.pass(3_300);
    system.cloud.kinesisVideo.mediaFaults.dropProducer('dock-1');
    await system.pass(9_700);
  }
  await system.pass(10_000);
  expect(await longestHoleMs()).toBeLessThanOrEqual(12_000);
  expect((await capturedTimes()).at(-1)).toBeGreaterThan(system.clock.nowMs() - 5_000);
});

test('no GPU is to be had before the window: the phase says so, and the camera is watched as soon as there is one', async () => {
  system = await startSteppedSystem({ start: '2026-11-24T07:50:20Z' });
  await system.createStream('dock-1');
  system.send('dock-1');
  system.cloud.compute.setShortages([{}]);
  await system.putRow(
    cameraRow('dock-1', { schedule: { timeZone: 'UTC', windows: [{ start: '08:00', end: '09:00' }] } }),
  );
  await system.passUntil('2026-11-24T08:02:00Z');
  expect(await system.camera('dock-1')).toMatchObject({ phase: 'waiting-capacity' });
  expect(system.instances()).toEqual([]);
  system.cloud.compute.setShortages([]);
  await system.passUntilSo('frames', async () => (await system.results()).frames.length > 5, 8 * minuteMs, 5_000);
  await system.pass(minuteMs);
  expect(await system.camera('dock-1')).toMatchObject({ phase: 'running' });
});
