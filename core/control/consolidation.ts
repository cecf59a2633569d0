/**
 * Is it worth to move a worker's cameras so that its instance can go? What is saved is the time until the calendars need
 * the instance again; what it costs is a disturbance for each camera that moves. And how many cameras may move within a
 * minute when nothing forces them to: by consolidation and by rebalancing, never by an emergency, a drain or a rollout.
 * Invariants: a worker goes for consolidation only with a score above zero and within the minute's budget; a worker without
 * cameras costs nothing to let go.
 */
import { type CostedCamera, workerSteps } from '../cost/gpu-hours.ts';
import type { FleetItem, FleetPolicy } from '../fleet-state.ts';
import type { OwnershipChange } from './assign.ts';
import { workerPrefix } from './bins.ts';
import type { CameraDemand } from './demand.ts';
import { standbyWaitMs } from './handover.ts';
import type { FleetObservation } from './observation.ts';
import type { Load } from './pack.ts';

const minuteMs = 60_000;
/** Savings beyond an hour are too far away to weigh: rows and silence change more until then. */
const weighedMs = 3_600_000;
/** Two workers hold a camera's stream while it moves, for so long at most; counted as instance time for each camera. */
export const moveCostSeconds = standbyWaitMs / 1_000;

/** Cameras that moved by choice since `sinceMs`, in the fleet's item. */
export type MovesMade = { sinceMs: number; count: number };

export type Consolidation = {
  workerId: string;
  moves: number;
  /** Instance seconds until the calendars need it again, at most an hour. */
  savedSeconds: number;
  /** `savedSeconds` less the cost of the moves. */
  score: number;
  verdict: 'drained' | 'not worth it' | 'too many moves a minute';
};

/** What is left of the minute's budget. A clock that went back begins a new minute. */
export function movesMade(item: FleetItem, nowMs: number): MovesMade {
  const { moves } = item;
  const isRunning = moves !== undefined && moves.sinceMs <= nowMs && nowMs - moves.sinceMs < minuteMs;
  return isRunning ? moves : { sinceMs: nowMs, count: 0 };
}

/**
 * Weighs the workers that are to go because their cameras fit on others, in their order.
 * @param chosen bins that would go. @param goal workers that demand needs.
 */
export function weighDrains(input: {
  chosen: readonly string[];
  /** Those of them whose cameras fit on the others; the rest is forced to go. */
  spare: readonly string[];
  loads: readonly Load[];
  goal: number;
  made: MovesMade;
  policy: FleetPolicy;
  workerCapacity: number;
  leadMs: number;
  nowMs: number;
  /** All of the fleet. */
  cameras: FleetObservation['cameras'];
  demands: readonly CameraDemand[];
}): { weighed: Consolidation[]; moves: number } {
  const { chosen, loads, made, policy } = input;
  const weighed: Consolidation[] = [];
  const spare = new Set(input.spare);
  const counts = new Map<string | null, number>();
  if (chosen.length > 0) for (const { binId } of loads) counts.set(binId, (counts.get(binId) ?? 0) + 1);
  let moves = 0;
  let savedSeconds: number | null = null;
  for (const id of chosen) {
    const count = counts.get(id) ?? 0;
    if (!id.startsWith(workerPrefix) || !spare.has(id) || count === 0) continue;
    savedSeconds ??= Math.round((neededAgainMs(input) - input.nowMs) / 1_000);
    const score = savedSeconds - count * moveCostSeconds;
    const before = made.count + moves;
    // A worker with more cameras than a minute's budget goes in a minute of its own.
    const fits = before + count <= policy.movesPerMinuteMax || (before === 0 && policy.movesPerMinuteMax > 0);
    const verdict = score <= 0 ? 'not worth it' : fits ? 'drained' : 'too many moves a minute';
    if (verdict === 'drained') moves += count;
    weighed.push({ workerId: id.slice(workerPrefix.length), moves: count, savedSeconds, score, verdict });
  }
  return { weighed, moves };
}

/** When the calendars need more than `goal` workers, its boot included; an hour from now when they do not until then. */
function neededAgainMs(input: Parameters<typeof weighDrains>[0]): number {
  const { nowMs, goal, policy, leadMs, workerCapacity, cameras, demands } = input;
  const listenedTo = new Set(demands.filter(({ isListenedTo }) => isListenedTo).map(({ cameraId }) => cameraId));
  const counted = cameras.flatMap(({ cameraId, camera, leaving }): CostedCamera[] =>
    camera === null || leaving !== undefined || listenedTo.has(cameraId) ? [] : [camera],
  );
  const measured = { ...policy, defaultInferencesPerSecond: workerCapacity };
  const steps = workerSteps(counted, measured, leadMs, nowMs, nowMs + weighedMs);
  return steps.find(({ startMs, workers }) => startMs > nowMs && workers > goal)?.startMs ?? nowMs + weighedMs;
}

export function consolidationWords({ moves, savedSeconds, score, verdict }: Consolidation): string {
  const cameras = `${moves} camera${moves === 1 ? '' : 's'}`;
  const sums = `saves ${savedSeconds} s of an instance, moves ${cameras} (score ${score})`;
  return verdict === 'drained' ? `its cameras fit on fewer workers: ${sums}` : `${verdict}: ${sums}`;
}

/** `isChoice` marks the change that begins a move which nothing forces. Leaves those out once the minute's budget is spent; they are asked for again. */
export function withinMoves(
  changes: readonly OwnershipChange[],
  made: MovesMade,
  movesPerMinuteMax: number,
): { changes: OwnershipChange[]; made: MovesMade } {
  let { count } = made;
  const kept = changes.filter((change) => {
    if (!('isChoice' in change) || change.isChoice !== true) return true;
    if (count >= movesPerMinuteMax) return false;
    count += 1;
    return true;
  });
  return { changes: kept, made: { ...made, count } };
}
