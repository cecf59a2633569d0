/**
 * A run of the agenda against a fresh world: start, wait for calm, break one thing after the other until the time is up,
 * then draw the balance. Invariant: whatever fails, the world is closed, and what was seen until then is in the report.
 */
import { systemClock } from '../../core/clock.ts';
import { SeededRandom } from '../../core/seeded-random.ts';
import { agenda } from './agenda.ts';
import { type Balance, balance, judgeGrowth, judgeOrphans } from './balance.ts';
import { pause, startChaosWorld } from './chaos-world.ts';
import { type FaultRun, runFault } from './fault.ts';
import { diskFaultsMissing } from './faults/disk.ts';
import { ProcessLog, type ProcessUse } from './process-log.ts';
import { StoreLog, type StoreUses } from './store-log.ts';
import { type Violation, Watch } from './watch.ts';

const camerasUsual = 8;
const startMaxMs = 120_000;

export type ChaosOptions = {
  minutes: number;
  seed: string;
  /** Names of faults; empty: all. */
  only: readonly string[];
  /** Nothing is broken: what grows by itself shows in the memory. */
  isSoak?: boolean;
  /** Stops earlier, once so many faults or pairs were met. */
  stepsMax?: number;
  cameras?: number;
  onLine: (line: string) => void;
};

export type ChaosReport = {
  seed: string;
  cameras: number;
  seconds: number;
  /** Faults that came alone; then those that came in pairs. */
  runs: FaultRun[];
  pairedRuns: FaultRun[];
  balance: Balance;
  processes: ProcessUse[];
  stores: StoreUses;
  violations: Violation[];
};

export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, onLine, cameras = camerasUsual } = options;
  const random = new SeededRandom(seed);
  const startMs = systemClock.monotonicMs();
  const leftMs = () => options.minutes * 60_000 - (systemClock.monotonicMs() - startMs);
  onLine(`chaos with seed ${seed}: ${cameras} cameras, ${options.minutes} min`);
  if (diskFaultsMissing !== null) onLine(diskFaultsMissing);
  const isSoak = options.isSoak === true;
  const world = await startChaosWorld({ cameras, isSoak, onDecision: () => {} });
  const watch = new Watch(world);
  const processes = new ProcessLog(world);
  const stores = new StoreLog(world, watch);
  const runs: FaultRun[] = [];
  const pairedRuns: FaultRun[] = [];
  const scene = { world, watch, random };
  let account: Balance;
  try {
    watch.during.add('start');
    await watch.start();
    if ((await watch.until(() => watch.isCalm(), startMaxMs)) === null) {
      throw new Error(`the system did not start within ${startMaxMs / 1_000} s: ${watch.unrest()}`);
    }
    watch.during.delete('start');
    onLine(`all ${cameras} cameras are watched after ${seconds(systemClock.monotonicMs() - startMs)}`);
    while (isSoak && leftMs() > 0) {
      await pause(Math.min(60_000, leftMs()));
      const now = processes.uses().map(({ process, rssMegabytes: { last } }) => `${process} ${last.toFixed(0)} MB`);
      const live = `${stores.uses().live.megabytes.last.toFixed(0)} MB of it live`;
      onLine(`${seconds(systemClock.monotonicMs() - startMs).padStart(8)}  ${[...now, live].join(', ')}`);
    }
    let steps = 0;
    for (const step of agenda(random, options.only)) {
      if (leftMs() <= 0 || steps >= (options.stepsMax ?? Number.POSITIVE_INFINITY)) break;
      steps += 1;
      const before = watch.violations.length;
      const met = await Promise.all(step.map((fault) => runFault(scene, fault, step.length === 1)));
      (step.length === 1 ? runs : pairedRuns).push(...met);
      const broken = watch.violations.slice(before).map(({ rule, what }) => `  BROKEN ${rule}: ${what}`);
      const came = met.map(
        ({ name, recoveryMs }) => `${name} ${recoveryMs === null ? 'NOT WATCHED AGAIN' : seconds(recoveryMs)}`,
      );
      onLine(
        [`${seconds(systemClock.monotonicMs() - startMs).padStart(8)}  ${came.join(' + ')}`, ...broken].join('\n'),
      );
    }
    await watch.stop();
    account = await balance(world, watch, [...runs, ...pairedRuns]);
  } finally {
    processes.stop();
    stores.stop();
    await watch.stop();
    await world.close();
  }
  judgeOrphans(world, watch);
  judgeGrowth(watch, processes.uses(), stores.uses(), isSoak);
  const { violations } = watch;
  const report = {
    seed,
    cameras,
    seconds: (systemClock.monotonicMs() - startMs) / 1_000,
    balance: account,
    violations,
  };
  return { ...report, runs, pairedRuns, processes: processes.uses(), stores: stores.uses() };
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
