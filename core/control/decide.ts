/**
 * One run of the control loop's thinking: from what was observed to everything that is to be done, as data. Pure, so
 * that the simulator, the tests and production decide alike.
 * Invariant: nothing here writes; each change names the version of the state that it was decided on.
 */
import type { CameraState, FleetPolicy, WorkerItem } from '../fleet-state.ts';
import { assignCameras, type OwnershipChange } from './assign.ts';
import { believable, withoutFuture } from './believable.ts';
import { newWorkerBin } from './bins.ts';
import { type BudgetAnswer, withinBudget } from './budget.ts';
import { cameraChanges } from './camera-changes.ts';
import { climbLadder, type LadderStep } from './capacity-ladder.ts';
import { type MovesMade, movesMade, withinMoves } from './consolidation.ts';
import { type CameraDemand, cameraDemands, hoursAsked } from './demand.ts';
import { withoutHeld } from './held-items.ts';
import { hoursAt } from './hours.ts';
import { fleetLeadTimeMs } from './lead-time.ts';
import type { LedgerEntry } from './ledger.ts';
import { type Meter, meterRun } from './meter.ts';
import { type RolloutStep, stepModelRollout } from './model-rollout.ts';
import {
  type FleetObservation,
  hasEnded,
  inOrderOfIds,
  isDead,
  notedInOrder,
  servingWorkers,
  statesInOrder,
} from './observation.ts';
import { type Owners, ownersOf } from './owners.ts';
import { type Plan, planFleet } from './plan.ts';
import { activeOrders, camerasPerFleetMax, fleetPolicy } from './policy.ts';
import type { WindowPromise } from './ready-by.ts';
import { olderWorkers } from './rollout.ts';
import { allOf, type Crowd, type DecisionMemory, decisionMemory, type Settled, type SettledMemory } from './settled.ts';

/** What is to be written to one camera's state, in one conditional update. */
export type CameraChange = {
  cameraId: string;
  /** The state as observed: a change of ownership holds only while owner and epoch are still these. */
  observed: CameraState;
  /** The state after the change. */
  next: CameraState;
  ownership: OwnershipChange | null;
  ledger: LedgerEntry[];
  /** Windows whose promise is known by now. */
  promises: WindowPromise[];
};

/** `kind` tells whether it is the one of the last run; the words may carry numbers that change. */
export type Problem = { kind: 'capacity' | 'budget' | 'input' | 'policy' | 'fleet-size' | 'model'; words: string };

export type ControlDecision = {
  nowMs: number;
  plan: Plan;
  policy: FleetPolicy;
  /** The cameras that do not rest (rest.ts) and are not settled (settled.ts), and what they ask for, in their order. */
  awake: readonly CameraState[];
  demands: CameraDemand[];
  /** Those that are settled. */
  crowd: Crowd;
  changes: CameraChange[];
  /** States whose row is gone or moved and that nobody owns: to be deleted, or moved to the named fleet. */
  departures: { state: CameraState; toFleet: string | null }[];
  /** Dead workers that own nothing any more. */
  buried: WorkerItem[];
  ladder: LadderStep;
  /** What the fleet used up to now. */
  meter: Meter;
  budget: BudgetAnswer;
  moves: MovesMade;
  modelRollout: RolloutStep;
  /** What somebody should look at, one sentence each. */
  problems: Problem[];
};

/** A worker that lost its network may come back and serve on; one that is silent for so long hangs. */
const hungAfterMs = 120_000;

