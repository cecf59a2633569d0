/**
 * The stored decision: inputs in numbers, sizes before and after, the reason, what was done, and who did not get what it
 * asked for. Invariant: bounded in size whatever the fleet's (a DynamoDB item holds 400 KB).
 */
import type { CameraPhase, FleetItem, FleetPolicy } from '../fleet-state.ts';
import { type Trace, traceFields } from '../trace.ts';
import type { Consolidation } from './consolidation.ts';
import type { ControlDecision } from './decide.ts';

/** Table `decisions`, key `fleet` / `at`. */
export type Decision = {
  fleet: string;
  /** ISO 8601 with milliseconds. */
  at: string;
  schemaVersion: 1;
  trigger: string;
  /** Of what caused the run; `traceLinks`: what came with it, at most 20. Absent in decisions of older versions. */
  traceId?: string;
  traceLinks?: string[];
  /** What was known, in numbers. */
  inputs: Record<string, number>;
  /** The policy that held: defaults, deployment and fleet item together. Absent in decisions of older versions. */
  policy?: FleetPolicy;
  desired: { instances: number; tasks: number };
  previous: { instances: number; tasks: number };
  reason: string;
  /** What somebody should look at: no capacity, a budget that is spent, input that cannot be true. */
  problems?: string[];
  /** Workers whose cameras would fit on others: what letting them go saves, what it disturbs, and what was decided. */
  consolidations?: Consolidation[];
  /** What was done or failed to be done, one sentence each. */
  actions: string[];
  /** Cameras that did not get what they asked for, with the reason. */
  exceptions: { cameraId: string; phase: CameraPhase; reason: string }[];
  expiresAt: number;
};

/** A decision that changed nothing is stored this often, so that "nothing happened" can be told from "nobody looked". */
export const quietDecisionEveryMs = 900_000;
const keptDays = 30;
const actionsMax = 100;
const exceptionsMax = 200;
const problemsMax = 20;
const consolidationsMax = 20;

const exceptionPhases: ReadonlySet<CameraPhase> = new Set([
  'invalid',
  'waiting-capacity',
  'silent',
  'degraded',
  'shed',
]);

/** @returns the decision to store, or null when it changed nothing, says nothing new, and one is recent enough. */
export function decisionRecord(
  fleet: string,
  decision: ControlDecision,
  cameras: readonly { cameraId: string; phase: CameraPhase; phaseReason: string }[],
  actions: readonly string[],
  trigger: string,
  last: Pick<FleetItem, 'lastDecisionAtMs' | 'problemKinds'>,
  trace: Trace | null = null,
): Decision | null {
  const { nowMs, plan } = decision;
  const problems = decision.problems.map(({ words }) => words);
  const { lastDecisionAtMs } = last;
  const quiet = actions.length === 0 && !areNewProblems(decision, last);
  if (quiet && lastDecisionAtMs !== undefined && nowMs - lastDecisionAtMs < quietDecisionEveryMs) return null;
  const changed = new Map(decision.changes.map((change) => [change.cameraId, change.next]));
  const exceptions = cameras
    .map((state) => changed.get(state.cameraId) ?? state)
    .filter((state) => exceptionPhases.has(state.phase))
    .map((state) => ({ cameraId: state.cameraId, phase: state.phase, reason: state.phaseReason }));
  return {
    fleet,
    at: new Date(nowMs).toISOString(),
    schemaVersion: 1,
    trigger,
    ...(trace === null ? {} : traceFields(trace)),
    inputs: plan.inputs,
    policy: decision.policy,
    desired: plan.desired,
    previous: plan.previous,
    reason: plan.reason,
    ...(problems.length === 0 ? {} : { problems: bounded(problems, problemsMax, (count) => `and ${count} more`) }),
    ...(plan.consolidations.length === 0 ? {} : { consolidations: plan.consolidations.slice(0, consolidationsMax) }),
    actions: bounded(actions, actionsMax, (count) => `and ${count} more`),
    exceptions: exceptions.slice(0, exceptionsMax),
    expiresAt: Math.floor(nowMs / 1000) + keptDays * 86_400,
  };
}

/** Problems that begin or end are worth a decision, whatever was done. */
function areNewProblems(decision: ControlDecision, last: Pick<FleetItem, 'problemKinds'>): boolean {
  return problemKinds(decision).join() !== (last.problemKinds ?? []).join();
}

export function problemKinds({ problems }: ControlDecision): string[] {
  return [...new Set(problems.map(({ kind }) => kind))].sort();
}

function bounded(values: readonly string[], max: number, rest: (count: number) => string): string[] {
  return values.length <= max ? [...values] : [...values.slice(0, max), rest(values.length - max)];
}
