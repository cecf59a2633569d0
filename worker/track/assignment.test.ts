/** The cheapest pairing is found, whatever the matrix: held against trying all of them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assignAtLeastCost } from './assignment.ts';

const costMax = 1;

/** Every way to give rows distinct columns or none. */
function cheapest(costs: number[][], row = 0, taken = new Set<number>()): number {
  if (row === costs.length) return 0;
  let best = costMax + cheapest(costs, row + 1, taken);
  for (const [column, cost] of (costs[row] ?? []).entries()) {
    if (taken.has(column) || cost > costMax) continue;
    best = Math.min(best, cost + cheapest(costs, row + 1, new Set([...taken, column])));
  }
  return best;
}

test('no pairing is cheaper, no column is taken twice, and nothing that is not allowed is paired', () => {
  const cost = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(Number.POSITIVE_INFINITY));
  const matrix = fc
    .tuple(fc.nat(5), fc.nat(5))
    .chain(([rows, columns]) =>
      fc.array(fc.array(cost, { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows }),
    );
  fc.assert(
    fc.property(matrix, (costs) => {
      const columns = assignAtLeastCost(costs, costMax);
      const used = columns.filter((column) => column !== null);
      expect(new Set(used).size).toBe(used.length);
      const total = columns.reduce<number>(
        (sum, column, row) => sum + (column === null ? costMax : (costs[row]?.[column] ?? Number.NaN)),
        0,
      );
      expect(total).toBeCloseTo(cheapest(costs), 9);
    }),
  );
});

test('a greedy choice would take the wrong one', () => {
  expect(
    assignAtLeastCost(
      [
        [0.1, 0.2],
        [0.15, 0.9],
      ],
      costMax,
    ),
  ).toEqual([1, 0]);
});
