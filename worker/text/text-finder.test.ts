import fc from 'fast-check';
import { expect, test } from 'vitest';
import { linesOf } from './text-finder.ts';

const size = { width: 320, height: 192 };

/** A map that is sure of a parallelogram with upright ends, as a number plate on a car that turns looks. */
function band(left: number, length: number, top: number, thickness: number, slope: number) {
  const probabilities = new Float32Array(size.width * size.height);
  for (let x = left; x < left + length; x += 1) {
    const y1 = Math.round(top + (x - left) * slope);
    for (let y = y1; y < y1 + thickness; y += 1) probabilities[y * size.width + x] = 0.9;
  }
  return { ...size, probabilities };
}

const bands = fc.record({
  left: fc.integer({ min: 20, max: 100 }),
  length: fc.integer({ min: 60, max: 180 }),
  top: fc.integer({ min: 60, max: 100 }),
  thickness: fc.integer({ min: 6, max: 16 }),
  slope: fc.double({ min: -0.25, max: 0.25, noNaN: true }),
});

test('a tilted line is a parallelogram with upright ends, around all of its core', () => {
  fc.assert(
    fc.property(bands, fc.constantFrom(1, 2), ({ left, length, top, thickness, slope }, scale) => {
      const lines = linesOf(band(left, length, top, thickness, slope), scale);
      expect(lines).toHaveLength(1);
      const [topLeft, topRight, bottomRight, bottomLeft] = (lines[0] as (typeof lines)[number]).quad;
      expect(topLeft[0]).toBeCloseTo(bottomLeft[0], 6);
      expect(topRight[0]).toBeCloseTo(bottomRight[0], 6);
      const found = (topRight[1] - topLeft[1]) / (topRight[0] - topLeft[0]);
      // Rows are whole pixels, and a slope is only as sure as the line is long for its thickness.
      expect(Math.abs(found - slope)).toBeLessThan(0.03);
      expect(topLeft[0]).toBeLessThan(left / scale);
      expect(topRight[0]).toBeGreaterThan((left + length) / scale);
      for (const x of [left, left + length - 1]) {
        const core = Math.round(top + (x - left) * slope) / scale;
        const upper = topLeft[1] + (x / scale - topLeft[0]) * found;
        expect(upper).toBeLessThan(core);
        expect(upper + bottomLeft[1] - topLeft[1]).toBeGreaterThan(core + thickness / scale);
      }
    }),
  );
});

test('faint, thin and standing areas are no lines', () => {
  expect(linesOf({ ...size, probabilities: band(40, 100, 80, 12, 0).probabilities.map((p) => p / 2) }, 1)).toEqual([]);
  expect(linesOf(band(40, 100, 80, 2, 0), 1)).toEqual([]);
  expect(linesOf(band(40, 10, 60, 100, 0), 1)).toEqual([]);
});
