/**
 * Frames of many cameras into batches for one detector. First come, first served — and since a camera has at most one
 * frame here at a time, that is a fair round robin.
 * Invariant: every submitted frame settles once; the queue is bounded by the number of cameras; a batch is never larger
 * than what the detector was warmed up for.
 */
import type { InferenceClient } from '../detect/inference-client.ts';
import type { Candidate } from '../detect/nms.ts';

/** One batch running and one ready behind it: the detector never waits for main. */
const batchesInFlightMax = 2;

export type InferredFrame = {
  candidates: Candidate[];
  buffer: ArrayBuffer;
  /** Of the whole batch. */
  inferenceMs: number;
  queuedMs: number;
  batchSize: number;
};

type Job = {
  buffer: ArrayBuffer;
  submittedMs: number;
  resolve: (frame: InferredFrame) => void;
  reject: (error: unknown) => void;
};

export class InferenceScheduler {
  readonly #detector: Pick<InferenceClient, 'detect'>;
  readonly #batchSizeMax: number;
  readonly #monotonicMs: () => number;
  readonly #queue: Job[] = [];
  #inFlight = 0;

  constructor(detector: Pick<InferenceClient, 'detect'>, batchSizeMax: number, monotonicMs = () => performance.now()) {
    this.#detector = detector;
    this.#batchSizeMax = Math.max(1, batchSizeMax);
    this.#monotonicMs = monotonicMs;
  }

  /** Frames waiting, those at the detector not included. */
  get queued(): number {
    return this.#queue.length;
  }

  get isBusy(): boolean {
    return this.#inFlight > 0 || this.#queue.length > 0;
  }

  /** @throws KvsInferError when the batch failed; the buffer is lost then. */
  submit(buffer: ArrayBuffer): Promise<InferredFrame> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ buffer, submittedMs: this.#monotonicMs(), resolve, reject });
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#inFlight < batchesInFlightMax && this.#queue.length > 0) {
      const batch = this.#queue.splice(0, this.#batchSizeMax);
      this.#inFlight += 1;
      void this.#run(batch);
    }
  }

  async #run(batch: Job[]): Promise<void> {
    const sentMs = this.#monotonicMs();
    try {
      const { candidates, buffers, inferenceMs } = await this.#detector.detect(batch.map(({ buffer }) => buffer));
      for (const [index, job] of batch.entries()) {
        job.resolve({
          candidates: candidates[index] ?? [],
          buffer: buffers[index] as ArrayBuffer,
          inferenceMs,
          queuedMs: sentMs - job.submittedMs,
          batchSize: batch.length,
        });
      }
    } catch (error) {
      for (const job of batch) job.reject(error);
    } finally {
      this.#inFlight -= 1;
      this.#pump();
    }
  }
}
