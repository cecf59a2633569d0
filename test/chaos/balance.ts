/**
 * The account at the end of a run: rows, ledger, frames, processes and machines, each held against what it must come to.
 * Invariant: a frame counts as lost only when its camera sent it; why it was lost is the fault that was on when it was taken.
 */
import { readLedger } from '../../aws/ledger.ts';
import type { ChaosWorld } from './chaos-world.ts';
import type { FaultRun } from './fault.ts';
import type { MemoryUse } from './memory-log.ts';
import { isGrowing } from './memory-slope.ts';
import type { Watch } from './watch.ts';

/** One frame a second. */
const frameMs = 1_000;
/** Sums of tenths are rounded to the next second. */
const ledgerToleranceSeconds = 1;

export type Balance = {
  framesSent: number;
  framesPublished: number;
  /** By the name of what was on when they were captured; what no fault explains is under `nothing`. */
  framesLost: Record<string, number>;
  rows: number;
  scheduledSeconds: number;
  inferredSeconds: number;
  blindSeconds: Record<string, number>;
  deadLetters: number;
};

/** Before the workers are stopped. */
export async function balance(world: ChaosWorld, watch: Watch, runs: readonly FaultRun[]): Promise<Balance> {
  judgeRows(world, watch);
  const ledger = await judgeLedger(world, watch);
  const frames = lostFrames(world, watch, runs);
  const unexplained = frames.framesLost.nothing ?? 0;
  if (unexplained > 0) watch.violated('frame-lost', `${unexplained} frames while nothing was wrong`);
  return { ...frames, ...ledger, rows: world.rows.size, deadLetters: world.cloud.lambda.deadLetters.length };
}

/** The local cloud keeps what it is sent in memory, so it is reported and not judged. */
export function judgeMemory(watch: Watch, uses: readonly MemoryUse[]): void {
  for (const { process, livedSeconds, slope } of uses) {
    if (!process.startsWith('worker') || !isGrowing(livedSeconds, slope)) continue;
    watch.violated(
      'memory-grows',
      `${process}: ${slope?.megabytesPerHour.toFixed(0)} ± ${slope?.plusMinus.toFixed(0)} MB/h`,
    );
  }
}

/** After `close`. */
export function judgeOrphans(world: ChaosWorld, watch: Watch): void {
  for (const taskId of world.workers.living()) watch.violated('orphan', `the process of worker ${taskId} lives on`);
}

function judgeRows(world: ChaosWorld, watch: Watch): void {
  for (const [cameraId, row] of world.rows) {
    const state = watch.states.find((other) => other.cameraId === cameraId);
    const isGood = world.cameraIds.includes(cameraId);
    if (state === undefined) watch.violated('row-lost', `${cameraId} has no verdict`);
    else if (isGood && state.camera === null) watch.violated('row-lost', `${cameraId} is good and was found wrong`);
    else if (!isGood && state.phase !== 'invalid')
      watch.violated('row-lost', `${cameraId} is wrong and ${state.phase}`);
    else if (isGood && row.priority !== undefined && state.camera?.priority !== row.priority) {
      watch.violated('row-lost', `${cameraId} has not the priority of its last row`);
    }
  }
  const instances = world.cloud.compute.listInstances().filter(({ ec2State }) => ec2State === 'running');
  for (const { id } of instances) {
    const hasTask = world.liveTasks().some(({ instanceId }) => instanceId === id);
    if (!hasTask) watch.violated('orphan', `instance ${id} runs without a worker`);
  }
}

async function judgeLedger(world: ChaosWorld, watch: Watch) {
  const total = { scheduledSeconds: 0, inferredSeconds: 0, blindSeconds: {} as Record<string, number> };
  for (const { cameraId, accountedThroughMs, camera, rowChangedAtMs } of watch.states) {
    if (camera === null || accountedThroughMs === undefined) continue;
    const sinceMs = world.addedAtMs.get(cameraId) ?? 0;
    const { hours } = await readLedger(world.clients, world.names.tables.ledger, cameraId, sinceMs, accountedThroughMs);
    const sum = { scheduled: 0, inferred: 0, blind: 0 };
    for (const hour of hours) {
      sum.scheduled += hour.scheduledSeconds;
      sum.inferred += hour.inferredSeconds;
      for (const [cause, seconds] of Object.entries(hour.blindSeconds)) {
        sum.blind += seconds;
        total.blindSeconds[cause] = (total.blindSeconds[cause] ?? 0) + seconds;
      }
    }
    total.scheduledSeconds += sum.scheduled;
    total.inferredSeconds += sum.inferred;
    const off = sum.scheduled - sum.inferred - sum.blind;
    if (Math.abs(off) > ledgerToleranceSeconds) {
      watch.violated('ledger', `${cameraId}: ${off.toFixed(1)} of ${sum.scheduled.toFixed(1)} s are not accounted for`);
    }
    // The row's change is dated by DynamoDB, in whole seconds.
    const gap = (accountedThroughMs - sinceMs) / 1_000 - sum.scheduled;
    if (Math.abs(gap) > 1 + ledgerToleranceSeconds) {
      watch.violated(
        'ledger',
        `${cameraId}: ${gap.toFixed(1)} s are in no slice; its row is dated ${((rowChangedAtMs - sinceMs) / 1_000).toFixed(1)} s after it was put`,
      );
    }
  }
  return total;
}

function lostFrames(world: ChaosWorld, watch: Watch, runs: readonly FaultRun[]) {
  const framesLost: Record<string, number> = {};
  let framesPublished = 0;
  let framesSent = 0;
  for (const cameraId of world.cameraIds) {
    const producer = world.producers.get(cameraId);
    const times = (watch.frames.get(cameraId) ?? []).map(({ capturedAtMs }) => capturedAtMs).sort((a, b) => a - b);
    framesPublished += times.length;
    framesSent += times.length;
    for (const [index, atMs] of times.entries()) {
      const next = times[index + 1] ?? atMs;
      for (let missing = atMs + frameMs; missing < next - frameMs / 2; missing += frameMs) {
        if (producer?.clipTimeMs(missing) === null) continue;
        framesSent += 1;
        const cause = causeAt(missing, runs);
        framesLost[cause] = (framesLost[cause] ?? 0) + 1;
      }
    }
  }
  return { framesSent, framesPublished, framesLost };
}

/** The fault that was on; a frame that was taken a second before the blow was still on its way. */
function causeAt(atMs: number, runs: readonly FaultRun[]): string {
  const names = runs.filter(({ fromMs, toMs }) => atMs >= fromMs - 5_000 && atMs <= toMs).map(({ name }) => name);
  return names.length === 0 ? 'nothing' : names.join(' + ');
}
