/**
 * One camera's way from what the detector proposes to what is told of a frame: suppression, excluded regions, tracks, and
 * where the tracks are. The worker and `kvs-infer clip` take the same way.
 * Invariant: a track that never was where it counts is never told; of a told one, enter comes first and exit last.
 */
import type { Camera } from '../../core/camera.ts';
import type { Detection } from '../../core/records.ts';
import type { Letterbox } from '../decode/letterbox.ts';
import { toDetections } from '../detect/detections.ts';
import { type Candidate, classIdsOf, suppress } from '../detect/nms.ts';
import { type RegionEvent, RegionWatch } from './region-watch.ts';
import { type FrameMoment, type Track, Tracker } from './tracker.ts';

export type SeenFrame = FrameMoment & {
  letterbox: Letterbox;
  /** Until then nothing in the picture moved, and no frame was looked at; null when every frame was. */
  stillUntilMs: number | null;
};
export type TrackRegionEvent = RegionEvent & { track: Track };
export type TrackedFrame = {
  detections: Detection[];
  entered: Track[];
  exited: Track[];
  /** In the order in which they are to be told: after `entered`, before `exited`. */
  regionEvents: TrackRegionEvent[];
};

export class CameraTracks {
  readonly #iou: number;
  readonly #labels: readonly string[];
  readonly #classIds: ReadonlySet<number> | null;
  readonly #tracker: Tracker;
  readonly #regions: RegionWatch;
  readonly #told = new Set<string>();
  /** Class names of the row that the model does not know. */
  readonly unknownClasses: readonly string[];

  constructor(camera: Pick<Camera, 'detect' | 'regions' | 'smoothing'>, labels: readonly string[]) {
    const { confidence, iou, classes } = camera.detect;
    const { minHits, maxMissMs, window } = camera.smoothing;
    const { ids, unknown } = classIdsOf(labels, classes);
    this.#iou = iou;
    this.#labels = labels;
    this.#classIds = ids;
    this.unknownClasses = unknown;
    this.#tracker = new Tracker({ confidence, minHits, maxMissMs, smoothingWindow: window });
    this.#regions = new RegionWatch(camera.regions);
  }

  frame(frame: SeenFrame, candidates: readonly Candidate[]): TrackedFrame {
    const { scoreMin } = this.#tracker;
    const kept = suppress(candidates, { confidence: scoreMin, iou: this.#iou, classIds: this.#classIds });
    const found = toDetections(kept, this.#labels, frame.letterbox).filter(
      ({ label, box }) => !this.#regions.isExcluded(label, box),
    );
    if (frame.stillUntilMs !== null) this.#tracker.stoodStill(frame.stillUntilMs);
    const { detections, exited } = this.#tracker.update(frame, found);
    const tracks = new Map(this.#tracker.activeTracks.map((track) => [track.trackId, track]));
    const entered: Track[] = [];
    const regionEvents: TrackRegionEvent[] = [];
    const told = detections.flatMap((detection): Detection[] => {
      const track = tracks.get(detection.trackId ?? '');
      const { label, box } = detection;
      if (track === undefined) return this.#counted(detection, this.#regions.areasOf(label, box));
      const { areas, events } = this.#regions.seen(track.trackId, label, box, frame.capturedAtMs);
      const counted = this.#counted(detection, areas);
      if (counted.length > 0 && !this.#told.has(track.trackId)) {
        this.#told.add(track.trackId);
        entered.push(track);
      }
      if (this.#told.has(track.trackId)) regionEvents.push(...events.map((event) => ({ ...event, track })));
      return counted;
    });
    const ended = this.#end(exited);
    return { detections: told, entered, exited: ended.exited, regionEvents: [...regionEvents, ...ended.regionEvents] };
  }

  /** The told track of this id, while it lasts. */
  track(trackId: string): Track | undefined {
    return this.#told.has(trackId) ? this.#tracker.activeTracks.find((one) => one.trackId === trackId) : undefined;
  }

  /** Ends every track. */
  close(): Pick<TrackedFrame, 'exited' | 'regionEvents'> {
    return this.#end(this.#tracker.close());
  }

  #counted(detection: Detection, areas: string[]): Detection[] {
    if (!this.#regions.counts(detection.label, areas)) return [];
    return [areas.length === 0 ? detection : { ...detection, regions: areas }];
  }

  #end(tracks: readonly Track[]): Pick<TrackedFrame, 'exited' | 'regionEvents'> {
    const exited = tracks.filter(({ trackId }) => this.#told.has(trackId));
    const regionEvents = tracks.flatMap((track) => {
      const events = this.#regions.ended(track.trackId);
      return this.#told.delete(track.trackId) ? events.map((event) => ({ ...event, track })) : [];
    });
    return { exited, regionEvents };
  }
}
