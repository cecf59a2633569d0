/**
 * The workers of a fleet as places for cameras: those that serve, and those that will because their instance is booting
 * or ordered. Invariant: everything that counts in the group's desired size is in here once, as a bin or as leaving.
 */
import type { FleetPolicy, WorkerItem } from '../fleet-state.ts';
import {
  type FleetObservation,
  instanceOf,
  isDead,
  isLeaving,
  presentInstances,
  servingWorkers,
} from './observation.ts';
import type { Bin } from './pack.ts';

// Prefixes in the order in which equally empty ones go: what does not exist yet, what serves nobody, workers.
export const absentPrefix = 'absent:';
export const instancePrefix = 'instance:';
export const workerPrefix = 'worker:';
/** An instance whose old worker goes and whose next one is to come: it stays. */
export const renewingPrefix = 'renewing:';

export type SortedWorkers = { live: WorkerItem[]; leaving: WorkerItem[]; bins: Bin[] };

/** Workers that serve, workers that leave, and a bin for everything that serves or will: workers, instances, absent ones. */
export function sortWorkers(observation: FleetObservation, policy: FleetPolicy, nowMs: number): SortedWorkers {
  const { group, containerInstances, workers } = observation;
  const dead = (worker: WorkerItem) => isDead(worker, nowMs, policy.workerDeadAfterMs);
  const live = servingWorkers(observation, nowMs, policy.workerDeadAfterMs);
  const present = presentInstances(group);
  const presentIds = new Set(present.map((instance) => instance.instanceId));
  const instanceIdOf = (worker: WorkerItem) => instanceOf(worker, containerInstances);
  const renewing = new Set<string>();
  const leaving = workers.filter((worker) => {
    if (!isLeaving(worker)) return false;
    const instanceId = instanceIdOf(worker);
    if (worker.drain?.keepInstance === true && instanceId !== null && presentIds.has(instanceId)) {
      // Once its worker is gone the instance is like any other that waits for a task.
      if (!dead(worker)) renewing.add(instanceId);
      return false;
    }
    // A drained worker counts until its instance is gone; one that merely stops (a deployment) leaves its instance to
    // the next task, and one without an instance (standalone) is gone when it is dead.
    if (worker.drain === undefined || instanceId === null || group === null) return !dead(worker);
    return presentIds.has(instanceId);
  });
  const bins: Bin[] = live.map((worker) => workerBin(worker, policy, `${workerPrefix}${worker.workerId}`));
  if (group === null) return { live, leaving, bins };
  const fresh = newWorkerBin(live, policy);
  for (const instanceId of renewing) bins.push({ id: `${renewingPrefix}${instanceId}`, ...fresh });
  const taken = new Set([...[...live, ...leaving].map(instanceIdOf), ...renewing]);
  // When a worker's instance is unknown, an instance without a worker may be its own: then only numbers are known.
  const idle = taken.has(null) ? [] : present.filter((instance) => !taken.has(instance.instanceId));
  for (const instance of idle) bins.push({ id: `${instancePrefix}${instance.instanceId}`, ...fresh });
  const absent = Math.max(0, group.desired - live.length - leaving.length - renewing.size - idle.length);
  for (let index = 0; index < absent; index += 1) bins.push({ id: `${absentPrefix}${index}`, ...fresh });
  return { live, leaving, bins };
}

export function workerBin(worker: WorkerItem, policy: FleetPolicy, id: string): Bin {
  const capacity = worker.capacityInferencesPerSecond ?? policy.defaultInferencesPerSecond;
  return { id, capacity, target: capacity * policy.targetUtilization };
}

/** A worker to come is expected to do what the median of the present ones measured. */
export function newWorkerBin(live: readonly WorkerItem[], policy: FleetPolicy): Omit<Bin, 'id'> {
  const measured = live.flatMap((worker) => worker.capacityInferencesPerSecond ?? []).sort((a, b) => a - b);
  const capacity = measured[Math.floor((measured.length - 1) / 2)] ?? policy.defaultInferencesPerSecond;
  return { capacity, target: capacity * policy.targetUtilization };
}
