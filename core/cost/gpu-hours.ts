/**
 * How many workers a fleet pays for, and for how long, when its cameras keep their schedules: at every instant the
 * packing of core/control over the cameras that are in their windows, launched the lead time ahead and kept for the
 * scale-in delay, as the control loop does it.
 * Invariant: the same cameras, policy and span give the same hours; a camera more never gives fewer needed hours.
 */
import { type Interval, type Scheduled, scheduledIntervals, sharedHours } from '../calendar.ts';
import type { Camera } from '../camera.ts';
import { modelCostRatio } from '../control/demand.ts';
import { workersFor } from '../control/headcount.ts';
import type { FleetPolicy } from '../fleet-state.ts';

const hourMs = 3_600_000;

export type CostedCamera = Scheduled & Pick<Camera, 'detect'>;

export type GpuHours = {
  /** Paid for, within the policy's minimum and maximum. */
  instanceHours: number;
  /** Most instances at once. */
  peakInstances: number;
  /** Instance hours that the schedules need and the policy's maximum forbids: cameras are shed then. */
  missingInstanceHours: number;
  /** Sum over the cameras of their scheduled hours. */
  cameraHours: number;
};

export type Step = Interval & { workers: number };

export function gpuHours(
  cameras: readonly CostedCamera[],
  policy: FleetPolicy,
  leadTimeMs: number,
  fromMs: number,
  toMs: number,
): GpuHours {
  let instanceHours = 0;
  let missingInstanceHours = 0;
  let peakInstances = 0;
  for (const { startMs, endMs, workers } of workerSteps(cameras, policy, leadTimeMs, fromMs, toMs)) {
    const hours = (endMs - startMs) / hourMs;
    const paid = Math.min(policy.maxWorkers, Math.max(policy.minWorkers, workers));
    instanceHours += paid * hours;
    missingInstanceHours += Math.max(0, workers - paid) * hours;
    peakInstances = Math.max(peakInstances, paid);
  }
  const cameraHours = cameras.reduce(
    (total, camera) =>
      total +
      scheduledIntervals(camera, fromMs, toMs).reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0) / hourMs,
    0,
  );
  return { instanceHours, peakInstances, missingInstanceHours, cameraHours };
}

/** Workers that the cameras keep within `[fromMs, toMs)`, whatever the policy's limits. */
export function workerSteps(
  cameras: readonly CostedCamera[],
  policy: FleetPolicy,
  leadTimeMs: number,
  fromMs: number,
  toMs: number,
): Step[] {
  // What runs at the edges is decided by windows just outside of them.
  const steps = neededWorkers(cameras, policy, fromMs - policy.scaleInDelayMs, toMs + leadTimeMs);
  return heldWorkers(steps, leadTimeMs, policy.scaleInDelayMs, fromMs, toMs);
}

/** Workers needed by the cameras in their windows, as steps that cover `[fromMs, toMs)`. */
function neededWorkers(cameras: readonly CostedCamera[], policy: FleetPolicy, fromMs: number, toMs: number): Step[] {
  const newBin = {
    capacity: policy.defaultInferencesPerSecond,
    target: policy.defaultInferencesPerSecond * policy.targetUtilization,
  };
  const changes: { atMs: number; group: Group; sign: 1 | -1 }[] = [];
  for (const group of alike(cameras)) {
    for (const { startMs, endMs } of scheduledIntervals(group.hours, fromMs, toMs)) {
      changes.push({ atMs: startMs, group, sign: 1 }, { atMs: endMs, group, sign: -1 });
    }
  }
  changes.sort((a, b) => a.atMs - b.atMs);
  /** Cameras in their windows, by what they weigh. */
  const active = new Map<number, number>();
  // Calendars repeat: the same loads are packed once.
  const packed = new Map<string, number>();
  const pack = () => {
    const key = [...active].sort(([a], [b]) => a - b).join(' ');
    const workers = packed.get(key) ?? workersFor(active, newBin);
    packed.set(key, workers);
    return workers;
  };
  const steps: Step[] = [];
  let cursorMs = fromMs;
  for (let next = 0; ; ) {
    const atMs = changes[next]?.atMs ?? toMs;
    if (atMs > cursorMs) {
      steps.push({ startMs: cursorMs, endMs: Math.min(atMs, toMs), workers: pack() });
      cursorMs = atMs;
    }
    if (next >= changes.length) return steps;
    for (; changes[next]?.atMs === atMs; next += 1) {
      const { group, sign } = changes[next] as (typeof changes)[number];
      const count = (active.get(group.load) ?? 0) + sign * group.count;
      if (count > 0) active.set(group.load, count);
      else active.delete(group.load);
    }
  }
}

/** Cameras that weigh the same at the same hours. */
type Group = { hours: Scheduled; load: number; count: number };

/** Two thousand cameras are a few groups; one with hours of its own (a dated override) is a group by itself. */
function alike(cameras: readonly CostedCamera[]): Group[] {
  const groups: Group[] = [];
  const known = new Map<object | string, Map<number, Group>>();
  for (const camera of cameras) {
    const load = camera.detect.fps * modelCostRatio(camera.detect.model);
    const key = sharedHours(camera) ?? camera;
    const byLoad = known.get(key) ?? new Map<number, Group>();
    known.set(key, byLoad);
    const group = byLoad.get(load);
    if (group !== undefined) {
      group.count += 1;
      continue;
    }
    const made = { hours: camera, load, count: 1 };
    byLoad.set(load, made);
    groups.push(made);
  }
  return groups;
}

/** Each step begins the lead time earlier and ends the delay later; where steps overlap, the larger number holds. */
function heldWorkers(
  steps: readonly Step[],
  leadTimeMs: number,
  scaleInDelayMs: number,
  fromMs: number,
  toMs: number,
): Step[] {
  const changes = steps
    .filter((step) => step.workers > 0)
    .flatMap(({ startMs, endMs, workers }) => [
      { atMs: startMs - leadTimeMs, workers, count: 1 },
      { atMs: endMs + scaleInDelayMs, workers, count: -1 },
    ])
    .sort((a, b) => a.atMs - b.atMs);
  const holders = new Map<number, number>();
  const held: Step[] = [];
  let cursorMs = fromMs;
  const advance = (untilMs: number) => {
    const endMs = Math.min(untilMs, toMs);
    if (endMs <= cursorMs) return;
    held.push({ startMs: cursorMs, endMs, workers: Math.max(0, ...holders.keys()) });
    cursorMs = endMs;
  };
  for (const { atMs, workers, count } of changes) {
    advance(atMs);
    const left = (holders.get(workers) ?? 0) + count;
    if (left > 0) holders.set(workers, left);
    else holders.delete(workers);
  }
  advance(toMs);
  return held;
}
