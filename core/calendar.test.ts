import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isScheduled, nextScheduledStart, type Scheduled, scheduledIntervals } from './calendar.ts';
import { type WeeklySchedule, weekdays } from './camera.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

function weekly(
  timeZone: string,
  windows: { days?: WeeklySchedule['windows'][number]['days']; start: string; end: string }[],
  exceptions: WeeklySchedule['exceptions'] = [],
): Scheduled {
  return {
    enabled: true,
    schedule: { timeZone, windows: windows.map((window) => ({ days: [...weekdays], ...window })), exceptions },
  };
}

function listed(camera: Scheduled, from: string, to: string): string[] {
  return scheduledIntervals(camera, Date.parse(from), Date.parse(to)).map(
    ({ startMs, endMs }) =>
      `${new Date(startMs).toISOString().slice(0, 16)}/${new Date(endMs).toISOString().slice(0, 16)}`,
  );
}

describe('weekly windows', () => {
  it('are local times of the zone', () => {
    const office = weekly('Asia/Singapore', [{ days: ['mon', 'tue'], start: '08:00', end: '18:00' }]);
    expect(listed(office, '2026-11-22T00:00Z', '2026-11-29T00:00Z')).toEqual([
      '2026-11-23T00:00/2026-11-23T10:00',
      '2026-11-24T00:00/2026-11-24T10:00',
    ]);
  });

  it('that end at or before their start end on the next day', () => {
    const night = weekly('UTC', [{ days: ['fri'], start: '22:00', end: '06:00' }]);
    expect(listed(night, '2026-11-23T00:00Z', '2026-11-30T00:00Z')).toEqual(['2026-11-27T22:00/2026-11-28T06:00']);
    expect(isScheduled(night, Date.parse('2026-11-28T05:59:59.999Z'))).toBe(true);
    expect(isScheduled(night, Date.parse('2026-11-28T06:00Z'))).toBe(false);
  });

  it('from 00:00 to 24:00 are whole days, and days that touch are one interval', () => {
    const weekend = weekly('UTC', [{ days: ['sat', 'sun'], start: '00:00', end: '24:00' }]);
    expect(listed(weekend, '2026-11-23T00:00Z', '2026-12-01T00:00Z')).toEqual(['2026-11-28T00:00/2026-11-30T00:00']);
  });

  it('that overlap are merged', () => {
    const both = weekly('UTC', [
      { start: '08:00', end: '12:00' },
      { start: '11:00', end: '14:00' },
      { start: '14:00', end: '15:00' },
    ]);
    expect(listed(both, '2026-11-23T00:00Z', '2026-11-24T00:00Z')).toEqual(['2026-11-23T08:00/2026-11-23T15:00']);
  });
});

describe('daylight saving time', () => {
  // New York: 2026-03-08 02:00 EST -> 03:00 EDT (07:00Z); 2026-11-01 02:00 EDT -> 01:00 EST (06:00Z).
  it('a start inside the spring gap moves to the first instant after it', () => {
    const camera = weekly('America/New_York', [{ start: '02:30', end: '05:00' }]);
    expect(listed(camera, '2026-03-08T00:00Z', '2026-03-09T00:00Z')).toEqual(['2026-03-08T07:00/2026-03-08T09:00']);
  });

  it('an end inside the spring gap is the same instant', () => {
    const camera = weekly('America/New_York', [{ start: '01:00', end: '02:30' }]);
    expect(listed(camera, '2026-03-08T00:00Z', '2026-03-09T00:00Z')).toEqual(['2026-03-08T06:00/2026-03-08T07:00']);
  });

  it('a window wholly inside the gap does not exist on that day', () => {
    const camera = weekly('America/New_York', [{ start: '02:10', end: '02:50' }]);
    expect(listed(camera, '2026-03-08T05:00Z', '2026-03-09T04:00Z')).toEqual([]);
  });

  it('an ambiguous start is the first occurrence and an ambiguous end the second', () => {
    const camera = weekly('America/New_York', [{ days: ['sun'], start: '01:30', end: '01:45' }]);
    expect(listed(camera, '2026-11-01T00:00Z', '2026-11-02T00:00Z')).toEqual(['2026-11-01T05:30/2026-11-01T06:45']);
  });

  it('an overnight window across either change keeps its local hours', () => {
    const camera = weekly('America/New_York', [{ days: ['sat'], start: '22:00', end: '06:00' }]);
    expect(listed(camera, '2026-03-07T00:00Z', '2026-03-09T00:00Z')).toEqual(['2026-03-08T03:00/2026-03-08T10:00']);
    expect(listed(camera, '2026-10-31T00:00Z', '2026-11-02T00:00Z')).toEqual(['2026-11-01T02:00/2026-11-01T11:00']);
  });

  it('a local date that a zone skipped has no windows, and its neighbours keep theirs', () => {
    const camera = weekly('Pacific/Apia', [{ start: '08:00', end: '10:00' }]);
    expect(listed(camera, '2011-12-29T00:00Z', '2011-12-31T12:00Z')).toEqual([
      '2011-12-29T18:00/2011-12-29T20:00',
      '2011-12-30T18:00/2011-12-30T20:00',
    ]);
  });
});

