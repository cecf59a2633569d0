/**
 * Runs a prepared model on batches of letterboxed frames and returns what it proposes, before any camera's own
 * thresholds. `run()` of onnxruntime blocks its thread: in the worker this lives in the inference thread.
 * Invariant: runs use a few fixed batch sizes only (GPU memory grows with every new shape, onnxruntime #24376), and a
 * provider that could not be had is reported in `providerFailures`, never skipped in silence.
 */
import ort from 'onnxruntime-node';
import { KvsInferError } from '../../core/errors.ts';
import { readCandidates } from './candidates.ts';
import { messageOf } from './model-file.ts';
import { CANDIDATES_OUTPUT, FRAMES_INPUT } from './model-graph.ts';
import type { Candidate } from './nms.ts';
import type { PreparedModel } from './prepare-model.ts';

export type Provider = 'cuda' | 'cpu';

export type DetectorOptions = {
  /** Tried in this order. */
  providers: readonly Provider[];
  /** CPU threads of one run. */
  intraOpThreads: number;
  /** Sizes for models with a dynamic batch. Default: 1, 4, 8, 16 on a GPU; 1 on a CPU, where batching gains nothing. */
  batchSizes?: readonly number[];
  /** Run by the `cuda` provider in place of the model: its half-precision copy. */
  cudaModel?: PreparedModel;
};

export type ProviderFailure = { provider: Provider; message: string };
export type BatchTiming = { batchSize: number; medianMs: number };

const GPU_BATCH_SIZES = [1, 4, 8, 16] as const;
/** Runs that are timed per batch size: enough for a median, short enough for a start. */
const TIMED_RUNS = 5;
// Providers that cannot be loaded would otherwise print past every logger: they come as exceptions too.
ort.env.logLevel = 'fatal';

/** Rounding of half precision around 0 and 1. */
const SCORE_TOLERANCE = 0.01;

export class Detector {
  readonly model: PreparedModel;
  readonly provider: Provider;
  /** Providers that were asked for first and could not be had. */
  readonly providerFailures: readonly ProviderFailure[];
  /** Ascending. */
  readonly batchSizes: readonly number[];
  readonly #session: ort.InferenceSession;
  /** One buffer per batch size over 1, filled for each run. */
  readonly #staging = new Map<number, Uint8Array>();

  private constructor(
    model: PreparedModel,
    provider: Provider,
    failures: ProviderFailure[],
    session: ort.InferenceSession,
    batchSizes: readonly number[],
  ) {
    this.model = model;
    this.provider = provider;
    this.providerFailures = failures;
    this.#session = session;
    this.batchSizes = batchSizes;
  }

  /**
   * Opens the model with the first provider that works and runs every batch size once.
   * @throws KvsInferError MODEL_UNUSABLE when no provider can run it
   */
  static async create(given: PreparedModel, options: DetectorOptions): Promise<Detector> {
    const failures: ProviderFailure[] = [];
    for (const provider of options.providers) {
      const model = provider === 'cuda' ? (options.cudaModel ?? given) : given;
      let session: ort.InferenceSession | null = null;
      try {
        session = await openSession(model, provider, options.intraOpThreads);
        const sizes = options.batchSizes ?? (provider === 'cuda' ? GPU_BATCH_SIZES : [1]);
        const batchSizes = model.batch === 'dynamic' ? [...sizes].sort((a, b) => a - b) : [model.batch];
        const detector = new Detector(model, provider, [...failures], session, batchSizes);
        await detector.#warmUp();
        return detector;
      } catch (error) {
        await session?.release().catch(() => {});
        if (error instanceof KvsInferError) throw error;
        failures.push({ provider, message: messageOf(error) });
      }
    }
    const came = failures.map(({ provider, message }) => `${provider}: ${message}`).join('; ');
    throw new KvsInferError(
      'MODEL_UNUSABLE',
      `${given.name}: expected a model that runs, got ${came || 'no provider'}`,
      {
        hint: 'export the model again with a current opset, and check it with `kvs-infer model check`',
      },
    );
  }

  get bytesPerFrame(): number {
    return this.model.inputWidth * this.model.inputHeight * 3;
  }

  /**
   * @param pixels `count` frames, each height × width × 3 RGB bytes, one after the other.
   * @throws KvsInferError INFERENCE_INPUT, INFERENCE_FAILED
   */
  async detect(pixels: Uint8Array, count: number): Promise<Candidate[][]> {
    const size = this.bytesPerFrame;
    if (pixels.length !== size * count) throw wrongSize(size * count, pixels.length);
    return this.detectFrames(Array.from({ length: count }, (_, i) => pixels.subarray(i * size, (i + 1) * size)));
  }

