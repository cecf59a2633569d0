/**
 * The list of cameras that a worker is to run, and when two lists, or two versions of a camera, mean the same work.
 * Invariant: a list is the whole of it, derived from the camera states, so that what a crash left unwritten heals.
 */

import type { Camera } from '../camera.ts';
import { isSameJson } from '../canonical-json.ts';
import type { Assignment, CameraState, WorkerItem } from '../fleet-state.ts';
import type { ModelOrder } from './model-evidence.ts';

/** What a worker has to do with a camera; a change in anything else of the row needs no restart. */
export function sameWork(a: Camera, b: Camera): boolean {
  if (a === b) return true;
  const work = (camera: Camera) => {
    const { streamName, detect, regions, smoothing, text, snapshots } = camera;
    return { streamName, detect, regions, smoothing, text, snapshots };
  };
  return isSameJson(work(a), work(b));
}

/**
 * The whole list of one worker, from the camera states as they are after the changes were written: whatever a crash
 * left unwritten is in it. What the worker already has under the same epoch stays as it is, but for the camera's hours and
 * the version of its model.
 * @param orderOf what a camera is to run instead of what its row names.
 * @param traceId of the run: what is new in the list has it.
 */
export function assignmentsOf(
  worker: WorkerItem,
  cameras: readonly CameraState[],
  cleanGives: ReadonlySet<string>,
  orderOf: (state: CameraState) => ModelOrder | null = () => null,
  traceId: string | null = null,
): Record<string, Assignment> {
  const list: Record<string, Assignment> = {};
  for (const state of cameras) {
    if (state.camera === null || !isListed(worker, state)) continue;
    const known = worker.assignments?.[state.cameraId];
    const modelOrder = orderOf(state);
    list[state.cameraId] = {
      ...(known !== undefined && known.epoch === state.epoch
        ? // The worker watches within the hours of the row as it is now; other work comes with the next epoch.
          { ...withoutOrder(known), camera: sameWork(known.camera, state.camera) ? state.camera : known.camera }
        : {
            epoch: state.epoch,
            camera: state.camera,
            assignedAtMs: state.ownedSinceMs ?? 0,
            ...(cleanGives.has(state.cameraId) ? continuationOf(state) : {}),
            ...(traceId === null ? {} : { traceId }),
          }),
      ...(state.rowTraceId === undefined ? {} : { rowTraceId: state.rowTraceId }),
      ...(modelOrder === null ? {} : { modelOrder }),
    };
  }
  return list;
}

function withoutOrder({ modelOrder: _, ...assignment }: Assignment): Assignment {
  return assignment;
}

function isListed({ workerId }: WorkerItem, state: CameraState): boolean {
  if (state.ownerWorkerId !== workerId || state.camera === null) return false;
  return state.releaseRequestedAtMs === undefined && state.releasedEpoch !== state.epoch;
}

/**
 * Does the worker's list say all of it already, of the very same rows? False: `assignmentsOf` tells.
 * @param others how many more cameras are known to be on it as they should.
 */
export function isListUpToDate(worker: WorkerItem, cameras: readonly CameraState[], others = 0): boolean {
  const known = worker.assignments ?? {};
  let count = 0;
  for (const state of cameras) {
    if (!isListed(worker, state)) continue;
    const assignment = known[state.cameraId];
    if (assignment?.epoch !== state.epoch || assignment.camera !== state.camera) return false;
    count += 1;
  }
  return count + others === Object.keys(known).length;
}

/** Where the previous owner stopped, and until when nothing was missed. */
function continuationOf({ checkpoint, watch }: CameraState): Pick<Assignment, 'resumeAfter' | 'watchedUntilMs'> {
  if (checkpoint === undefined) return {};
  if (watch === undefined || watch.blind.at(-1)?.toMs === watch.throughMs) return { resumeAfter: checkpoint };
  return { resumeAfter: checkpoint, watchedUntilMs: watch.throughMs };
}

/**
 * Do two lists name the same cameras under the same epochs, within the same hours, with the same versions of models? Traces do not
 * count: a list is not written for them alone.
 */
export function sameAssignments(a: Record<string, Assignment>, b: Record<string, Assignment>): boolean {
  const hours = ({ camera: { enabled, schedule, override } }: Assignment) => ({ enabled, schedule, override });
  const ids = Object.keys(a);
  if (ids.length !== Object.keys(b).length) return false;
  return Object.entries(a).every(([id, mine]) => {
    const theirs = b[id];
    if (theirs === undefined) return false;
    if (mine.epoch !== theirs.epoch || !isSameJson(mine.modelOrder, theirs.modelOrder)) return false;
    return mine.camera === theirs.camera || isSameJson(hours(mine), hours(theirs));
  });
}
