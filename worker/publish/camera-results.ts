/**
 * From what the detector proposes for a camera's frame to what consumers receive: suppression, regions, tracks, records,
 * track items and pictures. Invariant: everything is handed to bounded queues and nothing here waits for a network; each
 * record's id depends on the frame alone.
 */
import type { DetectionItem, ResultStore } from '../../aws/results.ts';
import type { Camera } from '../../core/camera.ts';
import { type Detection, frameRecordId, type TrackRecord, trackRecordId } from '../../core/records.ts';
import { toDetections } from '../detect/detections.ts';
import { type Candidate, classIdsOf, suppress } from '../detect/nms.ts';
import { modelReference, type PreparedModel } from '../detect/prepare-model.ts';
import type { IntakeFrame } from '../session/messages.ts';
import { type Track, Tracker } from '../track/tracker.ts';
import type { DeliveryQueue } from './delivery-queue.ts';
import type { RecordPublisher } from './record-publisher.ts';
import { regionsOf } from './regions.ts';
import { type CapturedPicture, type SnapshotPorts, TrackSnapshots } from './track-snapshots.ts';

export type PublishFrames = 'all' | 'detections' | 'none';

export type ResultsContext = {
  workerId: string;
  publishFrames: PublishFrames;
  snapshotPrefix: string;
  resultDays: number;
  nowMs: () => number;
  publisher: Pick<RecordPublisher, 'add'>;
  deliveries: Pick<DeliveryQueue, 'add'>;
  store: Partial<ResultStore>;
  capture: SnapshotPorts['capture'];
  snapshotMissed(reason: string): void;
};

type BestSighting = { score: number; box: Detection['box']; regions: Set<string> };

export class CameraResults {
  readonly #camera: Camera;
  readonly #epoch: number;
  readonly #model: PreparedModel;
  readonly #context: ResultsContext;
  readonly #classIds: ReadonlySet<number> | null;
  readonly #tracker: Tracker;
  readonly #snapshots: TrackSnapshots;
  readonly #best = new Map<string, BestSighting>();
  readonly #ending = new Set<Promise<void>>();
  /** Class names of the row that the model does not know. */
  readonly unknownClasses: string[];
  detections = 0;
  tracks = 0;
  lastDetection: { label: string; score: number; atMs: number } | undefined;

