/**
 * How many workers the fleet should have, which of them go, and why, in absolute sizes. The plan knows nothing of
 * cameras' owners beyond where they run now; who gets which camera is decided in assign.ts with the same packing.
 * Invariants: desired stays within [min, max]; with something missing from the observation nothing shrinks; nobody is
 * terminated before its cameras are released.
 */
import type { FleetPolicy } from '../fleet-state.ts';
import { absentPrefix, newWorkerBin, renewingPrefix, sortWorkers, workerPrefix } from './bins.ts';
import { chooseTerminations, isChangingHands, isEmptied, tasksFor } from './capacity-steps.ts';
import { type Consolidation, consolidationWords, movesMade, weighDrains } from './consolidation.ts';
import type { CameraDemand } from './demand.ts';
import type { HeadcountMemory } from './headcount-memory.ts';
import { comingLoads, loadsAt, type Wanted, wantedOf } from './loads.ts';
import type { FleetObservation } from './observation.ts';
import { type Bin, type Load, notedRanked, placeCameras } from './pack.ts';
import { planReason } from './plan-reason.ts';
import type { activeOrders } from './policy.ts';
import { drainsOfRollout, olderWorkers, stopsOfRollout } from './rollout.ts';
import type { Crowd } from './settled.ts';

export type Sizes = { instances: number; tasks: number };

export type Plan = {
  previous: Sizes;
  /** What the fleet should come to. */
  desired: Sizes;
  /** Desired capacity to set on the group now; null: leave it. Shrinking happens by `terminations`. */
  setInstances: number | null;
  /** Desired count to set on the service now; null: leave it. */
  setTasks: number | null;
  drains: { workerId: string; reason: string; keepInstance?: true }[];
  /** Tasks of drained workers whose instances are for the next task. */
  stops: { workerId: string; taskArn: string; reason: string }[];
  terminations: { instanceId: string; decrement: boolean; reason: string }[];
  /** Cameras that cannot be served at the largest size allowed. */
  shed: ReadonlySet<string>;
  lowerDemandSinceMs: number | null;
  /** Workers that were weighed for consolidation, and the cameras that those which go will move. */
  consolidations: Consolidation[];
  moves: number;
  inputs: Record<string, number>;
  reason: string;
};

export type PlanInput = {
  nowMs: number;
  policy: FleetPolicy;
  orders: ReturnType<typeof activeOrders>;
  leadTimeMs: number;
  /** With those of its cameras that neither rest nor are settled. */
  observation: FleetObservation;
  /** Theirs, in their order. */
  demands: readonly CameraDemand[];
  /** Those that are settled. */
  crowd: Crowd;
  headcounts: HeadcountMemory;
  /** All cameras of the fleet. */
  allCameras: FleetObservation['cameras'];
};

