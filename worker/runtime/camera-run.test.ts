/** What a run says to its decode host of each frame, whatever becomes of it. */
import { expect, test } from 'vitest';
import { KvsInferError } from '../../core/errors.ts';
import { SteppedClock } from '../../local/clock.ts';
import type { CameraResults } from '../publish/camera-results.ts';
import type { IntakeFrame, ToDecodeHost } from '../session/messages.ts';
import { rigAssignment, rigCamera } from '../worker-rig.test-factory.ts';
import { CameraRun } from './camera-run.ts';
import type { WorkerMetrics } from './metrics.ts';
import type { LoadedModel } from './model-pool.ts';

function rig(given: { submit?: () => Promise<unknown>; results?: () => void }) {
  const clock = new SteppedClock(Date.UTC(2026, 10, 24, 8));
  const said: ToDecodeHost[] = [];
  const failures: unknown[] = [];
  const quiet = { decode() {}, inference() {}, inferenceFailed() {}, results() {} };
  const link = { send: (message: ToDecodeHost) => void said.push(message), close: async () => {} };
  const run = new CameraRun('dock-1#1#0', rigAssignment(rigCamera()), link, {
    clock,
    metrics: quiet as unknown as WorkerMetrics,
    start: { resumeAfter: null, handleFromServerMs: 0 },
    onModelLost: () => {},
    onFirstInference: () => {},
    onResultsFailed: (error) => failures.push(error),
  });
  const submit = given.submit ?? (async () => ({ candidates: [], buffer: new ArrayBuffer(1) }));
  const model = { scheduler: { submit }, client: { model: { inputWidth: 64, inputHeight: 48, padding: 'around' } } };
  run.begin(
    'default',
    model as unknown as LoadedModel,
    { frame: given.results ?? (() => {}) } as unknown as CameraResults,
  );
  const frame = async () => {
    const message = {
      frame: { capturedAtMs: Date.UTC(2026, 10, 24, 8), letterbox: { inputWidth: 64, inputHeight: 48 } } as IntakeFrame,
      buffer: new ArrayBuffer(1),
    };
    await run.frame({ type: 'frame', run: run.name, ...message });
  };
  const settled = () => said.flatMap((message) => (message.type === 'frame-settled' ? [message.outcome] : []));
  return { run, clock, frame, settled, failures };
}

test('a frame whose results fail is settled once, as inferred, and the next one goes on', async () => {
  const { run, frame, settled, failures } = rig({
    results: () => {
      throw new RangeError('Invalid time value');
    },
  });
  await frame();
  await frame();
  expect(settled()).toEqual(['inferred', 'inferred']);
  expect(failures).toHaveLength(2);
  expect(run.framesInferred).toBe(2);
  run.observe();
  expect(run.heartbeat().watch).toMatchObject({ sinceMs: Date.UTC(2026, 10, 24, 8), blind: [] });
});

test('a frame that the detector refuses is settled once, as failed', async () => {
  const { run, frame, settled } = rig({ submit: () => Promise.reject(new Error('refused')) });
  await frame();
  expect(settled()).toEqual(['inference-failed']);
  expect(run.framesInferred).toBe(0);
});

test.each([
  ['INFERENCE_THREAD_DIED', 'inference-failed'],
  ['MODEL_UNUSABLE', 'no-model'],
])('a camera without a detector for %s is blind by %s', (code, cause) => {
  const { run, clock } = rig({});
  run.failure = new KvsInferError(code, 'gone', { hint: 'none' });
  for (let second = 0; second < 12; second += 1) {
    run.observe();
    void clock.step(1_000);
  }
  run.observe();
  const { blind } = run.heartbeat().watch ?? { blind: [] };
  expect(blind.map((span) => [span.cause, span.toMs - span.fromMs])).toEqual([[cause, 12_000]]);
});
