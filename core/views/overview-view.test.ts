/** The stage at one glance: counts, money and words from the items of its fleets. */
import { describe, expect, it } from 'vitest';
import { noonMs, policy, state, worker } from '../control/fleet-factories.ts';
import type { Decision } from '../control/record.ts';
import type { FleetItem } from '../fleet-state.ts';
import { demandAhead, type FleetInput, overviewOf } from './overview-view.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const quiet = { unreadable: [], alarms: { ringing: [], unreadable: null } };
const overviewOfFleets = (fleets: FleetInput[], nowMs: number) => overviewOf(fleets, nowMs, quiet);

function decision(given: Partial<Decision> = {}): Decision {
  return {
    ...{ fleet: 'default', at: new Date(noonMs - minuteMs).toISOString(), schemaVersion: 1, trigger: 'schedule' },
    ...{ inputs: { inferencesPerSecondPerWorker: 20 }, reason: '1 worker for 1 camera', actions: [], exceptions: [] },
    ...{ desired: { instances: 1, tasks: 1 }, previous: { instances: 1, tasks: 1 }, expiresAt: 0 },
    ...given,
  };
}

function fleet(given: Partial<FleetInput> = {}, item: Partial<FleetItem> = {}): FleetInput {
  return {
    item: { fleet: 'default', schemaVersion: 1, lastDecisionAtMs: noonMs - minuteMs, ...item },
    ...{ policy: policy(), cameras: [], decisions: [decision()], workers: [], usdPerInstanceHour: 0.5 },
    ...given,
  };
}

describe('now', () => {
  it('counts what is wanted, watched and silent; who sends nothing cannot be watched', () => {
    const cameras = (['running', 'running', 'degraded', 'waiting-capacity', 'silent', 'off-schedule'] as const).map(
      (phase, index) => state(`c-${index}`, { phase }),
    );
    const { now, phases, cameras: count } = overviewOfFleets([fleet({ cameras })], noonMs);
    expect(now).toEqual({ wanted: 5, watched: 3, silent: 1, coverage: 0.75 });
    expect(phases).toMatchObject({ running: 2, silent: 1, invalid: 0 });
    expect(count).toBe(6);
  });

  it('has no coverage when nothing is wanted', () => {
    expect(overviewOfFleets([fleet({ cameras: [state('a')] })], noonMs).now.coverage).toBeNull();
  });
});

it('sums today over fleets, each in its own zone', () => {
  const day = { day: '2026-11-24', usd: 2, instanceSeconds: 14_400, idleSeconds: 60, windows: 3, windowsHit: 2 };
  const kept = {
    ...day,
    latenessMaxMs: 4_000,
    scheduledSeconds: 100,
    inferredSeconds: 90,
    blindSeconds: { silent: 10 },
  };
  const singapore = { ...kept, day: '2026-11-25', usd: 1 };
  const late = Date.parse('2026-11-24T20:00:00Z');
  const { today, cost } = overviewOfFleets(
    [
      fleet({}, { days: [kept] }),
      fleet({ policy: policy({ dayTimeZone: 'Asia/Singapore' }) }, { fleet: 'docks', days: [kept, singapore] }),
    ],
    late,
  );
  expect(today).toMatchObject({ scheduledSeconds: 200, inferredSeconds: 180, blindSeconds: { silent: 20 } });
  expect(today).toMatchObject({ coverage: 0.9, windows: 6, windowsHit: 4, latenessMaxMs: 4_000 });
  expect(cost.usdToday).toBe(3);
});

