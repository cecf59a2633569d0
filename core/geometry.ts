/**
 * Points, polygons and lines of a camera's regions, all in fractions of the frame. Pure.
 * Invariant: every answer is finite and defined for any polygon that the row's schema lets through.
 */

export type Point = readonly [x: number, y: number];
export type Polygon = readonly Point[];

/** Ray casting, by the even-odd rule; points of the left and upper edges are inside. */
export function isInPolygon(polygon: Polygon, [x, y]: Point): boolean {
  let isInside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i, i += 1) {
    const [xi, yi] = polygon[i] as Point;
    const [xj, yj] = polygon[j] as Point;
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) isInside = !isInside;
  }
  return isInside;
}

/** From a point to the nearest edge. */
export function distanceToOutline(polygon: Polygon, point: Point): number {
  let nearest = Number.POSITIVE_INFINITY;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i, i += 1) {
    nearest = Math.min(nearest, distanceToSegment(polygon[j] as Point, polygon[i] as Point, point));
  }
  return nearest;
}

export function distanceToSegment([ax, ay]: Point, [bx, by]: Point, [x, y]: Point): number {
  const [dx, dy] = [bx - ax, by - ay];
  const lengthSquared = dx * dx + dy * dy;
  const along = lengthSquared === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / lengthSquared));
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

/** On which side of the line from `a` to `b`, seen by who walks it: 1 right, -1 left, 0 on it. The frame's y points down. */
export function sideOf([ax, ay]: Point, [bx, by]: Point, [x, y]: Point): -1 | 0 | 1 {
  const cross = (bx - ax) * (y - ay) - (by - ay) * (x - ax);
  return cross > 0 ? 1 : cross < 0 ? -1 : 0;
}

/** Does the way from `from` to `to` pass between `a` and `b`? */
export function passesBetween(a: Point, b: Point, from: Point, to: Point): boolean {
  return sideOf(from, to, a) * sideOf(from, to, b) <= 0 && sideOf(a, b, from) * sideOf(a, b, to) <= 0;
}
