/**
 * Who watches which camera. A camera moves only through the lease: its next worker stands by (handover.ts), its owner is
 * asked to give it up, says so, and only then somebody else gets it under the next epoch.
 * Invariants: a camera is given away only when it is free (no owner, released, or its owner dead); nobody who leaves
 * gets one; the same input gives the same answer; with its own answer as input nothing moves.
 */
import type { CameraState, FleetPolicy, WorkerItem } from '../fleet-state.ts';
import { sameWork } from './assignment-list.ts';
import { workerBin } from './bins.ts';
import type { CameraDemand } from './demand.ts';
import { isHandingOver, moveStep, standbysMax, standbyWaitMs } from './handover.ts';
import { isLeaving, statesInOrder } from './observation.ts';
import { type Lease, leaseOf, type Owners } from './owners.ts';
import { type Bin, type Load, type Placement, placeCameras, ranked } from './pack.ts';
import type { Crowd, Settled } from './settled.ts';

/** A worker begins a camera with the next heartbeat after it was listed; one that has not after ten will never. */
export const notBegunMs = 30_000;

export type OwnershipChange =
  | { kind: 'give'; cameraId: string; workerId: string; epoch: number; clean: boolean }
  | { kind: 'prepare'; cameraId: string; workerId: string; reason: string; isChoice?: boolean }
  | { kind: 'call-off'; cameraId: string; workerId: string }
  | { kind: 'release'; cameraId: string; workerId: string; reason: string; isChoice?: boolean }
  | { kind: 'disown'; cameraId: string; workerId: string; reason: string };

export type AssignInput = {
  nowMs: number;
  policy: FleetPolicy;
  /** Those that are not settled. */
  cameras: readonly CameraState[];
  owners: Owners;
  /** Workers that may be given cameras as far as their instances are concerned; the plan's drains are taken out. */
  serving: readonly WorkerItem[];
  demands: readonly CameraDemand[];
  /** Those that are settled. */
  crowd: Crowd;
  shed: ReadonlySet<string>;
  /** Workers that a rollout will replace: they get nothing that fits elsewhere. */
  older: ReadonlySet<string>;
};

/**
 * @returns the changes of ownership, in order of camera id. `stirred`: those of the crowd that are to move; as long as there
 * are any they have to be looked at like the others, and nothing is decided.
 */
export function assignCameras(input: AssignInput): {
  changes: readonly OwnershipChange[];
  stirred: readonly Settled[];
} {
  const { nowMs, policy, shed, owners, crowd } = input;
  const { members, before } = crowd;
  const ready = input.serving.filter((worker) => worker.lifecycle === 'ready');
  const readyIds = new Set<string | undefined>(ready.map((worker) => worker.workerId));
  const isEverybodyReady = [...crowd.owners.keys()].every((workerId) => readyIds.has(workerId));
  const isStirred = ({ seat, state }: Settled) =>
    (seat !== null && !readyIds.has(seat.binId ?? undefined)) || shed.has(state.cameraId);
  if (!isEverybodyReady || shed.size > 0) {
    const stirred = members.filter(isStirred);
    if (stirred.length > 0) return { changes: [], stirred };
  }
  const states = statesInOrder(input.cameras);
  const demandOf = demandsOf(states, input.demands);
  const loads: Load[] = [];
  const cases: Case[] = [];
  const seated: { member: Settled; loadAt: number }[] = [];
  let next = 0;
  const join = (count: number) => {
    for (; next < count; next += 1) {
      const member = members[next] as Settled;
      if (member.seat === null) continue;
      seated.push({ member, loadAt: loads.length });
      loads.push(member.seat);
    }
  };
  states.forEach((state, index) => {
    join(before[index] ?? 0);
    const { cameraId, ownerWorkerId, successorWorkerId } = state;
    const demand = demandOf(cameraId, index);
    const isWanted = demand?.assignNow === true && !shed.has(cameraId);
    // Nobody has it and nobody is to have it.
    if (!isWanted && ownerWorkerId === undefined && successorWorkerId === undefined) return;
    cases.push({ state, demand, lease: leaseOf(state, owners), loadAt: isWanted ? loads.length : null });
    if (!isWanted) return;
    const home = successorWorkerId !== undefined && readyIds.has(successorWorkerId) ? successorWorkerId : ownerWorkerId;
    const binId = home !== undefined && readyIds.has(home) ? home : null;
    const load = { cameraId, priority: demand.priority, load: loadNow(demand), binId };
    loads.push(binId === null && isCarried(state, owners, input) ? { ...load, isCarried: true } : load);
  });
  join(members.length);
  const { isAsBefore, places } = placeBesideOlder(
    loads,
    ready.map((worker) => workerBin(worker, policy, worker.workerId)),
    input.older,
  );
  const moved = isAsBefore ? [] : seated.filter(({ member, loadAt }) => places[loadAt] !== member.seat?.binId);
  if (moved.length > 0) return { changes: [], stirred: moved.map(({ member }) => member) };
  const targetOf = ({ loadAt }: Case) => (loadAt === null ? undefined : places[loadAt]);
  // Whoever has cameras with another place to go to keeps the others until these have gone.
  const movers = new Set<string | undefined>(crowd.owners.keys());
  for (const one of cases) {
    if (one.lease === 'held' && targetOf(one) !== undefined) movers.add(one.state.ownerWorkerId);
  }
  const changes: OwnershipChange[] = [];
  for (const one of cases) {
    const change = changeOf(one, targetOf(one), { nowMs, owners, shed }, movers.has(one.state.ownerWorkerId));
    if (change !== null) changes.push(change);
  }
  return { changes: withinStandbys(changes, cases, loads), stirred: [] };
}

