/** The governor against a detector on paper, in a closed loop: what it grants decides what is offered next. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { priorityWeight } from './fair-share.ts';
import { PaceGovernor } from './pace-governor.ts';

const COST_MS = 10;
type Camera = { fps: number; priority: number };
/** Work that it can do in a second, and whether it is busy whenever it has anything, as a GPU with small batches is. */
type Plant = { capacity: number; isAlwaysBusy?: boolean };

function run(governor: PaceGovernor, cameras: Camera[], plant: Plant, seconds: number, fromMs = 0) {
  const demands = cameras.map(({ fps, priority }) => ({ cost: fps * COST_MS, weight: priorityWeight(priority) }));
  const limits: (number | null)[] = [];
  let shares = demands.map(() => 1);
  let granted = 0;
  let lost = 0;
  if (governor.limit !== null) shares = governor.tick(fromMs, quiet, demands);
  for (let second = 1; second <= seconds; second += 1) {
    granted = demands.reduce((sum, { cost }, index) => sum + cost * (shares[index] ?? 0), 0);
    const workMs = Math.min(granted, plant.capacity);
    lost = granted - workMs;
    const busyShare = plant.isAlwaysBusy && granted > 0.3 * plant.capacity ? 1 : Math.min(1, granted / plant.capacity);
    const activity = {
      elapsedMs: 1_000,
      busyMs: 1_000 * busyShare,
      workMs,
      inferred: Math.floor(workMs / COST_MS),
      strained: Math.round(lost / COST_MS),
    };
    shares = governor.tick(fromMs + second * 1_000, activity, demands);
    limits.push(governor.limit);
  }
  return { shares, granted, lost, limits, endMs: fromMs + seconds * 1_000 };
}
const quiet = { elapsedMs: 0, busyMs: 0, workMs: 0, inferred: 0, strained: 0 };
const cameras = (count: number, fps = 5, priority = 50): Camera[] =>
  Array.from({ length: count }, () => ({ fps, priority }));

test('without overload nobody is limited', () => {
  const governor = new PaceGovernor();
  const { shares, limits } = run(governor, cameras(10), { capacity: 600 }, 60);
  expect(new Set(shares)).toEqual(new Set([1]));
  expect(new Set(limits)).toEqual(new Set([null]));
});

test('twice the cameras that fit get a little less than half their rate within seconds, and it stays so', () => {
  const governor = new PaceGovernor();
  const { shares, limits, lost } = run(governor, cameras(20), { capacity: 500 }, 600);
  for (const share of shares) expect(share).toBeCloseTo(0.475, 5);
  expect(lost).toBe(0);
  expect(limits.findIndex((limit) => limit !== null)).toBeLessThanOrEqual(3);
  expect(new Set(limits.slice(5)).size).toBe(1);
});

test('the higher priority keeps its rate while the lower gives way', () => {
  const governor = new PaceGovernor();
  const { shares } = run(governor, [...cameras(5, 5, 100), ...cameras(15, 5, 0)], { capacity: 500 }, 60);
  expect(shares[0]).toBe(1);
  expect(shares[19]).toBeCloseTo((475 - 250) / 750, 5);
});

test('when load drops everybody is at the full rate at once, and the limit is forgotten', () => {
  const governor = new PaceGovernor();
  const { endMs } = run(governor, cameras(20), { capacity: 500 }, 60);
  const after = run(governor, cameras(8), { capacity: 500 }, 1, endMs);
  expect(new Set(after.shares)).toEqual(new Set([1]));
  const later = run(governor, cameras(8), { capacity: 500 }, 60, after.endMs);
  expect(later.limits.at(-1)).toBeNull();
});

test.each([false, true])('when the detector gets faster the cameras get it (always busy: %s)', (isAlwaysBusy) => {
  const governor = new PaceGovernor();
  const { endMs } = run(governor, cameras(20), { capacity: 300, isAlwaysBusy }, 60);
  const { granted, lost } = run(governor, cameras(20), { capacity: 800, isAlwaysBusy }, 200, endMs);
  expect(granted).toBeGreaterThan(0.85 * 800);
  expect(lost).toBeLessThan(0.1 * 800);
});

test('a detector that has become so fast that it is hardly busy is used again', () => {
  const governor = new PaceGovernor();
  const { endMs } = run(governor, cameras(10), { capacity: 20 }, 60);
  const { shares } = run(governor, cameras(10), { capacity: 2_000 }, 60, endMs);
  expect(new Set(shares)).toEqual(new Set([1]));
});

test('a detector that is always busy is tried at longer and longer intervals, by a tenth', () => {
  const governor = new PaceGovernor();
  const { limits } = run(governor, cameras(20), { capacity: 500, isAlwaysBusy: true }, 600);
  const later = limits.slice(120) as number[];
  expect(Math.max(...later) / Math.min(...later)).toBeLessThan(1.25);
  const changes = later.filter((limit, index) => index > 0 && limit !== later[index - 1]).length;
  expect(changes).toBeLessThanOrEqual(16);
});

test('for any cameras and any course of capacity: within the limit, monotone in priority, settled and used', () => {
  const camera = fc.record({ fps: fc.constantFrom(0.5, 1, 2, 5, 10, 25), priority: fc.nat(100) });
  const phase = fc.record({ capacity: fc.integer({ min: 100, max: 2_000 }), isAlwaysBusy: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(camera, { minLength: 1, maxLength: 30 }),
      fc.array(phase, { maxLength: 3 }),
      (given, phases) => {
        const governor = new PaceGovernor();
        const wanted = given.reduce((sum, { fps }) => sum + fps * COST_MS, 0);
        let fromMs = 0;
        for (const plant of phases) {
          const { shares, granted, lost, endMs } = run(governor, given, plant, 400, fromMs);
          fromMs = endMs;
          if (governor.limit !== null) {
            const cost = shares.reduce((sum, share, index) => sum + share * (given[index]?.fps ?? 0) * COST_MS, 0);
            expect(cost).toBeLessThanOrEqual(governor.limit * (1 + 1e-9));
          }
          for (const [i, a] of given.entries()) {
            for (const [j, b] of given.entries()) {
              if (a.priority > b.priority) expect(shares[i] as number).toBeGreaterThanOrEqual(shares[j] as number);
            }
          }
          // Strain below 3 %, or half a frame a second, is not seen; and an attempt by a tenth may be under way.
          expect(lost).toBeLessThanOrEqual(0.12 * plant.capacity + COST_MS);
          expect(granted).toBeGreaterThanOrEqual(0.8 * Math.min(wanted, plant.capacity));
        }
      },
    ),
    { numRuns: 60 },
  );
});
