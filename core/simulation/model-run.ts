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

/** @param lastMediaAtMs newest media of a camera that was seen at an instant; null: none. @param beatMs of the heartbeat. */
export function reportsOf(
  runs: ReadonlyMap<string, ModelRun>,
  lastMediaAtMs: (cameraId: string, atMs: number) => number | null,
  beatMs: number,
): Record<string, RunningCamera> {
  const reports: Record<string, RunningCamera> = {};
  for (const [cameraId, run] of runs) reports[cameraId] = reportOfRun(run, lastMediaAtMs(cameraId, beatMs), beatMs);
  return reports;
}

/**
 * A record that is made when somebody looks into it: most runs of the control loop ask most workers nothing. It has to be
 * looked into before the world goes on.
 */
export function toldWhenAsked<Value>(tell: () => Record<string, Value>): Record<string, Value> {
  let told: Record<string, Value> | null = null;
  const record = () => {
    told ??= tell();
    return told;
  };
  return new Proxy<Record<string, Value>>(
    {},
    {
      get: (_, key) => record()[key as string],
      has: (_, key) => key in record(),
      ownKeys: () => Reflect.ownKeys(record()),
      getOwnPropertyDescriptor: (_, key) => Object.getOwnPropertyDescriptor(record(), key),
    },
  );
}
