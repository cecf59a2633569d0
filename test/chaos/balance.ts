/**
 * The account at the end of a run: rows, ledger, frames, processes and machines, each held against what it must come to.
 * Invariant: what is broken is told once, and in words that name the camera.
 */
import { readLedger } from '../../aws/ledger.ts';
import { losesNothing } from './agenda.ts';
import type { ChaosWorld } from './chaos-world.ts';
import type { FaultRun } from './fault.ts';
import { ledgerToleranceSeconds, secondsInNoSlice } from './ledger-gap.ts';
import { inWords, type LostFrame, lostFrames, nothing } from './lost-frames.ts';
import type { ProcessUse } from './process-log.ts';
import { isGrowing, type Slope } from './slope.ts';
import type { StoreUses } from './store-log.ts';
import type { Watch } from './watch.ts';

export type Balance = {
  framesSent: number;
  framesPublished: number;
  /** By the name of what was on when they were captured; what no fault explains is under `nothing`. */
  framesLost: Record<string, number>;
  lost: LostFrame[];
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
  const frames = framesOf(world, watch, runs);
  judgeLost(watch, frames.lost);
  return { ...frames, ...ledger, rows: world.rows.size, deadLetters: world.cloud.lambda.deadLetters.length };
}

/** Of half an hour. At this a worker of 450 MB would need ten days to double. */
const memoryGrowthMax = 2;
/** Where things break, this run itself remembers each worker that was, each epoch and each warning. */
const memoryGrowthInChaosMax = 10;
/** A connection that is not closed each quarter of an hour. */
const handlesGrowthMax = 4;
const threadsGrowthMax = 1;

/**
 * Control and local cloud by what is live and no store answers for. In a soak, where workers collect too, these by their
 * resident memory less compiled code; where things break it follows what was read again or waited to be sent, and is told and not judged.
 */
export function judgeGrowth(watch: Watch, uses: readonly ProcessUse[], stores: StoreUses, isSoak: boolean): void {
  const judge = (what: string, livedSeconds: number, slope: Slope | null, perHourMax: number) => {
    if (slope === null || !isGrowing(livedSeconds, slope, perHourMax)) return;
    watch.violated('growth', `${what}: ${slope.perHour.toFixed(0)} ± ${slope.plusMinus.toFixed(0)} an hour`);
  };
  const liveMax = isSoak ? memoryGrowthMax : memoryGrowthInChaosMax;
  judge('MB of control and local cloud, live and in no store', stores.livedSeconds, stores.rest.slope, liveMax);
  if (!isSoak) return;
  for (const { process, kind, livedSeconds, otherMegabytes, threads, handles } of uses) {
    if (kind === 'worker')
      judge(`MB of ${process}, resident and no code`, livedSeconds, otherMegabytes.slope, memoryGrowthMax);
    judge(`threads of ${process}`, livedSeconds, threads.slope, threadsGrowthMax);
    judge(`handles of ${process}`, livedSeconds, handles.slope, handlesGrowthMax);
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
  for (const { cameraId, accountedThroughMs, camera } of watch.states) {
    const datedAtMs = watch.rowDatedAtMs.get(cameraId);
    if (camera === null || accountedThroughMs === undefined || datedAtMs === undefined) continue;
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
    const inNoSlice = secondsInNoSlice({ putAtMs: sinceMs, datedAtMs }, accountedThroughMs, sum.scheduled);
    if (inNoSlice !== 0) watch.violated('ledger', `${cameraId}: ${inNoSlice.toFixed(1)} s are in no slice`);
  }
  return total;
}

function framesOf(world: ChaosWorld, watch: Watch, runs: readonly FaultRun[]) {
  const lost: LostFrame[] = [];
  let framesPublished = 0;
  for (const cameraId of world.cameraIds) {
    const seen = watch.frames.get(cameraId) ?? [];
    framesPublished += seen.length;
    const droppedBy = (lease: string) => (watch.dropped.get(lease) ?? {}) as Record<string, number>;
    const producer = world.producers.get(cameraId);
    lost.push(...lostFrames(cameraId, seen, (atMs) => producer?.clipTimeMs(atMs) !== null, runs, droppedBy));
  }
  const framesLost: Record<string, number> = {};
  for (const { during } of lost) framesLost[during] = (framesLost[during] ?? 0) + 1;
  return { framesSent: framesPublished + lost.length, framesPublished, framesLost, lost };
}

function judgeLost(watch: Watch, lost: readonly LostFrame[]): void {
  for (const frame of lost) {
    if (frame.during === nothing || losesNothing.has(frame.during)) watch.violated('frame-lost', inWords(frame));
  }
}
