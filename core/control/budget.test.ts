/** A day's budget: the largest size that stays within it, for whatever calendars, and no limit without a reason. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { workerSteps } from '../cost/gpu-hours.ts';
import type { FleetItem } from '../fleet-state.ts';
import { withinBudget } from './budget.ts';
import { decide } from './decide.ts';
import { noonMs, observation, policy, state, worker } from './fleet-factories.ts';

const hourMs = 3_600_000;
const usdPerHour = new Map([
  ['g4dn.xlarge/on-demand', 1],
  ['g4dn.xlarge/spot', 0.4],
]);
const launch = { onDemandBase: 0, onDemandPercent: 100, instanceTypes: ['g4dn.xlarge'], zones: ['a'] };
const group = { desired: 0, min: 0, max: 20, instances: [], launch };
const day = (spentUsd: number): FleetItem => ({
  ...{ fleet: 'default', schemaVersion: 1 },
  days: [
    {
      ...{ day: '2026-11-24', usd: spentUsd, instanceSeconds: 0, idleSeconds: 0 },
      ...{ windows: 0, windowsHit: 0, latenessMaxMs: 0 },
    },
  ],
});
/** Each takes a worker of its own. */
const cameras = (count: number, start: string, end: string, timeZone = 'UTC') =>
  Array.from({ length: count }, (_, index) =>
    state(
      `cam-${index}`,
      {},
      { priority: index, detect: { fps: 10 }, schedule: { timeZone, windows: [{ start, end }] } },
    ),
  );

function within(usdPerDayMax: number, given: Partial<Parameters<typeof withinBudget>[0]> & { spentUsd?: number } = {}) {
  const item = given.item ?? day(given.spentUsd ?? 0);
  return withinBudget({
    ...{ nowMs: noonMs, policy: policy({ usdPerDayMax }), leadMs: 0, workerCapacity: 13 },
    observation: { cameras: cameras(4, '12:00', '20:00'), group, usdPerHour },
    ...given,
    item,
    meter: { meteredThroughMs: noonMs, days: item.days ?? [] },
  });
}