/** @param memory handed from run to run by who keeps the same objects while they say the same; it changes no decision. */
export function decide(
  given: FleetObservation,
  deployment: FleetPolicy,
  nowMs: number,
  memory: DecisionMemory = decisionMemory(),
): ControlDecision {
  const { policy, problem } = fleetPolicy(deployment, given.fleet);
  const inOrder = inOrderOfIds(given);
  const believed = believable(inOrder, policy, nowMs);
  const { observation: seen, problems: held } = withoutHeld(believed.observation, policy, nowMs);
  const problems = [...believed.problems, ...held];
  if (problem !== null) problems.push({ kind: 'policy', words: `${problem}; the deployment's policy holds` });
  const orders = activeOrders(seen.fleet, nowMs);
  const leadMs = fleetLeadTimeMs(seen.fleet, policy, seen.group?.launch?.instanceTypes ?? []);
  const asked = { nowMs, policy, leadTimeMs: leadMs, pause: orders.pause };
  const hoursOf = hoursAt(hoursAsked(asked));
  const { streams, workers, cameras: allCameras } = seen;
  // Of more cameras than a fleet holds it is said of each whether it is held.
  const isOverfull = allCameras.length > camerasPerFleetMax;
  const awake = isOverfull ? allCameras : memory.rest.awake(allCameras, hoursOf, streams.statusByName);
  const isInOrder = !isOverfull && memory.rest.isInOrder;
  const owners = ownersOf(workers, nowMs, policy.workerDeadAfterMs);
  const run = { nowMs, policy, owners, statusByName: streams.statusByName, hoursOf };
  const places = memory.rest.awakePlaces;
  // What a worker said is what it said only as it was given.
  const isAsGiven = isInOrder && workers === inOrder.workers;
  const facts = {
    seen,
    policy,
    orders,
    leadMs,
    owners,
    nowMs,
    problems,
    ...memory,
    settled: isAsGiven ? memory.settled : null,
  };
  const weigh = (states: readonly CameraState[], crowd: Crowd) => {
    const believedStates = states.map((state) => withoutFuture(state, nowMs));
    const cameras = statesInOrder(isInOrder ? notedInOrder(believedStates) : believedStates);
    return weighed(facts, cameras, cameraDemands({ ...asked, cameras, owners, streams }, hoursOf), crowd);
  };
  const stirred = new Set<Settled>();
  for (;;) {
    const { cameras, crowd } = isAsGiven ? memory.settled.recall(awake, places, run, stirred) : allOf(awake);
    const { decision, moved } = weigh(cameras, crowd);
    if (decision !== null) return decision;
    for (const one of moved) stirred.add(one);
  }
}

type Facts = {
  seen: FleetObservation;
  policy: FleetPolicy;
  orders: ReturnType<typeof activeOrders>;
  leadMs: number;
  owners: Owners;
  nowMs: number;
  problems: readonly Problem[];
  settled: SettledMemory | null;
  headcounts: DecisionMemory['headcounts'];
};

/**
 * @param cameras that neither rest nor are settled, in order of ids. @param demands theirs. @param crowd those that are settled.
 * @returns no decision when some of the crowd are to move: they have to be looked at.
 */
