/**
 * Is every second since a camera's row in a slice of the ledger? The account begins at the time that DynamoDB dated the
 * row's first change, in whole seconds: on a machine without time to spare, that is seconds after it was put.
 * Invariant: a row that is dated late excuses no hole after its date, and one that is dated early none at all.
 */
/** Sums of tenths are rounded to the next second. */
export const ledgerToleranceSeconds = 1;
/** The date is in whole seconds, rounded down. */
const datedWithinSeconds = 1;

/**
 * @param row of the first version of the row: when it was put, and how its change is dated.
 * @returns seconds in no slice, or in two (negative); 0 within what rounding explains.
 */
export function secondsInNoSlice(
  row: { putAtMs: number; datedAtMs: number },
  accountedThroughMs: number,
  scheduledSeconds: number,
): number {
  const beganMs = Math.max(row.putAtMs, row.datedAtMs);
  const gap = (accountedThroughMs - beganMs) / 1_000 - scheduledSeconds;
  return Math.abs(gap) > datedWithinSeconds + ledgerToleranceSeconds ? gap : 0;
}