/**
 * Does its owner leave, and watch it for longer than a run and a handover take? Then it can wait for room of its own. Near
 * the end of its owner (EC2's two minutes) it counts by its priority like any other.
 */
function isCarried(
  { cameraId, ownerWorkerId, epoch }: CameraState,
  owners: Owners,
  { nowMs, policy }: AssignInput,
): boolean {
  const owner = owners.get(ownerWorkerId ?? '');
  if (owner === undefined || !owner.isAlive || !owner.isHandingOver) return false;
  if (owner.worker.running[cameraId]?.epoch !== epoch) return false;
  return isHandingOver(owner.worker, nowMs + policy.reconcileIntervalMs + standbyWaitMs);
}

/** Demands come in the order of the states that they were made of: looked for by name only when they do not. */
function demandsOf(
  states: readonly CameraState[],
  demands: readonly CameraDemand[],
): (cameraId: string, index: number) => CameraDemand | undefined {
  if (states.every(({ cameraId }, index) => demands[index]?.cameraId === cameraId)) return (_, index) => demands[index];
  const byId = new Map(demands.map((demand) => [demand.cameraId, demand]));
  return (cameraId) => byId.get(cameraId);
}

type Case = {
  state: CameraState;
  demand: CameraDemand | undefined;
  lease: Lease;
  /** Where its load is among the loads; null when it is not wanted. */
  loadAt: number | null;
};

/** What all cases share. */
type CaseFacts = { nowMs: number; owners: Owners; shed: ReadonlySet<string> };

/** A worker stands by for a few cameras at a time: those of the highest priority first. */
function withinStandbys(
  changes: readonly OwnershipChange[],
  cases: readonly Case[],
  loads: readonly Load[],
): readonly OwnershipChange[] {
  if (!changes.some(({ kind }) => kind === 'prepare')) return changes;
  const counts = new Map<string, number>();
  const count = (workerId: string) => counts.set(workerId, (counts.get(workerId) ?? 0) + 1);
  const ended = new Set(changes.flatMap(({ kind, cameraId }) => (kind === 'release' ? [] : [cameraId])));
  for (const { state } of cases) {
    if (state.successorWorkerId !== undefined && !ended.has(state.cameraId)) count(state.successorWorkerId);
  }
  const rank = new Map(ranked(loads).map(({ cameraId }, index) => [cameraId, index]));
  const prepared = new Set<OwnershipChange>();
  const rankOf = ({ cameraId }: OwnershipChange) => rank.get(cameraId) ?? 0;
  for (const change of [...changes].sort((a, b) => rankOf(a) - rankOf(b))) {
    if (change.kind !== 'prepare' || (counts.get(change.workerId) ?? 0) >= standbysMax) continue;
    count(change.workerId);
    prepared.add(change);
  }
  return changes.filter((change) => change.kind !== 'prepare' || prepared.has(change));
}

function loadNow(demand: CameraDemand | undefined): number {
  return demand === undefined || demand.isListenedTo ? 0 : demand.load;
}

/** A camera goes to a worker that a rollout will replace only when no other has room for it: it would move twice. */
function placeBesideOlder(loads: readonly Load[], bins: readonly Bin[], older: ReadonlySet<string>): Placement {
  if (!bins.some((bin) => older.has(bin.id))) return placeCameras(loads, bins);
  // Without its empty workers, and with the others just as large as what they have, an older revision takes nothing new.
  const closed = bins.flatMap((bin) => {
    if (!older.has(bin.id)) return bin;
    const full = loads.reduce((sum, load) => (load.binId === bin.id ? sum + load.load : sum), 0);
    return full === 0 ? [] : { ...bin, capacity: full, target: full };
  });
  const first = placeCameras(loads, closed);
  if (!first.places.includes(undefined)) return first;
  const homes = loads.map((load, at) => ({ ...load, binId: first.places[at] ?? load.binId }));
  return { ...placeCameras(homes, bins), isAsBefore: false };
}

