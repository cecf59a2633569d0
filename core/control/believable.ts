/**
 * What of an observation can be true. Tables and APIs are written by other people's hands, and clocks are set: a count
 * below zero, a worker from the future or an hour that went by between two runs must not move a camera or end a machine.
 * What cannot be believed is taken for not known, so that the plan holds; it is said, and forgotten once it is over.
 * Invariants: an observation that can be true is returned as it is; what is stored is never changed for being unbelievable.
 */
import { KvsInferError } from '../errors.ts';
import type { CameraState, FleetPolicy, WorkerItem } from '../fleet-state.ts';
import type { Problem } from './decide.ts';
import type { FleetObservation, GroupObservation, ServiceObservation } from './observation.ts';
import { hasEnded, isDead, isLeaving } from './observation.ts';
import { camerasPerFleetMax } from './policy.ts';

/** Clocks of machines that synchronise differ by far less. */
const skewMaxMs = 60_000;
/** The loop runs every minute; so long without a run it stood still, or its clock went on without it. */
const gapMaxMs = 300_000;
/** The largest GPUs do some thousand inferences a second. */
const inferencesPerSecondMax = 100_000;
const namesMax = 3;

export function believable(
  given: FleetObservation,
  policy: FleetPolicy,
  nowMs: number,
): { observation: FleetObservation; problems: Problem[] } {
  const problems: Problem[] = [];
  const missing = [...given.missing];
  const doubt = (what: string) => {
    problems.push({ kind: 'input', words: what });
    missing.push(what);
  };
  let observation = given;
  const change = (part: Partial<FleetObservation>) => {
    observation = { ...observation, ...part };
  };

  const wrongGroup = given.group === null ? null : groupFault(given.group);
  if (wrongGroup !== null) {
    doubt(`the Auto Scaling group cannot be as it was read: ${wrongGroup}`);
    change({ group: null });
  }
  const wrongService = given.service === null ? null : serviceFault(given.service);
  if (wrongService !== null) {
    doubt(`the ECS service cannot be as it was read: ${wrongService}`);
    change({ service: null });
  }

  const unreadable = given.workers.filter((worker) => !isWorker(worker));
  if (unreadable.length > 0) {
    doubt(`items of the workers table cannot be used: ${names(unreadable.map(({ workerId }) => String(workerId)))}`);
  }
  let workers = given.workers.filter(isWorker);
  const boastful = workers.filter(({ capacityInferencesPerSecond }) => isAbsurdCapacity(capacityInferencesPerSecond));
  if (boastful.length > 0) {
    const ids = names(
      boastful.map(({ workerId, capacityInferencesPerSecond }) => `${workerId} ${capacityInferencesPerSecond}`),
    );
    problems.push({
      kind: 'input',
      words: `measured capacities that cannot be (inferences/s): ${ids}; assumed instead`,
    });
    workers = workers.map((worker) =>
      isAbsurdCapacity(worker.capacityInferencesPerSecond) ? withoutCapacity(worker) : worker,
    );
  }

  const clock = clockFault(workers, given, policy, nowMs);
  if (clock !== null) {
    doubt(clock);
    workers = workers.map((worker) => ({ ...worker, heartbeatAtMs: nowMs }));
  } else {
    const ahead = workers.filter(({ heartbeatAtMs }) => heartbeatAtMs > nowMs + skewMaxMs);
    if (ahead.length > 0) {
      const words = `clocks of workers are ahead: ${names(ahead.map(({ workerId, heartbeatAtMs }) => `${workerId} by ${seconds(heartbeatAtMs - nowMs)}`))}`;
      problems.push({ kind: 'input', words: `${words}; that they fall silent is seen that much later` });
    }
  }
  if (workers.length !== given.workers.length || workers.some((worker, index) => worker !== given.workers[index])) {
    change({ workers });
  }

  const { lowerDemandSinceMs } = given.fleet;
  if (lowerDemandSinceMs !== undefined && lowerDemandSinceMs > nowMs) {
    change({ fleet: { ...given.fleet, lowerDemandSinceMs: nowMs } });
  }
  if (given.cameras.length > camerasPerFleetMax) {
    const words = `the fleet has ${given.cameras.length} cameras and holds ${camerasPerFleetMax}: those of the lowest priority are not watched; move them to another fleet`;
    problems.push({ kind: 'fleet-size', words });
  }
  if (missing.length > given.missing.length) change({ missing });
  return { observation, problems };
}

