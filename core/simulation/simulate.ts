/**
 * One fleet's span, lived once by our control loop or by a baseline, as a tally and the lines of a picture.
 * Invariant: a run is a function of its input alone, whichever thread plays it and in whichever order.
 */
import type { Interval } from '../calendar.ts';
import { type BaselineName, baseline } from './baselines.ts';
import { ControlLoop } from './control-loop.ts';
import type { FleetWorldInput } from './fleet-input.ts';
import { FleetWorld } from './fleet-world.ts';
import type { CameraTime } from './model-camera.ts';
import type { ModelCloud, ModelInstance } from './model-cloud.ts';
import { clairvoyantMs, neededSteps } from './needed-capacity.ts';
import { type Tally, tallyOf } from './outcome.ts';
import { Timeline, type TimelineValues } from './timeline.ts';

export type Runner = 'ours' | BaselineName;

/** One run that somebody wants played. */
export type RunOrder = { input: FleetWorldInput; runner: Runner };

export type FleetRun = {
  fleet: string;
  runner: Runner;
  tally: Tally;
  /** Cameras by class, and instances that are paid for. */
  cameras: TimelineValues<keyof CameraTime>;
  instances: TimelineValues<'paid'>;
  ours: OwnFacts | null;
};

/** What only our own run tells. */
export type OwnFacts = {
  /** Least instance time that could have watched as much. */
  clairvoyantMs: number;
  /** Workers that a clairvoyant has in service. */
  needed: TimelineValues<'needed'>;
  runs: number;
  decisions: number;
  faults: Record<string, number>;
};

/** Progress is told this often in simulated time. */
const sliceMs = 6 * 3_600_000;

/** Plays one run. @yields the share that is played, 0..1. @returns the run. */
export function* simulate(input: FleetWorldInput, runner: Runner): Generator<number, FleetRun> {
  if (runner === 'ours') return yield* simulateOurs(input);
  const fleet = baseline(runner, input);
  yield* played(fleet, input);
  return { ...runOf(input, runner, fleet), ours: null };
}

function* simulateOurs(input: FleetWorldInput): Generator<number, FleetRun> {
  const world = new FleetWorld(input);
  const loop = new ControlLoop(world, { skipQuietRuns: true });
  yield* played(world, input);
  world.account.integrate(input.toMs);
  const { policy, settings } = input;
  const span = { startMs: input.fromMs, endMs: input.toMs };
  const perWorker = settings.workerInferencesPerSecond * policy.targetUtilization;
  const steps = neededSteps([...world.cameras.values()], perWorker, span, true);
  const needed = new Timeline(['needed'], span);
  for (const step of steps) needed.add('needed', step.workers, step);
  const ours: OwnFacts = {
    clairvoyantMs: clairvoyantMs(steps, settings, policy, span),
    needed,
    runs: loop.runs,
    decisions: loop.decisions,
    faults: world.faults,
  };
  return { ...runOf(input, 'ours', world), ours };
}

function* played(
  world: { playUntil(untilMs: number): void; startMs: number },
  { toMs }: FleetWorldInput,
): Generator<number, void> {
  const { startMs } = world;
  for (let atMs = startMs + sliceMs; atMs < toMs; atMs += sliceMs) {
    world.playUntil(atMs);
    yield (atMs - startMs) / (toMs - startMs);
  }
  world.playUntil(toMs);
}

function runOf(
  { fleet, fromMs, toMs }: FleetWorldInput,
  runner: Runner,
  { account, cloud }: Pick<FleetWorld, 'account'> & { cloud: ModelCloud },
): Omit<FleetRun, 'ours'> {
  const span = { startMs: fromMs, endMs: toMs };
  return {
    fleet,
    runner,
    tally: tallyOf(account, cloud.instances, cloud.peakInstances),
    cameras: account.timeline,
    instances: paidTimeline(cloud.instances, span),
  };
}

function paidTimeline(instances: readonly ModelInstance[], span: Interval): Timeline<'paid'> {
  const timeline = new Timeline(['paid'], span);
  for (const { launchedAtMs, endedAtMs } of instances) {
    timeline.add('paid', 1, { startMs: launchedAtMs, endMs: endedAtMs ?? span.endMs });
  }
  return timeline;
}