export function planFleet(input: PlanInput): Plan {
  const { nowMs, policy, orders, observation, demands } = input;
  const { group, service, containerInstances } = observation;
  const fleet = sortWorkers(observation, policy, nowMs);
  const wanted = wantedOf(demands, input.crowd);
  const loadsNow = loadsAt(nowMs, wanted);
  const newBin = newWorkerBin(fleet.live, policy);

  const maxAllowed = Math.min(policy.maxWorkers, group?.max ?? policy.maxWorkers);
  const wantedMin = orders.pause === null ? Math.max(policy.minWorkers, orders.override?.minWorkers ?? 0) : 0;
  const minAllowed = Math.min(maxAllowed, Math.max(wantedMin, group?.min ?? 0));
  const partial = observation.missing.length > 0;

  const needs = workersNeeded(nowMs, wanted, loadsNow, fleet.bins, newBin, input.headcounts);
  const older = partial ? [] : olderWorkers(fleet.live, service);
  // With nobody to watch there is nothing to hand over, and no need for a second GPU.
  const surge = needs.needed === 0 ? 0 : Math.min(policy.rolloutSurgeWorkers, older.length);
  const goal = clamp(needs.needed + surge, minAllowed, maxAllowed);
  const serving = fleet.bins.length;
  const previousInstances = group?.desired ?? fleet.live.length;
  const previous = { instances: previousInstances, tasks: service?.desired ?? fleet.live.length };

  const lowerDemandSinceMs = goal < serving ? (observation.fleet.lowerDemandSinceMs ?? nowMs) : null;
  const waitedLongEnough =
    lowerDemandSinceMs !== null &&
    (nowMs - lowerDemandSinceMs >= policy.scaleInDelayMs || orders.pause !== null || serving > maxAllowed);
  const shrinking = goal < serving && waitedLongEnough && !partial;
  const chosen = shrinking ? binsToGo(serving - goal, needs.spareNow, fleet.bins, loadsNow) : [];
  // What is beyond the maximum goes whatever it costs.
  const spare = serving > maxAllowed ? [] : needs.spareNow;
  const { weighed, moves } = weighDrains({
    ...{ chosen, spare, loads: loadsNow, goal, policy, nowMs, demands },
    ...{ made: movesMade(observation.fleet, nowMs), workerCapacity: newBin.capacity },
    ...{ leadMs: input.leadTimeMs, cameras: input.allCameras },
  });
  const staying = weighed.filter(({ verdict }) => verdict !== 'drained');
  const isStaying = new Set(staying.map(({ workerId }) => `${workerPrefix}${workerId}`));
  // A worker that could take a camera which has none now is no spare one, wherever the packing would have put it.
  const homes = new Set(fleet.bins.map(({ id }) => id));
  if (loadsNow.some(({ binId }) => binId === null || !homes.has(binId))) {
    for (const id of chosen) if (id.startsWith(workerPrefix) && spare.includes(id)) isStaying.add(id);
  }
  const going = chosen.filter((id) => !isStaying.has(id));

  const emptied = partial || isChangingHands(input) ? [] : fleet.leaving.filter((worker) => isEmptied(worker, input));
  const stillLeaving = fleet.leaving.length - emptied.length;
  let instances = shrinking ? goal + isStaying.size : clamp(Math.max(goal, serving), minAllowed, maxAllowed);
  // Cameras on a worker that leaves need its replacement before it is gone.
  if (goal > serving) instances = Math.min(maxAllowed, goal + stillLeaving);
  if (partial) instances = Math.min(maxAllowed, Math.max(instances, previousInstances));

  const terminations = group === null ? [] : chooseTerminations(input, emptied, going, instances, group.desired);
  const absentGoing = going.filter((id) => id.startsWith(absentPrefix)).length;
  let setInstances: number | null = null;
  if (group !== null && instances > group.desired) setInstances = instances;
  else if (group !== null && absentGoing > 0) setInstances = Math.max(instances, group.desired - absentGoing);

  const tasks = tasksFor(input, terminations, instances);
  const desired = { instances, tasks: tasks ?? previous.tasks };
  const drains: Plan['drains'] = going
    .filter((id) => id.startsWith(workerPrefix))
    .map((id) => ({
      workerId: id.slice(workerPrefix.length),
      reason: drainReason(id, spare, weighed, maxAllowed),
    }));
  const surgeComes = surge > 0 && needs.needed + surge <= maxAllowed;
  const rolloutDrains = drainsOfRollout({
    ...{ older, ready: fleet.live, needed: needs.needed, surgeComes, places: serving },
    ...{ alreadyGoing: new Set(going), loads: loadsNow },
  });
  drains.push(...rolloutDrains);
  const stops = partial ? [] : stopsOfRollout(observation.workers, input);
  const shed =
    needs.needed > maxAllowed
      ? shedCameras(wanted, fleet.bins, newBin, maxAllowed - fleet.leaving.length)
      : new Set<string>();
  const inputs = {
    cameras: input.allCameras.length,
    camerasWantedNow: loadsNow.length,
    // What is wanted at all and not now is wanted soon.
    camerasWantedSoon: wanted.length - loadsNow.length,
    inferencesPerSecondNow: round(sum(loadsNow.map((load) => load.load))),
    inferencesPerSecondPerWorker: round(newBin.capacity),
    workersNeeded: needs.needed,
    workersServing: fleet.live.length,
    workersLeaving: fleet.leaving.length,
    workersBooting: serving - fleet.live.length,
    workersOfOlderRevision: older.length,
    containerInstances: containerInstances?.length ?? -1,
    minWorkers: minAllowed,
    maxWorkers: maxAllowed,
    leadTimeMs: input.leadTimeMs,
    observationsMissing: observation.missing.length,
  };
  const reason = planReason({
    input,
    wanted,
    loadsNow,
    goal: goal + isStaying.size,
    serving,
    needs,
    shrinking: shrinking && going.length > 0,
    staying,
    partial,
    lowerDemandSinceMs,
    minAllowed,
    maxAllowed,
    shed,
    going: going.length,
    older: older.length,
    surge: surgeComes ? surge : 0,
    rolloutDrains: rolloutDrains.map(({ workerId }) => workerId),
  });
  return {
    previous,
    desired,
    setInstances,
    setTasks:
      tasks !== null && (tasks !== service?.desired || isAwaitingTasks(older.length, tasks, input)) ? tasks : null,
    drains,
    stops,
    terminations,
    shed,
    lowerDemandSinceMs,
    consolidations: weighed,
    moves,
    inputs,
    reason,
  };
}

