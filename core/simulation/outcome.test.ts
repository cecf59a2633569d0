import { expect, it } from 'vitest';
import { noCameraTime } from './model-camera.ts';
import { outcomeOf, sumOfTallies, type Tally } from './outcome.ts';

const hourMs = 3_600_000;
const prices = { onDemandUsd: 0.5, spotUsd: 0.2 };

function tally(overrides: Partial<Tally> = {}): Tally {
  const { inferred: _, ...blindMs } = noCameraTime();
  const empty = { inferredMs: 0, blindMs, onDemandMs: 0, spotMs: 0, peakInstances: 0, latenessesMs: [] };
  return { ...empty, ...overrides };
}

it('does not blame anybody for a camera that sends nothing, and prices both markets', () => {
  const blindMs = { ...tally().blindMs, silent: 5 * hourMs, late: hourMs };
  const outcome = outcomeOf(
    tally({ inferredMs: 9 * hourMs, blindMs, onDemandMs: 2 * hourMs, spotMs: 10 * hourMs }),
    prices,
  );
  expect(outcome).toMatchObject({ scheduledCameraSeconds: 15 * 3_600, coverage: 0.9, instanceHours: 12, costUsd: 3 });
  expect(outcomeOf(tally(), prices)).toMatchObject({
    coverage: 1,
    costUsd: 0,
    readyBy: { windows: 0, latenessP95Ms: 0 },
  });
});

it('counts windows, of several fleets from their sums', () => {
  const one = tally({ inferredMs: hourMs, peakInstances: 2, latenessesMs: Array.from({ length: 19 }, () => -1_000) });
  const other = tally({ inferredMs: hourMs, peakInstances: 3, latenessesMs: [0, 90_000] });
  const { readyBy, peakInstances, inferredCameraSeconds } = outcomeOf(sumOfTallies([one, other]), prices);
  expect(readyBy).toEqual({ windows: 21, hit: 20, missed: 1, latenessP95Ms: 0, latenessMaxMs: 90_000 });
  expect({ peakInstances, inferredCameraSeconds }).toEqual({ peakInstances: 5, inferredCameraSeconds: 7_200 });
});
