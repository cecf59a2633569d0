/** A late date of a row is no hole in the account, and hides none. */
import { expect, test } from 'vitest';
import { secondsInNoSlice } from './ledger-gap.ts';

const putAtMs = 1_700_000_000_400;
const throughMs = putAtMs + 100_000;

test.each([
  ['dated in the second in which it was put', 0.4, 100.4, 0],
  ['dated 9 s late, and accounted from then on', -9, 91, 0],
  ['dated 9 s late, with 4 s of no slice after it', -9, 87, 4],
  ['dated in time, with 9 s of no slice', 0.4, 91, 9],
  ['dated 9 s late, with 6 s counted twice', -9, 97, -6],
])('a row %s', (_, datedSecondsBefore, scheduledSeconds, inNoSlice) => {
  const datedAtMs = putAtMs - datedSecondsBefore * 1_000;
  expect(secondsInNoSlice({ putAtMs, datedAtMs }, throughMs, scheduledSeconds)).toBeCloseTo(inNoSlice, 6);
});
