/**
 * A run under load: warm up until the cameras run, then live through the minutes with edits of rows, cameras that fall
 * silent, workers that die and Spot notices at a steady rate of the seed, and count what that costs.
 * Invariant: nothing is counted before the warm-up is over; what the onlooker reads is not counted at all.
 */
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { type Bill, billOf } from '../../core/cost/bill.ts';
import { countedLines } from '../../core/cost/control-plane.ts';
import { priceTable } from '../../core/cost/prices.ts';
import { SeededRandom } from '../../core/seeded-random.ts';
import type { DefaultLimits, Units } from '../../local/default-limits.ts';
import { type LoadWorld, startLoadWorld, warmUpSeconds } from './load-world.ts';

const stepSeconds = 5;
const lookEverySteps = 6;
/** A death is known after 25 s; then a tick, a boot of 65 s and a tick, and the onlooker's own half minute. */
const unwatchedMaxMs = 240_000;
const tickMs = 60_000;
const watchedOrIdle = new Set(['running', 'silent', 'off-schedule', 'disabled', 'degraded']);
const priceRegion = 'us-east-1';

export type LoadOptions = {
  minutes: number;
  cameras: number;
  workers: number;
  fleets: number;
  seed: string;
  onLine: (line: string) => void;
};

export type Spread = { p50: number; p99: number; max: number };
export type LoadReport = Omit<LoadOptions, 'onLine'> & {
  workersRunning: number;
  camerasRunning: number;
  wallSeconds: number;
  /** Of the whole process, from its start. */
  cpuSeconds: number;
  callsPerMinute: Record<string, number>;
  /** Of invocations of the tick, which run all fleets at once; CPU is that of the whole process meanwhile, by fleet. */
  reconcile: { runs: number; wallMs: Spread; cpuMsPerFleet: Spread };
  units: Record<string, Units>;
  busiestSecond: { partition: string; writeUnits: number };
  throttles: Record<string, number>;
  rssMegabytes: number;
  /** How often each function was called, and the CPU of the whole process meanwhile, of calls that did not wait for a turn. */
  invocations: Record<string, { perMinute: number; cpuMs: Spread }>;
  usdPerHour: number;
  usdPerHourByLine: Record<string, number>;
  usdPerCameraMonth: number;
  life: Record<string, number>;
  violations: string[];
};

export async function load(options: LoadOptions): Promise<LoadReport> {
  const { minutes, cameras, workers, fleets, seed, onLine } = options;
  const random = new SeededRandom(seed);
  const begunMs = performance.now();
  const world = await startLoadWorld(options, random);
  try {
    const { stage } = world;
    const told = () => `${seconds(begunMs)} s on the wall, ${Math.round(cpuSeconds())} of CPU`;
    const { limits } = stage.cloud.context;
    if (limits === undefined) throw new Error('the stage enforces no limits');
    for (let second = 0; second < warmUpSeconds; second += 30) {
      await stage.advance(30);
      onLine(`warm-up ${second + 30} of ${warmUpSeconds} s, ${told()}, ${throttles(limits)}`);
    }
    const violations = [...limits.refusals].map(([what, count]) => `throttled in the warm-up: ${what}, ${count} times`);
    limits.forgetCounts();
    world.invocations.length = 0;
    const failuresBefore = world.failures.length;
    const calls = new Map<string, number>();
    let isCounting = true;
    const count = ({ service, operation }: { service: string; operation: string }) => {
      // Each task has an agent of its own to ask.
      const name = `${service} ${operation.replace(/ecs-agent\/[0-9a-f]+/, 'ecs-agent')}`;
      if (isCounting) calls.set(name, (calls.get(name) ?? 0) + 1);
      return false;
    };
    stage.cloud.context.faults.inject(count, { status: 500, code: 'never', message: '' });
    const life = { edits: 0, silenced: 0, deaths: 0, spotNotices: 0 };
    const unwatchedSince = new Map<string, number>();
    let camerasRunning = 0;
    let violationsTold = 0;
    const steps = Math.round((minutes * 60) / stepSeconds);
    for (let step = 1; step <= steps; step += 1) {
      await live(world, random, life);
      await stage.advance(stepSeconds);
      if (step % lookEverySteps !== 0 && step !== steps) continue;
      isCounting = false;
      camerasRunning = await limits.uncounted(() => look(world, fleets, unwatchedSince, violations));
      isCounting = true;
      for (const violation of violations.slice(violationsTold)) onLine(violation);
      violationsTold = violations.length;
      onLine(
        `${(step * stepSeconds) / 60} of ${minutes} min: ${camerasRunning} cameras on ${workersOf(world).length} workers, ${told()}, ${throttles(limits)}`,
      );
    }
    for (const [what, times] of limits.refusals) violations.push(`throttled: ${what}, ${times} times`);
    for (const failure of new Set(world.failures.slice(failuresBefore))) violations.push(`failed step: ${failure}`);
    const ticks = world.invocations.filter(({ name }) => name.endsWith('-reconcile'));
    const wallMs = spread(ticks.map((tick) => tick.wallMs));
    if (wallMs.p99 > tickMs)
      violations.push(`reconcile p99 ${wallMs.p99.toFixed(0)} ms is longer than the tick's minute`);
    const bill = costs(world, limits, minutes / 60, fleets);
    const usdPerHour = bill.totalUsd / (minutes / 60);
    return {
      ...{ minutes, cameras, workers, fleets, seed, camerasRunning, life, violations },
      workersRunning: workersOf(world).length,
      wallSeconds: seconds(begunMs),
      cpuSeconds: cpuSeconds(),
      callsPerMinute: Object.fromEntries(
        [...calls].sort(([, a], [, b]) => b - a).map(([name, times]) => [name, times / minutes]),
      ),
      reconcile: { runs: ticks.length, wallMs, cpuMsPerFleet: spread(ticks.map(({ cpuMs }) => cpuMs / fleets)) },
      units: Object.fromEntries([...limits.units].sort()),
      busiestSecond: { ...limits.busiestSecond },
      throttles: Object.fromEntries(limits.refusals),
      rssMegabytes: process.memoryUsage().rss / 1024 / 1024,
      invocations: Object.fromEntries(
        [...Map.groupBy(world.invocations, ({ name }) => name)].map(([name, calls]) => [
          name,
          {
            perMinute: calls.length / minutes,
            cpuMs: spread(calls.flatMap(({ cpuMs, waitedMs }) => (waitedMs === 0 ? cpuMs : []))),
          },
        ]),
      ),
      usdPerHour,
      usdPerHourByLine: Object.fromEntries(bill.lines.map(({ name, usd }) => [name, usd / (minutes / 60)])),
      usdPerCameraMonth: (usdPerHour * 720) / cameras,
    };
  } finally {
    await world.stage.close();
  }
}

