/**
 * What is to be done so that every row of the registry has its state again, and no state is without a row: after items of
 * `camera-states` were lost or a table was set back in time. The stream brings changes alone, so nothing else would. Pure.
 * Invariants: a state that is right is left alone; a camera that a living worker has on its list stays with it, under the
 * epoch it has there; any other begins above every epoch that an earlier owner can have had.
 */
import { canonicalJson } from './canonical-json.ts';
import { hasEnded } from './control/observation.ts';
import type { CameraState, WorkerItem } from './fleet-state.ts';
import { type RowVerdict, verdictOn } from './row-verdict.ts';

export type StateRepair =
  | { kind: 'create'; cameraId: string; fleet: string; why: string; state: CameraState }
  | {
      kind: 'judge';
      cameraId: string;
      fleet: string;
      why: string;
      seen: CameraState;
      verdict: RowVerdict;
      /** The row names this fleet, and the state lies in another. */
      toFleet: string | null;
    }
  | { kind: 'retire'; cameraId: string; fleet: string; why: string; seen: CameraState };

export type RebuildInput = {
  /** Of the whole registry, read after the states. */
  rows: readonly Record<string, unknown>[];
  states: readonly CameraState[];
  workers: readonly WorkerItem[];
  fleets: readonly string[];
  nowMs: number;
  /** Sequence number that any event of the table's stream is newer than. */
  beforeAllEvents: string;
};

/** @returns in order of camera ids; `unchanged` counts the states that are right. */
export function stateRepairs(input: RebuildInput): { repairs: StateRepair[]; unchanged: number } {
  const { rows, states, fleets } = input;
  const stateOf = new Map<string, CameraState>();
  // A state on its way to another fleet may lie in both for a moment: the one that stays counts.
  for (const state of [...states].sort((a, b) => Number(b.leaving !== undefined) - Number(a.leaving !== undefined))) {
    stateOf.set(state.cameraId, state);
  }
  const repairs: StateRepair[] = [];
  let unchanged = 0;
  const ids = new Set<string>();
  for (const row of rows) {
    const cameraId = String(row.cameraId);
    ids.add(cameraId);
    const verdict = verdictOn(row, fleets);
    const seen = stateOf.get(cameraId);
    if (seen === undefined) {
      repairs.push(created(cameraId, verdict, input));
      continue;
    }
    const why = difference(seen, verdict);
    if (why === null) unchanged += 1;
    else {
      const toFleet = seen.fleet === verdict.fleet ? null : verdict.fleet;
      repairs.push({ kind: 'judge', cameraId, fleet: seen.fleet, why, seen, verdict, toFleet });
    }
  }
  for (const seen of stateOf.values()) {
    if (ids.has(seen.cameraId)) continue;
    if (seen.leaving !== undefined) unchanged += 1;
    else repairs.push({ kind: 'retire', cameraId: seen.cameraId, fleet: seen.fleet, why: 'it has no row', seen });
  }
  return { repairs: repairs.sort((a, b) => (a.cameraId < b.cameraId ? -1 : 1)), unchanged };
}

function difference(seen: CameraState, verdict: RowVerdict): string | null {
  const target = seen.leaving === undefined ? seen.fleet : seen.leaving.toFleet;
  if (target === null) return 'its row is there, and its state says that it was removed';
  if (target !== verdict.fleet) return `its row names fleet ${verdict.fleet}, and its state lies in ${target}`;
  if (canonicalJson(seen.camera) !== canonicalJson(verdict.camera)) return 'its row says something else';
  // Whether its stream could be made is no matter of the row.
  const ofRow = seen.issues.filter(({ path }) => path !== 'stream.create');
  return canonicalJson(ofRow) === canonicalJson(verdict.issues) ? null : 'its row has other issues';
}

function created(cameraId: string, verdict: RowVerdict, input: RebuildInput): StateRepair {
  const { fleet, camera, issues } = verdict;
  const { nowMs, beforeAllEvents } = input;
  const owner = ownerByLists(cameraId, fleet, input.workers);
  const state: CameraState = {
    ...{ fleet, cameraId, schemaVersion: 1, camera, issues },
    ...{ rowSequenceNumber: beforeAllEvents, rowChangedAtMs: nowMs },
    phase: camera === null ? 'invalid' : 'off-schedule',
    phaseReason: camera === null ? 'its row cannot be used' : 'rebuilt: the next run decides',
    phaseSinceMs: nowMs,
    // Owners change far less than once a second: no earlier epoch of any camera is as high.
    ...(owner ?? { epoch: Math.floor(nowMs / 1_000) }),
  };
  const why = owner === null ? 'it has no state' : `it has no state; worker ${owner.ownerWorkerId} goes on with it`;
  return { kind: 'create', cameraId, fleet, why, state };
}

/** Who has the camera on its list: control alone writes these, so the newest epoch among them is the last that it gave. */
function ownerByLists(cameraId: string, fleet: string, workers: readonly WorkerItem[]) {
  let owner: Pick<CameraState, 'epoch' | 'ownerWorkerId' | 'ownedSinceMs'> | null = null;
  for (const worker of workers) {
    const given = worker.assignments?.[cameraId];
    if (worker.fleet !== fleet || given === undefined || hasEnded(worker)) continue;
    if (owner !== null && owner.epoch >= given.epoch) continue;
    owner = { epoch: given.epoch, ownerWorkerId: worker.workerId, ownedSinceMs: given.assignedAtMs };
  }
  return owner;
}
