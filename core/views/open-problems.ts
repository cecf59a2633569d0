/**
 * What somebody should look at in a fleet, in words: what the last decision complained about, cameras that do not get what
 * their rows ask for, and workers or a control loop that have not been heard of.
 * Invariant: one entry per kind, however many cameras it has; the words are those that are stored.
 */
import { activeOrders } from '../control/policy.ts';
import { quietDecisionEveryMs } from '../control/record.ts';
import type { CameraPhase, CameraState, FleetPolicy } from '../fleet-state.ts';
import type { FleetItems } from './fleet-view.ts';

/** `error`: something is not watched that should be. `notice`: nothing is lost yet, or only its owner can help. */
export type OpenProblem = {
  fleet: string;
  severity: 'error' | 'warning' | 'notice';
  words: string;
  /** Cameras of this kind: how many, and the first of them by name with their reasons. */
  count: number;
  cameras: { cameraId: string; reason: string }[];
};

export type ProblemFacts = FleetItems & { policy: FleetPolicy };

const camerasNamedMax = 10;
/** Fresh phases are the ordinary course of things: a window opens, a camera changes its worker. */
const settledMs = 60_000;
const phaseProblems: readonly { phase: CameraPhase; severity: OpenProblem['severity']; words: string }[] = [
  { phase: 'waiting-capacity', severity: 'error', words: 'wanted now, and nobody watches' },
  { phase: 'shed', severity: 'error', words: 'given up for cameras of higher priority' },
  { phase: 'degraded', severity: 'warning', words: 'watched, but not as their rows ask' },
  { phase: 'starting', severity: 'warning', words: 'being started for more than a minute' },
  { phase: 'invalid', severity: 'warning', words: 'with a row that cannot be used' },
  { phase: 'silent', severity: 'notice', words: 'in their window, and sending nothing' },
];

export function openProblems(
  { item, policy, cameras, decisions, workers }: ProblemFacts,
  nowMs: number,
): OpenProblem[] {
  const { fleet } = item;
  const entry = (severity: OpenProblem['severity'], words: string): OpenProblem => ({
    ...{ fleet, severity, words, count: 0, cameras: [] },
  });
  const [latest] = decisions;
  const problems = (latest?.problems ?? []).map((words) => entry('error', words));
  // A decision that says nothing new is stored every quarter of an hour, so a missing one is a loop that does not run.
  const lastMs = item.lastDecisionAtMs ?? (latest === undefined ? undefined : Date.parse(latest.at));
  if (lastMs !== undefined && nowMs - lastMs > 2 * quietDecisionEveryMs) {
    problems.unshift(entry('error', `the control loop has stored no decision for ${minutes(nowMs - lastMs)}`));
  }
  const { pause } = activeOrders(item, nowMs);
  if (pause !== null) {
    const because = pause.reason === '' ? '' : `: ${pause.reason}`;
    problems.push(entry('warning', `paused until ${new Date(pause.untilMs).toISOString()}${because}`));
  }
  const lost = workers.filter(
    ({ heartbeatAtMs, lifecycle }) => lifecycle !== 'stopped' && nowMs - heartbeatAtMs > policy.workerDeadAfterMs,
  );
  if (lost.length > 0) {
    const names = lost.slice(0, 3).map(({ workerId }) => workerId);
    const rest = lost.length > names.length ? ` and ${lost.length - names.length} more` : '';
    problems.push(entry('warning', `no word from ${names.join(', ')}${rest}`));
  }
  for (const { phase, severity, words } of phaseProblems) {
    const those = cameras.filter((state) => state.phase === phase && isSettled(state, nowMs));
    if (those.length === 0) continue;
    const named = [...those].sort((a, b) => (a.cameraId < b.cameraId ? -1 : 1)).slice(0, camerasNamedMax);
    problems.push({
      ...entry(severity, `${those.length} ${those.length === 1 ? 'camera' : 'cameras'} ${words}`),
      count: those.length,
      cameras: named.map((state) => ({ cameraId: state.cameraId, reason: reasonOf(state) })),
    });
  }
  return problems;
}

function isSettled({ phase, phaseSinceMs }: CameraState, nowMs: number): boolean {
  return phase === 'invalid' || phase === 'shed' || nowMs - phaseSinceMs >= settledMs;
}

/** A row's own words are its first error, which says what to type instead. */
function reasonOf({ phase, phaseReason, issues }: CameraState): string {
  const error = phase === 'invalid' ? issues.find(({ severity }) => severity === 'error') : undefined;
  return error === undefined ? phaseReason : `${error.path}: ${error.message}`;
}

function minutes(ms: number): string {
  return `${Math.round(ms / 60_000)} minutes`;
}
