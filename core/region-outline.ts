/**
 * Can a region hold anything? What a person drew is judged by its shape: an area of nothing, a line without length, an
 * outline that crosses itself. Pure. Invariant: ends in time quadratic in the number of points, of which there are 64.
 */
import type { Camera, Issue } from './camera.ts';
import { type Point, sideOf } from './geometry.ts';

type Region = Camera['regions'][number];

/** In fractions of the frame: a hundredth of its width and height. */
const AREA_MIN = 0.0001;
const LENGTH_MIN = 0.01;

export function outlineProblem({ polygon, mode }: Region): Omit<Issue, 'path'> | null {
  const error = (message: string) => ({ severity: 'error' as const, message });
  const [first, second] = polygon;
  if (polygon.length === 2 && first !== undefined && second !== undefined) {
    if (mode === 'exclude') {
      return error(
        'expected three points or more of a region that excludes; two are a line, which can only be crossed',
      );
    }
    const length = Math.hypot(second[0] - first[0], second[1] - first[1]);
    return length >= LENGTH_MIN
      ? null
      : error(`expected a line of ${LENGTH_MIN} or more of the frame, got ${length.toFixed(4)}; move its ends apart`);
  }
  const area = Math.abs(signedArea(polygon));
  const crossing = firstCrossing(polygon);
  if (crossing !== null) {
    const [a, b] = crossing;
    return {
      severity: 'warning',
      message: `the edges after points ${a + 1} and ${b + 1} cross: only every other part counts as inside; put the points in order`,
    };
  }
  if (area < AREA_MIN) {
    return error(
      `expected an area of ${AREA_MIN} or more of the frame, got ${area.toFixed(6)}; its points lie on a line`,
    );
  }
  return null;
}

/** Shoelace formula. */
function signedArea(polygon: readonly Point[]): number {
  let sum = 0;
  for (const [index, [x, y]] of polygon.entries()) {
    const [nextX, nextY] = polygon[(index + 1) % polygon.length] as Point;
    sum += x * nextY - nextX * y;
  }
  return sum / 2;
}

/** The first two edges, by the index of their first points, that properly cross; null when none do. */
function firstCrossing(polygon: readonly Point[]): [number, number] | null {
  const edge = (index: number) => [polygon[index], polygon[(index + 1) % polygon.length]] as [Point, Point];
  for (let a = 0; a < polygon.length; a += 1) {
    for (let b = a + 2; b < polygon.length; b += 1) {
      const [[p, q], [r, s]] = [edge(a), edge(b)];
      if (sideOf(p, q, r) * sideOf(p, q, s) < 0 && sideOf(r, s, p) * sideOf(r, s, q) < 0) return [a, b];
    }
  }
  return null;
}
