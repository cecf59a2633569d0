/**
 * One run of the control loop's thinking: from what was observed to everything that is to be done, as data. Pure, so
 * that the simulator, the tests and production decide alike.
 * Invariant: nothing here writes; each change names the version of the state that it was decided on.
 */
import type { CameraState, FleetPolicy, WorkerItem } from '../fleet-state.ts';
import { assignCameras, type OwnershipChange } from './assign.ts';
import { believable } from './believable.ts';
import { newWorkerBin } from './bins.ts';
import { type BudgetAnswer, withinBudget } from './budget.ts';
import { climbLadder, type LadderStep } from './capacity-ladder.ts';
import { type MovesMade, movesMade, withinMoves } from './consolidation.ts';
import { type CameraDemand, cameraDemands } from './demand.ts';
import { isStandingBy, wasStandingBy } from './handover.ts';
import { withoutHeld } from './held-items.ts';
import { fleetLeadTimeMs } from './lead-time.ts';
import { accountCamera, type LedgerEntry } from './ledger.ts';
import { type Meter, meterRun } from './meter.ts';
import { type RolloutStep, stepModelRollout } from './model-rollout.ts';
import { type FleetObservation, hasEnded, inOrderOfIds, isDead, servingWorkers } from './observation.ts';
import { leaseOf, type Owners, ownersOf, ownersWord } from './owners.ts';
import { phaseChanged, phaseOf } from './phase.ts';
import { type Plan, planFleet } from './plan.ts';
import { activeOrders, fleetPolicy } from './policy.ts';
import type { WindowPromise } from './ready-by.ts';
import { olderWorkers } from './rollout.ts';

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
  demands: CameraDemand[];
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

