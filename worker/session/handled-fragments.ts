/**
 * Was this fragment handled before? KVS numbers a stream's fragments upwards in the order of their arrival.
 * Invariant: a fragment that is not newer than the last complete one is never handled again — unless its server time is
 * newer, which means that the stream was deleted and made anew and numbers from the start.
 */
export type HandledMark = { fragmentNumber: string; serverTimestampMs: number | null };

export function isHandledFragment(
  fragment: { number: string; serverTimestampMs: number | null },
  complete: HandledMark,
): boolean {
  if (compareFragmentNumbers(fragment.number, complete.fragmentNumber) > 0) return false;
  return (
    fragment.serverTimestampMs === null ||
    complete.serverTimestampMs === null ||
    fragment.serverTimestampMs <= complete.serverTimestampMs
  );
}

/** Fragment numbers have up to 128 digits and no leading zeros that matter. @returns <0, 0 or >0. */
export function compareFragmentNumbers(left: string, right: string): number {
  const a = left.replace(/^0+(?=.)/, '');
  const b = right.replace(/^0+(?=.)/, '');
  return a.length !== b.length ? a.length - b.length : a < b ? -1 : a > b ? 1 : 0;
}