export type WorkersNeeded = {
  needed: number;
  /** The later instant that needs more than now does, if any. */
  decidedByStartMs: number | null;
  /** Bins that could go now, emptiest first. */
  spareNow: string[];
};

/** The most that any instant from now to the horizon needs: two windows that follow each other share one worker. */
function workersNeeded(
  nowMs: number,
  wanted: readonly Wanted[],
  loadsNow: readonly Load[],
  bins: readonly Bin[],
  newBin: Omit<Bin, 'id'>,
  headcounts: HeadcountMemory,
): WorkersNeeded {
  const neededFor = (loads: readonly Load[]) => {
    const { missing, spare } = headcounts.headcount(loads, bins, newBin);
    return { needed: bins.length + missing - spare.length, spare };
  };
  const now = neededFor(loadsNow);
  let needed = now.needed;
  let decidedByStartMs: number | null = null;
  for (const { startMs, loads } of comingLoads(nowMs, wanted)) {
    const later = neededFor(loads).needed;
    if (later > needed) {
      needed = later;
      decidedByStartMs = startMs;
    }
  }
  return { needed, decidedByStartMs, spareNow: now.spare };
}

function drainReason(id: string, spare: readonly string[], weighed: readonly Consolidation[], max: number): string {
  if (!spare.includes(id)) return `the fleet may have ${max} workers`;
  const one = weighed.find(({ workerId }) => id === `${workerPrefix}${workerId}`);
  return one === undefined ? 'it has no cameras, and fewer workers suffice' : consolidationWords(one);
}

/** Emptiest first as far as cameras fit elsewhere; beyond that (the maximum was lowered) the least loaded. */
function binsToGo(count: number, spare: readonly string[], bins: readonly Bin[], loads: readonly Load[]): string[] {
  const loadsOf = Map.groupBy(loads, ({ binId }) => binId);
  const loadIn = (id: string) => sum((loadsOf.get(id) ?? []).map((load) => load.load));
  const forced = bins
    .map((bin) => bin.id)
    .filter((id) => !spare.includes(id) && !id.startsWith(renewingPrefix))
    .sort((a, b) => loadIn(a) - loadIn(b) || (a < b ? -1 : 1));
  return [...spare, ...forced].slice(0, count);
}

/**
 * During a rollout ECS wants more tasks than there are GPUs for, fails to place them and waits ever longer before it tries
 * again. Told its count once more it tries at once; that is done while an instance has no task.
 */
function isAwaitingTasks(older: number, tasks: number, { observation: { service } }: PlanInput): boolean {
  return older > 0 && service !== null && service.running + service.pending < tasks;
}

function shedCameras(
  wanted: readonly Wanted[],
  bins: readonly Bin[],
  newBin: Omit<Bin, 'id'>,
  workersMax: number,
): ReadonlySet<string> {
  const all = [...bins];
  for (let index = 0; all.length < workersMax; index += 1) all.push({ id: `new:${index}`, ...newBin });
  const loads = notedRanked(wanted.filter(({ assignNow }) => assignNow).map(({ load }) => load));
  const { places } = placeCameras(loads, all);
  return new Set(loads.filter((_, at) => places[at] === undefined).map((load) => load.cameraId));
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
