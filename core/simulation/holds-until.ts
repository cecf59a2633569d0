/**
 * How long a decision that changed nothing stays the decision while nothing in the world changes: until a scale-in delay, a
 * grace or a wait that it counts runs out. Calendars are the caller's.
 * Invariant: too early is a run more; too late would be a wrong simulation, so what cannot be told holds not at all.
 */
import type { ControlDecision } from '../control/decide.ts';
import { type CameraDemand, metricGraceMs } from '../control/demand.ts';
import { standbyWaitMs } from '../control/handover.ts';
import type { FleetObservation } from '../control/observation.ts';
import { type Owners, ownersOf } from '../control/owners.ts';
import type { CameraState } from '../fleet-state.ts';

const notAtAll = Number.NEGATIVE_INFINITY;
const forGood = Number.POSITIVE_INFINITY;
/** What `moves` of the policy counts by. */
const minuteMs = 60_000;

/** @returns minus infinity when it did anything, or waits for something that time brings at an instant unknown. */
export function holdsUntilMs(observation: FleetObservation, decision: ControlDecision): number {
  const { plan, moves, nowMs, policy } = decision;
  if (observation.missing.length > 0 || !isEmpty(decision)) return notAtAll;
  // What is weighed against the time until the next window may be worth it a minute later.
  if (plan.consolidations.length > 0) return notAtAll;
  const ends: number[] = [];
  if (plan.lowerDemandSinceMs !== null) ends.push(plan.lowerDemandSinceMs + policy.scaleInDelayMs);
  if (moves.count >= policy.movesPerMinuteMax) ends.push(moves.sinceMs + minuteMs);
  let endMs = Math.min(forGood, ...ends);
  const owners = ownersOf(observation.workers, nowMs, policy.workerDeadAfterMs);
  // What rests or is settled waits for its calendar, or for its worker to say something else.
  for (const [index, state] of decision.awake.entries()) {
    const demand = decision.demands[index];
    if (demand === undefined) continue;
    endMs = Math.min(endMs, cameraHoldsUntilMs(state, demand, owners, observation, decision));
    if (endMs <= nowMs) return notAtAll;
  }
  return endMs;
}

/** Nothing but the ledger goes on, and what people see of a camera follows: what is made of the same observation is the same. */
function isEmpty({ plan, changes, departures, buried }: ControlDecision): boolean {
  if (departures.length > 0 || buried.length > 0) return false;
  if (plan.setInstances !== null || plan.setTasks !== null || plan.terminations.length > 0) return false;
  if (plan.drains.length > 0 || plan.stops.length > 0) return false;
  return changes.every(({ ownership }) => ownership === null);
}

function cameraHoldsUntilMs(
  state: CameraState,
  demand: CameraDemand,
  owners: Owners,
  { streams }: FleetObservation,
  { nowMs, policy }: ControlDecision,
): number {
  const { ownerWorkerId, successorWorkerId, successorSinceMs, camera } = state;
  if (ownerWorkerId === undefined && successorWorkerId === undefined && !demand.wantedNow) return forGood;
  let untilMs = successorWorkerId === undefined ? forGood : (successorSinceMs ?? 0) + standbyWaitMs;
  // The last that was seen of it, as far as it may be taken for silent.
  const lastMs = (seenAtMs: number) =>
    Math.max(
      seenAtMs,
      state.lastMediaAtMs ?? 0,
      demand.scheduledPast.at(-1)?.startMs ?? nowMs,
      state.ownedSinceMs ?? 0,
      state.rowChangedAtMs,
    );
  if (ownerWorkerId === undefined) {
    const activeAtMs = streams.activeAtMs.get(camera?.streamName ?? '');
    if (!demand.wantedNow || activeAtMs === undefined) return untilMs;
    const seenAtMs = activeAtMs === null ? 0 : Math.min(nowMs, activeAtMs + streams.periodMs);
    return Math.min(untilMs, lastMs(seenAtMs) + metricGraceMs(policy, streams));
  }
  const owner = owners.get(ownerWorkerId);
  const report = owner?.worker.running[state.cameraId];
  // Whoever gives a camera up, or has not begun it, is waited for.
  if (owner === undefined || report?.epoch !== state.epoch || state.releaseRequestedAtMs !== undefined) return notAtAll;
  if (owner.isLeaving || !owner.isAlive || !demand.assignNow) return notAtAll;
  if (owner.worker.assignments?.[state.cameraId]?.epoch !== state.epoch) return notAtAll;
  if (demand.wantedNow && report.state !== 'running') {
    untilMs = Math.min(untilMs, lastMs(report.lastMediaAtMs ?? 0) + policy.silentGraceMs);
  }
  return untilMs;
}