  /** One buffer per frame. @throws KvsInferError INFERENCE_INPUT, INFERENCE_FAILED */
  async detectFrames(frames: readonly Uint8Array[]): Promise<Candidate[][]> {
    for (const frame of frames) {
      if (frame.length !== this.bytesPerFrame) throw wrongSize(this.bytesPerFrame, frame.length);
    }
    const candidates: Candidate[][] = [];
    for (let at = 0; at < frames.length; ) {
      const batchSize = this.#batchSizeFor(frames.length - at);
      const batch = frames.slice(at, at + batchSize);
      try {
        candidates.push(...(await this.#run(batch, batchSize)));
      } catch (cause) {
        throw new KvsInferError('INFERENCE_FAILED', `${this.model.name} on ${this.provider}: ${messageOf(cause)}`, {
          hint: 'the frames of this batch are lost; if it repeats, restart the worker and look for memory shortage',
          retryable: true,
          cause,
        });
      }
      at += batch.length;
    }
    return candidates;
  }

  /** Times each batch size. The best throughput is what this detector can do. */
  async measure(): Promise<{ inferencesPerSecond: number; timings: BatchTiming[] }> {
    const timings: BatchTiming[] = [];
    for (const batchSize of this.batchSizes) {
      const frames = this.#greyFrames(batchSize);
      const elapsedMs: number[] = [];
      for (let run = 0; run < TIMED_RUNS; run++) {
        const startedMs = performance.now();
        await this.#run(frames, batchSize);
        elapsedMs.push(performance.now() - startedMs);
      }
      elapsedMs.sort((a, b) => a - b);
      timings.push({ batchSize, medianMs: elapsedMs[Math.floor(TIMED_RUNS / 2)] as number });
    }
    const rates = timings.map(({ batchSize, medianMs }) => (batchSize * 1000) / medianMs);
    return { inferencesPerSecond: Math.max(...rates), timings };
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  /** The smallest size that holds all that is left, else the largest. */
  #batchSizeFor(count: number): number {
    return this.batchSizes.find((size) => size >= count) ?? (this.batchSizes.at(-1) as number);
  }

  async #warmUp(): Promise<void> {
    for (const batchSize of this.batchSizes) {
      const raw = await this.#runRaw(this.#greyFrames(batchSize), batchSize);
      const found = readCandidates(raw, batchSize, this.model, { everyScore: true });
      // No number is neither below nor above.
      const isScore = (score: number) => score >= -SCORE_TOLERANCE && score <= 1 + SCORE_TOLERANCE;
      const wrong = found.flat().find(({ score }) => !isScore(score));
      if (wrong !== undefined) {
        throw new KvsInferError(
          'MODEL_UNUSABLE',
          `${this.model.name}: expected class scores in 0..1, got ${wrong.score} on a grey image`,
          { hint: 'export with the final sigmoid, as `yolo export` does' },
        );
      }
    }
  }

  async #run(frames: readonly Uint8Array[], batchSize: number): Promise<Candidate[][]> {
    const output = await this.#runRaw(frames, batchSize);
    return readCandidates(output, frames.length, this.model);
  }

  async #runRaw(
    frames: readonly Uint8Array[],
    batchSize: number,
  ): Promise<{ data: Float32Array; dims: readonly number[] }> {
    const { inputHeight, inputWidth } = this.model;
    const pixels = this.#pack(frames, batchSize);
    const tensor = new ort.Tensor('uint8', pixels, [batchSize, inputHeight, inputWidth, 3]);
    const results = await this.#session.run({ [FRAMES_INPUT]: tensor });
    const output = results[CANDIDATES_OUTPUT];
    if (output === undefined || !(output.data instanceof Float32Array)) throw new Error('the model gave no candidates');
    return { data: output.data, dims: output.dims };
  }

  /** A run of one frame takes the frame as it is. Padding keeps what the last run left: its result is not read. */
  #pack(frames: readonly Uint8Array[], batchSize: number): Uint8Array {
    const [first] = frames;
    if (batchSize === 1 && first !== undefined) return first;
    let staging = this.#staging.get(batchSize);
    if (staging === undefined) {
      staging = new Uint8Array(batchSize * this.bytesPerFrame).fill(114);
      this.#staging.set(batchSize, staging);
    }
    for (const [index, frame] of frames.entries()) staging.set(frame, index * this.bytesPerFrame);
    return staging;
  }

  #greyFrames(count: number): Uint8Array[] {
    const grey = new Uint8Array(this.bytesPerFrame).fill(114);
    return Array.from({ length: count }, () => grey);
  }
}

function openSession(model: PreparedModel, provider: Provider, intraOpThreads: number): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(model.path, {
    executionProviders: [provider],
    intraOpNumThreads: intraOpThreads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // Waiting threads that spin doubled the CPU time of a run on two threads (129 against 63 ms, 2 cores shared with a
    // decoder) and made it slower: those cores have other work.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    // Fatal only: every failure comes as an exception, and is reported once, by us.
    logSeverityLevel: 4,
  });
}

function wrongSize(expected: number, came: number): KvsInferError {
  return new KvsInferError('INFERENCE_INPUT', `expected ${expected} bytes of RGB pixels, got ${came}`, {
    hint: "letterbox frames to the model's own input size",
  });
}
