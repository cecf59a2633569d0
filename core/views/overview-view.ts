/**
 * A stage at one glance, from its items: is everything watched now, how well was it watched today, what does it cost, and
 * what should somebody look at.
 * Invariants: what was accounted is as stored; what lies ahead follows from the rows alone; what is unknown is null.
 */
import { type Interval, scheduledIntervals } from '../calendar.ts';
import { dayOf, type FleetDay } from '../control/meter.ts';
import { activeOrders } from '../control/policy.ts';
import { type CameraPhase, cameraPhases } from '../fleet-state.ts';
import { neededSteps } from '../simulation/needed-capacity.ts';
import type { AlarmReport } from './alarm-view.ts';
import { type OpenProblem, openProblems, type ProblemFacts } from './open-problems.ts';

/** In its window, whoever watches it. */
const wantedPhases: ReadonlySet<CameraPhase> = new Set([
  ...(['waiting-capacity', 'silent', 'starting', 'running', 'degraded', 'shed'] as const),
]);
const watchedPhases: ReadonlySet<CameraPhase> = new Set(['running', 'degraded']);
const hourMs = 3_600_000;

export type FleetInput = ProblemFacts & {
  /** Of one instance on demand, with its volume; null when the price is not known. */
  usdPerInstanceHour: number | null;
};

/** Workers that the schedules alone need from `start` on. */
export type DemandStep = { start: string; workers: number };

export type Overview = ReturnType<typeof overviewOf>;

/** A fleet with an item that this version of the code cannot read. */
export type UnreadableFleet = { fleet: string; why: string };

export function overviewOf(
  fleets: readonly FleetInput[],
  nowMs: number,
  { unreadable, alarms }: { unreadable: readonly UnreadableFleet[]; alarms: AlarmReport },
) {
  const states = fleets.flatMap(({ cameras }) => cameras);
  const phases = Object.fromEntries(cameraPhases.map((phase) => [phase, 0])) as Record<CameraPhase, number>;
  for (const { phase } of states) phases[phase] += 1;
  const count = (among: ReadonlySet<CameraPhase>) => states.filter(({ phase }) => among.has(phase)).length;
  const wanted = count(wantedPhases);
  // A camera that sends nothing cannot be watched, and nobody but its owner can do anything about that.
  const reachable = wanted - phases.silent;
  const watched = count(watchedPhases);
  return {
    at: new Date(nowMs).toISOString(),
    cameras: states.length,
    phases,
    now: { wanted, watched, silent: phases.silent, coverage: reachable === 0 ? null : watched / reachable },
    today: todayOf(fleets, nowMs),
    cost: costOf(fleets, nowMs),
    fleets: fleets.map(({ item, cameras, decisions, workers }) => ({
      fleet: item.fleet,
      cameras: cameras.length,
      workers: workers.filter(({ lifecycle }) => lifecycle !== 'stopped').length,
      desired: decisions[0]?.desired.instances ?? null,
      reason: decisions[0]?.reason ?? null,
      pausedUntil: isoOrNull(activeOrders(item, nowMs).pause?.untilMs),
      overriddenUntil: isoOrNull(activeOrders(item, nowMs).override?.untilMs),
    })),
    alarms,
    problems: [
      ...unreadable.map(
        ({ fleet, why }): OpenProblem => ({
          ...{ fleet, severity: 'error', words: `cannot be read: ${why}`, count: 0, cameras: [] },
        }),
      ),
      ...fleets.flatMap((fleet): OpenProblem[] => openProblems(fleet, nowMs)),
    ],
  };
}

/** The days of the fleets begin in their own zones: each counts its own today. */
function todayOf(fleets: readonly FleetInput[], nowMs: number) {
  const days = fleets.flatMap((fleet) => dayNow(fleet, nowMs) ?? []);
  const sum = (value: (day: FleetDay) => number | undefined) => days.reduce((all, day) => all + (value(day) ?? 0), 0);
  const blindSeconds: Record<string, number> = {};
  for (const day of days) {
    for (const [cause, seconds] of Object.entries(day.blindSeconds ?? {})) {
      blindSeconds[cause] = (blindSeconds[cause] ?? 0) + seconds;
    }
  }
  const scheduledSeconds = sum((day) => day.scheduledSeconds);
  const inferredSeconds = sum((day) => day.inferredSeconds);
  return {
    scheduledSeconds,
    inferredSeconds,
    blindSeconds,
    coverage: scheduledSeconds === 0 ? null : inferredSeconds / scheduledSeconds,
    windows: sum((day) => day.windows),
    windowsHit: sum((day) => day.windowsHit),
    latenessMaxMs: Math.max(0, ...days.map((day) => day.latenessMaxMs)),
    instanceSeconds: sum((day) => day.instanceSeconds),
    idleSeconds: sum((day) => day.idleSeconds),
  };
}