describe('the limit', () => {
  it('is none where the day fits, and the largest size that does where it does not', () => {
    // Four workers for eight hours and the five minutes before scale-in.
    expect(within(33)).toMatchObject({ workersMax: null, words: null, memory: { forecastUsd: 32.33 } });
    expect(within(32)).toMatchObject({
      workersMax: 3,
      words:
        'the budget of 32.00 USD a day allows 3 workers until 2026-11-25T00:00:00Z (0.00 USD spent, 32.33 USD forecast)',
    });
    expect(within(32, { spentUsd: 20 }).workersMax).toBe(1);
    expect(within(32, { spentUsd: 30 }).workersMax).toBe(0);
  });

  it('counts Spot by its share, and ends with the day of its zone', () => {
    const spot = { ...group, launch: { ...launch, onDemandPercent: 0 } };
    const seen = { cameras: cameras(4, '12:00', '20:00'), group: spot, usdPerHour };
    expect(within(13, { observation: seen }).workersMax).toBeNull();
    // In Singapore the day ends at 16:00 UTC: half of the window is tomorrow's.
    const singapore = policy({ usdPerDayMax: 17, dayTimeZone: 'Asia/Singapore' });
    expect(within(17, { policy: singapore }).workersMax).toBeNull();
  });

  it('stands for five minutes, unless the budget or the day is another or the clock went back', () => {
    const memory = within(32).memory;
    if (memory === undefined) throw new Error('nothing is remembered');
    const item = { ...day(31), budget: memory };
    expect(within(32, { item, nowMs: noonMs + 299_999 }).workersMax).toBe(3);
    expect(within(32, { item, nowMs: noonMs + 300_000 }).workersMax).toBe(0);
    expect(within(32, { item, nowMs: noonMs - 1 }).workersMax).toBe(0);
    expect(within(31.5, { item }).workersMax).toBe(0);
  });

  it('without a price there is none, and that is said', () => {
    const seen = { cameras: [], group, usdPerHour: new Map() };
    expect(within(1, { observation: seen })).toMatchObject({
      workersMax: null,
      words: expect.stringContaining('there is no price for g4dn.xlarge'),
    });
  });

  it('the whole day stays within the budget under it, and one worker more would not', () => {
    const spans = fc.array(fc.record({ start: fc.nat(22), hours: fc.integer({ min: 1, max: 20 }) }), { maxLength: 8 });
    fc.assert(
      fc.property(spans, fc.integer({ min: 1, max: 60 }), fc.nat(20), (windows, budgetUsd, spentUsd) => {
        const pad = (hour: number) => `${String(hour % 24).padStart(2, '0')}:00`;
        const seen = windows.flatMap(({ start, hours }, index) =>
          cameras(1, pad(start), pad(start + hours)).map((one) => ({
            ...one,
            cameraId: `c${index}`,
            camera: one.camera === null ? null : { ...one.camera, cameraId: `c${index}` },
          })),
        );
        const answer = within(budgetUsd, { observation: { cameras: seen, group, usdPerHour }, spentUsd });
        const limits = policy({ defaultInferencesPerSecond: 13 });
        const steps = workerSteps(
          seen.flatMap(({ camera }) => camera ?? []),
          limits,
          0,
          noonMs,
          noonMs + 12 * hourMs,
        );
        const cost = (most: number) =>
          steps.reduce(
            (sum, one) => sum + (Math.min(most, one.workers) * (one.endMs - one.startMs)) / hourMs,
            spentUsd,
          );
        if (answer.workersMax === null) expect(cost(limits.maxWorkers)).toBeLessThanOrEqual(budgetUsd);
        else {
          if (spentUsd <= budgetUsd) expect(cost(answer.workersMax)).toBeLessThanOrEqual(budgetUsd);
          expect(cost(answer.workersMax + 1)).toBeGreaterThan(budgetUsd);
        }
      }),
    );
  });
});

it('the plan sheds the lowest priority first, says so, and complains', () => {
  const seen = cameras(3, '12:00', '20:00').map((one) => ({ ...one, rowChangedAtMs: noonMs - 24 * hourMs }));
  const workers = ['a', 'b'].map((id) => worker(id, { capacityInferencesPerSecond: 13 }));
  const decision = decide(
    {
      ...observation(seen, workers),
      usdPerHour,
      group: { ...observation(seen, workers).group, ...{ launch } } as never,
    },
    policy({ usdPerDayMax: 17, instanceUsdPerHour: {} }),
    noonMs,
  );
  expect(decision.plan.reason).toContain('capped at 2 of 3 workers needed, 1 camera shed by priority');
  expect(decision.plan.reason).toContain('the budget of 17.00 USD a day allows 2 workers');
  expect([...decision.plan.shed]).toEqual(['cam-0']);
  const next = decision.changes.find(({ cameraId }) => cameraId === 'cam-0')?.next;
  expect(next).toMatchObject({
    phase: 'shed',
    phaseReason: "the day's budget allows no more workers, and cameras of higher priority fill those that it allows",
  });
  expect(decision.problems.map(({ kind }) => kind)).toEqual(['budget']);
  // A size that changes with every run must not have each camera that was shed before written again.
  const shedBefore = { phase: 'shed' as const, phaseReason: next?.phaseReason ?? '', accountedThroughMs: noonMs };
  const before = seen.map((one) => (one.cameraId === 'cam-0' ? { ...one, ...shedBefore } : one));
  const poorer = decide(
    {
      ...observation(before, workers),
      usdPerHour,
      group: { ...observation(before, workers).group, ...{ launch } } as never,
    },
    policy({ usdPerDayMax: 9, instanceUsdPerHour: {} }),
    noonMs,
  );
  expect(poorer.plan.reason).toContain('a day allows 1 worker');
  expect(poorer.changes.filter(({ cameraId }) => cameraId === 'cam-0')).toEqual([]);
});
