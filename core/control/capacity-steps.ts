/**
 * The steps by which a fleet comes to its size: which instances go, and how many tasks the service is to run.
 * Invariants: an instance goes only when its worker has given up everything, or when it has none; the service never wants
 * more tasks than there are registered instances, so that ECS is not kept from placing.
 */
import type { WorkerItem } from '../fleet-state.ts';
import { instancePrefix } from './bins.ts';
import { instanceOf, isDead, isLeaving } from './observation.ts';
import type { Plan, PlanInput } from './plan.ts';

/** Has a leaving worker given up all that it had? */
export function isEmptied(worker: WorkerItem, { nowMs, policy, observation }: PlanInput): boolean {
  if (worker.drain === undefined) return false;
  if (isDead(worker, nowMs, policy.workerDeadAfterMs)) return true;
  const owns = observation.cameras.some(
    (state) => state.ownerWorkerId === worker.workerId && state.releasedEpoch !== state.epoch,
  );
  const saysSo = worker.lifecycle === 'draining' && Object.keys(worker.running).length === 0;
  return !owns && (saysSo || worker.drainedAtMs !== undefined);
}

/** A worker that was given a camera begins it with a heartbeat, and protects its task then. */
const beginsWithinMs = 15_000;

/**
 * Is a worker that runs nothing about to begin a camera? ECS, told to run one task less, could stop it instead of the one that
 * became empty: neither is protected.
 */
export function isChangingHands(input: PlanInput): boolean {
  const { nowMs, policy, demands, crowd } = input;
  const { cameras, workers } = input.observation;
  // What is settled is begun: whoever has it runs it.
  const isIdle = (worker: WorkerItem) =>
    worker.lifecycle === 'ready' &&
    !crowd.owners.has(worker.workerId) &&
    !isLeaving(worker) &&
    !isDead(worker, nowMs, policy.workerDeadAfterMs) &&
    Object.keys(worker.running).length === 0 &&
    Object.keys(worker.standingBy ?? {}).length === 0;
  const beginners = new Set<string>();
  let isGivenUp = false;
  cameras.forEach(({ ownerWorkerId, epoch, releasedEpoch, ownedSinceMs }, index) => {
    if (ownerWorkerId === undefined) return;
    if (releasedEpoch === epoch) isGivenUp ||= demands[index]?.assignNow === true;
    else if (nowMs - (ownedSinceMs ?? 0) < beginsWithinMs) beginners.add(ownerWorkerId);
  });
  // In most minutes nothing changes hands, and no worker has to be asked.
  if (!isGivenUp && beginners.size === 0) return false;
  return workers.some((worker) => (isGivenUp || beginners.has(worker.workerId)) && isIdle(worker));
}

export function chooseTerminations(
  { observation }: PlanInput,
  emptied: readonly WorkerItem[],
  going: readonly string[],
  instances: number,
  groupDesired: number,
): Plan['terminations'] {
  const chosen: { instanceId: string; reason: string }[] = [];
  for (const worker of emptied) {
    const instanceId = instanceOf(worker, observation.containerInstances);
    if (instanceId !== null) chosen.push({ instanceId, reason: `worker ${worker.workerId} is drained` });
  }
  for (const id of going) {
    if (!id.startsWith(instancePrefix)) continue;
    chosen.push({ instanceId: id.slice(instancePrefix.length), reason: 'it has no worker and is not needed' });
  }
  let remaining = groupDesired;
  return chosen.map((termination) => {
    const decrement = remaining - 1 >= instances;
    if (decrement) remaining -= 1;
    return { ...termination, decrement };
  });
}

/**
 * One task per registered instance that stays; null when ECS could not be read. Without the group the number may only
 * rise: instances that have registered since do not wait for a throttled API while a window opens.
 */
export function tasksFor(input: PlanInput, terminations: Plan['terminations'], instances: number): number | null {
  const { group, service, containerInstances } = input.observation;
  if (service === null || containerInstances === null) return null;
  if (group === null) {
    const active = containerInstances.filter(({ status }) => status === 'ACTIVE').length;
    return Math.max(service.desired, Math.min(instances, active));
  }
  const gone = new Set(terminations.map((termination) => termination.instanceId));
  const inGroup = new Set(group.instances.map((instance) => instance.instanceId));
  const registered = containerInstances.filter(
    (instance) => instance.status === 'ACTIVE' && inGroup.has(instance.instanceId) && !gone.has(instance.instanceId),
  ).length;
  // What drains keeps its task until it is empty.
  const running = group.desired - terminations.filter((termination) => termination.decrement).length;
  const tasks = Math.min(Math.max(instances, running), registered);
  return input.observation.missing.length > 0 ? Math.max(tasks, service.desired) : tasks;
}
