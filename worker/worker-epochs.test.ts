/**
 * A camera that comes back to the worker that had it: under the next epoch, under one from after another owner's, or under
 * the same one when its row was typed anew. Whatever time control gives it from, no frame is handled or published twice.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RunningWorker } from './worker.ts';
import { rigAssignment, rigCamera, squareClip, startWorkerRig, type WorkerRig } from './worker-rig.test-factory.ts';

let rig: WorkerRig;
beforeEach(async () => {
  rig = await startWorkerRig();
});
afterEach(() => rig.close());

/** @param fragmentDurationMs as long as its keyframes allow. */
async function watching(fragmentDurationMs = 1_000): Promise<RunningWorker> {
  await rig.stream('dock-1', squareClip(), fragmentDurationMs);
  const worker = await rig.worker({ variables: { PUBLISH_FRAMES: 'all' } });
  await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
  await rig.assign('worker-1', [rigAssignment(rigCamera())]);
  await rig.until('frames are published', () => rig.recordCount() > 25);
  return worker;
}

const frames = async () => (await rig.records()).filter(({ schema }) => schema === 'kvs-infer/frame@1');
const lastEpoch = async () => Number((await frames()).at(-1)?.epoch);
const capturedAtMs = (frame: Record<string, unknown> | undefined) => Date.parse(String(frame?.capturedAt));

async function nothingTwice(worker: RunningWorker): Promise<void> {
  const ids = (await rig.records()).map(({ id }) => id);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  // Every frame that went through the detector is a record, but for the newest: none was handled only to be discarded.
  const metrics = await worker.registry.metrics();
  const inferred = Number(/stage_seconds_count\{stage="inference"\} (\d+)/.exec(metrics)?.[1]);
  const all = await frames();
  const published = all.length;
  expect([published, published + 1]).toContain(inferred);
  const epochs = all.map(({ epoch }) => Number(epoch));
  expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
}

test('under the next epoch, given two seconds ago: it goes on after the last frame that it handled', async () => {
  const worker = await watching();
  await rig.assign('worker-1', [rigAssignment(rigCamera(), { epoch: 2, assignedAtMs: rig.clock.nowMs() - 2_000 })]);
  await rig.until('the new epoch publishes', async () => (await lastEpoch()) === 2);
  await rig.step(3_000);
  await nothingTwice(worker);
  const all = await frames();
  const first = all.findIndex(({ epoch }) => epoch === 2);
  const gapMs = capturedAtMs(all[first]) - capturedAtMs(all[first - 1]);
  // What was at the detector when the old epoch ended may not be told any more.
  expect(gapMs).toBeGreaterThan(0);
  expect(gapMs).toBeLessThanOrEqual(300);
  expect(worker.supervisor.running().get('dock-1')).toBe(2);
});

test('under a later epoch, with an owner in between: from what arrives after it stopped', async () => {
  const worker = await watching();
  await rig.assign('worker-1', [rigAssignment(rigCamera(), { epoch: 5, assignedAtMs: rig.clock.nowMs() - 2_000 })]);
  await rig.until('the new epoch publishes', async () => (await lastEpoch()) === 5);
  await rig.step(3_000);
  await nothingTwice(worker);
});

test('before its first fragment was complete', async () => {
  await rig.stream('dock-1');
  const worker = await rig.worker({ variables: { PUBLISH_FRAMES: 'all' } });
  await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
  await rig.assign('worker-1', [rigAssignment(rigCamera())]);
  await rig.until('a frame is published', () => rig.recordCount() > 0);
  await rig.assign('worker-1', [rigAssignment(rigCamera(), { epoch: 2, assignedAtMs: rig.clock.nowMs() - 2_000 })]);
  await rig.until('the new epoch publishes', async () => (await lastEpoch()) === 2);
  await rig.step(3_000);
  await nothingTwice(worker);
});

test('given back and given again under the same epoch, as when its row was typed anew', async () => {
  // The live edge is in the fragment at which it stopped.
  const worker = await watching(12_000);
  const assignedAtMs = rig.clock.nowMs() - 8_000;
  await rig.setList('worker-1', []);
  await rig.until('it is given back', async () => (await rig.cameraState('dock-1'))?.releasedEpoch === 1);
  const before = (await frames()).length;
  await rig.assign('worker-1', [rigAssignment(rigCamera(), { assignedAtMs })]);
  await rig.until('it publishes again', async () => (await frames()).length > before);
  await rig.step(3_000);
  await nothingTwice(worker);
});
