/**
 * Items of a later version than this code reads, as a decision sees them: during a rollout that skipped a step, or after a
 * roll back. A camera is held when its state is of a later version, or its worker's item is; a worker when its item is.
 * Invariants: a held camera stays with the worker that has it and counts there; a held worker is given nothing and told
 * nothing; while anything is held nothing shrinks, because what it uses is not known; all else goes on.
 */
import type { Assignment, FleetPolicy, WorkerItem } from '../fleet-state.ts';
import { names } from './believable.ts';
import type { Problem } from './decide.ts';
import { modelCostRatio } from './demand.ts';
import type { FleetObservation, HeldWorker } from './observation.ts';

/** @returns the observation itself when nothing is held. */
export function withoutHeld(
  given: FleetObservation,
  policy: FleetPolicy,
  nowMs: number,
): { observation: FleetObservation; problems: Problem[] } {
  const { cameras: heldCameras, workers: heldWorkers } = given.held ?? { cameras: [], workers: [] };
  if (heldCameras.length + heldWorkers.length === 0) return { observation: given, problems: [] };
  const words: string[] = [];
  const say = (what: string, items: readonly { id: string; version: string }[], consequence: string) => {
    if (items.length === 0) return;
    const ids = names(items.map(({ id, version }) => `${id} (schemaVersion ${version})`));
    words.push(`ITEM_VERSION_LATER: ${what} of a later version than this code reads: ${ids}; ${consequence}`);
  };
  // What ECS ended runs nothing any more, whatever its item says.
  const living = heldWorkers.filter(({ hasStopped }) => !hasStopped);
  const livingIds = new Set<string | undefined>(living.map(({ id }) => id));
  const theirs = given.cameras
    .filter(({ ownerWorkerId }) => livingIds.has(ownerWorkerId))
    .map(({ cameraId }) => cameraId)
    .sort();
  say('states of cameras are', heldCameras, 'they are left as they are');
  const kept = theirs.length === 0 ? '' : `, and keep what they run: ${names(theirs)}`;
  say('items of workers are', living, `they are given nothing${kept}`);
  return {
    observation: {
      ...given,
      cameras: given.cameras.filter(({ ownerWorkerId }) => !livingIds.has(ownerWorkerId)),
      workers: [
        ...given.workers.map((worker) => withRoomTaken(worker, given.held, policy)),
        ...living.map((worker) => standIn(worker, given.fleet.fleet, nowMs)),
      ],
      missing: [...given.missing, ...words],
    },
    problems: words.map((one) => ({ kind: 'input', words: one })),
  };
}

/** The entries of a worker's list that a run must leave in it. */
export function heldEntries<Entry>(
  list: Record<string, Entry> | undefined,
  held: FleetObservation['held'],
): Record<string, Entry> {
  const entries: Record<string, Entry> = {};
  for (const { id } of held?.cameras ?? []) {
    const entry = list?.[id];
    if (entry !== undefined) entries[id] = entry;
  }
  return entries;
}

/** What a held camera costs its worker is not free for others. */
function withRoomTaken(worker: WorkerItem, held: FleetObservation['held'], policy: FleetPolicy): WorkerItem {
  const load = Object.values(heldEntries(worker.assignments, held)).reduce((sum, one) => sum + loadOf(one), 0);
  if (load === 0) return worker;
  const capacity = worker.capacityInferencesPerSecond ?? policy.defaultInferencesPerSecond;
  return { ...worker, capacityInferencesPerSecond: Math.max(0, capacity - load) };
}

function loadOf({ camera: { detect } }: Assignment): number {
  return detect.fps * modelCostRatio(detect.model);
}

/** It lives, has a machine, and takes part in nothing: like a worker that leaves and is not done with it. */
function standIn({ id, instanceId, containerInstanceArn }: HeldWorker, fleet: string, nowMs: number): WorkerItem {
  return {
    ...{ fleet, workerId: id, schemaVersion: 1, heartbeatAtMs: nowMs, startedAtMs: nowMs, lifecycle: 'draining' },
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(containerInstanceArn === undefined ? {} : { containerInstanceArn }),
    ...{ drain: { sinceMs: nowMs, reason: 'its item is of a later version' }, running: {}, expiresAt: 0 },
  };
}
