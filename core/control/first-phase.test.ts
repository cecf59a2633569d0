/** What is stored with a verdict is what the first run would say: the run has nothing to write where nothing is there yet. */
import { expect, test } from 'vitest';
import { parseCameraRow } from '../parse-camera-row.ts';
import { newState } from '../simulation/new-state.ts';
import { decide } from './decide.ts';
import type { FleetObservation } from './observation.ts';
import { defaultPolicy } from './policy.ts';
import { watchGaps } from './watch-gaps.ts';

const nowMs = Date.parse('2026-11-24T12:00:00Z');
const policy = { ...defaultPolicy, maxWorkers: 10 };
const windowsFrom = (start: string, end: string) => ({ timeZone: 'UTC', windows: [{ start, end }] });

function freshly(row: Record<string, unknown>): FleetObservation {
  const { camera, issues } = parseCameraRow({ cameraId: 'gate', streamName: 'gate', ...row });
  return {
    fleet: { fleet: 'default', schemaVersion: 1 },
    cameras: [newState('default', { cameraId: 'gate', camera, issues }, nowMs - 5_000)],
    workers: [],
    group: { desired: 0, min: 0, max: 10, instances: [] },
    service: { desired: 0, running: 0, pending: 0, taskDefinition: null },
    containerInstances: [],
    streams: {
      statusByName: new Map([['gate', 'ACTIVE']]),
      activeAtMs: new Map([['gate', nowMs - 60_000]]),
      periodMs: 60_000,
    },
    missing: [],
  };
}

test.each([
  ['waiting-capacity', 'waits for a worker', {}],
  ['waiting-capacity', 'waits for a worker', { schedule: windowsFrom('08:00', '18:00') }],
  ['off-schedule', 'outside its windows', { schedule: windowsFrom('20:00', '22:00') }],
  ['disabled', 'its row says enabled: false', { enabled: false }],
  ['invalid', /^schedule/, { schedule: 'sometimes' }],
  ['invalid', /^streamName/, { streamName: 5, schedule: 'sometimes' }],
] as const)('a new camera is %s (%s) for its row %j, and the first run agrees', (phase, reason, row) => {
  const observation = freshly(row);
  expect(observation.cameras[0]).toMatchObject({ phase, phaseReason: expect.stringMatching(reason) });
  expect(decide(observation, policy, nowMs).changes).toEqual([]);
});

test('what the verdict cannot know, the first run writes: a window that opens soon, a fleet that is full or paused', () => {
  const soon = freshly({ schedule: windowsFrom('12:02', '18:00') });
  expect(soon.cameras[0]).toMatchObject({ phase: 'off-schedule' });
  expect(decide(soon, policy, nowMs).changes).toMatchObject([{ next: { phase: 'warming' } }]);
  const always = freshly({});
  expect(decide(always, { ...policy, maxWorkers: 0 }, nowMs).changes).toMatchObject([{ next: { phase: 'shed' } }]);
  const pause = { until: new Date(nowMs + 3_600_000).toISOString(), reason: 'works' };
  const paused = { ...always, fleet: { ...always.fleet, pause } };
  expect(decide(paused, policy, nowMs).changes).toMatchObject([
    { next: { phase: 'off-schedule', phaseReason: expect.stringMatching(/^fleet paused until .*: works$/) } },
  ]);
});

test('a camera that came within its window and cannot be watched is no window that was missed', () => {
  const seen = freshly({});
  const { changes } = decide(seen, { ...policy, maxWorkers: 0 }, nowMs);
  expect(watchGaps(seen.cameras, changes, seen, policy.workerDeadAfterMs, nowMs).windowsMissed).toBe(0);
});
