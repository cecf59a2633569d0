/** Memory that wanders is not called growing, memory that leaks is; a short run is judged by what it can tell. */
import { expect, test } from 'vitest';
import { SeededRandom } from '../../core/seeded-random.ts';
import { isGrowing, slopeOf } from './slope.ts';

const halfHourSeconds = 1_800;

/** One sample each 10 s: a level that wanders and returns, as the heap of a process does, and a leak on top. */
function samples(seed: number, leakPerHour: number, seconds = halfHourSeconds, unrest = 8) {
  const random = new SeededRandom(seed);
  let wander = 0;
  return Array.from({ length: seconds / 10 }, (_, index) => {
    wander = 0.8 * wander + random.between(-unrest, unrest);
    return { atMs: index * 10_000, value: 400 + wander + (leakPerHour * index) / 360 };
  });
}
const growing = (leak: number, seconds = halfHourSeconds, unrest = 8) =>
  Array.from({ length: 200 }, (_, seed) => slopeOf(samples(seed, leak, seconds, unrest))).filter((slope) =>
    isGrowing(seconds, slope, 2),
  );

test('half an hour: a leak is found, and wandering is hardly ever taken for one', () => {
  expect(growing(200).length).toBeGreaterThanOrEqual(190);
  // As quiet as memory is that is collected.
  expect(growing(10, halfHourSeconds, 0.5).length).toBeGreaterThanOrEqual(170);
  expect(growing(0).length).toBeLessThanOrEqual(14);
});

test('the true slope lies in the interval nearly always', () => {
  const inside = Array.from({ length: 200 }, (_, seed) => slopeOf(samples(seed, 50))).filter(
    (slope) => slope !== null && Math.abs(slope.perHour - 50) <= slope.plusMinus,
  );
  expect(inside.length).toBeGreaterThanOrEqual(176);
});

test('a few minutes, garbage collected: a leak of 200 MB/h is found, and warming up is not taken for one', () => {
  expect(growing(200, 300, 1).length).toBeGreaterThanOrEqual(190);
  expect(growing(0, 300, 1).length).toBeLessThanOrEqual(4);
  expect(growing(40, 300, 1).length).toBeLessThanOrEqual(8);
  expect(slopeOf(samples(1, 500, 600))?.perHour).toBeGreaterThan(200);
});

test('what is enlarged once does not grow, whenever that is; what is enlarged again and again does', () => {
  const stepped = (seed: number, stepsAtMinutes: number[]) =>
    samples(seed, 0, halfHourSeconds, 0.3).map(({ atMs, value }) => ({
      atMs,
      value: value + 4 * stepsAtMinutes.filter((minute) => minute * 60_000 <= atMs).length,
    }));
  const grew = (steps: number[]) =>
    Array.from({ length: 100 }, (_, seed) => isGrowing(halfHourSeconds, slopeOf(stepped(seed, steps)), 2)).filter(
      Boolean,
    ).length;
  for (const minute of [7, 12, 17, 22, 27]) expect(grew([minute])).toBeLessThanOrEqual(5);
  expect(grew([7, 11, 15, 19, 23, 27])).toBeGreaterThanOrEqual(95);
});

test('less has no slope', () => {
  expect(slopeOf(samples(1, 500, 120))).toBeNull();
  expect(growing(5_000, 190)).toEqual([]);
});
