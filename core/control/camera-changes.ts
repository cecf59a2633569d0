/**
 * What a run writes to its cameras: a change of ownership as it was assigned, the phase that people see, and the ledger's next
 * slice, in one conditional update each.
 * Invariant: a camera for which nothing has changed and nothing is due is not written.
 */
import type { CameraState } from '../fleet-state.ts';
import type { OwnershipChange } from './assign.ts';
import type { CameraChange, ControlDecision } from './decide.ts';
import type { CameraDemand } from './demand.ts';
import { waitsForWorker } from './first-phase.ts';
import { isStandingBy, wasStandingBy } from './handover.ts';
import { accountCamera } from './ledger.ts';
import type { FleetObservation } from './observation.ts';
import { leaseOf, type Owners, ownersWord } from './owners.ts';
import { phaseChanged, phaseOf } from './phase.ts';
import type { Plan } from './plan.ts';
import type { SettledMemory } from './settled.ts';

/** What reconcile alone writes of a state; everything else of a stored one stays. */
export const controlAttributes = [
  'phase',
  'phaseReason',
  'phaseSinceMs',
  'ownerWorkerId',
  'epoch',
  'ownedSinceMs',
  'releaseRequestedAtMs',
  'successorWorkerId',
  'successorSinceMs',
  'silentSinceMs',
  'accountedThroughMs',
  'openWindow',
] as const satisfies readonly (keyof CameraState)[];

export function cameraChanges(
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
    /** Is told what stays as it is. */
    settled: SettledMemory | null;
  },
): Pick<ControlDecision, 'changes' | 'departures'> {
  const { plan, demands, owners, ownership, nowMs, leadMs, isPaused, shedBecause, settled } = decided;
  const workerById = new Map(workers.map((worker) => [worker.workerId, worker]));
  let nextChange = 0;
  const waitingFor = waitingWords(plan);
  const changes: CameraChange[] = [];
  const departures: ControlDecision['departures'] = [];
  cameras.forEach((state, index) => {
    const demand = demands[index];
    if (demand === undefined) return;
    const isChanging = ownership[nextChange]?.cameraId === state.cameraId;
    const shed = plan.shed.has(state.cameraId);
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
    if (change === null && accounting === null && !isNewPhase && silentSinceMs === state.silentSinceMs) {
      settled?.remember(index, state, demand, word?.isAlive === true ? word : null);
      return;
    }
    const next = { ...owned };
    if (isNewPhase) {
      next.phaseReason = phase.reason;
      if (phase.phase !== state.phase) next.phaseSinceMs = nowMs;
      next.phase = phase.phase;
    }
    // A property is deleted only where there is one: V8 keeps what lost a property as a dictionary.
    if (silentSinceMs !== undefined) next.silentSinceMs = silentSinceMs;
    else if (next.silentSinceMs !== undefined) delete next.silentSinceMs;
    if (accounting !== null) {
      next.accountedThroughMs = accounting.throughMs;
      if (accounting.open !== undefined) next.openWindow = accounting.open;
      else if (next.openWindow !== undefined) delete next.openWindow;
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
      if (next.releaseRequestedAtMs !== undefined) delete next.releaseRequestedAtMs;
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

function withoutSuccessor(state: CameraState): CameraState {
  if (state.successorWorkerId === undefined && state.successorSinceMs === undefined) return state;
  const { successorWorkerId: _, successorSinceMs: _since, ...next } = state;
  return next;
}

function waitingWords(plan: Plan): string {
  const booting = plan.inputs.workersBooting ?? 0;
  if (booting > 0 || plan.setInstances !== null) return waitsForWorker.reason;
  if ((plan.inputs.observationsMissing ?? 0) > 0) return 'waits: the fleet could not be observed';
  return 'waits for room on a worker';
}
