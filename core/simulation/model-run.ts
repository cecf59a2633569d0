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
function reportOfRun(
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

/**
 * What a heartbeat says of its cameras. Each is told when somebody looks: most runs of the control loop ask of few. It has to be
 * looked at before the world goes on.
 * @param lastMediaAtMs newest media of a camera that was seen at an instant; null: none. @param beatMs of the heartbeat.
 */
export function reportsOf(
  runs: ReadonlyMap<string, ModelRun>,
  lastMediaAtMs: (cameraId: string, atMs: number) => number | null,
  beatMs: number,
): Record<string, RunningCamera> {
  if (runs.size === 0) return {};
  const told: Record<string, RunningCamera> = {};
  const tell = (cameraId: string) => {
    const run = runs.get(cameraId);
    if (run !== undefined) told[cameraId] ??= reportOfRun(run, lastMediaAtMs(cameraId, beatMs), beatMs);
    return told[cameraId];
  };
  return new Proxy(told, {
    get: (_, key) => tell(key as string),
    has: (_, key) => runs.has(key as string),
    ownKeys: () => [...runs.keys()],
    getOwnPropertyDescriptor: (_, key) => {
      const value = tell(key as string);
      return value && { value, writable: true, enumerable: true, configurable: true };
    },
  });
}
