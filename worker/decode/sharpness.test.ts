import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Box } from './letterbox.ts';
import type { I420 } from './picture-scaler.ts';
import { laplacianVariance, sharpnessOf } from './sharpness.ts';

const whole: Box = [0, 0, 1, 1];

function picture(width: number, height: number, luma: (x: number, y: number) => number): I420 {
  const data = new Uint8Array(width * height + 2 * ((width + 1) >> 1) * ((height + 1) >> 1)).fill(128);
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) data[y * width + x] = luma(x, y);
  return { width, height, data };
}
/** Letters' worth of edges: blocks of 8 pixels, each dark or light. */
const blocks = (x: number, y: number) => {
  const mixed = Math.imul(((x >> 3) * 73_856_093) ^ ((y >> 3) * 19_349_663), 0x45d9f3b);
  return ((mixed ^ (mixed >>> 15)) & 1) * 160 + 40;
};
/** As an exposure during which everything moved by so many pixels. */
const moved = (pixels: number) => (x: number, y: number) => {
  let sum = 0;
  for (let shift = 0; shift < pixels; shift += 1) sum += blocks(x + shift, y);
  return sum / pixels;
};

test('the more a picture is blurred by motion, the less sharp it is', () => {
  const sharpness = [1, 2, 4, 8, 16].map((pixels) => laplacianVariance(picture(320, 192, moved(pixels)), whole));
  expect(sharpness).toEqual([...sharpness].sort((a, b) => b - a));
  expect(sharpness[0]).toBeGreaterThan((sharpness[4] as number) * 2);
});

test('by hand: one bright pixel in the middle of 5×5, and what lies outside the box is not asked', () => {
  const dot = picture(5, 5, (x, y) => (x === 2 && y === 2 ? 100 : 0));
  // Inner 3×3: −400 in the middle, 100 at its four sides, 0 in the corners; their mean is 0.
  expect(laplacianVariance(dot, whole)).toBeCloseTo((400 ** 2 + 4 * 100 ** 2) / 9);
  const half = picture(64, 64, (x, y) => (x < 32 ? 90 : blocks(x, y)));
  expect(laplacianVariance(half, [0, 0, 0.45, 1])).toBe(0);
  expect(laplacianVariance(half, [0.55, 0, 1, 1])).toBeGreaterThan(100);
});

test('a large picture is sampled, and says about what all of its pixels say', () => {
  const small = laplacianVariance(picture(256, 256, blocks), whole);
  const large = laplacianVariance(picture(1_920, 1_080, blocks), whole);
  expect(large / small).toBeGreaterThan(0.7);
  expect(large / small).toBeLessThan(1.4);
});

test('any box gives a finite number, and its worth lies between 0 and 1', () => {
  const coordinate = fc.double({ min: -2, max: 3, noNaN: true });
  const side = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(side, side, fc.tuple(coordinate, coordinate, coordinate, coordinate), (width, height, box) => {
      const variance = laplacianVariance(picture(width, height, blocks), box as Box);
      expect(variance).toBeGreaterThanOrEqual(0);
      expect(sharpnessOf(variance)).toBeGreaterThanOrEqual(0);
      expect(sharpnessOf(variance)).toBeLessThanOrEqual(1);
    }),
  );
  expect(sharpnessOf(1_000)).toBeGreaterThan(sharpnessOf(10) * 2);
});
