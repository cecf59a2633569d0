/**
 * Which detection continues which track: greedy by overlap, same class first. Pure.
 * Invariant: one track takes at most one detection and the reverse; the result depends on the input alone.
 */
import { boxIou } from '../detect/nms.ts';

export type MatchableTrack = { box: readonly number[]; predicted: readonly number[]; classId: number };
export type MatchableDetection = { box: readonly number[]; classId: number };

/** Objects move far between frames at 5 fps: a fifth of overlap with where it was, or should be, is enough. */
const IOU_MIN_SAME_CLASS = 0.2;
/** A model that calls a car a truck for one frame still draws nearly the same box; a rider and a bicycle do not. */
const IOU_MIN_OTHER_CLASS = 0.5;

/** @returns for each detection the index of its track, or null. */
export function matchTracks(
  tracks: readonly MatchableTrack[],
  detections: readonly MatchableDetection[],
): (number | null)[] {
  const pairs: { track: number; detection: number; sameClass: boolean; iou: number }[] = [];
  for (const [t, track] of tracks.entries()) {
    for (const [d, detection] of detections.entries()) {
      const sameClass = track.classId === detection.classId;
      const iou = Math.max(boxIou(track.box, detection.box), boxIou(track.predicted, detection.box));
      if (iou < (sameClass ? IOU_MIN_SAME_CLASS : IOU_MIN_OTHER_CLASS)) continue;
      pairs.push({ track: t, detection: d, sameClass, iou });
    }
  }
  // The sort is stable: equal overlaps go to the older track, then to the better detection.
  pairs.sort((a, b) => Number(b.sameClass) - Number(a.sameClass) || b.iou - a.iou);
  const result = detections.map((): number | null => null);
  const taken = new Set<number>();
  for (const { track, detection } of pairs) {
    if (taken.has(track) || result[detection] !== null) continue;
    result[detection] = track;
    taken.add(track);
  }
  return result;
}
