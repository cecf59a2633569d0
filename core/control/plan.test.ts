/** Sizes and their reasons, example by example: patience, drains, warm-up, pause, override. */
import { describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import { camera, noonMs, observation, policy, report, state, worker } from './fleet-factories.ts';

describe('a plan', () => {
  const owned = (cameraId: string, workerId: string, row: Record<string, unknown> = {}) =>
    state(cameraId, { ownerWorkerId: workerId, epoch: 1, ownedSinceMs: noonMs - 600_000, phase: 'running' }, row);
  const running = (workerId: string, ...cameraIds: string[]) =>
    worker(workerId, {
      running: Object.fromEntries(cameraIds.map((id) => [id, report()])),
      assignments: Object.fromEntries(cameraIds.map((id) => [id, { epoch: 1, camera: camera(id), assignedAtMs: 0 }])),
    });

  it('waits before it scales in, then drains the emptiest worker whose cameras fit elsewhere', () => {
    const seen = observation(
      [owned('a', 'w1'), owned('b', 'w1'), owned('c', 'w2')],
      [running('w1', 'a', 'b'), running('w2', 'c')],
    );
    const first = decide(seen, policy(), noonMs);
    expect(first.plan).toMatchObject({ lowerDemandSinceMs: noonMs, drains: [], desired: { instances: 2 } });
    expect(first.plan.reason).toBe(
      '3 cameras want 15 inferences/s now; 1 worker would do, scale in at 2026-11-24T12:05:00Z unless demand returns',
    );
    const later = decide({ ...seen, fleet: { ...seen.fleet, lowerDemandSinceMs: noonMs - 300_000 } }, policy(), noonMs);
    expect(later.plan).toMatchObject({ drains: [{ workerId: 'w2' }], desired: { instances: 1 }, setInstances: null });
    expect(later.plan.reason).toContain('shrink from 2 to 1 worker');
  });

  it('gives the instance of a drained worker back with its task', () => {
    const drained = {
      ...running('w2'),
      lifecycle: 'draining' as const,
      drain: { sinceMs: noonMs - 9_000, reason: 'x' },
    };
    const { plan } = decide(observation([owned('a', 'w1')], [running('w1', 'a'), drained]), policy(), noonMs);
    expect(plan).toMatchObject({
      setTasks: 1,
      setInstances: null,
      terminations: [{ instanceId: 'i-w2', decrement: true }],
    });
  });

  it('shares one worker between windows that follow each other', () => {
    const morning = { timeZone: 'UTC', windows: [{ start: '08:00', end: '12:05' }] };
    const afternoon = { timeZone: 'UTC', windows: [{ start: '12:05', end: '18:00' }] };
    const cameras = [
      owned('a', 'w1', { schedule: morning, detect: { fps: 12 } }),
      state('b', {}, { schedule: afternoon, detect: { fps: 12 } }),
    ];
    const w1 = worker('w1', {
      assignments: { a: { epoch: 1, camera: camera('a', { detect: { fps: 12 } }), assignedAtMs: 0 } },
      running: { a: report() },
    });
    const { plan } = decide(observation(cameras, [w1]), policy(), noonMs);
    expect(plan.desired.instances).toBe(1);
    expect(plan.inputs).toMatchObject({ camerasWantedNow: 1, camerasWantedSoon: 1 });
  });

  it('warms up before a window, by the learned lead time', () => {
    const seen = observation(
      [state('gate', {}, { schedule: { timeZone: 'UTC', windows: [{ start: '12:10', end: '13:00' }] } })],
      [],
    );
    expect(decide(seen, policy(), noonMs).plan.desired.instances).toBe(0);
    const slow = {
      ...seen,
      fleet: { ...seen.fleet, leadTimeSamplesMs: [500_000, 510_000, 520_000, 530_000, 570_000] },
    };
    const { plan, changes } = decide(slow, policy(), noonMs);
    expect(plan).toMatchObject({ setInstances: 1 });
    expect(plan.reason).toBe(
      'no camera is wanted now; the window of gate opens at 2026-11-24T12:10:00Z, lead time 695 s; start 1 worker',
    );
    expect(changes[0]?.next).toMatchObject({ phase: 'warming' });
  });

  it('places tasks on instances that have registered while the group cannot be read, and takes none away', () => {
    const seen = observation([owned('a', 'w1')], [running('w1', 'a'), worker('w2'), worker('w3')], {
      group: null,
      missing: ['the Auto Scaling group (Throttling)'],
    });
    const isReady = ({ workerId }: { workerId: string }) => workerId === 'w1';
    const booting = { ...seen, workers: seen.workers.filter(isReady) };
    const service = { desired: 1, running: 1, pending: 0, taskDefinition: null };
    const needsThree = {
      ...booting,
      fleet: { ...seen.fleet, override: { minWorkers: 3, until: '2026-11-24T13:00:00Z', reason: '' } },
    };
    expect(decide({ ...needsThree, service }, policy(), noonMs).plan).toMatchObject({ setTasks: 3, terminations: [] });
    expect(decide(booting, policy(), noonMs).plan).toMatchObject({ setTasks: null, terminations: [] });
  });

  it('obeys a pause and an override until they expire', () => {
    const until = '2026-11-24T13:00:00Z';
    const seen = observation([owned('a', 'w1')], [running('w1', 'a')]);
    const paused = decide(
      { ...seen, fleet: { ...seen.fleet, pause: { until, reason: 'holiday' } } },
      policy({ minWorkers: 1 }),
      noonMs,
    );
    expect(paused.plan).toMatchObject({ desired: { instances: 0 }, drains: [{ workerId: 'w1' }] });
    expect(paused.changes[0]?.next.phaseReason).toBe('fleet paused until 2026-11-24T13:00:00.000Z: holiday');
    const raised = decide(
      { ...seen, fleet: { ...seen.fleet, override: { minWorkers: 3, until, reason: 'demo' } } },
      policy(),
      noonMs,
    );
    expect(raised.plan).toMatchObject({ setInstances: 3 });
    const expired = { ...seen, fleet: { ...seen.fleet, pause: { until: '2026-11-24T11:00:00Z', reason: '' } } };
    expect(decide(expired, policy(), noonMs).plan.desired.instances).toBe(1);
  });

  it('ignores a wrong policy in the fleet item and says so', () => {
    const seen = observation([owned('a', 'w1')], [running('w1', 'a')]);
    const wrong = decide({ ...seen, fleet: { ...seen.fleet, policy: { minWorkers: 20 } } }, policy(), noonMs);
    expect(wrong.problems[0]?.words).toContain('minWorkers 20 is more than maxWorkers 10');
    expect(wrong.plan.desired.instances).toBe(1);
  });
});
