/**
 * The three ways in which teams run such a fleet without us, each with the latencies that AWS documents: everything
 * always on, scheduled actions of the Auto Scaling group, and target tracking of the ECS service.
 * Invariant: each is set up as its documentation recommends, for the same cameras and the same largest size as ours.
 */
import { scheduledIntervals } from '../calendar.ts';
import type { FleetWorldInput } from './fleet-input.ts';
import { neededSteps } from './needed-capacity.ts';
import { RivalFleet } from './rival-fleet.ts';

export const baselineNames = ['alwaysOn', 'scheduledActions', 'ecsTargetTracking'] as const;
export type BaselineName = (typeof baselineNames)[number];

/** A scheduled action for a GPU instance that is ready five to eight minutes after it was ordered. */
const actionLeadMs = 600_000;
/** What a target tracking policy sees: a datapoint a minute; three above the target, fifteen well below it. */
const datapointMs = 60_000;
const outDatapoints = 3;
const inDatapoints = 15;
/** Application Auto Scaling removes capacity once utilisation is a tenth below the target. */
const inShareOfTarget = 0.9;
/** The cooldown's default, and the warm-up of ECS cluster scaling. */
const cooldownMs = 300_000;
/** Managed scaling takes an instance away after as many minutes without a task. */
const instanceAfterTaskMs = 900_000;

/** A baseline that is ready to be played. */
export function baseline(name: BaselineName, input: FleetWorldInput): RivalFleet {
  switch (name) {
    case 'alwaysOn':
      return alwaysOn(input);
    case 'scheduledActions':
      return scheduledActions(input);
    case 'ecsTargetTracking':
      return ecsTargetTracking(input);
  }
}

function targetPerWorker({ settings, policy }: FleetWorldInput): number {
  return settings.workerInferencesPerSecond * policy.targetUtilization;
}

/** As many workers as the busiest instant of the schedules needs, day and night. */
function alwaysOn(input: FleetWorldInput): RivalFleet {
  const probe = new RivalFleet(input, 0);
  const span = { startMs: probe.startMs, endMs: input.toMs };
  const steps = neededSteps(probe.cameras, targetPerWorker(input), span, false);
  const peak = steps.reduce((most, { workers }) => Math.max(most, workers), 0);
  return new RivalFleet(input, Math.min(peak, input.policy.maxWorkers));
}

/**
 * One action per edge of the weekly windows, ten minutes ahead of the starts. Actions repeat weekly in the camera's time
 * zone: they know no exception, no override and no silence.
 */
function scheduledActions(input: FleetWorldInput): RivalFleet {
  const fleet = new RivalFleet(input, 0);
  const weekly = fleet.cameras.map(({ camera }) => {
    const { override: _, ...kept } = camera;
    const schedule = camera.schedule === 'always' ? camera.schedule : { ...camera.schedule, exceptions: [] };
    const plain = { ...kept, schedule };
    const intervals = scheduledIntervals(plain, fleet.startMs, input.toMs + actionLeadMs);
    return { camera: plain, intervals, silences: [] };
  });
  const span = { startMs: fleet.startMs, endMs: input.toMs + actionLeadMs };
  const steps = neededSteps(weekly, targetPerWorker(input), span, false);
  const sizeAt = (atMs: number) => steps.find(({ startMs, endMs }) => startMs <= atMs && atMs < endMs)?.workers ?? 0;
  const instants = new Set(steps.flatMap(({ startMs }) => [startMs, Math.max(fleet.startMs, startMs - actionLeadMs)]));
  for (const atMs of instants) {
    const size = Math.max(sizeAt(atMs), sizeAt(atMs + actionLeadMs));
    fleet.at(atMs, () => fleet.resize(Math.min(size, input.policy.maxWorkers)));
  }
  return fleet;
}

/**
 * Target tracking of the workers' utilisation at the same target as ours. It scales in proportion to what it sees, and a
 * full GPU shows a hundred per cent however many cameras wait; with no task there is no metric, so one always runs.
 */
function ecsTargetTracking(input: FleetWorldInput): RivalFleet {
  const { policy } = input;
  const fleet = new RivalFleet(input, Math.min(1, policy.maxWorkers));
  const target = policy.targetUtilization;
  let tasks = Math.min(1, policy.maxWorkers);
  let above = 0;
  let below = 0;
  let changedAtMs = Number.NEGATIVE_INFINITY;
  const look = () => {
    const { nowMs } = fleet.clock;
    fleet.at(nowMs + datapointMs, look);
    // No datapoint: insufficient data scales neither way.
    if (fleet.capacity === 0) return;
    const utilisation = fleet.served / fleet.capacity;
    above = utilisation > target ? above + 1 : 0;
    below = utilisation < target * inShareOfTarget ? below + 1 : 0;
    if (nowMs - changedAtMs < cooldownMs) return;
    const wanted = Math.max(1, Math.ceil((tasks * utilisation) / target - 1e-9));
    const grows = above >= outDatapoints && wanted > tasks;
    const shrinks = below >= inDatapoints && wanted < tasks;
    if (!grows && !shrinks) return;
    tasks = Math.min(wanted, policy.maxWorkers);
    changedAtMs = nowMs;
    [above, below] = [0, 0];
    const size = tasks;
    if (grows) fleet.resize(size);
    else fleet.at(nowMs + instanceAfterTaskMs, () => tasks === size && fleet.resize(size));
  };
  fleet.at(fleet.startMs + datapointMs, look);
  return fleet;
}