describe('exceptions and overrides', () => {
  const nights = [{ days: ['thu', 'fri'] as const, start: '20:00', end: '04:00' }].map((w) => ({
    ...w,
    days: [...w.days],
  }));

  it('an exception replaces the windows that start on its date; the night before still ends on it', () => {
    const camera = weekly('UTC', nights, [{ date: '2026-12-25', windows: [] }]);
    expect(listed(camera, '2026-12-24T00:00Z', '2026-12-27T00:00Z')).toEqual(['2026-12-24T20:00/2026-12-25T04:00']);
  });

  it('an exception can add windows to a day that has none', () => {
    const camera = weekly('UTC', nights, [{ date: '2026-12-23', windows: [{ start: '09:00', end: '10:00' }] }]);
    expect(listed(camera, '2026-12-23T00:00Z', '2026-12-24T00:00Z')).toEqual(['2026-12-23T09:00/2026-12-23T10:00']);
  });

  it('an override holds until its instant and the schedule takes over from there', () => {
    const camera = weekly('UTC', [{ start: '08:00', end: '18:00' }]);
    const on: Scheduled = { ...camera, override: { state: 'on', until: '2026-11-24T02:00:00Z' } };
    expect(listed(on, '2026-11-24T00:00Z', '2026-11-25T00:00Z')).toEqual([
      '2026-11-24T00:00/2026-11-24T02:00',
      '2026-11-24T08:00/2026-11-24T18:00',
    ]);
    const off: Scheduled = { ...camera, override: { state: 'off', until: '2026-11-24T12:00:00+02:00' } };
    expect(listed(off, '2026-11-24T00:00Z', '2026-11-25T00:00Z')).toEqual(['2026-11-24T10:00/2026-11-24T18:00']);
  });

  it('a disabled camera is never watched, whatever its override says', () => {
    expect(
      isScheduled(
        { enabled: false, schedule: 'always', override: { state: 'on', until: '2030-01-01T00:00:00Z' } },
        Date.parse('2026-11-24T00:00Z'),
      ),
    ).toBe(false);
  });
});

describe('the next start', () => {
  const camera = weekly('UTC', [{ start: '08:00', end: '18:00' }]);
  it('is the beginning of the next interval, not of the one that is open', () => {
    expect(nextScheduledStart(camera, Date.parse('2026-11-24T09:00Z'), dayMs)).toBe(Date.parse('2026-11-25T08:00Z'));
    expect(nextScheduledStart(camera, Date.parse('2026-11-24T08:00Z'), dayMs)).toBeNull();
    expect(nextScheduledStart(camera, Date.parse('2026-11-24T07:55Z'), 420_000)).toBe(Date.parse('2026-11-24T08:00Z'));
    expect(nextScheduledStart(camera, Date.parse('2026-11-24T07:50Z'), 420_000)).toBeNull();
  });
});

const zones = [
  'UTC',
  'Asia/Singapore',
  'America/New_York',
  'Europe/London',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'America/St_Johns',
  'Africa/Casablanca',
  'Pacific/Chatham',
];
const minuteOfDay = fc
  .integer({ min: 0, max: 1439 })
  .map((minute) => `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`);
const dayWindow = fc.record({ start: minuteOfDay, end: fc.oneof(minuteOfDay, fc.constant('24:00')) });
const weekWindow = fc.record({
  days: fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1 }),
  start: minuteOfDay,
  end: fc.oneof(minuteOfDay, fc.constant('24:00')),
});
// Around both changes of most of the zones in 2026, and elsewhere in the year.
const around = fc.constantFrom(
  '2026-03-08',
  '2026-03-29',
  '2026-04-05',
  '2026-10-04',
  '2026-10-25',
  '2026-11-01',
  '2026-07-15',
  '2026-02-28',
);
const schedules = fc
  .record({
    zone: fc.constantFrom(...zones),
    windows: fc.array(weekWindow, { maxLength: 3 }),
    exceptionWindows: fc.option(fc.array(dayWindow, { maxLength: 2 })),
    date: around,
  })
  .map(({ zone, windows, exceptionWindows, date }) => ({
    date,
    camera: weekly(zone, windows, exceptionWindows === null ? [] : [{ date, windows: exceptionWindows }]),
  }));

