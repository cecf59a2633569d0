/**
 * Twice the cameras that the detector can serve, through the whole worker: who gets how much, how late it comes, and that
 * every frame is accounted for. The detector's speed is known, so the shares can be said in advance.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RunningCamera } from '../core/fleet-state.ts';
import { slowDetector } from './slow-detector.test-factory.ts';
import type { RunningWorker } from './worker.ts';
import { rigAssignment, rigCamera, startWorkerRig, type WorkerRig } from './worker-rig.test-factory.ts';

const MS_PER_FRAME = 50;
const FPS = 5;

let rig: WorkerRig;
beforeEach(async () => {
  rig = await startWorkerRig();
});
afterEach(() => rig.close());

/** A worker with one camera per given priority, watching long enough to have settled. */
async function overloaded(priorities: number[], msPerFrame = () => MS_PER_FRAME) {
  const worker = await rig.worker({
    startInference: slowDetector(rig.clock, msPerFrame),
    variables: { PUBLISH_FRAMES: 'all' },
  });
  await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
  const cameras = priorities.map((priority, index) =>
    rigCamera({
      ...{ cameraId: `c${index}`, streamName: `c${index}`, priority, detect: { fps: FPS } },
      snapshots: { on: 'never' },
    }),
  );
  const producers: Awaited<ReturnType<WorkerRig['stream']>>[] = [];
  for (const { streamName } of cameras) producers.push(await rig.stream(streamName));
  await rig.assign(
    'worker-1',
    cameras.map((camera) => rigAssignment(camera)),
  );
  await rig.until('all cameras infer', () => ratesOf(worker).every(({ framesInferred }) => framesInferred > 3));
  await rig.step(20_000);
  return { worker, producers };
}

function ratesOf(worker: RunningWorker): RunningCamera[] {
  return Object.entries(worker.supervisor.heartbeat())
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([, running]) => running);
}

function booksBalance(worker: RunningWorker) {
  for (const { report } of worker.supervisor.runs()) {
    if (report === null) throw new Error('no report');
    const { captured, inferred, dropped, outstanding } = report.frames;
    expect(captured).toBe(inferred + Object.values(dropped).reduce((sum, count) => sum + count, 0) + outstanding);
  }
}

test('every camera keeps its part, frames are left out before they are decoded, and results stay fresh', async () => {
  const { worker } = await overloaded(Array(8).fill(50));
  const before = ratesOf(worker);
  const published = rig.recordCount();
  const overloadDrops = () => ratesOf(worker).map(({ dropped }) => dropped.overload ?? 0);
  const dropsBefore = overloadDrops();
  await rig.step(30_000);
  const after = ratesOf(worker);
  // 20 frames a second, less the twentieth that keeps queues short, over 8 cameras.
  const expected = (30 * 0.95 * 1_000) / MS_PER_FRAME / 8;
  for (const [index, { framesInferred, state, reason, grantedFps, dropped }] of after.entries()) {
    const inferred = framesInferred - (before[index]?.framesInferred ?? 0);
    expect(Math.abs(inferred - expected) / expected).toBeLessThan(0.05);
    expect(grantedFps).toBeCloseTo(2.375, 2);
    expect({ state, reason }).toMatchObject({
      state: 'degraded',
      reason: expect.stringMatching(/gets 2\.3[78] of 5 frames\/s/),
    });
    expect(dropped.pace).toBeGreaterThan(30);
    expect((dropped.overload ?? 0) - (dropsBefore[index] ?? 0)).toBeLessThanOrEqual(1);
  }
  booksBalance(worker);
  const records = (await rig.records()).slice(published);
  const lags = records
    .filter(({ schema }) => schema === 'kvs-infer/frame@1')
    .map(({ capturedAt, inferredAt }) => Date.parse(String(inferredAt)) - Date.parse(String(capturedAt)))
    .sort((a, b) => a - b);
  expect(lags.length).toBeGreaterThan(400);
  expect(lags[Math.floor(lags.length * 0.99)]).toBeLessThan(2_000);
});

test('the lowest priority gives way first, and nobody goes without', async () => {
  const { worker } = await overloaded([100, 100, 50, 50, 50, 50, 0, 0]);
  const before = ratesOf(worker);
  await rig.step(40_000);
  const rates = ratesOf(worker).map(
    ({ framesInferred }, index) => (framesInferred - (before[index]?.framesInferred ?? 0)) / 40,
  );
  // What is left of 19 after twice 5, by weights of 1 and a quarter.
  const expected = [5, 5, 2, 2, 2, 2, 0.5, 0.5];
  for (const [index, rate] of rates.entries()) expect(Math.abs(rate - (expected[index] ?? 0))).toBeLessThan(0.1);
});

test('when load drops or the detector gets faster, the cameras are at their full rate again', async () => {
  let msPerFrame = MS_PER_FRAME;
  const { worker, producers } = await overloaded(Array(8).fill(50), () => msPerFrame);
  for (const producer of producers.slice(3)) producer.pause();
  await rig.step(25_000);
  const others = () => ratesOf(worker).slice(0, 3);
  for (const { fps, state } of others())
    expect({ fps: Math.round(fps), state }).toEqual({ fps: FPS, state: 'running' });
  msPerFrame = 4 * MS_PER_FRAME;
  await rig.step(15_000);
  expect(others().map(({ state }) => state)).toEqual(Array(3).fill('degraded'));
  msPerFrame = MS_PER_FRAME;
  await rig.step(25_000);
  expect(others().map(({ state }) => state)).toEqual(Array(3).fill('running'));
  booksBalance(worker);
});
