/**
 * Carries a decision out on the modelled world, step by step under the conditions of aws/apply.ts; any step may fail.
 * Invariant: a camera's state is written before a worker's list names it, and a silent worker's list is emptied before
 * its cameras go to somebody else, as in the real one.
 */
import { assignmentsOf, isListUpToDate, sameAssignments } from '../control/assignment-list.ts';
import { controlAttributes } from '../control/camera-changes.ts';
import type { CameraChange, ControlDecision } from '../control/decide.ts';
import { drainOrder, isHandingOver, sameStandbys, standbysOf } from '../control/handover.ts';
import { type FleetObservation, hasEnded, isDead, isLeaving, statesInOrder } from '../control/observation.ts';
import type { Crowd } from '../control/settled.ts';
import type { CameraState } from '../fleet-state.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { FleetWorld } from './fleet-world.ts';

/** @returns whether a step failed. @throws RangeError when the decision orders a size that the group does not have. */
export function applyToWorld(
  world: FleetWorld,
  observation: FleetObservation,
  decision: ControlDecision,
  random: SeededRandom,
): boolean {
  const failureRate = world.input.settings.stepFailureRate;
  let hasFailed = false;
  const succeeds = () => {
    const isFailed = failureRate > 0 && random.chance(failureRate);
    if (isFailed) {
      world.count('step failed');
      hasFailed = true;
    }
    return !isFailed;
  };
  const heldBack = disarmSilentOwners(world, observation, decision, succeeds);
  const mayChange = ({ ownerWorkerId }: CameraState) => ownerWorkerId === undefined || !heldBack.has(ownerWorkerId);
  const { plan } = decision;
  if (plan.setInstances !== null && succeeds()) world.cloud.setGroupSize(plan.setInstances);
  writeCameras(world, observation, decision, mayChange, succeeds);
  depart(world, decision, mayChange, succeeds);
  for (const { workerId, ...drain } of plan.drains) {
    if (!succeeds()) continue;
    world.changeItem(workerId, (item) => ({ ...item, drain: item.drain ?? drainOrder(drain, decision.nowMs) }));
  }
  for (const { taskArn } of plan.stops) if (succeeds()) world.cloud.stopTask(taskArn, 'stopped');
  giveBack(world, decision, succeeds);
  bury(world, decision, succeeds);
  return hasFailed;
}

type Succeeds = () => boolean;

function disarmSilentOwners(
  world: FleetWorld,
  { workers }: FleetObservation,
  { changes, departures, nowMs, policy }: ControlDecision,
  succeeds: Succeeds,
): ReadonlySet<string> {
  const losing = new Set<string | undefined>();
  for (const { ownership, observed } of changes) {
    if (ownership?.kind === 'give' || ownership?.kind === 'disown') losing.add(observed.ownerWorkerId);
  }
  for (const { state } of departures) losing.add(state.ownerWorkerId);
  const heldBack = new Set<string>();
  for (const worker of workers) {
    const isSilent = isDead(worker, nowMs, policy.workerDeadAfterMs) && !hasEnded(worker);
    if (!losing.has(worker.workerId) || !isSilent || Object.keys(worker.assignments ?? {}).length === 0) continue;
    const hasSpoken = heartbeatOf(world, worker.workerId) !== worker.heartbeatAtMs;
    if (hasSpoken || !succeeds()) heldBack.add(worker.workerId);
    else world.changeItem(worker.workerId, (item) => ({ ...item, assignments: {}, standbys: {} }));
  }
  return heldBack;
}

function heartbeatOf(world: FleetWorld, workerId: string): number | undefined {
  return world.workers.get(workerId)?.heartbeatAtMs ?? world.items.get(workerId)?.heartbeatAtMs;
}

function writeCameras(
  world: FleetWorld,
  observation: FleetObservation,
  decision: ControlDecision,
  mayChange: (state: CameraState) => boolean,
  succeeds: Succeeds,
): void {
  const { crowd } = decision;
  const written = new Map<string, CameraState>();
  const cleanGives = new Set<string>();
  for (const change of decision.changes) {
    if (change.ownership !== null && !mayChange(change.observed)) continue;
    if (!succeeds() || !writeCamera(world, change)) continue;
    written.set(change.cameraId, change.next);
    if (change.ownership?.kind === 'give' && change.ownership.clean) cleanGives.add(change.cameraId);
  }
  // Nobody owns a camera that rests, or is to have it; a settled one is on its worker's list.
  const states = decision.awake.map((state) => written.get(state.cameraId) ?? state);
  const drained = new Set(decision.plan.drains.map(({ workerId }) => workerId));
  const ownedBy = new Map<string, CameraState[]>();
  const comingTo = new Map<string, CameraState[]>();
  for (const state of states) {
    const { ownerWorkerId, successorWorkerId } = state;
    if (ownerWorkerId !== undefined) addTo(ownedBy, ownerWorkerId, state);
    if (successorWorkerId !== undefined) addTo(comingTo, successorWorkerId, state);
  }
  for (const worker of observation.workers) {
    const { workerId } = worker;
    const isStaying = !isLeaving(worker) || isHandingOver(worker, decision.nowMs);
    const isListening = !isDead(worker, decision.nowMs, decision.policy.workerDeadAfterMs) && isStaying;
    if (!isListening || drained.has(workerId)) continue;
    const owned = ownedBy.get(workerId) ?? [];
    const coming = comingTo.get(workerId) ?? [];
    const isIdle = coming.length === 0 && Object.keys(worker.standbys ?? {}).length === 0;
    const settledCount = crowd.owners.get(workerId) ?? 0;
    if (isIdle && isListUpToDate(worker, owned, settledCount)) continue;
    const all = settledCount === 0 ? owned : statesInOrder([...owned, ...settledOf(workerId, crowd)]);
    const list = assignmentsOf(worker, all, cleanGives);
    const standbys = standbysOf(worker, coming);
    const isSame = sameAssignments(list, worker.assignments ?? {}) && sameStandbys(standbys, worker.standbys ?? {});
    if (isSame || !succeeds()) continue;
    world.changeItem(workerId, (item) => ({ ...item, assignments: list, standbys }));
  }
}

