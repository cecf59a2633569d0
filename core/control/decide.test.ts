/** What must hold for every decision, whatever the fleet looks like: found by random search over whole observations. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CameraState, WorkerItem } from '../fleet-state.ts';
import { decide } from './decide.ts';
import { afterChanges, afterWorkers, noonMs, observation, policy, state, worker } from './fleet-factories.ts';
import type { FleetObservation } from './observation.ts';
import { leaseOf, ownersOf } from './owners.ts';

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

const runs = { numRuns: 150 };

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
        const owners = ownersOf(observed.workers, noonMs, policy.workerDeadAfterMs);
        for (const { observed: before, next, ownership } of changes) {
          if (
            next.epoch !== before.epoch ||
            (next.ownerWorkerId !== before.ownerWorkerId && next.ownerWorkerId !== undefined)
          ) {
            expect(ownership?.kind).toBe('give');
            expect(next.epoch).toBe(before.epoch + 1);
          }
          if (ownership?.kind !== 'give') continue;
          expect(['none', 'released', 'orphaned']).toContain(leaseOf(before, owners));
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
        // Give, begin, ask back for room, release, give: each at most once per camera, and one round to spare.
        for (let round = 0; round < 6; round += 1) {
          seen = { ...afterWorkers(afterChanges(seen, decide(seen, policy, noonMs).changes)), missing: [] };
        }
        const again = decide(seen, policy, noonMs).changes.filter((change) => change.ownership !== null);
        expect(again.map((change) => change.ownership)).toEqual([]);
      }),
      runs,
    );
  });
});
