/** The week's picture against the calendar that the system goes by. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scheduledIntervals } from '../../core/calendar.ts';
import { days, minuteOf, minutesPerDay, piecesOf, timeOf, windowOfStroke } from './week.ts';

describe('pieces', () => {
  it('run over midnight, from Sunday into Monday', () => {
    expect(piecesOf([{ days: ['sun'], start: '22:00', end: '06:00' }])).toEqual([
      { index: 0, day: 6, startMinute: 1_320, endMinute: 1_440 },
      { index: 0, day: 0, startMinute: 0, endMinute: 360 },
    ]);
    expect(piecesOf([{ start: '00:00', end: '24:00' }])).toHaveLength(7);
  });

  it('are none for what cannot be read', () => {
    expect(piecesOf([{ start: '8', end: '18:00' }, { start: '25:00', end: '26:00' }, { days: 'mon' }, {}])).toEqual([]);
  });

  it('cover the minutes that the calendar watches', () => {
    const minute = fc.integer({ min: 0, max: minutesPerDay - 1 });
    const window = fc.record({
      days: fc.subarray([...days], { minLength: 1 }),
      start: minute.map(timeOf),
      end: minute.map(timeOf),
    });
    const mondayMs = Date.parse('2026-11-23T00:00:00Z');
    fc.assert(
      fc.property(fc.array(window, { minLength: 1, maxLength: 4 }), (windows) => {
        const camera = { enabled: true, schedule: { timeZone: 'UTC', windows, exceptions: [] } };
        const watched = new Set<number>();
        for (const { startMs, endMs } of scheduledIntervals(camera, mondayMs, mondayMs + 7 * 86_400_000)) {
          for (let ms = startMs; ms < endMs; ms += 60_000) watched.add((ms - mondayMs) / 60_000);
        }
        const drawn = new Set<number>();
        for (const { day, startMinute, endMinute } of piecesOf(windows)) {
          for (let at = startMinute; at < endMinute; at += 1) drawn.add(day * minutesPerDay + at);
        }
        expect([...drawn].sort((a, b) => a - b)).toEqual([...watched].sort((a, b) => a - b));
      }),
      { numRuns: 50 },
    );
  });
});

it('a stroke is a window at half hours, whichever way it goes', () => {
  expect(windowOfStroke(4, 1_075, 490)).toEqual({ days: ['fri'], start: '08:00', end: '18:00' });
  expect(windowOfStroke(0, 1_400, 1_500)).toEqual({ days: ['mon'], start: '23:00', end: '24:00' });
  expect(windowOfStroke(0, 60, 65)).toBeNull();
});

it('times are read and written alike', () => {
  expect(minuteOf('24:00')).toBe(1_440);
  expect(minuteOf('12:60')).toBeNull();
  fc.assert(fc.property(fc.integer({ min: 0, max: 1_440 }), (minute) => minuteOf(timeOf(minute)) === minute));
});
