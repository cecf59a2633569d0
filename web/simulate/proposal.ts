/**
 * A schedule that somebody tries on some cameras, as rows: what was typed before stays as it was.
 * Invariant: a proposal says whether it can be played at all before the API is asked.
 */
export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof weekdays)[number];
export type Proposal = {
  kind: 'window' | 'always' | 'never';
  timeZone: string;
  days: readonly Weekday[];
  start: string;
  end: string;
};
export type StoredRow = { cameraId: string; row: Record<string, unknown>; etag: string };

/** Each is read by itself. */
export const camerasMax = 40;

/** @returns what is missing, in words; null when nothing is. */
export function missingIn({ kind, days, start, end, timeZone }: Proposal, chosen: number): string | null {
  if (chosen === 0) return 'Choose a camera.';
  if (chosen > camerasMax) return `Choose ${camerasMax} cameras at most.`;
  if (kind !== 'window') return null;
  if (days.length === 0) return 'Choose a day.';
  if (start === '' || end === '') return 'Give the start and the end.';
  return timeZone.trim() === '' ? 'Give a time zone.' : null;
}

/** Exceptions of the calendar are kept; what is tried is the week. */
export function proposedRow(row: Record<string, unknown>, { kind, timeZone, days, start, end }: Proposal) {
  if (kind === 'always') return { ...row, schedule: 'always' };
  const before = typeof row.schedule === 'object' && row.schedule !== null ? row.schedule : {};
  const windows = kind === 'never' ? [] : [{ days: [...days], start, end }];
  return { ...row, schedule: { ...before, timeZone, windows } };
}
