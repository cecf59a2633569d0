/** What is loaded, what is unloaded for it, and what happens when threads die meanwhile; the threads are stand-ins. */
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KvsInferError } from '../../core/errors.ts';
import { SteppedClock } from '../../local/clock.ts';
import type { InferenceClient, InferenceResult } from '../detect/inference-client.ts';
import type { InferenceSettings } from '../detect/inference-messages.ts';
import { writeCatalogue } from '../detect/model-catalogue.ts';
import { ModelPool } from './model-pool.ts';

const MIB = 1024 * 1024;
const names = ['a', 'b', 'c', 'd', 'e'];
/** Each is taken for 45 MB, 3 × 20 MB and 74 MB of activations: 179 MB; two of them fit. */
const memoryBytesMax = 400 * MIB;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-pool-'));
  for (const name of names) {
    await writeFile(path.join(folder, `${name}.onnx`), '');
    await truncate(path.join(folder, `${name}.onnx`), 20 * MIB);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function rig(options: { fails?: (name: string) => boolean; folder?: string; onClose?: (name: string) => void } = {}) {
  const alive = new Map<string, { die: () => void }>();
  const started: InferenceSettings[] = [];
  const unloaded: string[] = [];
  const batches: PromiseWithResolvers<InferenceResult>[] = [];
  let atOnce = 0;
  const pool = new ModelPool({
    ...{
      modelsFolder: options.folder ?? folder,
      cacheFolder: folder,
      providers: ['cpu'],
      intraOpThreads: 1,
      memoryBytesMax,
    },
    clock: new SteppedClock(0),
    onUnloaded: (name) => unloaded.push(name),
    async startInference(settings) {
      const name = path.basename(settings.modelPath, '.onnx');
      started.push(settings);
      atOnce += 1;
      expect(atOnce).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce -= 1;
      if (options.fails?.(name)) throw new KvsInferError('MODEL_UNUSABLE', name, { hint: 'export it again' });
      expect(alive.has(name)).toBe(false);
      let end: (error: KvsInferError | null) => void = () => {};
      const ended = new Promise<KvsInferError | null>((resolve) => {
        end = (error) => {
          alive.delete(name);
          resolve(error);
        };
      });
      alive.set(name, { die: () => end(new KvsInferError('INFERENCE_THREAD_DIED', 'exit code 1', { hint: 'again' })) });
      return {
        ...{
          ended,
          batchTimings: [{ batchSize: 1, medianMs: 10 }],
          measuredInferencesPerSecond: 100,
        },
        get pendingBatches() {
          return batches.length;
        },
        async answered() {
          await Promise.allSettled(batches.map(({ promise }) => promise));
        },
        detect() {
          const batch = Promise.withResolvers<InferenceResult>();
          batches.push(batch);
          return batch.promise;
        },
        model: { inputWidth: 640, inputHeight: 640 },
        close: async () => {
          options.onClose?.(name);
          end(null);
        },
      } as unknown as InferenceClient;
    },
  });
  return { pool, alive, started, unloaded, batches };
}
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

test('settles when nothing is being loaded and every batch is answered', async () => {
  const { pool, batches } = rig();
  const loading = pool.use('a', 'one');
  await pool.settled();
  expect(pool.loaded.has('a')).toBe(true);
  const { client } = await loading;
  const answer = client.detect([]);
  expect(pool.isBusy).toBe(true);
  let isSettled = false;
  const settling = pool.settled().then(() => {
    isSettled = true;
  });
  await settled();
  expect(isSettled).toBe(false);
  batches.shift()?.resolve({ candidates: [], buffers: [], inferenceMs: 1 });
  await Promise.all([answer, settling]);
  expect(pool.isBusy).toBe(false);
});

test('models are loaded when somebody asks, once, and stay while memory lasts', async () => {
  const { pool, started } = rig();
  const [first, again] = await Promise.all([pool.use('a', 'one'), pool.use('a', 'two')]);
  expect(again).toBe(first);
  await pool.use('b', 'three');
  pool.release('one');
  pool.release('two');
  expect(await pool.use('a', 'four')).toBe(first);
  expect(started).toHaveLength(2);
  expect(pool.memoryBytes).toBeLessThan(memoryBytesMax);
});

test('what nobody uses makes room, longest unused first; what is used never does', async () => {
  const { pool, unloaded, alive } = rig();
  await pool.use('a', 'one');
  await pool.use('b', 'two');
  await expect(pool.use('c', 'three')).rejects.toMatchObject({
    code: 'MODEL_LIMIT',
    message: expect.stringMatching(/"c" needs about 1\d\d MB, of 400 MB for models, in use: a 1\d\d MB, b 1\d\d MB/),
    hint: expect.stringContaining('MODEL_MEMORY_MB'),
  });
  pool.release('two');
  pool.release('one');
  await pool.use('c', 'three');
  expect(unloaded).toEqual(['b']);
  await pool.use('d', 'four');
  expect(unloaded).toEqual(['b', 'a']);
  expect([...alive.keys()]).toEqual(['c', 'd']);
});

test('a single model is let in however large it is', async () => {
  await writeFile(path.join(folder, 'huge.onnx'), '');
  await truncate(path.join(folder, 'huge.onnx'), 500 * MIB);
  const { pool } = rig();
  await expect(pool.use('huge', 'one')).resolves.toBeDefined();
  await expect(pool.use('a', 'two')).rejects.toMatchObject({ code: 'MODEL_LIMIT' });
});

test('a model that failed is tried again, and the others are not disturbed', async () => {
  let isBroken = true;
  const { pool } = rig({ fails: (name) => name === 'a' && isBroken });
  const both = await Promise.allSettled([pool.use('a', 'one'), pool.use('b', 'two'), pool.use('a', 'three')]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
  isBroken = false;
  await expect(pool.use('a', 'one')).resolves.toBeDefined();
});

test('a thread that dies is named until somebody starts it again, or nobody wants it any more', async () => {
  const { pool, alive } = rig();
  await pool.use('a', 'one');
  alive.get('a')?.die();
  await settled();
  expect(pool.dead.get('a')).toMatchObject({ code: 'INFERENCE_THREAD_DIED' });
  await pool.use('a', 'one');
  expect(pool.dead.size).toBe(0);
  alive.get('a')?.die();
  await settled();
  pool.release('one');
  expect(pool.dead.size).toBe(0);
});

test('the hash of the catalogue goes along; a folder without one works', async () => {
  const other = await mkdtemp(path.join(folder, 'catalogued-'));
  const sha256 = 'a'.repeat(64);
  await writeCatalogue(other, {
    yard: {
      ...{ sha256, bytes: 1, layout: 'yolox', input: { width: 640, height: 384, batch: 1 }, precision: 'float32' },
      ...{ labels: ['person'], licence: null, source: 'y.onnx', addedAt: '2026-11-24T00:00:00.000Z' },
      measured: { provider: 'cpu', threads: 1, msPerFrame: 10 },
    },
  });
  const { pool, started } = rig({ folder: other });
  await pool.use('yard', 'one');
  await pool.use('else', 'two');
  expect(started.map(({ expectedSha256 }) => expectedSha256)).toEqual([sha256, undefined]);
  await writeFile(path.join(other, 'catalogue.json'), '{');
  await expect(pool.use('third', 'three')).rejects.toMatchObject({ code: 'MODEL_CATALOGUE_INVALID' });
});

const step = fc.oneof(
  fc.record({ type: fc.constant('use' as const), user: fc.nat(7), name: fc.constantFrom(...names) }),
  fc.record({ type: fc.constant('release' as const), user: fc.nat(7) }),
  fc.record({ type: fc.constant('die' as const), name: fc.constantFrom(...names) }),
  fc.record({ type: fc.constant('wait' as const) }),
);

test('for any course: within memory, nothing used is unloaded, no model twice, every request settles, nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const users = new Map<string, string>();
      const { pool, alive } = rig({
        fails: (name) => name === 'e',
        onClose: (name) => expect([...users.values()]).not.toContain(name),
      });
      const requests: Promise<unknown>[] = [];
      for (const one of steps) {
        if (one.type === 'use') {
          users.set(`u${one.user}`, one.name);
          requests.push(pool.use(one.name, `u${one.user}`).catch((error) => error.code));
        } else if (one.type === 'release') {
          users.delete(`u${one.user}`);
          pool.release(`u${one.user}`);
        } else if (one.type === 'die') alive.get(one.name)?.die();
        else await settled();
        expect(pool.memoryBytes).toBeLessThanOrEqual(memoryBytesMax);
      }
      for (const outcome of await Promise.all(requests)) {
        if (typeof outcome === 'string') expect(['MODEL_LIMIT', 'MODEL_UNUSABLE']).toContain(outcome);
      }
      await settled();
      for (const name of pool.loaded.keys()) expect(alive.has(name)).toBe(true);
      users.clear();
      await pool.close();
      expect(alive.size).toBe(0);
    }),
    { numRuns: 60 },
  );
});
