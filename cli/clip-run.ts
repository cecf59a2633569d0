/**
 * One media file through the worker's own stages: decode, sample, letterbox, detect, suppress, track, record. Decoding goes
 * on while the inference thread works; a few batches at most are under way, whatever the file's length.
 * Invariant: every sampled frame gives exactly one valid `frame@1` record, in the order of the media, or an error is thrown.
 */
import type { Camera } from '../core/camera.ts';
import { KvsInferError } from '../core/errors.ts';
import { type Detection, type FrameRecord, frameRecordId, frameRecordSchema } from '../core/records.ts';
import type { HardwareDecoders } from '../worker/decode/codec-device.ts';
import type { Picture } from '../worker/decode/decoder.ts';
import { type Letterbox, letterboxGeometry } from '../worker/decode/letterbox.ts';
import { decodeMediaFile, type FileDecoding, type FramePlace } from '../worker/decode/media-file.ts';
import type { I420 } from '../worker/decode/picture-scaler.ts';
import type { InferenceClient, InferenceResult } from '../worker/detect/inference-client.ts';
import type { Candidate } from '../worker/detect/nms.ts';
import { modelReference } from '../worker/detect/prepare-model.ts';
import { FrameSampler } from '../worker/session/sampler.ts';
import { CameraTracks } from '../worker/track/camera-tracks.ts';
import { type ClipText, ClipTexts } from './clip-texts.ts';

/** Batches in the inference thread: one at work, one waiting, so that the thread never idles. */
const BATCHES_UNDER_WAY_MAX = 2;
/** A file of noise has an error per packet: the first ones tell what is wrong, the rest are counted. */
const ERRORS_LISTED_MAX = 100;

export type ClipSettings = {
  path: string;
  camera: Pick<Camera, 'cameraId' | 'detect' | 'regions' | 'smoothing' | 'text'>;
  /** Frames per second of media time; null takes every frame. */
  fps: number | null;
  /** Decoders of the GPU to be tried first; null: the CPU decodes. */
  hardware: HardwareDecoders | null;
  /** Called in order; awaited before more is decoded. */
  write: (record: FrameRecord) => Promise<void> | void;
  onProgress?: (counts: { decoded: number; inferred: number }) => void;
};

export type ClipSummary = {
  file: string;
  /** Video frames in the file. */
  frames: number;
  decoded: number;
  inferred: number;
  /** By label, over all frames. */
  detections: Record<string, number>;
  tracks: number;
  /** What tracks say, when the row asks for text. */
  texts: ClipText[];
  /** Mean milliseconds; decode per decoded frame, the others per inferred frame. */
  msPerFrame: { decode: number; letterbox: number; inference: number; postprocess: number; text: number };
  wallMs: number;
  /** How and where it was decoded; null when nothing was. */
  decode: FileDecoding | null;
  model: string;
  provider: string;
  /** Providers that were asked for first and could not be had. */
  providerFailures: readonly { provider: string; message: string }[];
  errors: { code: string; message: string }[];
  /** Errors beyond the first 100. */
  errorsLeftOut: number;
};

type Sampled = {
  place: FramePlace;
  capturedAtMs: number;
  geometry: Letterbox;
  buffer: ArrayBuffer;
  picture: I420 | null;
};
type Batch = { frames: Sampled[]; answer: Promise<InferenceResult> };

export class ClipRun {
  readonly summary: ClipSummary;
  readonly #settings: ClipSettings;
  readonly #client: InferenceClient;
  readonly #sampler: FrameSampler | null;
  readonly #tracks: CameraTracks;
  /** Null when the row asks for no text. */
  readonly #texts: ClipTexts | null;
  readonly #batchSize: number;
  readonly #freeBuffers: ArrayBuffer[] = [];
  #sampled: Sampled[] = [];
  readonly #batches: Batch[] = [];
  #packetCalls = 0;
  #waitingMs = 0;
  readonly #spentMs = { letterbox: 0, inference: 0, postprocess: 0 };

