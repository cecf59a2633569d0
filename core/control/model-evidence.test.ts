/**
 * The rule against seeded worlds: healthy versions whose misses, failures and delays come in bursts as scenes and machines
 * make them, looked at after every count; and versions that are broken.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../seeded-random.ts';
import { falseRevertMax, type ModelCounts, modelFault, noCounts, sumOfCounts } from './model-evidence.ts';

const limits = { maxErrorRate: 0.01, maxSlowdown: 2 };

/**
 * One frame of a healthy version at its worst: failures at the allowed rate, scenes that are hard for it (it misses half of
 * them) and easy ones (one in twenty) in spells of a hundred frames, and a machine that is slow in spells.
 */
function healthyWorld(seed: number, frames: number): string | null {
  const random = new SeededRandom(seed);
  const counts: ModelCounts = { ...noCounts };
  let isHard = random.chance(0.5);
  let isBusy = false;
  for (let frame = 0; frame < frames; frame += 1) {
    if (random.chance(0.01)) isHard = !isHard;
    if (random.chance(0.02)) isBusy = random.chance(0.3);
    counts.frames += 1;
    counts.batches += 1;
    counts.sightings += 1;
    counts.timed += 1;
    if (random.chance(limits.maxErrorRate)) counts.failedBatches += 1;
    if (random.chance(isHard ? 0.5 : 0.05)) counts.missed += 1;
    if (random.chance(isBusy ? 0.1 : 0.02)) counts.slow += 1;
    const fault = modelFault(counts, limits);
    if (fault !== null) return fault.kind;
  }
  return null;
}

test('healthy versions at the edge of what is allowed: at most one in a thousand is ever reverted', () => {
  const worlds = 2_000;
  const reverted = Array.from({ length: worlds }, (_, seed) => healthyWorld(seed, 1_000)).filter(
    (kind) => kind !== null,
  );
  // Two are expected at the very most.
  expect(reverted.length).toBeLessThanOrEqual(worlds * falseRevertMax);
});

describe('a bad version is found', () => {
  const framesUntil = (step: (counts: ModelCounts, random: SeededRandom) => void, seed: number) => {
    const random = new SeededRandom(seed);
    const counts: ModelCounts = { ...noCounts };
    for (let frame = 1; frame <= 5_000; frame += 1) {
      step(counts, random);
      if (modelFault(counts, limits) !== null) return frame;
    }
    return Number.POSITIVE_INFINITY;
  };
  const worst = (step: (counts: ModelCounts, random: SeededRandom) => void) =>
    Math.max(...Array.from({ length: 200 }, (_, seed) => framesUntil(step, seed)));
  const failing = (share: number) => (counts: ModelCounts, random: SeededRandom) => {
    counts.batches += 1;
    if (random.chance(share)) counts.failedBatches += 1;
  };

  test('that always fails: at the third call', () => expect(worst(failing(1))).toBe(3));
  test('that fails every second time: within 30 calls', () => expect(worst(failing(0.5))).toBeLessThanOrEqual(30));
  test('that fails three times as often as allowed: within 2500 calls', () =>
    expect(worst(failing(0.03))).toBeLessThanOrEqual(2_500));

  test('that sees nothing at all: after 13 sightings', () => {
    const seesNothing = (counts: ModelCounts) => {
      counts.sightings += 1;
      counts.missed += 1;
    };
    expect(worst(seesNothing)).toBe(13);
  });

  test('that misses four of five: within 150 sightings', () => {
    const misses = (counts: ModelCounts, random: SeededRandom) => {
      counts.sightings += 1;
      if (random.chance(0.8)) counts.missed += 1;
    };
    expect(worst(misses)).toBeLessThanOrEqual(150);
  });

  test('that is always far slower: after 4 timed frames', () => {
    const slow = (counts: ModelCounts) => {
      counts.timed += 1;
      counts.slow += 1;
    };
    expect(worst(slow)).toBe(4);
  });
});

const someCounts = fc
  .record({ batches: fc.nat(5_000), sightings: fc.nat(5_000), timed: fc.nat(5_000), frames: fc.nat(5_000) })
  .chain((n) =>
    fc
      .record({ failedBatches: fc.nat(n.batches), missed: fc.nat(n.sightings), slow: fc.nat(n.timed) })
      .map((k): ModelCounts => ({ ...n, ...k })),
  );

test('a version within what is allowed is never at fault, and one more failure never acquits', () => {
  fc.assert(
    fc.property(someCounts, (counts) => {
      const { batches, failedBatches, sightings, missed, timed, slow } = counts;
      const isWithin = failedBatches <= 0.01 * batches && missed <= 0.5 * sightings && slow <= 0.1 * timed;
      if (isWithin) expect(modelFault(counts, limits)).toBeNull();
      if (modelFault(counts, limits) !== null) {
        const worse = {
          ...counts,
          ...{ batches: batches + 1, failedBatches: failedBatches + 1, sightings: sightings + 1, missed: missed + 1 },
          ...{ timed: timed + 1, slow: slow + 1 },
        };
        expect(modelFault(worse, limits)).not.toBeNull();
      }
    }),
  );
});

test('counts of several workers add up, whatever their order', () => {
  fc.assert(
    fc.property(fc.array(someCounts), (all) => {
      expect(sumOfCounts(all)).toEqual(sumOfCounts([...all].reverse()));
    }),
  );
  expect(sumOfCounts([])).toEqual(noCounts);
});

test('the words say what was counted', () => {
  expect(modelFault({ ...noCounts, batches: 10, failedBatches: 9 }, limits)?.words).toBe(
    '9 of 10 inferences failed, where 1 % may',
  );
});
