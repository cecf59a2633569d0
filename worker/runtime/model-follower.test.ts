/**
 * Which model a camera runs when files cannot be loaded and inference threads die. Pool, scheduler and run are the real ones;
 * the threads are stand-ins that die when they are told to.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KvsInferError } from '../../core/errors.ts';
import type { Assignment } from '../../core/fleet-state.ts';
import { SteppedClock } from '../../local/clock.ts';
import type { InferenceClient } from '../detect/inference-client.ts';
import type { CameraResults } from '../publish/camera-results.ts';
import type { IntakeFrame } from '../session/messages.ts';
import { rigAssignment, rigCamera } from '../worker-rig.test-factory.ts';
import { CameraRun } from './camera-run.ts';
import { jsonLog } from './log.ts';
import type { WorkerMetrics } from './metrics.ts';
import { ModelFollower } from './model-follower.ts';
import { ModelPool } from './model-pool.ts';

const startMs = Date.UTC(2026, 10, 24, 8);
const died = () => new KvsInferError('INFERENCE_THREAD_DIED', 'exit code 1', { hint: 'again', retryable: true });
const trial = { id: 'a', maxErrorRate: 0.01, maxSlowdown: 2 };
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-follower-'));
  for (const name of ['default', 'default@2']) await writeFile(path.join(folder, `${name}.onnx`), '');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function rig(given: Partial<Assignment> = {}) {
  const clock = new SteppedClock(startMs);
  const broken = new Set<string>();
  const threads = new Map<string, () => void>();
  const loads: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const models = new ModelPool({
    ...{ modelsFolder: folder, cacheFolder: folder, providers: ['cpu'], intraOpThreads: 1, memoryBytesMax: 2 ** 33 },
    clock,
    async startInference({ modelPath }) {
      const name = path.basename(modelPath, '.onnx');
      loads.push(name);
      if (broken.has(name)) throw new KvsInferError('MODEL_UNUSABLE', name, { hint: 'export it again' });
      let death: KvsInferError | null = null;
      const { promise: ended, resolve } = Promise.withResolvers<KvsInferError | null>();
      threads.set(name, () => {
        death = died();
        resolve(death);
      });
      return {
        ...{
          ended,
          batchTimings: [{ batchSize: 1, medianMs: 1 }],
          measuredInferencesPerSecond: 100,
          pendingBatches: 0,
        },
        model: { inputWidth: 64, inputHeight: 48, padding: 'around' },
        detect: async (buffers: ArrayBuffer[]) => {
          if (death !== null) throw death;
          return { candidates: buffers.map(() => []), buffers, inferenceMs: 1 };
        },
        close: async () => resolve(null),
      } as unknown as InferenceClient;
    },
  });
  const log = jsonLog((line) => lines.push(JSON.parse(line)), clock, 'INFO');
  const results = { frame() {}, close: async () => {}, detections: 0, tracks: 0 };
  const follower = new ModelFollower({ models, clock, log, resultsOf: () => results as unknown as CameraResults });
  const quiet = { decode() {}, inference() {}, inferenceFailed() {}, results() {} };
  const run: CameraRun = new CameraRun(
    'dock-1#1#0',
    { ...rigAssignment(rigCamera()), ...given },
    { send() {}, close: async () => {} },
    {
      ...{ clock, metrics: quiet as unknown as WorkerMetrics, start: { resumeAfter: null, handleFromServerMs: 0 } },
      ...{ onModelLost: () => follower.lost(run), onFirstInference: () => {}, onResultsFailed: () => {} },
    },
  );
  /** Until nothing is being loaded; what never ends is cut off. */
  const settle = async () => {
    for (let turn = 0, quiet = 0; quiet < 5 && turn < 5_000; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      quiet = models.isBusy ? 0 : quiet + 1;
    }
  };
  return {
    ...{ broken, loads, lines, follower, run, settle },
    kill: async (name: string) => {
      threads.get(name)?.();
      await settle();
    },
    pass: (seconds: number) => clock.step(seconds * 1_000, settle),
    /** @returns whether it was inferred. */
    async frame() {
      const before = run.framesInferred;
      const letterbox = { inputWidth: 64, inputHeight: 48 };
      const frame = { capturedAtMs: clock.nowMs(), readyAtMs: clock.nowMs(), letterbox } as IntakeFrame;
      const framing = run.frame({ type: 'frame', run: run.name, frame, buffer: new ArrayBuffer(1) });
      await clock.step(100, settle);
      await framing;
      return run.framesInferred > before;
    },
  };
}