function weighed(
  { seen, policy, orders, leadMs, owners, nowMs, problems: found, settled, headcounts }: Facts,
  cameras: readonly CameraState[],
  demands: CameraDemand[],
  crowd: Crowd,
): { decision: ControlDecision; moved?: never[] } | { decision: null; moved: readonly Settled[] } {
  const problems = [...found];
  const { workers, cameras: allCameras } = seen;
  const observation = { ...seen, cameras: cameras as CameraState[] };
  const live = servingWorkers(observation, nowMs, policy.workerDeadAfterMs);
  const idle = idleWorkers(live, cameras, demands, crowd);
  const meter = meterRun({ item: observation.fleet, observation, idle, timeZone: policy.dayTimeZone, nowMs });
  const budget = withinBudget({
    ...{ nowMs, policy, item: observation.fleet, meter, observation: seen, leadMs },
    workerCapacity: newWorkerBin(live, policy).capacity,
  });
  const sized = planFleet({
    ...{ nowMs, orders, leadTimeMs: leadMs, observation, demands, crowd, headcounts, allCameras },
    policy: budget.workersMax === null ? policy : withLimit(policy, budget.workersMax, observation.group),
  });
  const ladder = climbLadder({
    ...{ nowMs, policy, ladder: observation.fleet.capacityLadder, group: observation.group },
    ...{ failures: observation.launchFailures ?? null, desired: sized.desired.instances },
  });
  const plan = {
    ...sized,
    reason: [sized.reason, budget.words, ladder.words].filter((words) => words !== null).join('; '),
    inputs: { ...sized.inputs, workersIdle: idle.length },
  };
  const drained = new Set(plan.drains.map((drain) => drain.workerId));
  const serving = live.filter((worker) => !drained.has(worker.workerId));
  const older = new Set(olderWorkers(serving, observation.service).map(({ workerId }) => workerId));
  const before = movesMade(observation.fleet, nowMs);
  const assigned = assignCameras({ nowMs, policy, cameras, owners, serving, demands, crowd, shed: plan.shed, older });
  if (assigned.stirred.length > 0) return { decision: null, moved: assigned.stirred };
  const { changes: ownership, made: moves } = withinMoves(
    assigned.changes,
    { ...before, count: before.count + plan.moves },
    policy.movesPerMinuteMax,
  );
  const isPaused = orders.pause !== null;
  const { changes, departures } = cameraChanges(observation, {
    plan,
    demands,
    owners,
    ownership,
    nowMs,
    leadMs,
    isPaused,
    settled,
    shedBecause:
      budget.workersMax === null
        ? 'the fleet is at its largest size and cameras of higher priority fill it'
        : // How many is in the plan's reason.
          "the day's budget allows no more workers, and cameras of higher priority fill those that it allows",
  });
  const lost = workers.filter(
    (worker) =>
      isDead(worker, nowMs, policy.workerDeadAfterMs) &&
      (hasEnded(worker) || nowMs - worker.heartbeatAtMs >= hungAfterMs) &&
      !isAwaited(worker, plan),
  );
  const buried = lost.length === 0 ? [] : withoutCameras(lost, cameras, changes);
  if (ladder.isExhausted && ladder.words !== null) problems.push({ kind: 'capacity', words: ladder.words });
  const modelRollout = stepModelRollout(
    { item: seen.fleet, cameras: allCameras, workers, workerDeadAfterMs: policy.workerDeadAfterMs },
    nowMs,
  );
  if (modelRollout.problem !== null) problems.push({ kind: 'model', words: modelRollout.problem });
  if (budget.words !== null) problems.push({ kind: 'budget', words: budget.words });
  const decision = {
    ...{ nowMs, plan, policy, awake: cameras, demands, crowd, changes, departures, buried },
    ...{ ladder, meter, budget, moves, modelRollout, problems },
  };
  return { decision };
}

/** A budget lowers the maximum, as far as the group's own minimum lets it. */
function withLimit(policy: FleetPolicy, workersMax: number, group: FleetObservation['group']): FleetPolicy {
  const maxWorkers = Math.min(policy.maxWorkers, Math.max(workersMax, group?.min ?? 0));
  return { ...policy, maxWorkers, minWorkers: Math.min(policy.minWorkers, maxWorkers) };
}

/** Ready, and none of its cameras is wanted at this instant. */
function idleWorkers(
  serving: readonly WorkerItem[],
  cameras: readonly CameraState[],
  demands: readonly CameraDemand[],
  crowd: Crowd,
): WorkerItem[] {
  const busy = new Set(crowd.busy);
  cameras.forEach(({ ownerWorkerId }, index) => {
    if (ownerWorkerId !== undefined && demands[index]?.wantedNow === true) busy.add(ownerWorkerId);
  });
  return serving.filter(({ lifecycle, workerId }) => lifecycle === 'ready' && !busy.has(workerId));
}

/** Those that own nothing once the changes are written. */
function withoutCameras(
  workers: readonly WorkerItem[],
  cameras: readonly CameraState[],
  changes: readonly CameraChange[],
): WorkerItem[] {
  const owners = new Set(changes.map((change) => change.next.ownerWorkerId));
  const changed = new Set(changes.map((change) => change.cameraId));
  for (const state of cameras) if (!changed.has(state.cameraId)) owners.add(state.ownerWorkerId);
  return workers.filter(({ workerId }) => !owners.has(workerId));
}

/** A drained worker's item says which instance has to go; it stays until that is ordered. */
function isAwaited(worker: WorkerItem, plan: Plan): boolean {
  return worker.drain !== undefined && plan.inputs.observationsMissing !== 0;
}