/** Minutes since the epoch as the zone's wall clock shows them: an oracle that shares no code with the calendar. */
function wallClock(timeZone: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  return (ms) => {
    const parts = Object.fromEntries(format.formatToParts(ms).map((part) => [part.type, Number(part.value)]));
    return Date.UTC(parts.year ?? 0, (parts.month ?? 1) - 1, parts.day, parts.hour, parts.minute) / 60_000;
  };
}

/** Windows by definition: from the first minute whose wall clock has reached the start, through the last minute whose wall clock is before the end. */
function isScheduledByDefinition(schedule: WeeklySchedule, atMs: number): boolean {
  const wall = wallClock(schedule.timeZone);
  const wallDay = Math.floor(wall(atMs) / 1440);
  return [-2, -1, 0, 1].some((offset) => {
    const day = wallDay + offset;
    const date = new Date(day * dayMs).toISOString().slice(0, 10);
    const weekday = weekdays[(new Date(day * dayMs).getUTCDay() + 6) % 7] as (typeof weekdays)[number];
    const exception = schedule.exceptions.find((candidate) => candidate.date === date);
    const windows = exception ? exception.windows : schedule.windows.filter((window) => window.days.includes(weekday));
    return windows.some(({ start, end }) => {
      const minutes = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
      const startWall = day * 1440 + minutes(start);
      const endWall = day * 1440 + minutes(end) + (end <= start ? 1440 : 0);
      const minute = Math.floor(atMs / 60_000) * 60_000;
      // Clocks in these zones change by at most an hour, so two hours either side decide.
      let started = false;
      let ended = true;
      for (let offsetMinutes = -120; offsetMinutes <= 120; offsetMinutes += 1) {
        const shown = wall(minute + offsetMinutes * 60_000);
        if (offsetMinutes <= 0 && shown >= startWall) started = true;
        if (offsetMinutes >= 0 && shown < endWall) ended = false;
      }
      return started && !ended;
    });
  });
}

describe('properties', () => {
  it('membership equals the definition at random instants, also around clock changes', () => {
    fc.assert(
      fc.property(schedules, fc.integer({ min: -36 * 60, max: 36 * 60 }), ({ camera, date }, minutes) => {
        const atMs = Date.parse(`${date}T12:00Z`) + minutes * 60_000;
        expect(isScheduled(camera, atMs)).toBe(isScheduledByDefinition(camera.schedule as WeeklySchedule, atMs));
      }),
      { numRuns: 150 },
    );
  });

  it('membership equals the union of the listed intervals, which are ordered, disjoint, half-open and clipped', () => {
    fc.assert(
      fc.property(
        schedules,
        fc.option(
          fc.record({
            state: fc.constantFrom('on' as const, 'off' as const),
            offset: fc.integer({ min: -48, max: 48 }),
          }),
        ),
        fc.integer({ min: 1, max: 5 * 24 * 60 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), { minLength: 5, maxLength: 5 }),
        ({ camera, date }, override, lengthMinutes, fractions) => {
          const fromMs = Date.parse(`${date}T12:00Z`) - 36 * hourMs;
          const toMs = fromMs + lengthMinutes * 60_000;
          const scheduled: Scheduled =
            override === null
              ? camera
              : {
                  ...camera,
                  override: { state: override.state, until: new Date(fromMs + override.offset * hourMs).toISOString() },
                };
          const intervals = scheduledIntervals(scheduled, fromMs, toMs);
          let previousEndMs = Number.NEGATIVE_INFINITY;
          for (const { startMs, endMs } of intervals) {
            expect(startMs).toBeLessThan(endMs);
            expect(startMs).toBeGreaterThan(previousEndMs);
            expect(startMs).toBeGreaterThanOrEqual(fromMs);
            expect(endMs).toBeLessThanOrEqual(toMs);
            previousEndMs = endMs;
          }
          const edges = intervals.flatMap(({ startMs, endMs }) => [startMs - 1, startMs, endMs - 1, endMs]);
          const instants = [
            ...fractions.map((fraction) => Math.floor(fromMs + fraction * (toMs - fromMs))),
            ...edges,
          ].filter((ms) => ms >= fromMs && ms < toMs);
          for (const ms of instants) {
            expect(isScheduled(scheduled, ms)).toBe(
              intervals.some(({ startMs, endMs }) => ms >= startMs && ms < endMs),
            );
          }
        },
      ),
    );
  });
});
