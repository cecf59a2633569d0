/**
 * When a run of the control loop may begin for news that can wait some seconds. Five runs may follow each other at once, so
 * that a few rows or workers are answered immediately; in a storm (a hundred machines that boot together, an import of
 * thousands of rows) one run each five seconds answers all that came meanwhile.
 * Invariant: news is left to another run only where that run begins to look after the news was written down.
 */
import type { FleetItem } from '../fleet-state.ts';

export const runSpacingMs = 5_000;
const runsAtOnceMax = 5;
/** Runs of one holder of the lock for calls that came meanwhile; after these the next takes its turn. */
export const runsInARowMax = 5;

export type RunState = Pick<FleetItem, 'lock' | 'dueRun' | 'spacedThroughMs'>;

/**
 * `shared`: a run that is still to begin will see the news. `wait`: claim the next turn. `run`, `ask`: the turn is now; the
 * lock is free, or its holder runs again.
 */
export type Turn =
  | { kind: 'shared' }
  | { kind: 'wait'; atMs: number }
  | { kind: 'run' | 'ask'; spacedThroughMs: number };

/** @param claim what this call claimed the next turn with before; null when it has not. */
export function turnOf({ lock, dueRun, spacedThroughMs = 0 }: RunState, claim: string | null, nowMs: number): Turn {
  const isRunning = lock !== undefined && lock.expiresAtMs > nowMs;
  if (isRunning && lock.rerunRequested) return { kind: 'shared' };
  // Whoever began a run since then took the claim away: that run has seen it all.
  if (claim !== null && dueRun?.holder !== claim) return { kind: 'shared' };
  // One whose holder died is left behind.
  if (claim === null && dueRun !== undefined && nowMs < dueRun.atMs + runSpacingMs) return { kind: 'shared' };
  const allowedAtMs = spacedThroughMs - (runsAtOnceMax - 1) * runSpacingMs;
  // A clock that ran ahead may have written any time.
  if (claim === null && allowedAtMs > nowMs) return { kind: 'wait', atMs: Math.min(allowedAtMs, nowMs + runSpacingMs) };
  const latestMs = nowMs + (runsAtOnceMax - 1) * runSpacingMs;
  const nextMs = Math.min(Math.max(spacedThroughMs, nowMs), latestMs) + runSpacingMs;
  return { kind: isRunning ? 'ask' : 'run', spacedThroughMs: nextMs };
}
