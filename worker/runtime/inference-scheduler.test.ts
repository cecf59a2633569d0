import { expect, test } from 'vitest';
import type { InferenceResult } from '../detect/inference-client.ts';
import { InferenceScheduler } from './inference-scheduler.ts';

function rig(batchSizeMax: number) {
  const batches: { sizes: number[]; resolve: () => void; reject: (error: Error) => void }[] = [];
  const scheduler = new InferenceScheduler(
    {
      detect: (buffers) =>
        new Promise<InferenceResult>((resolve, reject) => {
          const answer = { candidates: buffers.map(() => []), buffers, inferenceMs: 1 };
          batches.push({ sizes: buffers.map((b) => b.byteLength), resolve: () => resolve(answer), reject });
        }),
    },
    batchSizeMax,
  );
  return { scheduler, batches };
}

test('frames of several cameras travel in one batch, first come first served, two batches at a time', async () => {
  const { scheduler, batches } = rig(4);
  const results = Array.from({ length: 8 }, (_, index) => scheduler.submit(new ArrayBuffer(index + 1)));
  expect(batches.map(({ sizes }) => sizes)).toEqual([[1], [2]]);
  expect(scheduler.queued).toBe(6);
  batches[0]?.resolve();
  expect((await results[0])?.buffer.byteLength).toBe(1);
  expect(batches[2]?.sizes).toEqual([3, 4, 5, 6]);
  for (const index of [1, 2]) batches[index]?.resolve();
  const fourth = await results[3];
  expect(fourth).toMatchObject({ batchSize: 4, candidates: [] });
  expect(fourth?.buffer.byteLength).toBe(4);
  batches[3]?.resolve();
  await Promise.all(results);
  expect(scheduler.isBusy).toBe(false);
});

test('a batch that fails fails its frames and no others', async () => {
  const { scheduler, batches } = rig(1);
  const first = scheduler.submit(new ArrayBuffer(1));
  const second = scheduler.submit(new ArrayBuffer(2));
  batches[0]?.reject(new Error('out of memory'));
  await expect(first).rejects.toThrow('out of memory');
  batches[1]?.resolve();
  expect((await second).buffer.byteLength).toBe(2);
});
