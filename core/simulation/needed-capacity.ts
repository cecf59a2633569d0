/**
 * How many workers the cameras need at each instant when everything is known beforehand, and the least that this can
 * cost: the bound that no control loop comes below.
 * Invariant: the bound counts loads, not packings (no packing needs fewer), and knows every silence to the millisecond.
 */
import type { Interval } from '../calendar.ts';
import { modelCostRatio } from '../control/demand.ts';
import type { FleetPolicy } from '../fleet-state.ts';
import type { ModelCamera } from './model-camera.ts';
import { meanMs, type SimulationSettings } from './settings.ts';

export type NeededStep = Interval & { workers: number };

/** @param knowsSilences false: as the schedules say, whether a camera sends or not. */
export function neededSteps(
  cameras: readonly Pick<ModelCamera, 'camera' | 'intervals' | 'silences'>[],
  targetPerWorker: number,
  { startMs, endMs }: Interval,
  knowsSilences: boolean,
): NeededStep[] {
  const changes: { atMs: number; load: number }[] = [];
  for (const { camera, intervals, silences } of cameras) {
    const load = camera.detect.fps * modelCostRatio(camera.detect.model);
    // A camera larger than a worker should carry fills one by itself, and cannot have two.
    const counted = Math.min(load, targetPerWorker);
    for (const interval of intervals.flatMap((one) => (knowsSilences ? without(one, silences) : [one]))) {
      changes.push({ atMs: interval.startMs, load: counted }, { atMs: interval.endMs, load: -counted });
    }
  }
  changes.sort((a, b) => a.atMs - b.atMs);
  const steps: NeededStep[] = [];
  let load = 0;
  let cursorMs = startMs;
  const advance = (untilMs: number) => {
    const toMs = Math.min(untilMs, endMs);
    if (toMs <= cursorMs) return;
    const workers = Math.max(0, Math.ceil(load / targetPerWorker - 1e-9));
    const last = steps.at(-1);
    if (last !== undefined && last.workers === workers) last.endMs = toMs;
    else steps.push({ startMs: cursorMs, endMs: toMs, workers });
    cursorMs = toMs;
  };
  for (const change of changes) {
    advance(change.atMs);
    load += change.load;
  }
  advance(endMs);
  return steps;
}

/**
 * Instance milliseconds of a clairvoyant: it boots each instance just in time, in the mean boot, pays from the launch on,
 * and keeps one through a gap that is shorter than a boot. Within `[startMs, endMs)` alone.
 */
export function clairvoyantMs(
  steps: readonly NeededStep[],
  settings: SimulationSettings,
  policy: FleetPolicy,
  { startMs, endMs }: Interval,
): number {
  const { registrationMs, taskStartMs, modelLoadMs, streamOpenMs } = settings;
  const bootMs = [registrationMs, taskStartMs, modelLoadMs, streamOpenMs].reduce((sum, one) => sum + meanMs(one), 0);
  const peak = steps.reduce((most, { workers }) => Math.max(most, workers), policy.minWorkers);
  let totalMs = 0;
  for (let level = 1; level <= Math.min(peak, policy.maxWorkers); level += 1) {
    if (level <= policy.minWorkers) {
      totalMs += endMs - startMs;
      continue;
    }
    let paidToMs = startMs;
    for (const step of steps) {
      if (step.workers < level) continue;
      // Either it boots anew or it has stayed, whichever is shorter.
      totalMs += step.endMs - Math.max(paidToMs, step.startMs - bootMs);
      paidToMs = step.endMs;
    }
  }
  return totalMs;
}

function without(interval: Interval, silences: readonly Interval[]): Interval[] {
  let rest = [interval];
  for (const silence of silences) {
    rest = rest.flatMap(({ startMs, endMs }) => {
      if (silence.endMs <= startMs || silence.startMs >= endMs) return [{ startMs, endMs }];
      return [
        { startMs, endMs: silence.startMs },
        { startMs: silence.endMs, endMs },
      ].filter((part) => part.startMs < part.endMs);
    });
  }
  return rest;
}
