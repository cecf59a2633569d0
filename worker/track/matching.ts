/**
 * Which detection continues which track. Pure.
 * At the rates of a fleet an object may move by more than its own size from one frame to the next, and a new track knows no
 * speed yet: boxes are grown before their overlap is taken (buffered IoU, Yang et al. 2023), first a little, and for what is
 * then left once more.
 * Invariant: one track takes at most one detection and the reverse; the result depends on the input alone.
 */
import { boxIou } from '../detect/nms.ts';
import { assignAtLeastCost } from './assignment.ts';
import type { Box } from './kalman-filter.ts';

export type MatchableTrack = { predicted: Box; classId: number };
export type MatchableDetection = { box: Box; classId: number; score: number };

export type MatchRule = {
  /** By which share of its size a box is grown on each side. */
  buffer: number;
  /** Of the grown boxes, 0..1. */
  overlapMin: number;
};

/** A model that calls a car a truck for one frame still draws nearly the same box: allowed, but worth less. */
const OTHER_CLASS_SHARE = 0.7;

/** @returns for each track the index of its detection, or null. */
export function matchTracks(
  tracks: readonly MatchableTrack[],
  detections: readonly MatchableDetection[],
  { buffer, overlapMin }: MatchRule,
): (number | null)[] {
  if (tracks.length === 0 || detections.length === 0) return tracks.map(() => null);
  const grown = detections.map(({ box }) => grownBox(box, buffer));
  const costs = tracks.map(({ predicted, classId }) => {
    const place = grownBox(predicted, buffer);
    return detections.map((detection, index) => {
      const share = detection.classId === classId ? 1 : OTHER_CLASS_SHARE;
      const likeness = boxIou(place, grown[index] ?? []) * share;
      return likeness >= overlapMin ? 1 - likeness : Number.POSITIVE_INFINITY;
    });
  });
  return assignAtLeastCost(costs, 1);
}

function grownBox([x1, y1, x2, y2]: Box, buffer: number): Box {
  const [width, height] = [(x2 - x1) * buffer, (y2 - y1) * buffer];
  return [x1 - width, y1 - height, x2 + width, y2 + height];
}