describe('cost', () => {
  // 20 inferences a second, 75 % of it used: three cameras of 5 frames a second fit one worker.
  const row = { detect: { fps: 5 }, schedule: { timeZone: 'UTC', windows: [{ start: '08:00', end: '18:00' }] } };
  const cameras = ['a', 'b', 'c', 'd'].map((id) => state(id, { phase: 'running' }, row));

  it('goes on by the schedules at the price that was paid so far, against instances that never stop', () => {
    const days = [
      {
        day: '2026-11-24',
        usd: 1.6,
        instanceSeconds: 28_800,
        idleSeconds: 0,
        windows: 0,
        windowsHit: 0,
        latenessMaxMs: 0,
      },
    ];
    const { cost } = overviewOfFleets([fleet({ cameras }, { days })], noonMs);
    // 0.20 USD an hour were paid; two workers for six more hours.
    expect(cost.usdToday).toBe(1.6);
    expect(cost.usdByMidnight).toBeCloseTo(1.6 + 6 * 2 * 0.2, 6);
    expect(cost.usdAlwaysOn).toBeCloseTo(2 * 24 * 0.5, 6);
  });

  it('is unknown where the price is, and nothing where nothing runs', () => {
    expect(overviewOfFleets([fleet({ cameras, usdPerInstanceHour: null })], noonMs).cost).toEqual({
      ...{ usdToday: 0, usdByMidnight: null, usdAlwaysOn: null },
    });
    expect(overviewOfFleets([fleet({ usdPerInstanceHour: null })], noonMs).cost.usdAlwaysOn).toBe(0);
  });

  it('shows the windows ahead as steps', () => {
    expect(demandAhead(fleet({ cameras }), noonMs, noonMs + 24 * hourMs)).toEqual([
      { start: '2026-11-24T12:00:00.000Z', workers: 2 },
      { start: '2026-11-24T18:00:00.000Z', workers: 0 },
      { start: '2026-11-25T08:00:00.000Z', workers: 2 },
    ]);
  });
});

describe('problems', () => {
  const words = (...fleets: FleetInput[]) => overviewOfFleets(fleets, noonMs).problems.map((problem) => problem.words);

  it('are none when every camera gets what its row asks for', () => {
    expect(words(fleet({ cameras: [state('a', { phase: 'running' }), state('b')], workers: [worker('w')] }))).toEqual(
      [],
    );
  });

  it('name cameras by kind, with the words of the row or of the phase', () => {
    const issues = [{ severity: 'error' as const, path: 'detect.fps', message: 'expected 0.1 to 30, got 99' }];
    const cameras = [
      state('late', { phase: 'waiting-capacity', phaseReason: 'no worker is ready' }),
      state('fresh', { phase: 'waiting-capacity', phaseSinceMs: noonMs - 5_000 }),
      { ...state('typo', { phase: 'invalid', phaseReason: 'the row has 1 error', issues }), camera: null },
    ];
    expect(overviewOfFleets([fleet({ cameras })], noonMs).problems).toEqual([
      {
        ...{ fleet: 'default', severity: 'error', count: 1 },
        words: '1 camera wanted now, and nobody watches',
        cameras: [{ cameraId: 'late', reason: 'no worker is ready' }],
      },
      {
        ...{ fleet: 'default', severity: 'warning', count: 1 },
        words: '1 camera with a row that cannot be used',
        cameras: [{ cameraId: 'typo', reason: 'detect.fps: expected 0.1 to 30, got 99' }],
      },
    ]);
  });

  it('are also a loop that stands still, a pause, a lost worker and what the last decision says', () => {
    const lost = worker('w-1', { heartbeatAtMs: noonMs - 5 * minuteMs });
    const pause = { until: new Date(noonMs + hourMs).toISOString(), reason: 'works' };
    const standing = fleet(
      { workers: [lost], decisions: [decision({ problems: ['no GPU is to be had'] })] },
      { lastDecisionAtMs: noonMs - hourMs, pause },
    );
    expect(words(standing)).toEqual([
      'the control loop has stored no decision for 60 minutes',
      'no GPU is to be had',
      'paused until 2026-11-24T13:00:00.000Z: works',
      'no word from w-1',
    ]);
  });

  it('name ten cameras and count the rest', () => {
    const cameras = Array.from({ length: 2_000 }, (_, index) => state(`c-${index}`, { phase: 'shed' }));
    const [problem] = overviewOfFleets([fleet({ cameras })], noonMs).problems;
    expect(problem).toMatchObject({ count: 2_000, words: '2000 cameras given up for cameras of higher priority' });
    expect(problem?.cameras).toHaveLength(10);
  });
});