export function decide(given: FleetObservation, deployment: FleetPolicy, nowMs: number): ControlDecision {
  const { policy, problem } = fleetPolicy(deployment, given.fleet);
  const believed = believable(inOrderOfIds(given), policy, nowMs);
  const { observation, problems: held } = withoutHeld(believed.observation, policy, nowMs);
  const problems = [...believed.problems, ...held];
  if (problem !== null) problems.push({ kind: 'policy', words: `${problem}; the deployment's policy holds` });
  const orders = activeOrders(observation.fleet, nowMs);
  const leadMs = fleetLeadTimeMs(observation.fleet, policy, observation.group?.launch?.instanceTypes ?? []);
  const { cameras, workers, streams } = observation;
  const owners = ownersOf(workers, nowMs, policy.workerDeadAfterMs);
  const demands = cameraDemands({ nowMs, policy, leadTimeMs: leadMs, cameras, owners, streams, pause: orders.pause });
  const live = servingWorkers(observation, nowMs, policy.workerDeadAfterMs);
  const idle = idleWorkers(live, cameras, demands);
  const meter = meterRun({ item: observation.fleet, observation, idle, timeZone: policy.dayTimeZone, nowMs });
  const budget = withinBudget({
    ...{ nowMs, policy, item: observation.fleet, meter, observation, leadMs },
    workerCapacity: newWorkerBin(live, policy).capacity,
  });
  const sized = planFleet({
    ...{ nowMs, orders, leadTimeMs: leadMs, observation, demands },
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
  const { changes: ownership, made: moves } = withinMoves(
    assignCameras({ nowMs, policy, cameras, workers, serving, demands, shed: plan.shed, older }),
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
    shedBecause:
      budget.workersMax === null
        ? 'the fleet is at its largest size and cameras of higher priority fill it'
        : `the day's budget allows ${budget.workersMax} ${budget.workersMax === 1 ? 'worker' : 'workers'}, and cameras of higher priority fill them`,
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
    { item: observation.fleet, cameras, workers, workerDeadAfterMs: policy.workerDeadAfterMs },
    nowMs,
  );
  if (modelRollout.problem !== null) problems.push({ kind: 'model', words: modelRollout.problem });
  if (budget.words !== null) problems.push({ kind: 'budget', words: budget.words });
  return {
    nowMs,
    plan,
    policy,
    demands,
    changes,
    departures,
    buried,
    ...{ ladder, meter, budget, moves, modelRollout, problems },
  };
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
): WorkerItem[] {
  const busy = new Set<string>();
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

function cameraChanges(
  { cameras, workers }: FleetObservation,
  decided: {
    plan: Plan;
    demands: readonly CameraDemand[];
    owners: Owners;
    /** In the order of the cameras. */
    ownership: readonly OwnershipChange[];
    nowMs: number;
    leadMs: number;
    isPaused: boolean;
    shedBecause: string;
  },
): Pick<ControlDecision, 'changes' | 'departures'> {
  const { plan, demands, owners, ownership, nowMs, leadMs, isPaused, shedBecause } = decided;
  const workerById = new Map(workers.map((worker) => [worker.workerId, worker]));
  let nextChange = 0;
  const waitingFor = waitingWords(plan);
  const changes: CameraChange[] = [];
  const departures: ControlDecision['departures'] = [];
  cameras.forEach((state, index) => {
    const demand = demands[index];
    if (demand === undefined) return;
    const isChanging = ownership[nextChange]?.cameraId === state.cameraId;
    const change = isChanging ? (ownership[nextChange++] ?? null) : null;
    const owned = change === null ? state : afterOwnership(state, change, demand, nowMs);
    const lease = leaseOf(owned, owners);
    if (state.leaving !== undefined && (lease === 'none' || lease === 'released' || lease === 'orphaned')) {
      departures.push({ state, toFleet: state.leaving.toFleet });
      return;
    }
    const word = ownersWord(state, owners);
    const goesOn = change === null || change.kind === 'prepare' || change.kind === 'call-off';
    const report = goesOn && word?.isAlive === true ? word.report : null;
    const shed = plan.shed.has(state.cameraId);
    const isMoving = lease === 'releasing' || change?.kind === 'give';
    const isPrepared =
      (isMoving && isStandingBy(state, workerById)) ||
      (lease === 'held' && report === null && wasStandingBy(owned, workerById));
    const watchesWords = owners.get(owned.ownerWorkerId ?? '')?.watchesWords ?? '';
    const facts = { demand, state: owned, lease, report, isPrepared, watchesWords, shed, shedBecause, waitingFor };
    const phase = phaseOf(facts);
    const isNewPhase = phaseChanged(state, phase);
    // What was typed within the lead time, or is paused, was not promised.
    const promisableFromMs = isPaused ? Number.POSITIVE_INFINITY : state.rowChangedAtMs + leadMs;
    const nextPhase = isNewPhase ? phase.phase : state.phase;
    const accounting = accountCamera(state, nextPhase, demand.scheduledPast, word, nowMs, {
      promisableFromMs,
      isGiven: change?.kind === 'give',
    });
    const silentSinceMs = demand.silentSinceMs ?? undefined;
    if (change === null && accounting === null && !isNewPhase && silentSinceMs === state.silentSinceMs) return;
    const next = { ...owned };
    if (isNewPhase) {
      next.phaseReason = phase.reason;
      if (phase.phase !== state.phase) next.phaseSinceMs = nowMs;
      next.phase = phase.phase;
    }
    if (silentSinceMs === undefined) delete next.silentSinceMs;
    else next.silentSinceMs = silentSinceMs;
    if (accounting !== null) {
      next.accountedThroughMs = accounting.throughMs;
      if (accounting.open === undefined) delete next.openWindow;
      else next.openWindow = accounting.open;
    }
    changes.push({
      cameraId: state.cameraId,
      observed: state,
      next,
      ownership: change,
      ledger: accounting?.entries ?? [],
      promises: accounting?.promises ?? [],
    });
  });
  return { changes, departures };
}

/** The state once the change is written. */
export function afterOwnership(
  state: CameraState,
  change: OwnershipChange,
  { wantedNow, nextStartMs }: CameraDemand,
  nowMs: number,
): CameraState {
  const next = { ...state };
  switch (change.kind) {
    case 'give':
      next.ownerWorkerId = change.workerId;
      next.epoch = change.epoch;
      // Given ahead of its window, so that the stream is open when it begins; what comes before is not published.
      next.ownedSinceMs = wantedNow ? nowMs : Math.max(nowMs, nextStartMs ?? nowMs);
      delete next.releaseRequestedAtMs;
      return withoutSuccessor(next);
    case 'prepare':
      next.successorWorkerId = change.workerId;
      next.successorSinceMs = nowMs;
      return next;
    case 'call-off':
      return withoutSuccessor(next);
    case 'release':
      next.releaseRequestedAtMs = nowMs;
      return next;
    case 'disown':
      delete next.ownerWorkerId;
      delete next.ownedSinceMs;
      delete next.releaseRequestedAtMs;
      return withoutSuccessor(next);
  }
}

function withoutSuccessor({ successorWorkerId: _, successorSinceMs: _since, ...next }: CameraState): CameraState {
  return next;
}

function waitingWords(plan: Plan): string {
  const booting = plan.inputs.workersBooting ?? 0;
  if (booting > 0 || plan.setInstances !== null) return 'waits for a worker that is starting';
  if ((plan.inputs.observationsMissing ?? 0) > 0) return 'waits: the fleet could not be observed';
  return 'waits for room on a worker';
}
