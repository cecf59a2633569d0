/**
 * How long a week of large fleets takes to simulate: fleets of 2,000 cameras, each with chances of its own, shared out among
 * as many threads as there are cores. Elapsed time depends on them; CPU seconds per fleet are what other machines divide, and
 * from them follows, by division alone, what a hundred fleets would take on more cores. `simulation-100-fleets` plays all of
 * them instead.
 */
import { availableParallelism } from 'node:os';
import { camerasPerFleetMax, defaultPolicy, workersPerFleetMax } from '../core/control/policy.ts';
import { calmSettings, defaultSettings, type SimulationSettings } from '../core/simulation/settings.ts';
import type { RunOrder } from '../core/simulation/simulate.ts';
import { runAll } from '../local/simulation/run-all.ts';
import type { Bench, Benchmark } from './benchmark.ts';
import { officeHourCameras } from './simulation.ts';

const GOAL = { fleets: 100, seconds: 60 };
const FLEETS = 4;
/** Fleets share nothing: what is reckoned for more cores leaves out memory bandwidth and clocks that sink under load. */
const coresOfOthers = [2, 16, 64];
/** Enough to see that it works. */
const quickCameras = 100;

export const simulationScale: Benchmark = {
  name: 'simulation-scale',
  claim: `fleets of ${camerasPerFleetMax} cameras, a week of office hours in three zones, our control loop alone`,
  async run(bench: Bench) {
    bench.count('threads', 'threads', availableParallelism());
    await play(bench, 'nothing goes wrong', calmSettings, bench.isQuick ? 1 : FLEETS);
    await play(bench, 'faults and silences as by default', defaultSettings, 1);
  },
};

/** Nothing is extrapolated from it but other numbers of cores. */
export const simulationHundred: Benchmark = {
  name: 'simulation-100-fleets',
  claim: `${GOAL.fleets} fleets of ${camerasPerFleetMax} cameras, a week of office hours in three zones, our control loop alone, all of them played`,
  isRunByNameAlone: true,
  async run(bench: Bench) {
    bench.count('threads', 'threads', availableParallelism());
    await play(bench, 'nothing goes wrong', calmSettings, bench.isQuick ? 2 : GOAL.fleets);
  },
};

async function play(bench: Bench, what: string, settings: SimulationSettings, fleets: number): Promise<void> {
  const fromMs = Date.parse('2026-11-23T00:00:00Z');
  const toMs = fromMs + (bench.isQuick ? 1 : 7) * 86_400_000;
  const policy = { ...defaultPolicy, maxWorkers: workersPerFleetMax };
  const rows = officeHourCameras(bench.isQuick ? quickCameras : camerasPerFleetMax).map((camera) => ({
    ...{ cameraId: camera.cameraId, camera, issues: [] },
  }));
  const orders = Array.from({ length: fleets }, (_, index): RunOrder => {
    const fleet = `fleet-${index}`;
    return { runner: 'ours', input: { seed: `1/${fleet}`, fleet, rows, policy, settings, fromMs, toMs } };
  });
  const startedMs = performance.now();
  const before = process.cpuUsage();
  let shown = -1;
  const runs = await runAll(orders, (share) => {
    const percent = Math.floor(share * 100);
    if (percent > shown) process.stderr.write(`\r${what}, ${fleets} fleets: ${percent} % played `);
    shown = Math.max(shown, percent);
  });
  process.stderr.write('\n');
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - startedMs) / 1_000;
  const cpuSeconds = (user + system) / 1e6;
  const decisions = runs.reduce((sum, { ours }) => sum + (ours?.decisions ?? 0), 0);
  const name = `${what}, ${fleets} fleets`;
  bench.told(`${name}: elapsed`, 's', [seconds], fleets === GOAL.fleets ? { atMost: GOAL.seconds } : {});
  bench.told(`${name}: elapsed per fleet`, 's', [seconds / fleets], { atMost: GOAL.seconds / GOAL.fleets });
  bench.told(`${name}: CPU per fleet`, 's', [cpuSeconds / fleets]);
  for (const cores of coresOfOthers) {
    const reckoned = (cpuSeconds / fleets) * (GOAL.fleets / cores);
    bench.told(`${what}: ${GOAL.fleets} fleets on ${cores} cores, reckoned from CPU per fleet`, 's', [reckoned]);
  }
  bench.count(`${name}: decisions per fleet`, 'decisions', Math.round(decisions / fleets));
  bench.told(`${name}: CPU per decision, all of the simulation`, 'ms', [(cpuSeconds * 1_000) / decisions]);
  bench.told(`${name}: most memory of the process so far`, 'MB', [process.resourceUsage().maxRSS / 1_000]);
}