function settledOf(workerId: string, { members }: Crowd): CameraState[] {
  return members.filter(({ owner }) => owner?.workerId === workerId).map(({ state }) => state);
}

function addTo(lists: Map<string, CameraState[]>, key: string, state: CameraState): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [state]);
  else list.push(state);
}

/** @returns false when the state is no longer the one that the change was decided on. */
function writeCamera(
  world: FleetWorld,
  { cameraId, observed, next, ownership, ledger, promises }: CameraChange,
): boolean {
  const stored = world.states.get(cameraId);
  if (stored === undefined) return false;
  if (ownership !== null && (stored.ownerWorkerId !== observed.ownerWorkerId || stored.epoch !== observed.epoch)) {
    return false;
  }
  const isAccounted = ledger.length > 0 || promises.length > 0;
  if (isAccounted && stored.accountedThroughMs !== observed.accountedThroughMs) return false;
  const result = world.writeState(stored === observed ? next : merged(stored, observed, next));
  stateWritten(world, stored, result);
  return true;
}

/** Control has written a camera's state: what it says of shedding is the model's truth too. */
function stateWritten(world: FleetWorld, before: CameraState, after: CameraState): void {
  const model = world.cameras.get(after.cameraId);
  const isSameLease =
    before.ownerWorkerId === after.ownerWorkerId &&
    before.epoch === after.epoch &&
    before.releaseRequestedAtMs === after.releaseRequestedAtMs &&
    before.successorSinceMs === after.successorSinceMs;
  const isSameWord =
    before.phase === after.phase &&
    before.phaseReason === after.phaseReason &&
    before.silentSinceMs === after.silentSinceMs;
  if ((isSameLease && isSameWord) || model === undefined) return;
  // Words that follow from what was observed change no decision.
  if (!isSameLease) world.changed();
  if (after.phase === 'shed') model.cause = 'shed';
  world.account.classify(model, world.nowMs);
}

/** What reconcile decided, on what others have written meanwhile. */
function merged(stored: CameraState, observed: CameraState, next: CameraState): CameraState {
  const fields: Record<string, unknown> = { ...stored };
  for (const attribute of controlAttributes) {
    const after = next[attribute];
    if (after === observed[attribute]) continue;
    if (after === undefined) delete fields[attribute];
    else fields[attribute] = after;
  }
  return fields as CameraState;
}

function depart(
  world: FleetWorld,
  { departures }: ControlDecision,
  mayChange: (state: CameraState) => boolean,
  succeeds: Succeeds,
): void {
  for (const { state } of departures) {
    if (!mayChange(state) || !succeeds()) continue;
    const stored = world.states.get(state.cameraId);
    const isSame = stored?.epoch === state.epoch && stored.rowSequenceNumber === state.rowSequenceNumber;
    if (!isSame || stored.leaving === undefined) continue;
    world.states.delete(state.cameraId);
    world.changed();
  }
}

/** A task is given back before its instance is terminated. */
function giveBack(world: FleetWorld, { plan }: ControlDecision, succeeds: Succeeds): void {
  if (plan.setTasks !== null) {
    if (!succeeds()) return;
    world.cloud.setServiceSize(plan.setTasks);
  }
  for (const { instanceId, decrement } of plan.terminations) {
    if (succeeds()) terminate(world, instanceId, decrement);
  }
}

/** Nothing happens when the instance is gone or the size would fall below the minimum. */
function terminate(world: FleetWorld, instanceId: string, decrement: boolean): void {
  const instance = world.cloud.present.find((one) => one.instanceId === instanceId);
  if (instance !== undefined) world.witness?.terminates(instance, world);
  if (world.cloud.terminate(instanceId, decrement)) world.changed();
}

function bury(world: FleetWorld, { buried }: ControlDecision, succeeds: Succeeds): void {
  for (const worker of buried) {
    if (heartbeatOf(world, worker.workerId) !== worker.heartbeatAtMs || !succeeds()) continue;
    world.items.delete(worker.workerId);
    world.changed();
    if (!hasEnded(worker) && worker.taskArn !== undefined && succeeds()) {
      world.cloud.stopTask(worker.taskArn, 'stopped');
    }
  }
}
