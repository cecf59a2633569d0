/**
 * The order in which standing things must be painted: what is behind comes first. Distance alone fails for long vehicles
 * side by side, so pairs are compared by a line that separates their footprints, seen from the camera at the origin.
 * Invariant: footprints are convex and do not overlap; where they do (a crowd), distance decides.
 */
import type { Point2 } from './camera-view.ts';

export type Standing = { footprint: readonly Point2[]; distance: number };

export function footprintOf(
  x: number,
  y: number,
  heading: number,
  lengthMeters: number,
  widthMeters: number,
): Point2[] {
  const sine = Math.sin(heading);
  const cosine = Math.cos(heading);
  const corner = (along: number, across: number): Point2 => [
    x + (along * lengthMeters * sine) / 2 + (across * widthMeters * cosine) / 2,
    y + (along * lengthMeters * cosine) / 2 - (across * widthMeters * sine) / 2,
  ];
  return [corner(1, -1), corner(1, 1), corner(-1, 1), corner(-1, -1)];
}

/** Sorts from the farthest to the nearest. A cycle of overlaps is broken at the farthest of its members. */
export function inPainterOrder<T extends Standing>(things: readonly T[]): T[] {
  const waiting = [...things].sort((a, b) => b.distance - a.distance);
  const ordered: T[] = [];
  while (waiting.length > 0) {
    let index = waiting.findIndex((candidate) =>
      waiting.every((other) => other === candidate || !isInFront(candidate, other)),
    );
    if (index < 0) index = 0;
    ordered.push(...waiting.splice(index, 1));
  }
  return ordered;
}

/** True when `a` can hide `b` and therefore must be painted after it. */
function isInFront(a: Standing, b: Standing): boolean {
  const verdict = separatedBy(a.footprint, b.footprint) ?? invert(separatedBy(b.footprint, a.footprint));
  return verdict === undefined ? a.distance < b.distance : verdict;
}

/** Does an edge of `a` part it from `b`? Then true when the camera is on the side of `a`. */
function separatedBy(a: readonly Point2[], b: readonly Point2[]): boolean | undefined {
  for (let index = 0; index < a.length; index += 1) {
    const [px, py] = a[index] as Point2;
    const [qx, qy] = a[(index + 1) % a.length] as Point2;
    const side = ([x, y]: Point2): number => (qx - px) * (y - py) - (qy - py) * (x - px);
    const inside = Math.sign(side(a[(index + 2) % a.length] as Point2));
    if (inside === 0) continue;
    if (b.every((corner) => side(corner) * inside <= 1e-6)) return side([0, 0]) * inside > 0;
  }
  return undefined;
}

function invert(verdict: boolean | undefined): boolean | undefined {
  return verdict === undefined ? undefined : !verdict;
}