test('a model whose thread died is started anew after 5 s, as often as it takes, and its camera goes on', async () => {
  const { follower, run, frame, kill, pass, loads, broken } = rig();
  await follower.begin(run);
  expect(await frame()).toBe(true);
  await kill('default');
  expect(await frame()).toBe(false);
  expect(run.failure).toMatchObject({ code: 'INFERENCE_THREAD_DIED' });
  // Many frames fail meanwhile: it is started once.
  for (let count = 0; count < 3; count += 1) expect(await frame()).toBe(false);
  broken.add('default');
  await pass(5);
  expect(loads).toEqual(['default', 'default']);
  broken.delete('default');
  await pass(4);
  expect(loads).toHaveLength(2);
  await pass(1);
  expect(loads).toHaveLength(3);
  expect(run.failure).toBeNull();
  expect(await frame()).toBe(true);
});

test('a run that ends while its model is down does not start it again', async () => {
  const { follower, run, frame, kill, pass, loads } = rig();
  await follower.begin(run);
  await kill('default');
  await frame();
  run.stop();
  follower.release(run);
  await pass(60);
  expect(loads).toEqual(['default']);
});

test('a file that cannot be used is said once a minute, until it is put right', async () => {
  const { follower, run, frame, pass, loads, broken, lines } = rig();
  broken.add('default');
  await follower.begin(run);
  expect(run.failure).toMatchObject({ code: 'MODEL_UNUSABLE' });
  await pass(59);
  expect(loads).toHaveLength(1);
  await pass(1);
  expect(lines.map(({ message }) => message)).toEqual(['a camera cannot run', 'a camera cannot run']);
  broken.delete('default');
  await pass(60);
  expect(await frame()).toBe(true);
});

test('a version whose thread dies in its trial has failed: the version before goes on, and control is told once', async () => {
  const modelOrder = { name: 'default@2', fallback: 'default', trial };
  const { follower, run, frame, kill, settle } = rig({ modelOrder });
  await follower.begin(run);
  expect(run.modelName).toBe('default@2');
  await kill('default@2');
  expect(await frame()).toBe(false);
  await settle();
  expect(run.modelName).toBe('default');
  expect(await frame()).toBe(true);
  const said = follower.heartbeat();
  expect(said['default@2']).toMatchObject({
    trial: 'a',
    state: 'failed',
    reason: expect.stringMatching(/^INFERENCE_THREAD_DIED: /),
  });
  expect([follower.isNews(said), follower.isNews(said)]).toEqual([true, false]);
  // The order still stands until control has heard: it is not tried again.
  follower.follow(run, { ...run.assignment, modelOrder });
  await settle();
  expect(run.modelName).toBe('default');
});

test('when the version before cannot be loaded either, it is tried again every 5 s and not without end at once', async () => {
  const { follower, run, frame, kill, settle, pass, loads, broken } = rig({
    modelOrder: { name: 'default@2', fallback: 'default', trial },
  });
  broken.add('default');
  await follower.begin(run);
  const before = loads.length;
  await kill('default@2');
  await frame();
  await settle();
  expect(loads.length - before).toBe(1);
  await pass(5);
  expect(loads.length - before).toBe(2);
  broken.delete('default');
  await pass(5);
  expect(run.modelName).toBe('default');
  expect(await frame()).toBe(true);
});