  constructor(client: InferenceClient, settings: ClipSettings) {
    this.#client = client;
    this.#settings = settings;
    this.#sampler = settings.fps === null ? null : new FrameSampler(settings.fps);
    this.#tracks = new CameraTracks(settings.camera, client.model.labels);
    this.#texts = ClipTexts.for(settings.camera);
    this.#batchSize = Math.max(...client.batchTimings.map(({ batchSize }) => batchSize), 1);
    this.summary = {
      file: settings.path,
      frames: 0,
      decoded: 0,
      inferred: 0,
      detections: {},
      tracks: 0,
      texts: [],
      msPerFrame: { decode: 0, letterbox: 0, inference: 0, postprocess: 0, text: 0 },
      wallMs: 0,
      decode: null,
      model: modelReference(client.model),
      provider: client.provider,
      providerFailures: client.providerFailures,
      errors: [],
      errorsLeftOut: 0,
    };
  }

  /** Runs to the end of the file. The summary is filled also when this throws, and then holds the error too. */
  async run(): Promise<void> {
    const startedMs = performance.now();
    try {
      await decodeMediaFile(this.#settings.path, {
        hardware: this.#settings.hardware,
        onPicture: (picture) => this.#take(picture),
        afterPacket: () => this.#afterPacket(),
        onError: (error) => this.#count(error),
        onDecoding: (decoding) => {
          this.summary.decode = decoding;
        },
      });
      await this.#timedSettle(0, 1);
      await this.#endTexts();
    } catch (error) {
      // What was sampled before the damage is still answered, so that its records are written.
      await this.#timedSettle(0, 1).catch(() => {});
      const named = error instanceof KvsInferError ? error : unexpected(error);
      if (!this.summary.errors.some(({ message }) => message === named.message)) this.#count(named);
      throw error;
    } finally {
      await this.#texts?.close();
      this.#finish(performance.now() - startedMs);
    }
  }

  #take(picture: Picture<FramePlace>): void {
    this.summary.decoded += 1;
    const place = picture.context;
    if (place === undefined || this.#sampler?.take(picture.timestampMs) === false) return;
    const startedMs = performance.now();
    const { inputWidth, inputHeight, padding } = this.#client.model;
    const geometry = letterboxGeometry(picture.width, picture.height, inputWidth, inputHeight, padding);
    const buffer = this.#freeBuffers.pop() ?? new ArrayBuffer(inputWidth * inputHeight * 3);
    picture.letterboxInto(new Uint8Array(buffer), geometry);
    const kept = this.#texts === null ? null : picture.toI420();
    this.#sampled.push({ place, capturedAtMs: Math.round(picture.timestampMs), geometry, buffer, picture: kept });
    this.#spentMs.letterbox += performance.now() - startedMs;
  }

  async #afterPacket(): Promise<void> {
    this.#packetCalls += 1;
    if (this.#sampled.length >= this.#batchSize) await this.#timedSettle(BATCHES_UNDER_WAY_MAX - 1, this.#batchSize);
  }

  async #timedSettle(leave: number, minimum: number): Promise<void> {
    const startedMs = performance.now();
    await this.#settle(leave, minimum).finally(() => {
      this.#waitingMs += performance.now() - startedMs;
    });
  }

  /** Sends what was sampled, in batches of `minimum` frames or more, and leaves at most `leave` under way. */
  async #settle(leave: number, minimum: number): Promise<void> {
    while (this.#sampled.length >= minimum && this.#sampled.length > 0) {
      const frames = this.#sampled.splice(0, this.#batchSize);
      const answer = this.#client.detect(frames.map(({ buffer }) => buffer));
      // The answer is awaited later: a failure must not count as unhandled meanwhile.
      answer.catch(() => {});
      this.#batches.push({ frames, answer });
      await this.#collect(BATCHES_UNDER_WAY_MAX);
    }
    await this.#collect(leave);
  }

  async #collect(leave: number): Promise<void> {
    while (this.#batches.length > leave) {
      const batch = this.#batches.shift() as Batch;
      const { candidates, buffers, inferenceMs } = await batch.answer;
      this.#spentMs.inference += inferenceMs;
      this.#freeBuffers.push(...buffers);
      for (const [index, frame] of batch.frames.entries()) await this.#record(frame, candidates[index] ?? []);
    }
  }

  async #record(frame: Sampled, candidates: readonly Candidate[]): Promise<void> {
    const startedMs = performance.now();
    const { camera, write, onProgress } = this.#settings;
    const moment = { ...frame.place, capturedAtMs: frame.capturedAtMs, letterbox: frame.geometry, stillUntilMs: null };
    const { detections: seen, entered, exited } = this.#tracks.frame(moment, candidates);
    this.#spentMs.postprocess += performance.now() - startedMs;
    const detections = await this.#withTexts(frame, seen);
    await this.#texts?.ended(exited.map(({ trackId }) => trackId));
    const record: FrameRecord = {
      schema: 'kvs-infer/frame@1',
      id: frameRecordId(camera.cameraId, frame.place.fragmentNumber, frame.place.frameIndex),
      cameraId: camera.cameraId,
      epoch: 0,
      workerId: 'clip',
      model: this.summary.model,
      ...frame.place,
      capturedAt: isoOf(frame.capturedAtMs),
      inferredAt: isoOf(Date.now()),
      width: frame.geometry.sourceWidth,
      height: frame.geometry.sourceHeight,
      detections,
    };
    const checked = frameRecordSchema.safeParse(record);
    if (!checked.success) throw invalidRecord(record.id, checked.error.issues[0]?.message ?? 'unknown');
    this.summary.inferred += 1;
    this.summary.tracks += entered.length;
    for (const { label } of detections) this.summary.detections[label] = (this.summary.detections[label] ?? 0) + 1;
    await write(checked.data);
    onProgress?.({ decoded: this.summary.decoded, inferred: this.summary.inferred });
  }

  async #withTexts(frame: Sampled, detections: Detection[]): Promise<Detection[]> {
    const { place, capturedAtMs, geometry, picture } = frame;
    if (this.#texts === null || picture === null) return detections;
    const { sourceWidth: width, sourceHeight: height } = geometry;
    return this.#texts.frame({ ...place, capturedAtMs, width, height }, picture, detections);
  }

  async #endTexts(): Promise<void> {
    await this.#texts?.ended(this.#tracks.close().exited.map(({ trackId }) => trackId));
  }

  #count(error: KvsInferError): void {
    const { errors } = this.summary;
    if (errors.length >= ERRORS_LISTED_MAX) this.summary.errorsLeftOut += 1;
    else errors.push({ code: error.code, message: error.message });
  }

  #finish(wallMs: number): void {
    const { summary } = this;
    const { letterbox, inference, postprocess } = this.#spentMs;
    // The decoder reports once after each packet and once at the end.
    summary.frames = Math.max(summary.decoded, this.#packetCalls - 1);
    summary.wallMs = rounded(wallMs);
    summary.texts = this.#texts?.settled ?? [];
    summary.msPerFrame = {
      decode: perFrame(wallMs - letterbox - this.#waitingMs, summary.decoded),
      letterbox: perFrame(letterbox, summary.inferred),
      inference: perFrame(inference, summary.inferred),
      postprocess: perFrame(postprocess, summary.inferred),
      text: perFrame(this.#texts?.spentMs ?? 0, summary.inferred),
    };
  }
}

function perFrame(totalMs: number, frames: number): number {
  return frames === 0 ? 0 : rounded(Math.max(0, totalMs) / frames);
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Files without a producer's clock count from the beginning of 1970. */
function isoOf(epochMs: number): string {
  const date = new Date(epochMs);
  return Number.isNaN(date.getTime()) ? String(epochMs) : date.toISOString();
}

function invalidRecord(id: string, issue: string): KvsInferError {
  return new KvsInferError('RECORD_INVALID', `${id}: expected a frame@1 record, got ${issue}`, {
    hint: "the media's timestamps may be damaged; look at them with `kvs-infer demux`",
  });
}

function unexpected(error: unknown): KvsInferError {
  const message = error instanceof Error ? error.message : String(error);
  return new KvsInferError('UNEXPECTED', message, { hint: 'report it', cause: error });
}
