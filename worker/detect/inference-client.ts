/**
 * The inference thread as seen by other threads: frames go over as transferred ArrayBuffers and come back the same way,
 * so that callers can use them again without copying or allocating.
 * Invariant: every `detect` settles, also when the thread dies; the queue is as long as the callers make it, they bound
 * it.
 */
import { Worker } from 'node:worker_threads';
import { KvsInferError } from '../../core/errors.ts';
import type { BatchTiming, Provider, ProviderFailure } from './detector.ts';
import { type FromThread, fromPlainError, type InferenceSettings, type ToThread } from './inference-messages.ts';
import type { Candidate } from './nms.ts';
import type { PreparedModel } from './prepare-model.ts';

export type InferenceResult = {
  /** One list per buffer, in order; boxes in pixels of the model's input. */
  candidates: Candidate[][];
  /** The same buffers, given back. */
  buffers: ArrayBuffer[];
  inferenceMs: number;
};

type Pending = PromiseWithResolvers<InferenceResult>;
type Ready = Extract<FromThread, { type: 'ready' }>;

const inferenceThread = new URL('./inference-thread.ts', import.meta.url);

export class InferenceClient {
  readonly model: PreparedModel;
  readonly provider: Provider;
  /** Providers that were asked for first and could not be had: why `provider` is not the first choice. */
  readonly providerFailures: readonly ProviderFailure[];
  /** Why a GPU runs the model in full precision; null when it does not. */
  readonly halfPrecisionRefused: string | null;
  readonly measuredInferencesPerSecond: number;
  readonly batchTimings: readonly BatchTiming[];
  /** Settles when the thread has ended: null after `close`, else why it died. Never rejects. */
  readonly ended: Promise<KvsInferError | null>;
  readonly #thread: Worker;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #closing = false;
  #death: KvsInferError | null = null;

  private constructor(thread: Worker, ready: Ready) {
    this.#thread = thread;
    this.model = ready.model;
    this.provider = ready.provider;
    this.providerFailures = ready.providerFailures;
    this.halfPrecisionRefused = ready.halfPrecisionRefused;
    this.measuredInferencesPerSecond = ready.inferencesPerSecond;
    this.batchTimings = ready.timings;
    thread.on('message', (message: FromThread) => this.#receive(message));
    this.ended = new Promise((resolve) => {
      thread.once('error', (cause) => this.#die(String(cause), cause));
      thread.once('exit', (code) => {
        if (!this.#closing || this.#pending.size > 0) this.#die(`exit code ${code}`);
        resolve(this.#death);
      });
    });
  }

  /**
   * Prepares, warms up and measures the model in a new thread.
   * @param threadEntry for tests of threads that fail.
   * @throws KvsInferError MODEL_*, or INFERENCE_THREAD_DIED
   */
  static async start(settings: InferenceSettings, threadEntry: URL = inferenceThread): Promise<InferenceClient> {
    const thread = new Worker(threadEntry, { workerData: settings, name: 'inference' });
    const first = await new Promise<FromThread>((resolve, reject) => {
      const died = (cause: unknown) => reject(threadDied(`at start: ${String(cause)}`, cause));
      thread.once('message', resolve);
      thread.once('error', died);
      thread.once('exit', died);
    });
    if (first.type === 'ready') return new InferenceClient(thread, first);
    await thread.terminate();
    throw first.type === 'failed' ? fromPlainError(first.error) : threadDied(`at start: said ${first.type}`);
  }

  /** Batches that were sent and not yet answered. */
  get pendingBatches(): number {
    return this.#pending.size;
  }

  /**
   * @param buffers one frame each, height × width × 3 RGB bytes; detached by this call, and given back with the result.
   * After a rejection they are gone: allocate new ones.
   * @throws KvsInferError INFERENCE_INPUT, INFERENCE_FAILED (retryable), INFERENCE_THREAD_DIED (retryable)
   */
  detect(buffers: ArrayBuffer[]): Promise<InferenceResult> {
    if (this.#death !== null) return Promise.reject(this.#death);
    if (this.#closing) return Promise.reject(threadDied('it was closed'));
    const id = this.#nextId++;
    const message: ToThread = { type: 'detect', id, buffers };
    this.#thread.postMessage(message, buffers);
    const pending: Pending = Promise.withResolvers();
    this.#pending.set(id, pending);
    return pending.promise;
  }

  /** Resolves when the batches that were sent are answered, or lost. */
  async answered(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled([...this.#pending.values()].map(({ promise }) => promise));
  }

  /** Waits for the batches that were sent, then ends the thread. */
  async close(): Promise<void> {
    if (!this.#closing && this.#death === null) {
      this.#closing = true;
      this.#thread.postMessage({ type: 'close' } satisfies ToThread);
    }
    await this.ended;
  }

  #receive(message: FromThread): void {
    if (message.type !== 'detected' && message.type !== 'batch-failed') return;
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.type === 'batch-failed') pending?.reject(fromPlainError(message.error));
    else {
      const { candidates, buffers, inferenceMs } = message;
      pending?.resolve({ candidates, buffers, inferenceMs });
    }
  }

  #die(why: string, cause?: unknown): void {
    this.#death ??= threadDied(why, cause);
    for (const { reject } of this.#pending.values()) reject(this.#death);
    this.#pending.clear();
  }
}

function threadDied(why: string, cause?: unknown): KvsInferError {
  return new KvsInferError('INFERENCE_THREAD_DIED', `the inference thread ended: ${why}`, {
    hint: 'start it again; its batches were lost and are counted as dropped',
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
  });
}
