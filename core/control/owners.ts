/**
 * The workers of a fleet as owners of its cameras, each looked at once per run: two thousand cameras ask about a few dozen.
 * What an owner says of a camera, and where its lease stands, is told from here.
 * Invariant: what is said of a worker holds for the instant of the run alone.
 */
import type { CameraState, RunningCamera, WorkerItem } from '../fleet-state.ts';
import { drainReleasesAtMs, isHandingOver } from './handover.ts';
import { isDead, isLeaving } from './observation.ts';

/** A worker that lists a camera no more this long after it was asked, without a word, has lost it: two heartbeats and a flush. */
export const silentReleaseMs = 10_000;

export type Owner = {
  worker: WorkerItem;
  isAlive: boolean;
  isLeaving: boolean;
  isHandingOver: boolean;
  /** When it was to give up whatever it still has; undefined: it was not asked. */
  givesUpAtMs: number | undefined;
  /** Why a camera that it watches is running, in words: one text for all of its cameras. */
  watchesWords: string;
};

/** By `workerId`. */
export type Owners = ReadonlyMap<string, Owner>;

/** `released`: its owner has given it up. `orphaned`: its owner is gone. Both are free to be given, as with `none`. */
export type Lease = 'none' | 'held' | 'releasing' | 'released' | 'orphaned';

export type Word = { report: RunningCamera; isAlive: boolean; reportedAtMs: number };

export function ownersOf(workers: readonly WorkerItem[], nowMs: number, workerDeadAfterMs: number): Owners {
  const owners = new Map<string, Owner>();
  for (const worker of workers) {
    owners.set(worker.workerId, {
      worker,
      isAlive: !isDead(worker, nowMs, workerDeadAfterMs),
      isLeaving: isLeaving(worker),
      isHandingOver: isHandingOver(worker, nowMs),
      givesUpAtMs: drainReleasesAtMs(worker, nowMs),
      watchesWords: `on worker ${worker.workerId}`,
    });
  }
  return owners;
}

/** What the camera's present owner last said of it while it ran this very epoch, and whether that owner lives. */
export function ownersWord(state: CameraState, owners: Owners): Word | null {
  if (state.ownerWorkerId === undefined) return null;
  const owner = owners.get(state.ownerWorkerId);
  const report = owner?.worker.running[state.cameraId];
  if (owner === undefined || report === undefined || report.epoch !== state.epoch) return null;
  return { report, isAlive: owner.isAlive, reportedAtMs: owner.worker.heartbeatAtMs };
}

/** Where the lease on a camera stands. */
export function leaseOf(state: CameraState, owners: Owners): Lease {
  if (state.ownerWorkerId === undefined) return 'none';
  if (state.releasedEpoch === state.epoch) return 'released';
  const owner = owners.get(state.ownerWorkerId);
  if (owner === undefined || !owner.isAlive) return 'orphaned';
  if (state.releaseRequestedAtMs === undefined && !owner.isLeaving) return 'held';
  const report = owner.worker.running[state.cameraId];
  const isRunning = report?.epoch === state.epoch;
  if (state.releaseRequestedAtMs === undefined && isRunning && owner.isHandingOver) return 'held';
  // A worker that was told to drain before it saw the assignment never runs the camera and never releases it.
  const askedAtMs = state.releaseRequestedAtMs ?? owner.givesUpAtMs;
  if (askedAtMs === undefined) return 'releasing';
  const isLost = report === undefined && owner.worker.heartbeatAtMs >= askedAtMs + silentReleaseMs;
  return isLost ? 'orphaned' : 'releasing';
}
