/** What is counted by the day: seconds, money and windows, over midnight and under clocks that jump. */
import { describe, expect, it } from 'vitest';
import { noonMs, worker } from './fleet-factories.ts';
import { dayOf, meterRun, withAccounts } from './meter.ts';

const hourMs = 3_600_000;
const usdPerHour = new Map([
  ['g4dn.xlarge/spot', 0.25],
  ['g4dn.xlarge/on-demand', 0.5],
]);
const instances = [
  { instanceId: 'i-1', lifecycleState: 'InService', instanceType: 'g4dn.xlarge', market: 'spot' as const },
  { instanceId: 'i-2', lifecycleState: 'InService', instanceType: 'g4dn.xlarge' },
];
const group = { desired: 2, min: 0, max: 4, instances };

function run(nowMs: number, meteredThroughMs: number | undefined, timeZone = 'UTC') {
  const item = {
    fleet: 'f',
    schemaVersion: 1 as const,
    ...(meteredThroughMs === undefined ? {} : { meteredThroughMs }),
  };
  return meterRun({ item, observation: { group, usdPerHour }, idle: [worker('w1')], timeZone, nowMs });
}

describe('time', () => {
  it('is priced by market and counted on its own day', () => {
    const midnightMs = Date.parse('2026-11-25T00:00:00Z');
    const { days } = run(midnightMs + 600_000, midnightMs - 1_200_000);
    expect(days).toMatchObject([
      { day: '2026-11-24', instanceSeconds: 2_400, idleSeconds: 1_200, usd: 0.25 },
      { day: '2026-11-25', instanceSeconds: 1_200, idleSeconds: 600, usd: 0.125 },
    ]);
  });

  it('of a clock that went back, or of a first run, is none; of one that went far ahead an hour', () => {
    expect(run(noonMs, undefined)).toEqual({ meteredThroughMs: noonMs, days: [] });
    expect(run(noonMs, noonMs + hourMs)).toEqual({ meteredThroughMs: noonMs, days: [] });
    expect(run(noonMs, noonMs - 90 * hourMs).days).toMatchObject([{ instanceSeconds: 7_200 }]);
  });

  it('days begin in the zone of the fleet, also when it changes its clocks', () => {
    expect(dayOf(Date.parse('2026-11-24T17:00:00Z'), 'Asia/Singapore')).toEqual({
      ...{ day: '2026-11-25', endMs: Date.parse('2026-11-25T16:00:00Z') },
    });
    // Twenty-five hours.
    expect(dayOf(Date.parse('2026-10-25T05:00:00Z'), 'Europe/Berlin').endMs).toBe(Date.parse('2026-10-25T23:00:00Z'));
  });
});

it('keeps a week and today', () => {
  let item: Parameters<typeof meterRun>[0]['item'] = { fleet: 'f', schemaVersion: 1, meteredThroughMs: noonMs };
  for (let day = 1; day <= 12; day += 1) {
    const nowMs = noonMs + day * 24 * hourMs;
    const meter = meterRun({ item, observation: { group, usdPerHour }, idle: [], timeZone: 'UTC', nowMs });
    const promise = {
      cameraId: 'c',
      windowStartMs: nowMs,
      latenessMs: 9_000,
      outcome: 'missed' as const,
      cause: 'late',
    };
    item = {
      ...item,
      ...withAccounts(meter, { promises: [promise, { ...promise, outcome: 'hit', cause: null }], entries: [] }, 'UTC'),
    };
  }
  expect(item.days).toHaveLength(8);
  expect(item.days?.at(-1)).toMatchObject({ day: '2026-12-06', windows: 2, windowsHit: 1, latenessMaxMs: 9_000 });
});

it('sums the ledger of all cameras on the day of the hour, in the zone of the fleet', () => {
  const entry = { cameraId: 'a', hour: '2026-11-24T16Z', scheduledSeconds: 60, inferredSeconds: 40 };
  const entries = [
    { ...entry, blindSeconds: { starting: 20 } },
    { ...entry, cameraId: 'b', blindSeconds: { starting: 5, silent: 15 } },
    { ...entry, hour: '2026-11-24T15Z', blindSeconds: { silent: 20 } },
  ];
  const empty = { meteredThroughMs: noonMs, days: [] };
  const { days } = withAccounts(empty, { promises: [], entries }, 'Asia/Singapore');
  expect(days).toMatchObject([
    { day: '2026-11-24', scheduledSeconds: 60, inferredSeconds: 40, blindSeconds: { silent: 20 } },
    { day: '2026-11-25', scheduledSeconds: 120, inferredSeconds: 80, blindSeconds: { starting: 25, silent: 15 } },
  ]);
  expect(withAccounts({ ...empty, days }, { promises: [], entries }, 'Asia/Singapore').days[1]).toMatchObject({
    ...{ scheduledSeconds: 240, inferredSeconds: 160, blindSeconds: { starting: 50, silent: 30 } },
  });
});
