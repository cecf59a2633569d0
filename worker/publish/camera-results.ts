/**
 * From what the detector proposes for a camera's frame to what consumers receive: suppression, regions, tracks, texts,
 * records, track items and pictures. Invariant: everything is handed to bounded queues and nothing here waits for a network; each
 * record's id depends on the frame alone.
 */
import type { ResultStore } from '../../aws/results.ts';
import type { Camera } from '../../core/camera.ts';
import { KvsInferError } from '../../core/errors.ts';
import type { Checkpoint } from '../../core/fleet-state.ts';
import { type Detection, type FrameRecord, frameRecordId, type TrackRecord } from '../../core/records.ts';
import type { Candidate } from '../detect/nms.ts';
import { modelReference, type PreparedModel } from '../detect/prepare-model.ts';
import type { IntakeFrame } from '../session/messages.ts';
import type { VotedText } from '../text/text-vote.ts';
import { readsText, type TrackTextPorts, TrackTexts } from '../text/track-texts.ts';
import { CameraTracks } from '../track/camera-tracks.ts';
import type { Track } from '../track/tracker.ts';
import type { DeliveryQueue } from './delivery-queue.ts';
import type { RecordPublisher } from './record-publisher.ts';
import { SnapshotDeliveries } from './snapshot-deliveries.ts';
import { isoOf, type TrackExtras, TrackRecords } from './track-records.ts';
import { type SnapshotPorts, TrackSnapshots } from './track-snapshots.ts';

export type PublishFrames = 'all' | 'detections' | 'none';

export type ResultsContext = {
  workerId: string;
  publishFrames: PublishFrames;
  snapshotPrefix: string;
  resultDays: number;
  nowMs: () => number;
  publisher: Pick<RecordPublisher, 'add' | 'fault' | 'waiting'>;
  deliveries: Pick<DeliveryQueue, 'add' | 'faults' | 'lost'>;
  store: Partial<ResultStore>;
  capture: SnapshotPorts['capture'];
  text: {
    read: TrackTextPorts['read'];
    /** Named when the recogniser lacks characters of the row's charset. */
    charsetProblem(charset: string): Promise<KvsInferError | null>;
    /** Why no text is read now. */
    fault(): KvsInferError | null;
  };
  snapshotMissed(reason: string): void;
};

export class CameraResults {
  readonly #camera: Camera;
  readonly #epoch: number;
  readonly #model: PreparedModel;
  readonly #context: ResultsContext;
  readonly #tracks: CameraTracks;
  readonly #records: TrackRecords;
  readonly #snapshots: TrackSnapshots;
  /** Null when there is no bucket. */
  readonly #pictures: SnapshotDeliveries | null;
  /** Null when the row asks for no text. */
  readonly #texts: TrackTexts | null;
  #charsetProblem: KvsInferError | null = null;
  /** Tracks whose last records wait for their picture and text. */
  readonly #ended = new Map<string, Track>();
  readonly #ending = new Set<Promise<void>>();
  /** Until the first record of the frame at hand has gone. */
  #frameResume: Checkpoint | null = null;
  detections = 0;
  tracks = 0;
  lastDetection: { label: string; score: number; atMs: number } | undefined;

  constructor(camera: Camera, epoch: number, model: PreparedModel, context: ResultsContext) {
    this.#camera = camera;
    this.#epoch = epoch;
    this.#model = model;
    this.#context = context;
    this.#tracks = new CameraTracks(camera, model.labels);
    const { cameraId } = camera;
    this.#records = new TrackRecords({ cameraId, epoch, workerId: context.workerId, model: modelReference(model) });
    const { putObject } = context.store;
    this.#pictures =
      putObject === undefined ? null : new SnapshotDeliveries({ cameraId, epoch }, context.deliveries, putObject);
    this.#snapshots = new TrackSnapshots(camera.snapshots, {
      capture: async (frame, wish) => (this.#pictures === null ? { found: 'gone' } : context.capture(frame, wish)),
      store: (trackId, snapshot, text) =>
        this.#pictures?.store(trackId, snapshot, text ?? this.#texts?.textOf(trackId) ?? null),
      missed: (reason) => context.snapshotMissed(reason),
      about: { cameraId: camera.cameraId, model: modelReference(model) },
      keyPrefix: context.snapshotPrefix,
    });
    const settled: TrackTextPorts['settled'] = (trackId, text, atMs) => this.#textSettled(trackId, text, atMs);
    this.#texts = readsText(camera) ? new TrackTexts(camera, { read: context.text.read, settled }) : null;
    if (this.#texts === null) return;
    void context.text.charsetProblem(camera.text.charset).then((problem) => {
      this.#charsetProblem = problem;
    });
  }

  /** What keeps this camera's results from being whole, in words; empty when all is well. */
  get problems(): string[] {
    const { publisher, deliveries, text } = this.#context;
    const { cameraId } = this.#camera;
    const { unknownClasses } = this.#tracks;
    const textFault = this.#texts === null ? null : (text.fault() ?? this.#charsetProblem);
    return [
      ...(unknownClasses.length === 0 ? [] : [`the model does not know the classes ${unknownClasses.join(', ')}`]),
      ...(textFault === null ? [] : [`text: ${inWords(textFault)}`]),
      ...(publisher.fault === null ? [] : [`${publisher.waiting(cameraId)} records wait: ${inWords(publisher.fault)}`]),
      ...[...deliveries.faults].map(
        ([kind, error]) => `${deliveries.lost(cameraId, kind)} ${kind}s lost: ${inWords(error)}`,
      ),
    ];
  }

