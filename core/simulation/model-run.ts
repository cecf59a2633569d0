/**
 * One camera on a modelled worker, and what the worker's heartbeat says of it.
 * Invariant: it says what was so when the heartbeat was sent, whenever it is read.
 */
import type { RunningCamera } from '../fleet-state.ts';
import type { Tenure } from '../tenure.ts';

export type ModelRun = Tenure & {
  /** Since when it has the stream open and publishes; null before, and once it was told to stop. */
  watchingSinceMs: number | null;
  isStopping: boolean;
  firstInferenceAtMs: number | null;
};

/**
 * @param sentAtMs the camera's newest media that it has seen when the heartbeat was sent; null: none.
 * @param beatMs when that was, by the true clock.
 */
export function reportOfRun(
  { watchingSinceMs, epoch, firstInferenceAtMs }: ModelRun,
  sentAtMs: number | null,
  beatMs: number,
): RunningCamera {
  const lastMediaAtMs = watchingSinceMs !== null && sentAtMs !== null && sentAtMs >= watchingSinceMs ? sentAtMs : null;
  return {
    epoch,
    state: watchingSinceMs === null ? 'starting' : lastMediaAtMs === beatMs ? 'running' : 'silent',
    reason: '',
    fps: 0,
    framesInferred: 0,
    detections: 0,
    tracks: 0,
    dropped: {},
    ...(lastMediaAtMs === null ? {} : { lastMediaAtMs, lastInferenceAtMs: lastMediaAtMs }),
    ...(firstInferenceAtMs === null ? {} : { firstInferenceAtMs }),
  };
}