/**
 * Spent since midnight; by midnight, if the schedules are kept, at the price of an instance hour that was paid so far today
 * (else on demand); and what as many instances as the day needs at most would cost if they ran all day.
 */
function costOf(fleets: readonly FleetInput[], nowMs: number) {
  let usdToday = 0;
  let usdByMidnight: number | null = 0;
  let usdAlwaysOn: number | null = 0;
  for (const fleet of fleets) {
    const today = dayNow(fleet, nowMs);
    const { policy, usdPerInstanceHour } = fleet;
    const { endMs } = dayOf(nowMs, policy.dayTimeZone);
    const startMs = endMs - 24 * hourMs;
    const paid = today === null || today.instanceSeconds === 0 ? null : (today.usd / today.instanceSeconds) * 3_600;
    const hourUsd = paid === null || paid === 0 ? usdPerInstanceHour : paid;
    const steps = stepsOf(fleet, startMs, endMs);
    const clamped = (workers: number) => Math.min(policy.maxWorkers, Math.max(policy.minWorkers, workers));
    const hoursAhead = steps.reduce(
      (sum, step) => sum + (clamped(step.workers) * Math.max(0, step.endMs - Math.max(nowMs, step.startMs))) / hourMs,
      0,
    );
    const peak = steps.reduce((most, { workers }) => Math.max(most, clamped(workers)), policy.minWorkers);
    usdToday += today?.usd ?? 0;
    const usdAhead = hoursAhead === 0 ? 0 : hourUsd === null ? null : hoursAhead * hourUsd;
    usdByMidnight = usdByMidnight === null || usdAhead === null ? null : usdByMidnight + (today?.usd ?? 0) + usdAhead;
    const alwaysOn = peak === 0 ? 0 : usdPerInstanceHour === null ? null : peak * 24 * usdPerInstanceHour;
    usdAlwaysOn = usdAlwaysOn === null || alwaysOn === null ? null : usdAlwaysOn + alwaysOn;
  }
  return { usdToday, usdByMidnight, usdAlwaysOn };
}

function dayNow({ item, policy }: FleetInput, nowMs: number): FleetDay | null {
  const { day } = dayOf(nowMs, policy.dayTimeZone);
  return item.days?.find((one) => one.day === day) ?? null;
}

/** What the windows of `[fromMs, toMs)` need, whoever is silent: for the picture of what lies ahead. */
export function demandAhead(
  fleet: Omit<FleetInput, 'workers' | 'usdPerInstanceHour'>,
  fromMs: number,
  toMs: number,
): DemandStep[] {
  return stepsOf(fleet, fromMs, toMs).map(({ startMs, workers }) => ({
    start: new Date(startMs).toISOString(),
    workers,
  }));
}

function stepsOf(
  { policy, cameras, decisions }: Pick<FleetInput, 'policy' | 'cameras' | 'decisions'>,
  fromMs: number,
  toMs: number,
) {
  const measured = decisions[0]?.inputs.inferencesPerSecondPerWorker ?? 0;
  const capacity = measured > 0 ? measured : policy.defaultInferencesPerSecond;
  // Many cameras share few schedules, and a calendar costs more than a comparison.
  const known = new Map<string, Interval[]>();
  const modelled = cameras.flatMap(({ camera }) => {
    if (camera === null) return [];
    const { enabled, schedule, override } = camera;
    const text = JSON.stringify([enabled, schedule, override]);
    const intervals = known.get(text) ?? scheduledIntervals(camera, fromMs, toMs);
    known.set(text, intervals);
    return [{ camera, intervals, silences: [] }];
  });
  return neededSteps(modelled, capacity * policy.targetUtilization, { startMs: fromMs, endMs: toMs }, false);
}

function isoOrNull(atMs: number | undefined): string | null {
  return atMs === undefined ? null : new Date(atMs).toISOString();
}
