/**
 * Carries out what was decided about cameras: the state of each, then the list of each worker whose cameras have changed.
 * Invariant: a list names a camera for its worker only once the state that gives it to that worker is written.
 */
import { assignmentsOf, sameAssignments } from '../core/control/assignment-list.ts';
import type { CameraChange, ControlDecision } from '../core/control/decide.ts';
import { isHandingOver, sameStandbys, standbysOf } from '../core/control/handover.ts';
import { heldEntries } from '../core/control/held-items.ts';
import type { LedgerEntry } from '../core/control/ledger.ts';
import { modelOrderOf } from '../core/control/model-rollout.ts';
import { type FleetObservation, isDead, isLeaving } from '../core/control/observation.ts';
import type { WindowPromise } from '../core/control/ready-by.ts';
import type { CameraState } from '../core/fleet-state.ts';
import { type ApplySteps, order } from './apply-steps.ts';
import {
  changesByCall,
  sharedWritesMax,
  type WrittenChange,
  writeCameraChange,
  writeTogether,
} from './camera-changes.ts';
import type { Surroundings } from './observe.ts';
import { inParallel, parallelWritesMax } from './parallel.ts';
import { listsThatFit } from './worker-item-size.ts';
import { writeLists } from './workers.ts';

/** What the tables have of this run's accounts. */
export type Accounted = { promises: WindowPromise[]; entries: LedgerEntry[] };

export async function writeCameras(
  { clients, names }: Surroundings,
  observation: FleetObservation,
  decision: ControlDecision,
  steps: ApplySteps,
  traceId: string | null,
): Promise<Accounted> {
  const written = new Map<string, CameraState>();
  const cleanGives = new Set<string>();
  const accounted: Accounted = { promises: [], entries: [] };
  const tell = (change: CameraChange, { happened, accountingFailure }: WrittenChange) => {
    if (accountingFailure !== null) {
      steps.fail(order.tidy, `account for the time of camera ${change.cameraId}`, accountingFailure);
    } else if (happened) {
      accounted.promises.push(...change.promises);
      accounted.entries.push(...change.ledger);
    }
    if (happened) written.set(change.cameraId, change.next);
    if (happened && change.ownership?.kind === 'give' && change.ownership.clean) cleanGives.add(change.cameraId);
    const sentence = ownershipWords(change);
    if (sentence !== null)
      steps.done(order.cameras, happened ? sentence : `left undone, the world had moved: ${sentence}`);
  };
  const writeAlone = async (change: CameraChange) => {
    if (!steps.mayAct()) return;
    try {
      tell(change, await writeCameraChange(clients, names.tables, change));
    } catch (error) {
      steps.fail(order.cameras, ownershipWords(change) ?? `wrote the state of ${change.cameraId}`, error);
    }
  };
  const { shared, single } = changesByCall(decision.changes);
  await Promise.all([
    inParallel(single, parallelWritesMax, writeAlone),
    inParallel(shared, sharedWritesMax, async (changes) => {
      if (!steps.mayAct()) return;
      if (await writeTogether(clients, names.tables, changes))
        for (const change of changes) tell(change, { happened: true, accountingFailure: null });
      else for (const change of changes) await writeAlone(change);
    }),
  ]);
  const states = observation.cameras.map((state) => written.get(state.cameraId) ?? state);
  // Each worker's list is made of its own: a hundred workers must not walk through all cameras each.
  const ownedBy = Map.groupBy(states, ({ ownerWorkerId }) => ownerWorkerId);
  const nextOf = Map.groupBy(states, ({ successorWorkerId }) => successorWorkerId);
  const orderOf = (state: CameraState) => modelOrderOf(state, decision.modelRollout);
  const drained = new Set(decision.plan.drains.map((drained) => drained.workerId));
  const listening = observation.workers.filter(
    (worker) =>
      !isDead(worker, decision.nowMs, decision.policy.workerDeadAfterMs) &&
      (!isLeaving(worker) || isHandingOver(worker, decision.nowMs)) &&
      !drained.has(worker.workerId),
  );
  await inParallel(listening, parallelWritesMax, async (worker) => {
    const { held } = observation;
    const own = assignmentsOf(worker, ownedBy.get(worker.workerId) ?? [], cleanGives, orderOf, traceId);
    const list = { ...heldEntries(worker.assignments, held), ...own };
    const next = standbysOf(worker, nextOf.get(worker.workerId) ?? [], orderOf, traceId);
    const standbys = { ...heldEntries(worker.standbys, held), ...next };
    const isStored = (own: typeof list, ahead: typeof standbys) =>
      sameAssignments(own, worker.assignments ?? {}) && sameStandbys(ahead, worker.standbys ?? {});
    if (isStored(list, standbys)) return;
    const fit = listsThatFit(list, standbys);
    for (const cameraId of fit.leftOut) {
      const what = `camera ${cameraId} is left off the list of worker ${worker.workerId}`;
      steps.fail(order.lists, what, new Error('its row is too large for the worker’s item; shorten its lists'));
    }
    if (isStored(fit.assignments, fit.standbys)) return;
    const cameras = Object.keys(fit.assignments).length;
    const ahead = Object.keys(fit.standbys).length;
    await steps.try(
      order.lists,
      `worker ${worker.workerId} is to run ${cameras} ${cameras === 1 ? 'camera' : 'cameras'}${ahead === 0 ? '' : ` and to stand by for ${ahead}`}`,
      () => writeLists(clients, names.tables.workers, worker, fit.assignments, fit.standbys, traceId),
    );
  });
  return accounted;
}

function ownershipWords({ cameraId, ownership }: CameraChange): string | null {
  switch (ownership?.kind) {
    case undefined:
      return null;
    case 'give':
      return `gives camera ${cameraId} to worker ${ownership.workerId} (epoch ${ownership.epoch})`;
    case 'prepare':
      return `asks worker ${ownership.workerId} to stand by for camera ${cameraId}: ${ownership.reason}`;
    case 'call-off':
      return `worker ${ownership.workerId} need not stand by for camera ${cameraId} any longer`;
    case 'release':
      return `asks worker ${ownership.workerId} to give up camera ${cameraId}: ${ownership.reason}`;
    case 'disown':
      return `camera ${cameraId} is free: worker ${ownership.workerId} ${ownership.reason}`;
  }
}
