/** What no store answers for is told apart from what a run keeps by right. */
import { expect, it } from 'vitest';
import { isGrowing } from './slope.ts';
import { type StoreSample, storeUses } from './store-log.ts';

const megabyte = 1024 * 1024;
const minutes = 31;

/** @param kept of a store that keeps all, and @param leaked of nothing known, in megabytes an hour. */
function samples({ kept, leaked }: { kept: number; leaked: number }): StoreSample[] {
  return Array.from({ length: minutes * 2 }, (_, index) => {
    const hours = index / 120;
    const bytes = kept * hours * megabyte;
    // A little unrest, as a heap has.
    const liveBytes = (75 + 0.1 * Math.sin(index) + leaked * hours) * megabyte + bytes;
    const stores = [{ store: 'objects', items: Math.round(1_000 * hours), bytes, bound: 'until deleted' }];
    return { atMs: hours * 3_600_000, liveBytes, stores };
  });
}

it('what a store keeps by right is no leak', () => {
  const { live, rest, stores, livedSeconds } = storeUses(samples({ kept: 20, leaked: 0 }));
  expect(live.slope?.perHour).toBeCloseTo(20, 0);
  expect(rest.slope?.perHour).toBeCloseTo(0, 0);
  expect(stores).toMatchObject([{ store: 'objects', bound: 'until deleted', items: { first: 0 } }]);
  expect(isGrowing(livedSeconds, rest.slope, 2)).toBe(false);
});

it('what grows beside the stores is one, however much they let go meanwhile', () => {
  const { live, rest, livedSeconds } = storeUses(samples({ kept: -10, leaked: 8 }));
  expect(live.slope?.perHour).toBeLessThan(0);
  expect(isGrowing(livedSeconds, live.slope, 2)).toBe(false);
  expect(isGrowing(livedSeconds, rest.slope, 2)).toBe(true);
});
