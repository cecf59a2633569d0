/**
 * Windows of a week as a picture shows them: minutes from Monday midnight, in the camera's own zone. A window that ends at
 * or before its start runs into the next day, from Sunday into Monday.
 * Invariant: a time that cannot be read gives no piece; the form shows the parser's words for it.
 */
import type { Weekday } from '../../core/camera.ts';

export const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const satisfies readonly Weekday[];
export const dayNames: Readonly<Record<Weekday, string>> = {
  ...{ mon: 'Monday', tue: 'Tuesday', wed: 'Wednesday', thu: 'Thursday', fri: 'Friday' },
  ...{ sat: 'Saturday', sun: 'Sunday' },
};
export const minutesPerDay = 1_440;

/** As typed; any of it may be wrong. */
export type TypedWindow = { days?: unknown; start?: unknown; end?: unknown };
/** One day's part of a window; `index` is the window's place in the row. */
export type DayPiece = { index: number; day: number; startMinute: number; endMinute: number };

export function minuteOf(time: unknown): number | null {
  const [, hours, minutes] = /^(\d\d):(\d\d)$/.exec(typeof time === 'string' ? time : '') ?? [];
  if (hours === undefined || minutes === undefined) return null;
  const minute = Number(hours) * 60 + Number(minutes);
  return Number(minutes) < 60 && minute <= minutesPerDay ? minute : null;
}

export function timeOf(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
}

export function daysOf(window: TypedWindow): Weekday[] {
  const { days: typed } = window;
  return Array.isArray(typed) ? days.filter((day) => typed.includes(day)) : [...days];
}

export function piecesOf(windows: readonly TypedWindow[]): DayPiece[] {
  return windows.flatMap((window, index) => {
    const startMinute = minuteOf(window.start);
    const endMinute = minuteOf(window.end);
    if (startMinute === null || endMinute === null || startMinute === minutesPerDay) return [];
    return daysOf(window).flatMap((name): DayPiece[] => {
      const day = days.indexOf(name);
      if (endMinute > startMinute) return [{ index, day, startMinute, endMinute }];
      const evening = { index, day, startMinute, endMinute: minutesPerDay };
      return endMinute === 0 ? [evening] : [evening, { index, day: (day + 1) % 7, startMinute: 0, endMinute }];
    });
  });
}

/** A stroke over the picture as a window, at half hours; null when it is too short to be meant. */
export function windowOfStroke(
  day: number,
  fromMinute: number,
  toMinute: number,
): { days: Weekday[]; start: string; end: string } | null {
  const step = 30;
  const start = Math.max(0, Math.floor(Math.min(fromMinute, toMinute) / step) * step);
  const end = Math.min(minutesPerDay, Math.ceil(Math.max(fromMinute, toMinute) / step) * step);
  const name = days[day];
  if (name === undefined || Math.abs(toMinute - fromMinute) < step / 3 || end <= start) return null;
  return { days: [name], start: timeOf(start), end: timeOf(end) };
}