  frame(frame: IntakeFrame, candidates: readonly Candidate[], inferredAtMs: number): void {
    const { detections: tracked, entered, exited, regionEvents } = this.#tracks.frame(frame, candidates);
    const detections = this.#withTexts(frame, tracked);
    const enteredIds = new Set(entered.map((track) => track.trackId));
    for (const detection of detections) {
      this.#records.seen(detection);
      this.#snapshots.seen(detection, frame, detections, enteredIds.has(detection.trackId ?? ''));
    }
    this.detections += detections.length;
    const strongest = detections.reduce<Detection | null>((a, b) => (a === null || b.score > a.score ? b : a), null);
    if (strongest !== null) {
      this.lastDetection = { label: strongest.label, score: strongest.score, atMs: frame.capturedAtMs };
    }
    this.#frameResume = {
      fragmentNumber: frame.afterFragment ?? frame.fragmentNumber,
      producerTimestampMs: frame.capturedAtMs - 1,
    };
    this.#publishFrame(frame, detections, inferredAtMs);
    for (const track of entered) this.#enter(track, frame.capturedAtMs);
    for (const event of regionEvents) this.#publish(this.#records.ofRegion(event));
    this.#frameResume = null;
    for (const track of exited) this.#end(track);
  }

  /** Ends every track. Resolves when their records are handed over. */
  async close(): Promise<void> {
    const { exited, regionEvents } = this.#tracks.close();
    for (const event of regionEvents) this.#context.publisher.add(this.#records.ofRegion(event));
    for (const track of exited) this.#end(track);
    await Promise.all(this.#ending);
  }

  #withTexts(frame: IntakeFrame, detections: Detection[]): Detection[] {
    const texts = this.#texts;
    if (texts === null) return detections;
    texts.frame(frame, detections);
    return detections.map((detection) => {
      const text = detection.trackId === undefined ? null : texts.textOf(detection.trackId);
      return text === null ? detection : { ...detection, text };
    });
  }

  /** While the track lasts: what its end settles on is told there. */
  #textSettled(trackId: string, text: VotedText, atMs: number): void {
    const track = this.#ended.get(trackId) ?? this.#tracks.track(trackId);
    if (track === undefined) return;
    this.#context.publisher.add(this.#records.of(track, 'text', atMs, { text }, text.value));
    this.#pictures?.textSettled(trackId, text);
    if (this.#ended.has(trackId)) return;
    this.#putItem(track, false, { text, snapshotKey: this.#snapshots.storedKey(trackId) });
  }

  #publishFrame(frame: IntakeFrame, detections: Detection[], inferredAtMs: number): void {
    const mode = this.#context.publishFrames;
    if (mode === 'none' || (mode === 'detections' && detections.length === 0)) return;
    const { cameraId } = this.#camera;
    this.#publish({
      schema: 'kvs-infer/frame@1',
      id: frameRecordId(cameraId, frame.fragmentNumber, frame.frameIndex),
      cameraId,
      epoch: this.#epoch,
      workerId: this.#context.workerId,
      model: modelReference(this.#model),
      fragmentNumber: frame.fragmentNumber,
      frameIndex: frame.frameIndex,
      capturedAt: isoOf(frame.capturedAtMs),
      inferredAt: isoOf(inferredAtMs),
      width: frame.width,
      height: frame.height,
      detections,
    });
  }

  /** What a frame tells of: the first record of it is where another owner begins when it was never stored. */
  #publish(record: FrameRecord | TrackRecord): void {
    this.#context.publisher.add(record, this.#frameResume);
    this.#frameResume = null;
  }

  #enter(track: Track, atMs: number): void {
    this.tracks += 1;
    this.#publish(this.#records.of(track, 'enter', atMs));
    this.#putItem(track, false);
  }

  #end(track: Track): void {
    const { trackId } = track;
    this.#ended.set(trackId, track);
    const ending = this.#lastWords(track).finally(() => {
      this.#records.forget(trackId);
      this.#pictures?.forget(trackId);
      this.#ended.delete(trackId);
    });
    this.#ending.add(ending);
    void ending.finally(() => this.#ending.delete(ending));
  }

  /** The text first: the JSON beside a picture that is stored now holds it from the start. */
  async #lastWords(track: Track): Promise<void> {
    const text = (await this.#texts?.ended(track.trackId)) ?? null;
    const snapshotKey = await this.#snapshots.ended(track.trackId, text);
    this.#context.publisher.add(this.#records.of(track, 'exit', track.lastSeenAtMs, { snapshotKey, text }));
    this.#putItem(track, true, { snapshotKey, text });
  }

  #putItem(track: Track, ended: boolean, more: TrackExtras = {}): void {
    const { putDetection } = this.#context.store;
    if (putDetection === undefined) return;
    const { cameraId } = this.#camera;
    const expiresAtMs = this.#context.nowMs() + this.#context.resultDays * 86_400_000;
    const item = this.#records.item(track, ended, expiresAtMs, more);
    const send = () => putDetection(item);
    const lane = `item/${cameraId}/${track.trackId}`;
    this.#context.deliveries.add({ kind: 'track-item', cameraId, epoch: this.#epoch, lane, send });
  }
}

function inWords(error: unknown): string {
  return error instanceof KvsInferError ? `${error.code}: ${error.message}` : String(error);
}
