/** What must hold for every decision, whatever the fleet looks like: found by random search over whole observations. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CameraState, WorkerItem } from '../fleet-state.ts';
import { leaseOf } from './assign.ts';
import { decide } from './decide.ts';
import {
  afterChanges,
  afterWorkers,
  camera,
  noonMs,
  observation,
  policy,
  report,
  state,
  worker,
} from './fleet-factories.ts';
import type { FleetObservation } from './observation.ts';

const workerIds = ['w1', 'w2', 'w3', 'w4'];
const arbitraryWorker = (workerId: string) =>
  fc
    .record({
      lifecycle: fc.constantFrom<WorkerItem['lifecycle']>('starting', 'ready', 'ready', 'ready', 'draining', 'stopped'),
      silentForMs: fc.constantFrom(1_000, 10_000, 26_000),
      drained: fc.boolean(),
      capacity: fc.constantFrom(undefined, 8, 20),
    })
    .map(({ lifecycle, silentForMs, drained, capacity }) => {
      const { capacityInferencesPerSecond: _, ...rest } = worker(workerId, {
        lifecycle,
        heartbeatAtMs: noonMs - silentForMs,
      });
      return {
        ...rest,
        ...(capacity === undefined ? {} : { capacityInferencesPerSecond: capacity }),
        ...(drained && lifecycle === 'draining' ? { drain: { sinceMs: noonMs - 5_000, reason: 'test' } } : {}),
      };
    });
const arbitraryWorkers = fc.subarray(workerIds).chain((ids) => fc.tuple(...ids.map(arbitraryWorker)));
const schedules = [
  'always',
  { timeZone: 'UTC', windows: [{ start: '12:05', end: '13:00' }] },
  { timeZone: 'UTC', windows: [{ start: '01:00', end: '02:00' }] },
];
const arbitraryCamera = (cameraId: string) =>
  fc
    .record({
      fps: fc.constantFrom(1, 3, 5, 9),
      priority: fc.constantFrom(10, 50, 90),
      schedule: fc.constantFrom(...schedules),
      enabled: fc.constantFrom(true, true, true, false),
      owner: fc.option(fc.constantFrom(...workerIds, 'gone')),
      released: fc.boolean(),
      asked: fc.boolean(),
      valid: fc.constantFrom(true, true, true, true, false),
    })
    .map(({ fps, priority, schedule, enabled, owner, released, asked, valid }): CameraState => {
      const base = state(cameraId, {}, { priority, schedule, enabled, detect: { fps } });
      return {
        ...base,
        ...(valid ? {} : { camera: null, issues: [{ severity: 'error', path: 'x', message: 'wrong' }] }),
        ...(owner === null ? {} : { ownerWorkerId: owner, epoch: 3, ownedSinceMs: noonMs - 60_000 }),
        ...(owner !== null && released ? { releasedEpoch: 3 } : {}),
        ...(owner !== null && asked ? { releaseRequestedAtMs: noonMs - 2_000 } : {}),
      };
    });
const arbitraryCameras = fc
  .uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 14 })
  .chain((numbers) => fc.tuple(...numbers.map((number) => arbitraryCamera(`camera-${number}`))));

const arbitraryFleet = fc
  .record({
    cameras: arbitraryCameras,
    workers: arbitraryWorkers,
    extra: fc.integer({ min: 0, max: 2 }),
    min: fc.integer({ min: 0, max: 2 }),
    more: fc.integer({ min: 0, max: 4 }),
    lowerForMs: fc.constantFrom(undefined, 10_000, 400_000),
    missing: fc.boolean(),
  })
  .map(({ cameras, workers, extra, min, more, lowerForMs, missing }) => {
    const seen = observation(cameras, workers);
    const group = seen.group;
    const observed: FleetObservation = {
      ...seen,
      group: group === null ? null : { ...group, desired: group.desired + extra },
      fleet: { ...seen.fleet, ...(lowerForMs === undefined ? {} : { lowerDemandSinceMs: noonMs - lowerForMs }) },
      missing: missing ? ['the video streams (throttled)'] : [],
    };
    return { observed, policy: policy({ minWorkers: min, maxWorkers: min + more }) };
  });

const runs = { numRuns: 300 };

describe('decide', () => {
  it('gives the same answer for the same input, whatever its order', () => {
    fc.assert(
      fc.property(arbitraryFleet, ({ observed, policy }) => {
        const one = decide(observed, policy, noonMs);
        const other = decide({ ...observed, workers: [...observed.workers].reverse() }, policy, noonMs);
        expect(decide(observed, policy, noonMs)).toEqual(one);
        expect(other.plan.desired).toEqual(one.plan.desired);
        expect(other.plan.reason).toBe(one.plan.reason);
        expect(other.changes).toEqual(one.changes);
      }),
      runs,
    );
  });

  it('keeps the desired size within its bounds, and the tasks within the instances', () => {
    fc.assert(
      fc.property(arbitraryFleet, ({ observed, policy }) => {
        const { plan } = decide(observed, policy, noonMs);
        expect(plan.desired.instances).toBeGreaterThanOrEqual(policy.minWorkers);
        expect(plan.desired.instances).toBeLessThanOrEqual(policy.maxWorkers);
        if (plan.setInstances !== null)
          expect(plan.setInstances).toBeLessThanOrEqual(Math.max(policy.maxWorkers, observed.group?.desired ?? 0));
        if (observed.missing.length === 0)
          expect(plan.desired.tasks).toBeLessThanOrEqual(observed.containerInstances?.length ?? 0);
      }),
      runs,
    );
  });

  it('never shrinks on a partial observation', () => {
    fc.assert(
      fc.property(arbitraryFleet, ({ observed, policy }) => {
        const { plan } = decide({ ...observed, missing: ['the ECS service (down)'] }, policy, noonMs);
        expect(plan.drains).toEqual([]);
        expect(plan.terminations).toEqual([]);
        expect(plan.setInstances ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(observed.group?.desired ?? 0);
        expect(plan.desired.instances).toBeGreaterThanOrEqual(
          Math.min(policy.maxWorkers, observed.group?.desired ?? 0),
        );
        expect(plan.setTasks ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(observed.service?.desired ?? 0);
      }),
      runs,
    );
  });

  it('gives cameras only when they are free, and only to workers that serve', () => {
    fc.assert(
      fc.property(arbitraryFleet, ({ observed, policy }) => {
        const { changes, plan } = decide(observed, policy, noonMs);
        const byId = new Map(observed.workers.map((item) => [item.workerId, item]));
        for (const { observed: before, next, ownership } of changes) {
          if (
            next.epoch !== before.epoch ||
            (next.ownerWorkerId !== before.ownerWorkerId && next.ownerWorkerId !== undefined)
          ) {
            expect(ownership?.kind).toBe('give');
            expect(next.epoch).toBe(before.epoch + 1);
          }
          if (ownership?.kind !== 'give') continue;
          expect(['none', 'released', 'orphaned']).toContain(leaseOf(before, byId, noonMs, policy.workerDeadAfterMs));
          const target = byId.get(ownership.workerId);
          expect(target).toMatchObject({ lifecycle: 'ready' });
          expect(target?.drain).toBeUndefined();
          expect(noonMs - (target?.heartbeatAtMs ?? 0)).toBeLessThan(policy.workerDeadAfterMs);
          expect(plan.drains.map((drain) => drain.workerId)).not.toContain(ownership.workerId);
        }
      }),
      runs,
    );
  });

  it('terminates no worker that still owns a camera', () => {
    fc.assert(
      fc.property(arbitraryFleet, ({ observed, policy }) => {
        const { plan } = decide(observed, policy, noonMs);
        for (const { instanceId } of plan.terminations) {
          const here = observed.workers.find((item) => item.instanceId === instanceId);
          if (
            here === undefined ||
            noonMs - here.heartbeatAtMs >= policy.workerDeadAfterMs ||
            here.lifecycle === 'stopped'
          )
            continue;
          const owned = observed.cameras.filter(
            (item) => item.ownerWorkerId === here.workerId && item.releasedEpoch !== item.epoch,
          );
          expect(owned).toEqual([]);
        }
      }),
      runs,
    );
  });

  it('comes to rest: once workers follow, the same decision changes no ownership', () => {
    fc.assert(
      fc.property(arbitraryFleet, ({ observed, policy }) => {
        let seen = { ...observed, missing: [] };
        for (let round = 0; round < 4; round += 1) {
          seen = { ...afterWorkers(afterChanges(seen, decide(seen, policy, noonMs).changes)), missing: [] };
        }
        const again = decide(seen, policy, noonMs).changes.filter((change) => change.ownership !== null);
        expect(again.map((change) => change.ownership)).toEqual([]);
      }),
      runs,
    );
  });
});

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
      fleet: { ...seen.fleet, leadTimeSamplesMs: [500_000, 510_000, 520_000, 530_000, 590_000] },
    };
    const { plan, changes } = decide(slow, policy(), noonMs);
    expect(plan).toMatchObject({ setInstances: 1 });
    expect(plan.reason).toBe(
      'no camera is wanted now; the window of gate opens at 2026-11-24T12:10:00Z, lead time 590 s; start 1 worker',
    );
    expect(changes[0]?.next).toMatchObject({ phase: 'warming' });
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
    expect(wrong.policyProblem).toContain('minWorkers 20 is more than maxWorkers 10');
    expect(wrong.plan.desired.instances).toBe(1);
  });
});
