/** Memory that wanders is not called growing, memory that leaks is, and a short run is not judged. */
import { expect, test } from 'vitest';
import { SeededRandom } from '../../core/seeded-random.ts';
import { isGrowing, memorySlope } from './memory-slope.ts';

const halfHourSeconds = 1_800;

/** One sample each 10 s: a level that wanders and returns, as the heap of a process does, and a leak on top. */
function samples(seed: number, leakMegabytesPerHour: number, seconds = halfHourSeconds) {
  const random = new SeededRandom(seed);
  let wander = 0;
  return Array.from({ length: seconds / 10 }, (_, index) => {
    wander = 0.8 * wander + random.between(-8, 8);
    return { atMs: index * 10_000, megabytes: 400 + wander + (leakMegabytesPerHour * index) / 360 };
  });
}
const growing = (leak: number, seconds = halfHourSeconds) =>
  Array.from({ length: 200 }, (_, seed) => isGrowing(seconds, memorySlope(samples(seed, leak, seconds)))).filter(
    Boolean,
  );

test('half an hour: a leak of 200 MB/h is always found, and wandering is hardly ever taken for one', () => {
  expect(growing(200)).toHaveLength(200);
  expect(growing(0).length).toBeLessThanOrEqual(14);
});

test('the true slope lies in the interval nearly always', () => {
  const inside = Array.from({ length: 200 }, (_, seed) => memorySlope(samples(seed, 50))).filter(
    (slope) => slope !== null && Math.abs(slope.megabytesPerHour - 50) <= slope.plusMinus,
  );
  expect(inside.length).toBeGreaterThanOrEqual(176);
});

test('less than half an hour is reported and not judged; a few minutes have no slope', () => {
  expect(memorySlope(samples(1, 500, 600))?.megabytesPerHour).toBeGreaterThan(200);
  expect(growing(500, 600)).toEqual([]);
  expect(memorySlope(samples(1, 500, 120))).toBeNull();
});
