/**
 * Entry of the inference thread: prepares the model, warms it up, measures it, then answers batches one after the
 * other. It exists because onnxruntime's `run()` blocks its thread.
 * Invariant: one batch's error answers that batch and nothing else; a model that cannot run ends the thread with its
 * named error.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Detector } from './detector.ts';
import { prepareHalfModel } from './half-model.ts';
import { type FromThread, type InferenceSettings, type ToThread, toPlainError } from './inference-messages.ts';
import { prepareModel } from './prepare-model.ts';

const port = parentPort;
if (port === null) throw new Error('inference-thread.ts is the entry of a worker thread');
const settings = workerData as InferenceSettings;
const say = (message: FromThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

/** Batches run in the order in which they came. */
let last: Promise<void> = Promise.resolve();

try {
  const model = await prepareModel(settings.modelPath, settings);
  const wantsGpu = settings.providers.includes('cuda');
  const half = wantsGpu ? await prepareHalfModel(settings.modelPath, model, settings) : null;
  const detector = await Detector.create(model, { ...settings, ...(half?.model ? { cudaModel: half.model } : {}) });
  const { inferencesPerSecond, timings } = await detector.measure();
  port.on('message', (message: ToThread) => {
    last = last.then(() => answer(detector, message));
  });
  const { provider, providerFailures } = detector;
  const halfPrecisionRefused = half?.reason ?? null;
  const { model: used } = detector;
  say({ type: 'ready', model: used, provider, providerFailures, halfPrecisionRefused, inferencesPerSecond, timings });
} catch (error) {
  say({ type: 'failed', error: toPlainError(error) });
}

async function answer(detector: Detector, message: ToThread): Promise<void> {
  if (message.type === 'close') {
    await detector.close().catch(() => {});
    port?.close();
    return;
  }
  const { id, buffers } = message;
  try {
    const startedMs = performance.now();
    const candidates = await detector.detectFrames(buffers.map((buffer) => new Uint8Array(buffer)));
    const inferenceMs = performance.now() - startedMs;
    say({ type: 'detected', id, candidates, buffers, inferenceMs }, buffers);
  } catch (error) {
    say({ type: 'batch-failed', id, error: toPlainError(error) });
  }
}
