/**
 * What a person wants to be woken for, counted per run: cameras that nobody watches though they should be, windows that
 * opened unwatched, cameras that send while nobody wants them, and workers whose results are stored nowhere.
 * Invariant: counts only; what is not known in this run is null and never zero.
 */
import type { CameraPhase, CameraState } from '../fleet-state.ts';
import type { CameraChange } from './decide.ts';
import { type FleetObservation, isDead } from './observation.ts';

/** Shorter gaps come with every handover and reconnect. */
export const blindAfterMs = 120_000;
/** Shorter ones come with every busy shard, and nothing is lost by them. */
export const unstoredAfterMs = 60_000;
/** Asking CloudWatch about idle streams costs money for each, so it is done four times an hour. */
const idleStreamsEveryMinutes = 15;
/** Not at the full quarter, when windows open and everything else is asked. */
const idleStreamsAtMinute = 7;
/** The metric is seen up to three minutes late, for periods of one minute; one more for the tick. */
const liveWithinMs = 300_000;

export type WatchGaps = {
  /** In their window and without a worker's eye on them for more than two minutes. */
  blind: number;
  /** Windows that opened since the last run with nobody watching: the ready-by was missed. */
  windowsMissed: number;
  /** Send media outside their windows; null in runs that do not look. */
  liveUnscheduled: number | null;
  /** Living workers that for a minute have stored none of their records, or none of their pictures or track items, though they had some. */
  unstored: number;
};

const unwatched: ReadonlySet<CameraPhase> = new Set(['waiting-capacity', 'starting', 'shed']);
const beforeWindow: ReadonlySet<CameraPhase> = new Set(['off-schedule', 'warming']);

/** Is this a run that also asks about streams of cameras outside their windows? */
export function looksAtIdleStreams(nowMs: number): boolean {
  return Math.floor(nowMs / 60_000) % idleStreamsEveryMinutes === idleStreamsAtMinute;
}

export function watchGaps(
  cameras: readonly CameraState[],
  changes: readonly CameraChange[],
  { streams, workers }: Pick<FleetObservation, 'streams' | 'workers'>,
  workerDeadAfterMs: number,
  nowMs: number,
): WatchGaps {
  const isLive = ({ camera }: CameraState) => {
    const seenAtMs = camera === null ? null : (streams.activeAtMs.get(camera.streamName) ?? null);
    return seenAtMs !== null && nowMs - seenAtMs <= liveWithinMs;
  };
  return {
    blind: cameras.filter(({ phase, phaseSinceMs }) => unwatched.has(phase) && nowMs - phaseSinceMs > blindAfterMs)
      .length,
    windowsMissed: changes.filter(({ observed, next }) => beforeWindow.has(observed.phase) && unwatched.has(next.phase))
      .length,
    liveUnscheduled: looksAtIdleStreams(nowMs)
      ? cameras.filter((state) => state.phase === 'off-schedule' && isLive(state)).length
      : null,
    unstored: workers.filter(
      (worker) =>
        !isDead(worker, nowMs, workerDeadAfterMs) && nowMs - (worker.unstoredSinceMs ?? nowMs) > unstoredAfterMs,
    ).length,
  };
}