/**
 * A camera that leaves is taken off its worker's list before its state goes. Lists without a single state mean that the
 * states were lost: a run would empty the lists and end what still watches.
 * @throws KvsInferError CAMERA_STATES_LOST
 */
export function refuseLostStates(
  { cameras, held, workers, fleet }: FleetObservation,
  deadAfterMs: number,
  nowMs: number,
): void {
  if (cameras.length + (held?.cameras.length ?? 0) > 0) return;
  const watching = workers.filter(
    (worker) => isWorker(worker) && !isDead(worker, nowMs, deadAfterMs) && !isLeaving(worker),
  );
  const listed = watching.reduce((sum, { assignments = {} }) => sum + Object.keys(assignments).length, 0);
  if (listed === 0) return;
  throw new KvsInferError(
    'CAMERA_STATES_LOST',
    `fleet ${fleet.fleet} has no camera state, and its workers have ${listed} camera${listed === 1 ? '' : 's'} on their lists`,
    { hint: 'they go on watching; "kvs-infer camera rebuild" makes the states from the registry' },
  );
}

function groupFault({ desired, min, max, instances }: GroupObservation): string | null {
  if (![desired, min, max].every(isCount)) return `sizes ${desired}, ${min} to ${max} are no counts`;
  if (min > max) return `its minimum ${min} is more than its maximum ${max}`;
  const ids = instances.map(({ instanceId }) => instanceId);
  if (ids.includes('')) return 'an instance has no id';
  return new Set(ids).size === ids.length ? null : 'an instance is listed twice';
}

function serviceFault({ desired, running, pending }: ServiceObservation): string | null {
  return [desired, running, pending].every(isCount) ? null : `tasks ${desired}, ${running}, ${pending} are no counts`;
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0;
}

function isWorker(worker: WorkerItem): boolean {
  return Number.isFinite(worker.heartbeatAtMs) && typeof worker.running === 'object' && worker.running !== null;
}

function isAbsurdCapacity(capacity: number | undefined): boolean {
  return capacity !== undefined && !(capacity > 0 && capacity <= inferencesPerSecondMax);
}

function withoutCapacity(worker: WorkerItem): WorkerItem {
  const { capacityInferencesPerSecond: _, ...rest } = worker;
  return rest;
}

/**
 * Is it this machine's clock that is wrong? Back: every worker comes from the future. Forward: no run for minutes, and every
 * worker that lived then would have died at once. If they did die, the next run, a minute later, sees it and believes it.
 */
function clockFault(
  workers: readonly WorkerItem[],
  { fleet }: FleetObservation,
  policy: FleetPolicy,
  nowMs: number,
): string | null {
  const alive = workers.filter((worker) => !hasEnded(worker));
  if (alive.length === 0) return null;
  const newestMs = Math.max(...alive.map(({ heartbeatAtMs }) => heartbeatAtMs));
  if (alive.every(({ heartbeatAtMs }) => heartbeatAtMs > nowMs + skewMaxMs)) {
    return `the clock went back: every worker is at least ${seconds(newestMs - nowMs)} ahead of it`;
  }
  const lastRunMs = fleet.meteredThroughMs;
  if (lastRunMs === undefined || nowMs - lastRunMs < gapMaxMs) return null;
  const wereAlive = newestMs > lastRunMs - policy.workerDeadAfterMs;
  const allSilent = nowMs - newestMs >= policy.workerDeadAfterMs;
  return wereAlive && allSilent
    ? `the clock went on by ${seconds(nowMs - lastRunMs)} since the last run, and no worker with it`
    : null;
}

/** Waiting that began in the future would last until then. */
export function withoutFuture(state: CameraState, nowMs: number): CameraState {
  const { silentSinceMs = 0, releaseRequestedAtMs = 0, successorSinceMs = 0 } = state;
  const latestMs = nowMs + skewMaxMs;
  if (silentSinceMs <= latestMs && releaseRequestedAtMs <= latestMs && successorSinceMs <= latestMs) return state;
  const wrong = (['silentSinceMs', 'releaseRequestedAtMs', 'successorSinceMs'] as const).filter(
    (name) => (state[name] ?? 0) > latestMs,
  );
  if (wrong.length === 0) return state;
  return { ...state, ...Object.fromEntries(wrong.map((name) => [name, nowMs])) };
}

export function names(ids: readonly string[]): string {
  return ids.length <= namesMax
    ? ids.join(', ')
    : `${ids.slice(0, namesMax).join(', ')} and ${ids.length - namesMax} more`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
