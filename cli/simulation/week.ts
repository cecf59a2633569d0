/**
 * What `simulate` answers: the question as it was understood, our own outcome, what three other ways and a clairvoyant
 * would come to, and the lines of the picture.
 * Invariant: all columns are of the same cameras, silences and shortages, at the same prices.
 */
import type { Camera } from '../../core/camera.ts';
import type { FleetPolicy } from '../../core/fleet-state.ts';
import { type BaselineName, baselineNames } from '../../core/simulation/baselines.ts';
import type { FleetWorldInput } from '../../core/simulation/fleet-input.ts';
import type { CameraTime } from '../../core/simulation/model-camera.ts';
import { type HourPrices, type Outcome, outcomeOf, sumOfTallies } from '../../core/simulation/outcome.ts';
import type { SimulationSettings } from '../../core/simulation/settings.ts';
import type { FleetRun, Runner, RunOrder } from '../../core/simulation/simulate.ts';
import { sumOfTimelines, type TimelineValues } from '../../core/simulation/timeline.ts';
import { runAll } from '../../local/simulation/run-all.ts';
import type { SkippedRow } from '../cameras-to-forecast.ts';

export type Question = {
  cameras: readonly Camera[];
  skipped: SkippedRow[];
  fromMs: number;
  toMs: number;
  seed: string;
  policy: FleetPolicy;
  settings: SimulationSettings;
  prices: HourPrices;
};

/** The JSON document. */
export type Week = {
  from: string;
  to: string;
  seed: string;
  cameras: number;
  fleets: number;
  skipped: SkippedRow[];
} & Outcome & {
    baselines: Record<BaselineName, Outcome>;
    /** The least that could have watched as much; ratio is our instance hours over its. */
    clairvoyant: { instanceHours: number; costUsd: number; ratio: number | null };
    /** What was thrown at our fleet, counted. */
    faults: Record<string, number>;
    controlLoop: { runs: number; decisions: number };
  };

export type Pictured = {
  cameras: TimelineValues<keyof CameraTime>;
  needed: TimelineValues<'needed'>;
  paid: Record<Runner, TimelineValues<'paid'>>;
};

export async function playWeek(
  question: Question,
  onProgress: (share: number) => void,
): Promise<{ week: Week; picture: Pictured }> {
  const inputs = fleetInputs(question);
  // Our own runs take longest: they go first, so that no core waits for the last of them.
  const runners: Runner[] = ['ours', ...baselineNames];
  const orders = runners.flatMap((runner) => inputs.map((input): RunOrder => ({ input, runner })));
  const runs = Map.groupBy(await runAll(orders, onProgress), ({ runner }) => runner);
  const of = (runner: Runner): FleetRun[] => runs.get(runner) ?? [];
  const outcome = (runner: Runner) => outcomeOf(sumOfTallies(of(runner).map(({ tally }) => tally)), question.prices);
  const ours = outcome('ours');
  const facts = of('ours').flatMap((run) => run.ours ?? []);
  const total = (count: (fact: (typeof facts)[number]) => number) => facts.reduce((sum, fact) => sum + count(fact), 0);
  const clairvoyantHours = total(({ clairvoyantMs }) => clairvoyantMs) / 3_600_000;
  // At the mix of on demand and Spot that ours had.
  const usdPerHour = ours.instanceHours === 0 ? question.prices.onDemandUsd : ours.costUsd / ours.instanceHours;
  const week: Week = {
    from: new Date(question.fromMs).toISOString(),
    to: new Date(question.toMs).toISOString(),
    seed: question.seed,
    cameras: question.cameras.length,
    fleets: inputs.length,
    skipped: question.skipped,
    ...ours,
    baselines: {
      alwaysOn: outcome('alwaysOn'),
      scheduledActions: outcome('scheduledActions'),
      ecsTargetTracking: outcome('ecsTargetTracking'),
    },
    clairvoyant: {
      instanceHours: clairvoyantHours,
      costUsd: clairvoyantHours * usdPerHour,
      ratio: clairvoyantHours === 0 ? null : ours.instanceHours / clairvoyantHours,
    },
    faults: addUp(facts.map(({ faults }) => faults)),
    controlLoop: { runs: total(({ runs: count }) => count), decisions: total(({ decisions }) => decisions) },
  };
  const lines = <Name extends string>(timelines: readonly TimelineValues<Name>[]) => {
    const sum = sumOfTimelines(timelines);
    if (sum === null) throw new RangeError('a week of no fleet has no picture');
    return sum;
  };
  const paid = (runner: Runner) => lines(of(runner).map(({ instances }) => instances));
  return {
    week,
    picture: {
      cameras: lines(of('ours').map(({ cameras }) => cameras)),
      needed: lines(facts.map(({ needed }) => needed)),
      paid: {
        ours: paid('ours'),
        alwaysOn: paid('alwaysOn'),
        scheduledActions: paid('scheduledActions'),
        ecsTargetTracking: paid('ecsTargetTracking'),
      },
    },
  };
}

/** One world per fleet, each with chances of its own, largest first. */
function fleetInputs({ cameras, fromMs, toMs, seed, policy, settings }: Question): FleetWorldInput[] {
  return [...Map.groupBy(cameras, (camera) => camera.fleet)]
    .sort(([nameA, a], [nameB, b]) => b.length - a.length || (nameA < nameB ? -1 : 1))
    .map(([fleet, ofFleet]) => ({
      seed: `${seed}/${fleet}`,
      fleet,
      rows: ofFleet.map((camera) => ({ cameraId: camera.cameraId, camera, issues: [] })),
      policy,
      settings,
      fromMs,
      toMs,
    }));
}

function addUp(counts: readonly Record<string, number>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [name, count] of counts.flatMap(Object.entries)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
