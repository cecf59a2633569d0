/**
 * The fixed camera: a pinhole above the ground, pitched down. World metres: x right of the camera, y ahead of it,
 * z up from the ground; the camera stands at (0, 0, heightMeters).
 * Invariant: a point is projected only after clipping at the near plane, so a bus that leaves under the camera is
 * cut cleanly instead of turning inside out.
 */

export type Point2 = readonly [x: number, y: number];
export type Point3 = readonly [x: number, y: number, z: number];

export type CameraView = {
  width: number;
  height: number;
  /** Focal length in pixels of this frame size. */
  focalPx: number;
  heightMeters: number;
  /** Downward tilt in radians. */
  pitch: number;
};

/** Nothing nearer than this is drawn, in metres along the optical axis. */
const NEAR_METERS = 0.6;

/** Camera coordinates: right, up, depth along the optical axis. */
function toCamera(view: CameraView, [x, y, z]: Point3): Point3 {
  const sine = Math.sin(view.pitch);
  const cosine = Math.cos(view.pitch);
  const above = z - view.heightMeters;
  return [x, y * sine + above * cosine, y * cosine - above * sine];
}

/** Projects a convex polygon; the result is empty when all of it lies behind the near plane. */
export function projectPolygon(view: CameraView, polygon: readonly Point3[]): Point2[] {
  const projected: Point2[] = [];
  const centreX = view.width / 2;
  const centreY = view.height / 2;
  let previous: Point3 | undefined;
  const last = polygon.at(-1);
  if (last !== undefined) previous = toCamera(view, last);
  for (const point of polygon) {
    const current = toCamera(view, point);
    if (previous !== undefined && current[2] < NEAR_METERS !== previous[2] < NEAR_METERS) {
      const share = (NEAR_METERS - previous[2]) / (current[2] - previous[2]);
      const x = previous[0] + (current[0] - previous[0]) * share;
      const y = previous[1] + (current[1] - previous[1]) * share;
      projected.push([centreX + (view.focalPx * x) / NEAR_METERS, centreY - (view.focalPx * y) / NEAR_METERS]);
    }
    if (current[2] >= NEAR_METERS) {
      const scale = view.focalPx / current[2];
      projected.push([centreX + current[0] * scale, centreY - current[1] * scale]);
    }
    previous = current;
  }
  return projected;
}

/** Where a point falls in the frame and how many pixels a metre measures there; null behind the camera. */
export function projectPoint(view: CameraView, point: Point3): { x: number; y: number; pxPerMeter: number } | null {
  const [right, up, depth] = toCamera(view, point);
  if (depth < NEAR_METERS) return null;
  const pxPerMeter = view.focalPx / depth;
  return { x: view.width / 2 + right * pxPerMeter, y: view.height / 2 - up * pxPerMeter, pxPerMeter };
}

/** The y of the horizon in pixels; it may lie above the frame. */
export function horizonY(view: CameraView): number {
  return view.height / 2 - view.focalPx * Math.tan(view.pitch);
}
