/**
 * The yardstick: a plain IoU tracker (Bochinski et al. 2017), which continues a track with the box that overlaps its last
 * one most, knows no motion and no low scores. It confirms and forgets by the same rules as ours.
 */
import type { Detection } from '../../core/records.ts';
import { boxIou } from '../../worker/detect/nms.ts';
import type { FollowedObject } from './mot-metrics.ts';

const IOU_MIN = 0.3;

type Track = { trackId: string; box: readonly number[]; classId: number; lastSeenAtMs: number; hits: number };

export class PlainIouTracker {
  readonly #minHits: number;
  readonly #maxMissMs: number;
  #tracks: Track[] = [];
  #made = 0;

  constructor(options: { minHits: number; maxMissMs: number }) {
    this.#minHits = options.minHits;
    this.#maxMissMs = options.maxMissMs;
  }

  update(atMs: number, detections: readonly Detection[]): FollowedObject[] {
    this.#tracks = this.#tracks.filter((track) => atMs - track.lastSeenAtMs <= this.#maxMissMs);
    const free = new Set(this.#tracks);
    return detections.flatMap((detection): FollowedObject[] => {
      let best: Track | null = null;
      let overlap = IOU_MIN;
      for (const track of free) {
        const iou = track.classId === detection.classId ? boxIou(track.box, detection.box) : 0;
        if (iou >= overlap) {
          best = track;
          overlap = iou;
        }
      }
      if (best === null) {
        best = { trackId: `t${this.#made++}`, box: [], classId: detection.classId, lastSeenAtMs: 0, hits: 0 };
        this.#tracks.push(best);
      }
      free.delete(best);
      best.box = detection.box;
      best.lastSeenAtMs = atMs;
      best.hits += 1;
      return best.hits >= this.#minHits ? [{ trackId: best.trackId, box: detection.box }] : [];
    });
  }
}