  constructor(camera: Camera, epoch: number, model: PreparedModel, context: ResultsContext) {
    this.#camera = camera;
    this.#epoch = epoch;
    this.#model = model;
    this.#context = context;
    const classes = classIdsOf(model.labels, camera.detect.classes);
    this.#classIds = classes.ids;
    this.unknownClasses = classes.unknown;
    const { minHits, maxMissMs, window } = camera.smoothing;
    this.#tracker = new Tracker({ minHits, maxMissMs, smoothingWindow: window });
    this.#snapshots = new TrackSnapshots(camera.snapshots, {
      capture: async (frame, boxes): Promise<CapturedPicture | null> =>
        context.store.putObject === undefined ? null : context.capture(frame, boxes),
      store: ({ key, jpeg, about }) => this.#storeSnapshot(key, jpeg, about),
      missed: (reason) => context.snapshotMissed(reason),
      about: { cameraId: camera.cameraId, model: modelReference(model) },
      keyPrefix: context.snapshotPrefix,
    });
  }

  frame(frame: IntakeFrame, candidates: readonly Candidate[], inferredAtMs: number): void {
    const { confidence, iou } = this.#camera.detect;
    const kept = suppress(candidates, { confidence, iou, classIds: this.#classIds });
    const found = this.#inRegions(toDetections(kept, this.#model.labels, frame.letterbox));
    if (frame.stillUntilMs !== null) this.#tracker.stoodStill(frame.stillUntilMs);
    const { detections, entered, exited } = this.#tracker.update(frame, found);
    const enteredIds = new Set(entered.map((track) => track.trackId));
    for (const detection of detections) {
      this.#rememberBest(detection);
      this.#snapshots.seen(detection, frame, detections, enteredIds.has(detection.trackId ?? ''));
    }
    this.detections += detections.length;
    const strongest = detections.reduce<Detection | null>((a, b) => (a === null || b.score > a.score ? b : a), null);
    if (strongest !== null) {
      this.lastDetection = { label: strongest.label, score: strongest.score, atMs: frame.capturedAtMs };
    }
    this.#publishFrame(frame, detections, inferredAtMs);
    for (const track of entered) this.#enter(track, frame.capturedAtMs);
    for (const track of exited) this.#end(track);
  }

  /** Ends every track. Resolves when their records are handed over. */
  async close(): Promise<void> {
    for (const track of this.#tracker.close()) this.#end(track);
    await Promise.all(this.#ending);
  }

  #inRegions(detections: Detection[]): Detection[] {
    const { regions } = this.#camera;
    if (regions.length === 0) return detections;
    return detections.flatMap((detection) => {
      const names = regionsOf(regions, detection.label, detection.box);
      if (names === null) return [];
      return names.length === 0 ? [detection] : [{ ...detection, regions: names }];
    });
  }

  #publishFrame(frame: IntakeFrame, detections: Detection[], inferredAtMs: number): void {
    const mode = this.#context.publishFrames;
    if (mode === 'none' || (mode === 'detections' && detections.length === 0)) return;
    const { cameraId } = this.#camera;
    this.#context.publisher.add({
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

  #enter(track: Track, atMs: number): void {
    this.tracks += 1;
    this.#context.publisher.add(this.#trackRecord(track, 'enter', atMs, null));
    this.#putItem(track, false, null);
  }

  #end(track: Track): void {
    const ending = this.#snapshots.ended(track.trackId).then((snapshotKey) => {
      this.#context.publisher.add(this.#trackRecord(track, 'exit', track.lastSeenAtMs, snapshotKey));
      this.#putItem(track, true, snapshotKey);
      this.#best.delete(track.trackId);
    });
    this.#ending.add(ending);
    void ending.finally(() => this.#ending.delete(ending));
  }

  #trackRecord(track: Track, event: 'enter' | 'exit', atMs: number, snapshotKey: string | null): TrackRecord {
    const { cameraId } = this.#camera;
    return {
      schema: 'kvs-infer/track@1',
      id: trackRecordId(cameraId, track.trackId, event),
      event,
      cameraId,
      epoch: this.#epoch,
      workerId: this.#context.workerId,
      model: modelReference(this.#model),
      trackId: track.trackId,
      label: track.label,
      classId: track.classId,
      score: track.score,
      box: track.box,
      at: isoOf(atMs),
      firstSeenAt: isoOf(track.firstSeenAtMs),
      lastSeenAt: isoOf(track.lastSeenAtMs),
      ...(snapshotKey === null ? {} : { snapshotKey }),
    };
  }

  #putItem(track: Track, ended: boolean, snapshotKey: string | null): void {
    const { putDetection } = this.#context.store;
    if (putDetection === undefined) return;
    const { cameraId } = this.#camera;
    const best = this.#best.get(track.trackId);
    const firstSeenAt = isoOf(track.firstSeenAtMs);
    const item: DetectionItem = {
      cameraId,
      'at#trackId': `${firstSeenAt}#${track.trackId}`,
      trackId: track.trackId,
      epoch: this.#epoch,
      workerId: this.#context.workerId,
      model: modelReference(this.#model),
      label: track.label,
      classId: track.classId,
      score: track.bestScore,
      box: best?.box ?? track.box,
      firstSeenAt,
      lastSeenAt: isoOf(track.lastSeenAtMs),
      ended,
      ...(best !== undefined && best.regions.size > 0 ? { regions: [...best.regions] } : {}),
      ...(snapshotKey === null ? {} : { snapshotKey }),
      expiresAt: Math.floor(this.#context.nowMs() / 1000) + this.#context.resultDays * 86_400,
    };
    const send = () => putDetection(item);
    const lane = `item/${cameraId}/${track.trackId}`;
    this.#context.deliveries.add({ kind: 'track-item', cameraId, epoch: this.#epoch, lane, send });
  }

  #storeSnapshot(key: string, jpeg: Uint8Array, about: Record<string, unknown>): void {
    const { putObject } = this.#context.store;
    if (putObject === undefined) return;
    const { cameraId } = this.#camera;
    this.#context.deliveries.add({
      kind: 'snapshot',
      cameraId,
      epoch: this.#epoch,
      lane: key,
      async send() {
        await putObject(key, jpeg, 'image/jpeg');
        const text = JSON.stringify({ ...about, key });
        await putObject(key.replace(/\.jpg$/, '.json'), Buffer.from(text), 'application/json');
      },
    });
  }

  #rememberBest(detection: Detection): void {
    if (detection.trackId === undefined) return;
    const best = this.#best.get(detection.trackId);
    const regions = best?.regions ?? new Set<string>();
    for (const name of detection.regions ?? []) regions.add(name);
    if (best === undefined || detection.score > best.score) {
      this.#best.set(detection.trackId, { score: detection.score, box: detection.box, regions });
    }
  }
}

function isoOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
