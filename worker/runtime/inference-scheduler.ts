/**
 * Frames of many cameras into batches for one detector: the batcher decides, this carries it out with promises and a timer.
 * Invariant: every submitted frame settles once; at most one frame per camera waits; a batch is never larger than what the
 * detector was warmed up for.
 */
import type { Clock } from '../../core/clock.ts';
import type { InferenceClient } from '../detect/inference-client.ts';
import type { Candidate } from '../detect/nms.ts';
import { Batcher } from './batcher.ts';
import type { DeviceLoad } from './device-load.ts';

export type InferredFrame = {
  candidates: Candidate[];
  buffer: ArrayBuffer;
  /** Of the whole batch. */
  inferenceMs: number;
  queuedMs: number;
  batchSize: number;
  /** Counted from 0. */
  placeInBatch: number;
};

/** A newer frame of the same run took its turn over. */
export type DisplacedFrame = { displaced: ArrayBuffer };

/** Whose frame it is. */
export type Submitter = {
  /** A run of a camera. */
  run: string;
  /** As of `priorityWeight`. */
  weight: number;
};

type Job = {
  buffer: ArrayBuffer;
  submittedMs: number;
  resolve: (frame: InferredFrame | DisplacedFrame) => void;
  reject: (error: unknown) => void;
};

export class InferenceScheduler {
  readonly #detector: Pick<InferenceClient, 'detect'>;
  readonly #clock: Clock;
  readonly #load: DeviceLoad;
  readonly #batcher: Batcher<Job>;
  /** Detector time of one frame in the best batch, as measured at the start. */
  readonly costMs: number;
  #cancelWake = () => {};

  constructor(
    detector: Pick<InferenceClient, 'detect' | 'batchTimings' | 'measuredInferencesPerSecond'>,
    { clock, load }: { clock: Clock; load: DeviceLoad },
  ) {
    this.#detector = detector;
    this.#clock = clock;
    this.#load = load;
    this.#batcher = new Batcher(
      detector.batchTimings.map(({ batchSize, medianMs }) => ({ size: batchSize, runMs: medianMs })),
    );
    this.costMs = 1_000 / detector.measuredInferencesPerSecond;
  }

  /** Frames waiting, those at the detector not included. */
  get queued(): number {
    return this.#batcher.waiting;
  }

  /**
   * While one frame of a run waits, a newer one takes its turn over.
   * @throws KvsInferError when the batch failed; the buffer is lost then.
   */
  submit(buffer: ArrayBuffer, { run, weight }: Submitter): Promise<InferredFrame | DisplacedFrame> {
    return new Promise((resolve, reject) => {
      const job = { buffer, submittedMs: this.#clock.monotonicMs(), resolve, reject };
      const displaced = this.#batcher.offer(run, weight, job);
      displaced?.resolve({ displaced: displaced.buffer });
      this.#pump();
    });
  }

  #pump(): void {
    this.#cancelWake();
    const nowMs = this.#clock.monotonicMs();
    for (let batch = this.#batcher.signal(nowMs); batch !== null; batch = this.#batcher.signal(nowMs)) {
      this.#load.begin(nowMs);
      void this.#run(batch);
    }
    const { wakeAtMs } = this.#batcher;
    this.#cancelWake = wakeAtMs === null ? () => {} : this.#clock.setTimer(wakeAtMs - nowMs, () => this.#pump());
  }

  async #run(batch: Job[]): Promise<void> {
    const sentMs = this.#clock.monotonicMs();
    let workMs = 0;
    try {
      const { candidates, buffers, inferenceMs } = await this.#detector.detect(batch.map(({ buffer }) => buffer));
      workMs = batch.length * this.costMs;
      for (const [index, job] of batch.entries()) {
        job.resolve({
          candidates: candidates[index] ?? [],
          buffer: buffers[index] as ArrayBuffer,
          inferenceMs,
          queuedMs: sentMs - job.submittedMs,
          batchSize: batch.length,
          placeInBatch: index,
        });
      }
    } catch (error) {
      for (const job of batch) job.reject(error);
    } finally {
      const nowMs = this.#clock.monotonicMs();
      this.#load.end(nowMs, workMs);
      this.#batcher.finished(nowMs);
      this.#pump();
    }
  }
}