/** Each minute, of 10,000 cameras on 500 workers: 24 rows edited, 12 cameras silent, two workers dead, one Spot notice. */
async function live({ stage, rows }: LoadWorld, random: SeededRandom, life: LoadReport['life']): Promise<void> {
  /** As often as falls into a step; what is left of a whole time is a chance. */
  const times = function* (perMinute: number) {
    const expected = (perMinute * stepSeconds) / 60;
    const count = Math.floor(expected) + (random.chance(expected % 1) ? 1 : 0);
    for (let time = 0; time < count; time += 1) yield time;
  };
  const ids = [...rows.keys()];
  const did = (what: string) => {
    life[what] = (life[what] ?? 0) + 1;
  };
  for (const _ of times(ids.length * 0.0024)) {
    const row = { ...rows.get(random.pick(ids)), priority: random.integer(0, 100) } as Record<string, unknown>;
    rows.set(String(row.cameraId), row);
    await stage.clients.documents.send(new PutCommand({ TableName: stage.names.tables.cameras, Item: row }));
    did('edits');
  }
  for (const _ of times(ids.length * 0.0012)) {
    stage.flowing.delete(random.pick(ids));
    did('silenced');
  }
  const running = stage.cloud.compute.listTasks().filter(({ lastStatus }) => lastStatus === 'RUNNING');
  for (const _ of times(running.length * 0.004)) {
    stage.cloud.compute.killTask(random.pick(running).taskId, 'SIGKILL');
    did('deaths');
  }
  for (const _ of times(running.length * 0.002)) {
    const { instanceId } = random.pick(running);
    if (instanceId !== null) stage.cloud.compute.interruptSpot(instanceId);
    did('spotNotices');
  }
}

async function look(world: LoadWorld, fleets: number, since: Map<string, number>, violations: string[]) {
  const { stage } = world;
  const nowMs = stage.clock.nowMs();
  let running = 0;
  for (let fleet = 1; fleet <= fleets; fleet += 1) {
    for (const { cameraId, phase, phaseReason } of await stage.cameras(`fleet-${fleet}`)) {
      if (phase === 'running') running += 1;
      if (watchedOrIdle.has(phase)) {
        since.delete(cameraId);
        continue;
      }
      const sinceMs = since.get(cameraId) ?? nowMs;
      since.set(cameraId, sinceMs);
      if (nowMs - sinceMs <= unwatchedMaxMs) continue;
      violations.push(`${cameraId} is ${phase} for ${(nowMs - sinceMs) / 1_000} s (${phaseReason})`);
      since.set(cameraId, Number.POSITIVE_INFINITY);
    }
  }
  return running;
}

function costs({ invocations }: LoadWorld, { units }: DefaultLimits, spanHours: number, fleets: number): Bill {
  let [readUnits, writeUnits] = [0, 0];
  for (const { read, write } of units.values()) {
    readUnits += read;
    writeUnits += write;
  }
  // Functions have 1,024 MB. How long they take on the wall is the machine's; their CPU has the local cloud's answers in it.
  const gbSeconds = invocations.reduce((sum, { cpuMs, waitedMs }) => sum + (waitedMs || cpuMs) / 1_000, 0);
  const counts = { spanHours, fleets, runs: invocations.length, gbSeconds, readUnits, writeUnits };
  return billOf(Object.values(countedLines(counts)), priceTable, priceRegion);
}

function workersOf({ stage }: LoadWorld) {
  return stage.cloud.compute.listTasks().filter(({ lastStatus }) => lastStatus === 'RUNNING');
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

function seconds(sinceMs: number): number {
  return Math.round((performance.now() - sinceMs) / 1_000);
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}

function throttles({ refusals }: DefaultLimits): string {
  const times = [...refusals.values()].reduce((sum, count) => sum + count, 0);
  return `${times} throttles`;
}
