import { expect, test } from 'vitest';
import { SteppedClock } from '../../local/clock.ts';
import type { InferenceResult } from '../detect/inference-client.ts';
import { DeviceLoad } from './device-load.ts';
import { InferenceScheduler } from './inference-scheduler.ts';

function rig(batchTimings: { batchSize: number; medianMs: number }[]) {
  const batches: { sizes: number[]; resolve: () => void; reject: (error: Error) => void }[] = [];
  const clock = new SteppedClock(0);
  const load = new DeviceLoad();
  const scheduler = new InferenceScheduler(
    {
      batchTimings,
      measuredInferencesPerSecond: 100,
      detect: (buffers) =>
        new Promise<InferenceResult>((resolve, reject) => {
          const answer = { candidates: buffers.map(() => []), buffers, inferenceMs: 1 };
          batches.push({ sizes: buffers.map((b) => b.byteLength), resolve: () => resolve(answer), reject });
        }),
    },
    { clock, load },
  );
  const submit = (size: number, run = `camera-${size}`) => scheduler.submit(new ArrayBuffer(size), { run, weight: 1 });
  const step = (ms: number) => clock.step(ms, () => new Promise((resolve) => setImmediate(resolve)));
  return { scheduler, batches, submit, step, clock, load };
}
const gpu = [
  { batchSize: 1, medianMs: 20 },
  { batchSize: 4, medianMs: 30 },
];

test('frames of several cameras travel in one batch, in order, two batches at a time', async () => {
  const { scheduler, batches, submit } = rig(gpu);
  const results = Array.from({ length: 8 }, (_, index) => submit(index + 1));
  expect(batches.map(({ sizes }) => sizes)).toEqual([[1], [2, 3, 4, 5]]);
  expect(scheduler.queued).toBe(3);
  batches[0]?.resolve();
  expect(await results[0]).toMatchObject({ buffer: { byteLength: 1 } });
  batches[1]?.resolve();
  expect(await results[3]).toMatchObject({ batchSize: 4, candidates: [] });
  expect(batches[2]?.sizes).toEqual([6, 7, 8]);
  batches[2]?.resolve();
  await Promise.all(results);
  expect(scheduler.queued).toBe(0);
});

test('a batch that is not full goes just before the detector runs dry', async () => {
  const { batches, submit, step } = rig(gpu);
  void submit(1);
  void submit(2);
  expect(batches).toHaveLength(1);
  await step(14);
  expect(batches).toHaveLength(1);
  void submit(3);
  await step(1);
  expect(batches.map(({ sizes }) => sizes)).toEqual([[1], [2, 3]]);
});

test('a batch that fails fails its frames and no others', async () => {
  const { batches, submit } = rig([{ batchSize: 1, medianMs: 20 }]);
  const first = submit(1);
  const second = submit(2);
  batches[0]?.reject(new Error('out of memory'));
  await expect(first).rejects.toThrow('out of memory');
  batches[1]?.resolve();
  expect(await second).toMatchObject({ buffer: { byteLength: 2 } });
});

test('a newer frame of the same run takes the place of the one that waits', async () => {
  const { scheduler, submit } = rig([{ batchSize: 1, medianMs: 20 }]);
  for (const run of ['a', 'b']) void submit(1, run);
  const older = submit(1, 'c');
  void submit(1, 'c');
  expect(await older).toEqual({ displaced: expect.any(ArrayBuffer) });
  expect(scheduler.queued).toBe(1);
});

test('the load is the time with a batch at the detector, counted once, and the work that came of it', async () => {
  const { batches, submit, step, clock, load } = rig([{ batchSize: 1, medianMs: 20 }]);
  const results = [submit(1), submit(2)];
  await step(30);
  batches[0]?.resolve();
  await results[0];
  await step(10);
  expect(load.totals(clock.monotonicMs())).toEqual({ busyMs: 40, workMs: 10 });
  batches[1]?.reject(new Error('lost'));
  await expect(results[1]).rejects.toThrow('lost');
  await step(100);
  expect(load.totals(clock.monotonicMs())).toEqual({ busyMs: 40, workMs: 10 });
});
