/** The thread, driven as the worker drives it: buffers out and back, one bad batch, a death, a model that cannot run. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { blockModel, encodeModel, paintBlocks } from './block-model.test-factory.ts';
import { InferenceClient } from './inference-client.ts';
import { suppress } from './nms.ts';

let folder: string;
let modelPath: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-thread-'));
  modelPath = path.join(folder, 'blocks.onnx');
  await writeFile(modelPath, encodeModel(blockModel()));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const start = (file = modelPath) =>
  InferenceClient.start({
    modelPath: file,
    cacheFolder: path.join(folder, 'cache'),
    providers: ['cpu'],
    intraOpThreads: 1,
  });
const frame = (block: number) => paintBlocks(64, 32, { [block]: [255, 0, 0] }).buffer as ArrayBuffer;

test('frames go over and come back with their candidates', async () => {
  const client = await start();
  expect(client.provider).toBe('cpu');
  expect(client.model.labels).toEqual(['red', 'green', 'blue']);
  expect(client.measuredInferencesPerSecond).toBeGreaterThan(0);
  const sent = [frame(0), frame(9)];
  const answer = client.detect(sent);
  expect(sent.map((buffer) => buffer.detached)).toEqual([true, true]);
  const { candidates, buffers, inferenceMs } = await answer;
  const found = candidates.map((list) => suppress(list, { confidence: 0.5, iou: 0.5, classIds: null }));
  expect(found.map(([first]) => first?.box)).toEqual([
    [0, 0, 8, 8],
    [8, 8, 16, 16],
  ]);
  expect(buffers.map((buffer) => buffer.byteLength)).toEqual([6144, 6144]);
  expect(new Uint8Array(buffers[0] as ArrayBuffer)[0]).toBe(255);
  expect(inferenceMs).toBeGreaterThan(0);
  await client.close();
});

test('a model with idle work sees the same, and takes longer', async () => {
  const idle = path.join(folder, 'idle.onnx');
  await writeFile(idle, encodeModel(blockModel({ idleProducts: 16 })));
  const [quick, slow] = [await start(), await start(idle)];
  const [seen, seenSlowly] = [await quick.detect([frame(5)]), await slow.detect([frame(5)])];
  expect(seenSlowly.candidates).toEqual(seen.candidates);
  expect(seen.candidates[0]?.length).toBeGreaterThan(0);
  // A product of 512³ takes some milliseconds on any machine.
  expect(slow.measuredInferencesPerSecond).toBeLessThan(quick.measuredInferencesPerSecond / 5);
  await Promise.all([quick.close(), slow.close()]);
});

test('one bad batch answers itself alone; batches sent before close are answered', async () => {
  const client = await start();
  const answers = [client.detect([frame(1)]), client.detect([new ArrayBuffer(7)]), client.detect([frame(2)])];
  expect(client.pendingBatches).toBe(3);
  const pendingOnceAnswered = client.answered().then(() => client.pendingBatches);
  const closed = client.close();
  const settled = await Promise.allSettled(answers);
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(settled[1]).toMatchObject({ reason: { code: 'INFERENCE_INPUT' } });
  expect(await pendingOnceAnswered).toBe(0);
  await closed;
  expect(await client.ended).toBeNull();
  await expect(client.detect([frame(1)])).rejects.toMatchObject({ code: 'INFERENCE_THREAD_DIED', retryable: true });
});

/** A thread that is ready at once and does `onBatch` when a batch comes. */
async function startFailing(onBatch: string): Promise<InferenceClient> {
  const entry = path.join(folder, 'failing-thread.mjs');
  const ready = {
    type: 'ready',
    model: {},
    provider: 'cpu',
    providerFailures: [],
    inferencesPerSecond: 1,
    timings: [],
  };
  await writeFile(
    entry,
    `import { parentPort } from 'node:worker_threads';
     parentPort.on('message', () => { ${onBatch} });
     parentPort.postMessage(${JSON.stringify(ready)});`,
  );
  const settings = { modelPath, cacheFolder: folder, providers: ['cpu'] as const, intraOpThreads: 1 };
  return InferenceClient.start(settings, pathToFileURL(entry));
}

test.each(['process.exit(3)', 'process.exit(0)', 'throw new Error("out of memory")'])(
  'when the thread dies by %s, what is pending is rejected as retryable',
  async (onBatch) => {
    const client = await startFailing(onBatch);
    const pending = client.detect([frame(1)]);
    await expect(pending).rejects.toMatchObject({ code: 'INFERENCE_THREAD_DIED', retryable: true });
    expect(await client.ended).toMatchObject({ code: 'INFERENCE_THREAD_DIED' });
    await expect(client.detect([frame(1)])).rejects.toMatchObject({ code: 'INFERENCE_THREAD_DIED' });
    await client.close();
  },
);

test('a model that cannot be used fails the start with its own name', async () => {
  const broken = path.join(folder, 'broken.onnx');
  await writeFile(broken, 'not a model');
  await expect(start(broken)).rejects.toMatchObject({
    code: 'MODEL_UNUSABLE',
    hint: expect.stringContaining('export'),
  });
});
