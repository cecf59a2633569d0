/** Cameras that share their hours are answered together: each as if it had been asked about alone. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isScheduled, scheduledIntervals } from '../calendar.ts';
import { camera, noonMs } from './fleet-factories.ts';
import { hoursAt, scheduledAt } from './hours.ts';

const minuteMs = 60_000;
const time = fc.integer({ min: 0, max: 95 }).map((quarter) => {
  return `${String(Math.floor(quarter / 4)).padStart(2, '0')}:${String((quarter % 4) * 15).padStart(2, '0')}`;
});
const row = fc.record(
  {
    enabled: fc.boolean(),
    schedule: fc.oneof(
      fc.constant('always'),
      fc.record({
        timeZone: fc.constantFrom('UTC', 'Asia/Singapore'),
        windows: fc.array(fc.record({ start: fc.constantFrom('08:00', '11:45'), end: time }), { maxLength: 2 }),
      }),
    ),
    override: fc.record({
      state: fc.constantFrom('on', 'off'),
      until: fc.integer({ min: -60, max: 60 }).map((minutes) => new Date(noonMs + minutes * minuteMs).toISOString()),
    }),
  },
  { requiredKeys: [] },
);

it('gives every camera what its own calendar says', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 12 }), fc.integer({ min: 0, max: 1_439 }), (rows, minute) => {
      const nowMs = noonMs + minute * minuteMs;
      const span = { pastMs: 15 * minuteMs, horizonMs: 8 * minuteMs, assignAheadMs: minuteMs };
      const hoursOf = hoursAt({ nowMs, ...span, pause: null });
      const isScheduledNow = scheduledAt(nowMs);
      for (const [index, one] of rows.entries()) {
        const asked = camera(`camera-${index}`, one);
        const { past, current, outlook, later, isPaused } = hoursOf(asked);
        const all = scheduledIntervals(asked, nowMs - span.pastMs, nowMs + span.horizonMs);
        expect(isScheduledNow(asked)).toBe(isScheduled(asked, nowMs));
        expect(outlook.wantedNow).toBe(isScheduled(asked, nowMs));
        expect(current !== null).toBe(outlook.wantedNow);
        expect(past).toEqual(scheduledIntervals(asked, nowMs - span.pastMs, nowMs));
        expect(outlook.intervals).toEqual(scheduledIntervals(asked, nowMs, nowMs + span.horizonMs));
        expect(later).toEqual(all.filter(({ startMs }) => startMs > nowMs));
        expect(outlook.nextStartMs).toBe(later[0]?.startMs ?? null);
        expect(isPaused).toBe(false);
      }
    }),
  );
});

it('a pause moves what is ahead behind its end, and says why', () => {
  const pause = { untilMs: noonMs + 5 * minuteMs, reason: 'the doors are being painted' };
  const hours = hoursAt({ nowMs: noonMs, pastMs: minuteMs, horizonMs: 8 * minuteMs, assignAheadMs: minuteMs, pause })(
    camera('always'),
  );
  expect(hours.isPaused).toBe(true);
  expect(hours.outlook).toMatchObject({ wantedNow: false, assignNow: false, nextStartMs: pause.untilMs });
  expect(hours.outlook.intervals).toEqual([{ startMs: pause.untilMs, endMs: noonMs + 8 * minuteMs }]);
  expect(hours.past).toEqual([{ startMs: noonMs - minuteMs, endMs: noonMs }]);
});