/** @param target where packing puts it. @param othersMove the owner has cameras with another place to go to. */
function changeOf(
  { state, demand, lease }: Case,
  target: string | undefined,
  facts: CaseFacts,
  othersMove: boolean,
): OwnershipChange | null {
  const { owners, shed } = facts;
  const { cameraId, ownerWorkerId, successorWorkerId } = state;
  if (lease === 'releasing') return null;
  if (lease === 'held' && ownerWorkerId !== undefined) {
    const owner = owners.get(ownerWorkerId)?.worker;
    const release = (reason: string) => ({ kind: 'release' as const, cameraId, workerId: ownerWorkerId, reason });
    if (shed.has(cameraId)) return release('cameras of higher priority need its place');
    if (demand?.assignNow !== true) return release(demand?.idle.reason ?? 'it is not wanted');
    if (neverBegins(owner, state)) return release('its worker does not begin it');
    const callOff =
      successorWorkerId === undefined ? null : { kind: 'call-off' as const, cameraId, workerId: successorWorkerId };
    if (target === undefined) {
      // Nothing else comes for it: the next worker of a rollout waits for this one's place.
      if (owner?.drain?.keepInstance && !othersMove) return release('its worker is replaced, and no other has room');
      // Its owner is busy starting again or out of sight for packing: taking the camera away would help nobody.
      return owner?.lifecycle === 'ready' && !isLeaving(owner) ? release('its worker has no room for it') : callOff;
    }
    if (target !== ownerWorkerId) return move(state, target, facts, release);
    const given = owner?.assignments?.[cameraId];
    if (
      given !== undefined &&
      given.epoch === state.epoch &&
      state.camera !== null &&
      !sameWork(given.camera, state.camera)
    ) {
      return release('its row changed');
    }
    return callOff;
  }
  if (target !== undefined) {
    return { kind: 'give', cameraId, workerId: target, epoch: state.epoch + 1, clean: cleanlyReleased(state) };
  }
  if (ownerWorkerId === undefined) return null;
  const reason = lease === 'released' ? 'has given it up' : 'is gone';
  return { kind: 'disown', cameraId, workerId: ownerWorkerId, reason };
}

function move(
  state: CameraState,
  target: string,
  { nowMs, owners }: CaseFacts,
  release: (reason: string) => OwnershipChange & { kind: 'release' },
): OwnershipChange | null {
  const { cameraId } = state;
  const owner = owners.get(state.ownerWorkerId ?? '')?.worker;
  const report = owner?.running[cameraId];
  // Asked back before it was seen, it would be missing from the owner's list without ever having been run, and no
  // release would come: the camera would be blind until that silence is taken for a loss.
  if (report?.epoch !== state.epoch) return null;
  const choice = owner !== undefined && !isLeaving(owner) ? { isChoice: true } : {};
  // While a fleet boots, the first workers take more than their share: what is about to be watched there would begin anew
  // elsewhere. It moves once it can be handed over.
  if (report.state === 'starting' && choice.isChoice) return null;
  const isWatched = report.state === 'running' || report.state === 'degraded';
  const { step, isPrepared } = moveStep(state, owners.get(target)?.worker, isWatched, nowMs);
  const reason = choice.isChoice ? `worker ${target} has more room` : 'its worker leaves';
  switch (step) {
    case 'prepare':
      return { kind: 'prepare', cameraId, workerId: target, reason, ...choice };
    case 'release':
      if (isPrepared) return release(`worker ${target} stands by`);
      return state.successorWorkerId === undefined ? { ...release(reason), ...choice } : release(reason);
    case 'wait':
      return null;
  }
}

/**
 * Does the owner live, hold the camera on its list, and leave it alone all the same? It has counted this epoch as lost
 * (cut off while control's writes stopped half-way); only another epoch starts the camera again.
 */
function neverBegins(owner: WorkerItem | undefined, { cameraId, epoch }: CameraState): boolean {
  if (owner?.lifecycle !== 'ready' || owner.running[cameraId] !== undefined) return false;
  const given = owner.assignments?.[cameraId];
  return given?.epoch === epoch && owner.heartbeatAtMs >= given.assignedAtMs + notBegunMs;
}

/**
 * Only a handover from owner to owner continues after the checkpoint. A camera that nobody had in between (its window was
 * closed, room was short) begins at the live edge: what lies between was not asked for, or is too old to be of use.
 */
function cleanlyReleased(state: CameraState): boolean {
  if (state.ownerWorkerId === undefined) return false;
  return state.epoch > 0 && state.releasedEpoch === state.epoch && state.checkpoint !== undefined;
}
