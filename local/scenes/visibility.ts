/**
 * How much of each object can be seen: hulls of the silhouettes are laid onto a coarse grid from the nearest to the
 * farthest, and each counts the cells that nothing nearer has taken. Cheap enough for every frame, and good to a few per
 * cent. Invariant: the whole hull counts in the denominator, also what the frame's edge cuts off.
 */
import type { Point2 } from './camera-view.ts';

/** The grid's width in cells; heights follow the frame. At 640 a cell is a pixel of the detector's input. */
const GRID_WIDTH = 640;

export class VisibilityGrid {
  readonly #scale: number;
  readonly #height: number;
  readonly #taken: Uint8Array;

  constructor(frameWidth: number, frameHeight: number) {
    this.#scale = GRID_WIDTH / frameWidth;
    this.#height = Math.max(1, Math.round(frameHeight * this.#scale));
    this.#taken = new Uint8Array(GRID_WIDTH * this.#height);
  }

  /** Share of the hull (0..1) that is inside the frame and not taken yet. */
  visibleFraction(hull: readonly Point2[]): number {
    const area = polygonArea(hull) * this.#scale * this.#scale;
    if (area < 1) return 0;
    let free = 0;
    this.#eachRow(hull, (from, to) => {
      for (let cell = from; cell < to; cell += 1) if (this.#taken[cell] === 0) free += 1;
    });
    return Math.min(1, free / area);
  }

  take(hull: readonly Point2[]): void {
    this.#eachRow(hull, (from, to) => this.#taken.fill(1, from, to));
  }

  isFree(x: number, y: number): boolean {
    const column = Math.floor(x * this.#scale);
    const row = Math.floor(y * this.#scale);
    if (column < 0 || row < 0 || column >= GRID_WIDTH || row >= this.#height) return false;
    return this.#taken[row * GRID_WIDTH + column] === 0;
  }

  #eachRow(hull: readonly Point2[], visit: (fromCell: number, toCell: number) => void): void {
    let top = Number.POSITIVE_INFINITY;
    let bottom = Number.NEGATIVE_INFINITY;
    for (const [, y] of hull) {
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
    const firstRow = Math.max(0, Math.ceil(top * this.#scale - 0.5));
    const lastRow = Math.min(this.#height - 1, Math.floor(bottom * this.#scale - 0.5));
    for (let row = firstRow; row <= lastRow; row += 1) {
      const y = (row + 0.5) / this.#scale;
      let left = Number.POSITIVE_INFINITY;
      let right = Number.NEGATIVE_INFINITY;
      for (let index = 0; index < hull.length; index += 1) {
        const [ax, ay] = hull[index] as Point2;
        const [bx, by] = hull[(index + 1) % hull.length] as Point2;
        if (ay <= y === by <= y) continue;
        const x = ax + ((bx - ax) * (y - ay)) / (by - ay);
        left = Math.min(left, x);
        right = Math.max(right, x);
      }
      const from = Math.max(0, Math.ceil(left * this.#scale - 0.5));
      const to = Math.min(GRID_WIDTH, Math.floor(right * this.#scale - 0.5) + 1);
      if (to > from) visit(row * GRID_WIDTH + from, row * GRID_WIDTH + to);
    }
  }
}

/** Andrew's monotone chain; counter-clockwise, no repeated end point. */
export function convexHull(points: readonly Point2[]): Point2[] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  if (sorted.length < 3) return sorted;
  const half = (ordered: readonly Point2[]): Point2[] => {
    const chain: Point2[] = [];
    for (const point of ordered) {
      while (chain.length >= 2 && turn(chain.at(-2) as Point2, chain.at(-1) as Point2, point) <= 0) chain.pop();
      chain.push(point);
    }
    chain.pop();
    return chain;
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

export function polygonArea(polygon: readonly Point2[]): number {
  let twice = 0;
  for (let index = 0; index < polygon.length; index += 1) {
    const [ax, ay] = polygon[index] as Point2;
    const [bx, by] = polygon[(index + 1) % polygon.length] as Point2;
    twice += ax * by - bx * ay;
  }
  return Math.abs(twice) / 2;
}

function turn(origin: Point2, a: Point2, b: Point2): number {
  return (a[0] - origin[0]) * (b[1] - origin[1]) - (a[1] - origin[1]) * (b[0] - origin[0]);
}
