import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MotionGate } from './motion-gate.ts';

const input = { width: 64, height: 48 };
const settings = { maxSkipMs: 5_000, sensitivity: 0.5, holdMs: 0 };

/** Grey, with a brighter rectangle. */
function picture(rectangle: { x: number; y: number; side: number; by: number } | null = null): Uint8Array {
  const pixels = new Uint8Array(input.width * input.height * 3).fill(100);
  if (rectangle === null) return pixels;
  const { x, y, side, by } = rectangle;
  for (let row = y; row < y + side; row += 1) {
    pixels.fill(100 + by, (row * input.width + x) * 3, (row * input.width + x + side) * 3);
  }
  return pixels;
}

test('noise and a change of one cell are still; an object that comes, moves or goes is not', () => {
  const gate = new MotionGate(settings, input);
  expect(gate.isStill(picture(), 0)).toBe(false);
  expect(gate.isStill(picture({ x: 0, y: 0, side: 8, by: 120 }), 200)).toBe(true);
  expect(gate.isStill(picture({ x: 0, y: 0, side: 32, by: 5 }), 400)).toBe(true);
  expect(gate.isStill(picture({ x: 8, y: 8, side: 16, by: 60 }), 600)).toBe(false);
  expect(gate.isStill(picture({ x: 8, y: 8, side: 16, by: 60 }), 800)).toBe(true);
  expect(gate.isStill(picture({ x: 24, y: 8, side: 16, by: 60 }), 1_000)).toBe(false);
  expect(gate.isStill(picture(), 1_200)).toBe(false);
});

test('cells that change far from each other are what a key frame draws anew, not an object', () => {
  const gate = new MotionGate(settings, input);
  gate.isStill(picture(), 0);
  const pixels = picture({ x: 0, y: 0, side: 8, by: 90 });
  pixels.set(picture({ x: 32, y: 24, side: 8, by: 90 }).subarray(24 * 64 * 3), 24 * 64 * 3);
  expect(gate.isStill(pixels, 200)).toBe(true);
  pixels.set(picture({ x: 8, y: 8, side: 8, by: 90 }).subarray(8 * 64 * 3, 16 * 64 * 3), 8 * 64 * 3);
  expect(gate.isStill(pixels, 400)).toBe(false);
});

test('slow change adds up, because frames are compared with the one that was passed on last', () => {
  const gate = new MotionGate(settings, input);
  const passed = Array.from({ length: 11 }, (_, index) => index * 3).filter(
    (by, index) => !gate.isStill(picture({ x: 8, y: 8, side: 16, by }), index * 200),
  );
  expect(passed).toEqual([0, 21]);
});

test('after motion, frames are passed on for the hold', () => {
  const gate = new MotionGate({ ...settings, holdMs: 500 }, input);
  expect([0, 200, 400, 600, 800].map((atMs) => gate.isStill(picture(), atMs))).toEqual([
    ...[false, false, false],
    ...[true, true],
  ]);
});

test('a higher sensitivity never takes for still what a lower one passes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ x: fc.nat(48), y: fc.nat(32), by: fc.nat(40) }), { minLength: 2, maxLength: 20 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (squares, a, b) => {
        const [first, second] = squares;
        if (first === undefined || second === undefined) return;
        const isStill = (sensitivity: number) => {
          const gate = new MotionGate({ ...settings, sensitivity }, input);
          gate.isStill(picture({ ...first, side: 16 }), 0);
          return gate.isStill(picture({ ...second, side: 16 }), 200);
        };
        if (isStill(Math.max(a, b))) expect(isStill(Math.min(a, b))).toBe(true);
      },
    ),
  );
});

test('for any pictures and times, no two frames passed on are further apart than maxSkipMs and one frame', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ gapMs: fc.nat(2_000), by: fc.nat(60) }), { maxLength: 60 }), (frames) => {
      const gate = new MotionGate({ ...settings, holdMs: 300 }, input);
      let atMs = 0;
      let passedAtMs: number | null = null;
      for (const { gapMs, by } of frames) {
        atMs += gapMs;
        const isStill = gate.isStill(picture({ x: 0, y: 0, side: 32, by }), atMs);
        if (passedAtMs === null || atMs - passedAtMs >= settings.maxSkipMs) expect(isStill).toBe(false);
        if (!isStill) passedAtMs = atMs;
      }
    }),
  );
});

test('a producer whose clock jumps back, and a frame that was lost, are looked at anew', () => {
  const gate = new MotionGate(settings, input);
  gate.isStill(picture(), 10_000);
  expect(gate.isStill(picture(), 10_200)).toBe(true);
  expect(gate.isStill(picture(), 1_000)).toBe(false);
  gate.reset();
  expect(gate.isStill(picture(), 1_200)).toBe(false);
});
