import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isScheduled } from '../../core/calendar.ts';
import { parseCameraRow } from '../../core/parse-camera-row.ts';
import { WatchedHours } from './watched-hours.ts';

const eightMs = Date.parse('2026-11-24T08:00:00Z');

function hours(row: Record<string, unknown>) {
  const { camera, issues } = parseCameraRow({ cameraId: 'dock-1', streamName: 'dock-1', ...row });
  if (camera === null) throw new Error(JSON.stringify(issues));
  return camera;
}
const morning = hours({ schedule: { timeZone: 'UTC', windows: [{ start: '08:00', end: '08:10' }] } });

it('a window is half-open, by the moment of capture', () => {
  const watched = new WatchedHours(morning);
  const covers = (atMs: number) => watched.covers(atMs, atMs + 2_000);
  expect([eightMs - 1, eightMs, eightMs + 599_999, eightMs + 600_000].map(covers)).toEqual([false, true, true, false]);
});

it('agrees with the calendar at any instant, in any order', () => {
  const row = hours({
    schedule: { timeZone: 'Europe/Berlin', windows: [{ start: '22:00', end: '05:30' }] },
    override: { state: 'off', until: '2026-11-25T01:00:00Z' },
  });
  const watched = new WatchedHours(row);
  const instants = fc.array(fc.integer({ min: eightMs, max: eightMs + 4 * 86_400_000 }), { maxLength: 30 });
  fc.assert(
    fc.property(instants, (times) => {
      for (const atMs of times) expect(watched.covers(atMs, atMs)).toBe(isScheduled(row, atMs));
    }),
  );
});

it('a camera whose clock is wrong is watched by ours', () => {
  const watched = new WatchedHours(morning);
  expect(watched.covers(0, eightMs + 1_000)).toBe(true);
  expect(watched.covers(eightMs + 1_000, eightMs + 3_600_000)).toBe(false);
});

it('a changed row counts from the next frame on', () => {
  const watched = new WatchedHours(morning);
  expect(watched.covers(eightMs + 700_000, eightMs + 700_000)).toBe(false);
  watched.use(hours({}));
  expect(watched.covers(eightMs + 700_000, eightMs + 700_000)).toBe(true);
});
