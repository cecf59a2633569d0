/**
 * A worker's side of the lease, step by step, around the product's own `Lease`, `assignmentChanges` and `CameraReleases`: what it
 * publishes, what it says, and how it follows an answer (worker/runtime/fleet-member.ts).
 */
import type { CameraState, WorkerItem } from '../../core/fleet-state.ts';
import { assignmentChanges } from '../../worker/runtime/assignment-changes.ts';
import { CameraReleases } from '../../worker/runtime/camera-releases.ts';
import { Lease } from '../../worker/runtime/lease.ts';
import {
  type Answer,
  frameAt,
  itemOf,
  type Process,
  processOf,
  reports,
  type Setting,
  type World,
  withItem,
  withProcess,
} from './lease-world.ts';

export function isFenced({ confirmedMs }: Process, nowMs: number): boolean {
  const lease = new Lease();
  lease.sent(confirmedMs);
  lease.succeeded(confirmedMs);
  return lease.isFenced(nowMs);
}

/** Every frame that has come and was not handled: published, or by a fenced worker discarded. */
export function publish(world: World, workerId: string): World {
  const process = processOf(world, workerId);
  if (!process.isAlive || process.isPaused) return world;
  const newest = frameAt(world.nowMs);
  const runs: Process['runs'] = {};
  const published = { ...world.published };
  let { broken } = world;
  const isSilenced = isFenced(process, world.nowMs);
  for (const [cameraId, run] of Object.entries(process.runs)) {
    runs[cameraId] = run;
    if (run.isStopping || run.nextFrame > newest) continue;
    runs[cameraId] = { ...run, nextFrame: newest + 1 };
    if (isSilenced) continue;
    if (run.nextFrame <= (published[cameraId] ?? 0)) {
      broken ??= `frame ${run.nextFrame} of ${cameraId} is published again by ${workerId} under epoch ${run.epoch}`;
    }
    published[cameraId] = newest;
  }
  return withProcess({ ...world, published, broken }, workerId, { ...process, runs });
}

export function send(setting: Setting, world: World, workerId: string): [World, Answer] {
  const process = processOf(world, workerId);
  const item: WorkerItem = {
    ...itemOf(world, workerId),
    heartbeatAtMs: world.nowMs + (setting.skewMs[workerId] ?? 0),
    lifecycle: process.isDraining ? 'draining' : 'ready',
    running: reports(process.runs),
    // What it was told to prepare by the last heartbeat is ready by this one.
    standingBy: Object.fromEntries(
      Object.entries(process.standbys).map(([cameraId, { sinceMs }]) => [
        cameraId,
        { sinceMs, state: 'ready' as const, reason: '' },
      ]),
    ),
  };
  const { assignments = {}, standbys = {}, drain } = item;
  const answer = { assignments, standbys, sentMs: world.nowMs, ...(drain === undefined ? {} : { drain }) };
  return [withItem(world, item), answer];
}

/** As FleetMember follows an answer. */
export function follow(setting: Setting, world: World, workerId: string, answer: Answer): World {
  const before = processOf(world, workerId);
  const { assignments = {}, standbys: orders = {}, drain } = answer;
  const wasFenced = isFenced(before, world.nowMs);
  const isDraining = before.isDraining || drain !== undefined;
  const running = new Map(
    Object.entries(before.runs).flatMap(([cameraId, run]) => (run.isStopping ? [] : [[cameraId, run.epoch]])),
  ) as Map<string, number>;
  const changes = assignmentChanges(running, assignments);
  const runs = { ...before.runs };
  const over = { ...before.over };
  const endsMs = drain?.handover === undefined ? 0 : (drain.handover.untilMs ?? Number.POSITIVE_INFINITY);
  const isOut = drain !== undefined && world.nowMs + (setting.skewMs[workerId] ?? 0) >= endsMs;
  let after = world;
  for (const cameraId of [...running.keys()].filter((id) => isOut || changes.stop.includes(id))) {
    const run = runs[cameraId];
    if (run === undefined) continue;
    if (wasFenced) {
      delete runs[cameraId];
      over[cameraId] = { epoch: run.epoch, assignedAtMs: run.assignedAtMs };
    } else runs[cameraId] = { ...run, isStopping: true };
  }
  const standbys: Process['standbys'] = {};
  for (const [cameraId, order] of Object.entries(isDraining ? {} : orders)) {
    const known = before.standbys[cameraId];
    if (runs[cameraId] === undefined) {
      standbys[cameraId] = known?.sinceMs === order.sinceMs ? known : order;
    }
  }
  const releases = releasesOf(over);
  for (const [cameraId, given] of Object.entries(assignments)) {
    const run = runs[cameraId];
    if (releases.isOver(cameraId, given) || run?.isStopping === true) continue;
    if (isDraining) {
      if (run !== undefined) continue;
      over[cameraId] = { epoch: given.epoch, assignedAtMs: given.assignedAtMs };
      after = writeRelease(after, workerId, cameraId, given.epoch, given.resumeAfter);
    } else if (changes.start.includes(cameraId) || changes.restart.includes(cameraId)) {
      const { epoch, assignedAtMs, resumeAfter } = given;
      const nextFrame =
        resumeAfter === undefined ? Math.ceil(frameAt(assignedAtMs)) : Number(resumeAfter.fragmentNumber) + 1;
      runs[cameraId] = { epoch, assignedAtMs, nextFrame, isStopping: false };
    }
  }
  const confirmedMs = answer.sentMs;
  const process = { ...before, confirmedMs, answer: null, isDraining, runs, over, standbys };
  return publish(withProcess(after, workerId, process), workerId);
}

/** What has stopped is released; while the worker is cut off, later. */
export function flush(world: World, workerId: string): World {
  let after = world;
  for (const [cameraId, run] of Object.entries(processOf(world, workerId).runs)) {
    const process = processOf(after, workerId);
    if (!run.isStopping || process.isCut) continue;
    const { [cameraId]: _, ...runs } = process.runs;
    const over = { ...process.over, [cameraId]: { epoch: run.epoch, assignedAtMs: run.assignedAtMs } };
    const checkpoint = { fragmentNumber: String(run.nextFrame - 1), producerTimestampMs: 0 };
    const released = writeRelease(after, workerId, cameraId, run.epoch, checkpoint);
    after = withProcess(released, workerId, { ...process, runs, over });
  }
  return after;
}

function releasesOf(over: Process['over']): CameraReleases {
  const releases = new CameraReleases({ writeProgress: async () => true }, { warn: () => {} } as never);
  for (const [cameraId, tenure] of Object.entries(over)) releases.lost(cameraId, tenure);
  return releases;
}

/** Under the condition that the worker is the owner at this epoch, and has not released it before. */
function writeRelease(
  world: World,
  workerId: string,
  cameraId: string,
  epoch: number,
  checkpoint: CameraState['checkpoint'],
): World {
  const stored = world.cameras[cameraId];
  if (stored === undefined || stored.ownerWorkerId !== workerId || stored.epoch !== epoch) return world;
  const { checkpoint: _, ...kept } = stored;
  const released = { ...kept, releasedEpoch: epoch, ...(checkpoint === undefined ? {} : { checkpoint }) };
  return { ...world, cameras: { ...world.cameras, [cameraId]: released } };
}
