/**
 * A camera goes from one owner to the next, for whatever reason: what consumers receive has no repeats, and no hole where
 * none need be.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { cameraRow } from './camera-that-sends.ts';
import { type SteppedSystem, startSteppedSystem } from './stepped-system.ts';

// A test takes seconds; on a machine that is busy with other things it may take longer, and nothing in it measures that.
vi.setConfig({ testTimeout: 120_000 });

const minuteMs = 60_000;
let system: SteppedSystem;
afterEach(() => system.close());

/** One camera that is always on, watched for some seconds. */
async function watching(row: Record<string, unknown> = {}) {
  system = await startSteppedSystem({ start: '2026-11-24T09:00:20Z' });
  await system.createStream('dock-1');
  system.send('dock-1');
  await system.putRow(cameraRow('dock-1', row));
  await untilEpochPublishes(1, 6 * minuteMs);
  await system.pass(10_000);
  return system.camera('dock-1');
}

async function untilEpochPublishes(epoch: number, limitMs: number) {
  await system.passUntilSo(
    `epoch ${epoch} publishes`,
    async () => (await system.results()).frames.some((frame) => frame.epoch === epoch),
    limitMs,
  );
}

/** Longest time without a published frame; the camera sends one a second. */
async function longestHoleMs() {
  const times = (await system.results()).frames.map(({ capturedAt }) => Date.parse(capturedAt)).sort((a, b) => a - b);
  return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? time)));
}

test('a changed row restarts its camera on the spot and continues after the last frame', async () => {
  const before = await watching();
  await system.putRow(cameraRow('dock-1', { detect: { fps: 1, confidence: 0.7, classes: ['red'] } }));
  await untilEpochPublishes(2, minuteMs);
  await system.pass(10_000);
  expect(await system.camera('dock-1')).toMatchObject({ epoch: 2, ownerWorkerId: before.ownerWorkerId });
  // The camera sends one frame a second: none is lost.
  expect(await longestHoleMs()).toBe(1_000);
});

test('a window that is made longer while it is open is watched to its new end, without a restart', async () => {
  const until = (end: string) => ({ schedule: { timeZone: 'UTC', windows: [{ start: '09:00', end }] } });
  await watching(until('09:06'));
  await system.passUntil('2026-11-24T09:05:30Z');
  await system.putRow(cameraRow('dock-1', until('09:08')));
  await system.passUntil('2026-11-24T09:09:30Z');
  const captured = (await system.results()).frames.map(({ epoch, capturedAt }) => `${epoch} ${capturedAt}`);
  expect(captured.at(-1)).toBe('1 2026-11-24T09:07:59.000Z');
  expect(await longestHoleMs()).toBe(1_000);
  expect(await system.camera('dock-1')).toMatchObject({ phase: 'off-schedule', releasedEpoch: 1 });
});

test('a worker cut off from the network falls silent in time, and comes back under the next epoch', async () => {
  const before = await watching();
  const first = before.ownerWorkerId ?? '';
  system.tasks.network(first).cut();
  const cutAtMs = system.clock.nowMs();
  await system.pass(11_000);
  expect(system.tasks.alive.get(first)?.health()).toMatchObject({ healthy: true });
  await system.pass(5_000);
  expect(system.tasks.alive.get(first)?.health()).toMatchObject({ healthy: false });

  // Control waits for the lease to be over and takes the camera away.
  await system.pass(minuteMs);
  expect(await system.camera('dock-1')).toMatchObject({ phase: 'waiting-capacity' });
  system.tasks.network(first).heal();
  await untilEpochPublishes(2, 6 * minuteMs);
  await system.pass(20_000);
  const { frames } = await system.results();
  for (const { epoch, inferredAt } of frames) {
    if (epoch === 1) expect(Date.parse(inferredAt)).toBeLessThanOrEqual(cutAtMs + 15_000);
    else expect(Date.parse(inferredAt)).toBeGreaterThan(cutAtMs + 25_000);
  }
  expect(system.tasks.alive.get(first)?.health()).toMatchObject({ healthy: true });
  await system.pass(minuteMs);
  expect(await system.camera('dock-1')).toMatchObject({ phase: 'running', epoch: 2, ownerWorkerId: first });
  expect(await system.workers()).toHaveLength(1);
});
