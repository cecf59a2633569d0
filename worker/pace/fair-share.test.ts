import fc from 'fast-check';
import { expect, test } from 'vitest';
import { priorityWeight, shareOut } from './fair-share.ts';

const costs = (demands: { cost: number }[], shares: number[]) =>
  shares.reduce((sum, share, index) => sum + share * (demands[index]?.cost ?? 0), 0);

test('twice the cameras that fit get half their rate each', () => {
  const demands = Array.from({ length: 20 }, () => ({ cost: 5, weight: 1 }));
  expect(shareOut(demands, 50)).toEqual(Array(20).fill(0.5));
});

test('the lowest priority gives way first; the next only when that is not enough', () => {
  const demands = [90, 50, 10].map((priority) => ({ cost: 10, weight: priorityWeight(priority) }));
  const at = (capacity: number) => shareOut(demands, capacity).map((share) => Math.round(share * 100) / 100);
  expect(at(30)).toEqual([1, 1, 1]);
  expect(at(25)).toEqual([1, 1, 0.5]);
  expect(at(20)).toEqual([1, 0.75, 0.25]);
  expect(at(8)).toEqual([0.56, 0.18, 0.06]);
});

test('for any demands: within capacity, nobody at nothing, monotone in weight, and nothing left over', () => {
  const demand = fc.record({
    cost: fc.double({ min: 0.01, max: 100, noNaN: true }),
    weight: fc.nat(100).map(priorityWeight),
  });
  fc.assert(
    fc.property(
      fc.array(demand, { minLength: 1, maxLength: 60 }),
      fc.double({ min: 0.1, max: 3_000, noNaN: true }),
      (demands, capacity) => {
        const shares = shareOut(demands, capacity);
        const used = costs(demands, shares);
        const wanted = demands.reduce((sum, { cost }) => sum + cost, 0);
        expect(used).toBeLessThanOrEqual(Math.min(capacity, wanted) * (1 + 1e-9));
        expect(used).toBeGreaterThanOrEqual(Math.min(capacity, wanted) * (1 - 1e-9));
        for (const share of shares) expect(share > 0 && share <= 1).toBe(true);
        for (const [i, a] of demands.entries()) {
          for (const [j, b] of demands.entries()) {
            if (a.weight > b.weight) expect(shares[i] as number).toBeGreaterThanOrEqual(shares[j] as number);
          }
        }
      },
    ),
  );
});

test('more capacity never lowers a share', () => {
  const demands = fc.array(
    fc.record({ cost: fc.double({ min: 0.1, max: 50, noNaN: true }), weight: fc.nat(100).map(priorityWeight) }),
    { minLength: 1, maxLength: 20 },
  );
  fc.assert(
    fc.property(demands, fc.nat(500), fc.nat(500), (given, a, b) => {
      const less = shareOut(given, Math.min(a, b));
      const more = shareOut(given, Math.max(a, b));
      for (const [index, share] of less.entries()) expect(more[index] as number).toBeGreaterThanOrEqual(share - 1e-9);
    }),
  );
});
