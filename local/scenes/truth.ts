/**
 * Ground truth of a drawn frame, and the one rule for which of it counts when detections are judged.
 * The rule: an object counts when at least 40 % of its silhouette is visible and its box measures at least 12 px in
 * height and 6 px in width at 640 px of frame width. The others are "ignore": finding one is neither right nor wrong.
 */

export const truthLabels = ['person', 'bicycle', 'car', 'bus', 'truck'] as const;
export type TruthLabel = (typeof truthLabels)[number];

/** Corner coordinates in 0..1 of the frame. */
export type UnitBox = [x1: number, y1: number, x2: number, y2: number];
export type PlateTruth = { value: string; box: UnitBox; widthPx: number };
export type ObjectTruth = {
  /** Stable for one passage of one object through the scene's period. */
  objectId: string;
  label: TruthLabel;
  /** The whole object's box clipped to the frame, what hides it notwithstanding. */
  box: UnitBox;
  /** 0..1 of the silhouette inside the frame and not hidden. */
  visibleFraction: number;
  /** The plate that faces the camera, when all of it is in view. */
  plate?: PlateTruth;
};
export type FrameTruth = { timeMs: number; objects: ObjectTruth[] };

export const COUNTING_VISIBLE_FRACTION_MIN = 0.4;
/** In pixels of a frame scaled to 640 px of width. */
export const COUNTING_HEIGHT_PX_MIN = 12;
export const COUNTING_WIDTH_PX_MIN = 6;
/** From this width on a plate is meant to be readable. */
export const READABLE_PLATE_WIDTH_PX_MIN = 60;

/** @param aspect frame width divided by height, to turn shares of the height into pixels. */
export function countsAsTruth(object: ObjectTruth, aspect: number): boolean {
  const [x1, y1, x2, y2] = object.box;
  return (
    object.visibleFraction >= COUNTING_VISIBLE_FRACTION_MIN &&
    ((y2 - y1) * 640) / aspect >= COUNTING_HEIGHT_PX_MIN &&
    (x2 - x1) * 640 >= COUNTING_WIDTH_PX_MIN
  );
}
