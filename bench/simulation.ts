/**
 * The realistic week and random worlds: what our control loop comes to beside the other ways and a clairvoyant, how often its
 * invariants held, and how long simulating takes.
 */
import { playWeek, type Week } from '../cli/simulation/week.ts';
import { defaultPolicy } from '../core/control/policy.ts';
import { instanceHourUsd } from '../core/cost/forecast.ts';
import { priceTable } from '../core/cost/prices.ts';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import type { Outcome } from '../core/simulation/outcome.ts';
import { defaultSettings } from '../core/simulation/settings.ts';
import { InvariantWatch } from '../test/simulation/invariants.ts';
import { randomWorld } from '../test/simulation/random-world.ts';
import type { Bench, Benchmark } from './benchmark.ts';

const CAMERAS = 300;
const SEEDS = ['1', '2', '3', '4', '5'];
const WORLDS = 3_000;
/** The tests play the seeds before these. */
const FIRST_SEED = 10_000;
const GOALS = { coverage: 99.9, readyBy: 99, overClairvoyant: 10 };

export const simulation: Benchmark = {
  name: 'simulation',
  claim: `${CAMERAS} cameras, office hours in three zones, a holiday, 8 % silent, Spot: watched, ready in time, and hardly above a clairvoyant`,
  async run(bench: Bench) {
    const seeds = bench.isQuick ? SEEDS.slice(0, 1) : SEEDS;
    const weeks: Week[] = [];
    const seconds: number[] = [];
    for (const seed of seeds) {
      const startedMs = performance.now();
      weeks.push((await playWeek(question(seed, bench.isQuick ? 1 : 7), () => {})).week);
      seconds.push((performance.now() - startedMs) / 1_000);
    }
    columns(bench, 'kvs-infer', weeks, GOALS);
    bench.told(
      'kvs-infer: GPU hours above a clairvoyant',
      '%',
      weeks.map(({ clairvoyant: { ratio } }) => ((ratio ?? 1) - 1) * 100),
      { atMost: GOALS.overClairvoyant },
    );
    columns(
      bench,
      'always on',
      weeks.map(({ baselines }) => baselines.alwaysOn),
    );
    columns(
      bench,
      'scheduled actions',
      weeks.map(({ baselines }) => baselines.scheduledActions),
    );
    columns(
      bench,
      'ECS target tracking',
      weeks.map(({ baselines }) => baselines.ecsTargetTracking),
    );
    bench.told('a week of all four', 's', seconds);
    worlds(bench);
  },
};

function question(seed: string, days: number): Parameters<typeof playWeek>[0] {
  const { onDemandUsd, spotUsd } = instanceHourUsd(priceTable, 'us-east-1', 'g4dn.xlarge');
  const fromMs = Date.parse('2026-11-23T00:00:00Z');
  return {
    cameras: officeHourCameras(CAMERAS),
    skipped: [],
    ...{ fromMs, toMs: fromMs + days * 86_400_000, seed },
    policy: { ...defaultPolicy, maxWorkers: 50 },
    settings: { ...defaultSettings, silentShare: 0.08 },
    prices: { onDemandUsd, spotUsd: spotUsd ?? onDemandUsd },
  };
}

/** Office hours in three zones, and a holiday. */
export function officeHourCameras(count: number) {
  const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Singapore'];
  return Array.from({ length: count }, (_, index) => {
    const cameraId = `camera-${String(index).padStart(4, '0')}`;
    const timeZone = zones[index % zones.length];
    const windows = [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], start: '08:00', end: '18:00' }];
    // Thanksgiving.
    const exceptions = timeZone === 'America/New_York' ? [{ date: '2026-11-26', windows: [] }] : [];
    const schedule = { timeZone, windows, exceptions };
    const { camera } = parseCameraRow({ cameraId, streamName: cameraId, priority: [30, 50, 70][index % 3], schedule });
    if (camera === null) throw new Error(`${cameraId} cannot be used`);
    return camera;
  });
}

function columns(bench: Bench, way: string, outcomes: readonly Outcome[], goals?: typeof GOALS): void {
  const of = (figure: (outcome: Outcome) => number) => outcomes.map(figure);
  const goal = (atLeast: number | undefined) => (atLeast === undefined ? {} : { atLeast });
  bench.told(
    `${way}: watched of what was sent`,
    '%',
    of(({ coverage }) => coverage * 100),
    goal(goals?.coverage),
  );
  const readyShare = ({ readyBy: { hit, windows } }: Outcome) => (hit / Math.max(1, windows)) * 100;
  bench.told(`${way}: windows ready by their start`, '%', of(readyShare), goal(goals?.readyBy));
  bench.told(
    `${way}: GPU hours`,
    'h',
    of(({ instanceHours }) => instanceHours),
  );
  bench.told(
    `${way}: GPU cost`,
    'USD',
    of(({ costUsd }) => costUsd),
  );
}

function worlds(bench: Bench): void {
  const count = bench.isQuick ? 20 : WORLDS;
  let violations = 0;
  let decisions = 0;
  const faults: Record<string, number> = {};
  const startedMs = performance.now();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + count; seed += 1) {
    const watch = new InvariantWatch(randomWorld(String(seed)));
    watch.play();
    for (const what of watch.violations) process.stderr.write(`\n  seed ${seed}: ${what}`);
    violations += watch.violations.length;
    decisions += watch.loop.decisions;
    for (const [name, times] of Object.entries(watch.world.faults)) faults[name] = (faults[name] ?? 0) + times;
  }
  bench.count(`random worlds, seeds from ${FIRST_SEED}`, 'worlds', count);
  bench.count('random worlds: decisions', 'decisions', decisions);
  for (const [name, times] of Object.entries(faults)) bench.count(`random worlds: ${name}`, 'faults', times);
  bench.told('random worlds: invariants broken', 'times', [violations], { atMost: 0 });
  bench.told('random worlds, each', 'ms', [(performance.now() - startedMs) / count]);
}
