/**
 * The control loop of one fleet: observe, decide, apply, record. It decides nothing itself. Whatever happens calls it:
 * the minute, a changed row, a stopped task; a conditional lock makes sure that one run is under way at a time.
 * Invariants: a call that comes during a run is answered by another run, never by two at once; a step that failed is tried
 * again at once, and only once: a window does not wait for the next minute.
 */
import { randomUUID } from 'node:crypto';
import { applyDecision } from '../aws/apply.ts';
import { putModelReverted } from '../aws/control-events.ts';
import { saveDecision } from '../aws/decisions.ts';
import { type FleetLearnings, lockFleet, unlockFleet } from '../aws/fleets.ts';
import { learnLeadTimes, observeFleet } from '../aws/observe.ts';
import { refuseLostStates } from '../core/control/believable.ts';
import { type ControlDecision, decide } from '../core/control/decide.ts';
import { withAccounts } from '../core/control/meter.ts';
import { fleetPolicy } from '../core/control/policy.ts';
import { type Decision, decisionRecord, problemKinds } from '../core/control/record.ts';
import { watchGaps } from '../core/control/watch-gaps.ts';
import type { FleetItem } from '../core/fleet-state.ts';
import { type Trace, traceFields } from '../core/trace.ts';
import type { ControlDeps } from './handler-deps.ts';
import { LockRenewal } from './lock-renewal.ts';
import { countFailedRun, logDecision, reportMetrics } from './telemetry.ts';

/** Runs in a row for calls that came meanwhile; after these the next event or the minute goes on. */
const runsMax = 5;

export type ReconcileReport = {
  fleet: string;
  /** `queued`: another run was under way and will run again. */
  outcome: 'done' | 'queued' | 'failed';
  runs: number;
  decisions: Decision[];
  failures: string[];
  /** Fleets to which cameras were handed over: they run next. */
  handedTo: string[];
};

export async function reconcileFleet(
  deps: ControlDeps,
  fleet: string,
  trigger: string,
  cause: Trace | null = null,
): Promise<ReconcileReport> {
  const { clock, clients, environment } = deps;
  const table = environment.names.tables.fleets;
  const report: ReconcileReport = { fleet, outcome: 'done', runs: 0, decisions: [], failures: [], handedTo: [] };
  const holder = randomUUID();
  const askedAtMs = clock.monotonicMs();
  let item = await lockFleet(clients, table, fleet, holder, clock.nowMs(), cause?.traceId);
  if (item === null) {
    const fields = { fleet, trigger, ...(cause === null ? {} : traceFields(cause)) };
    deps.telemetry.logger.info('another run is under way and runs again for this', fields);
    return { ...report, outcome: 'queued' };
  }
  let trace = cause;
  const renewal = new LockRenewal(deps, fleet, holder, askedAtMs);
  let mayRepeat = true;
  try {
    while (item !== null) {
      report.runs += 1;
      const by = { trigger: report.runs === 1 ? trigger : `${trigger} (again)`, trace };
      const run = await runOnce(deps, item, by, report, () => renewal.mayAct());
      const isRepeated: boolean = run.hasFailedSteps && mayRepeat;
      if (isRepeated) mayRepeat = false;
      const again = report.runs >= runsMax ? 'no' : isRepeated ? 'yes' : 'if-asked';
      const sentAtMs = clock.monotonicMs();
      const unlocked = await unlockFleet(clients, table, fleet, holder, clock.nowMs(), run.learnings, again);
      item = typeof unlocked === 'string' ? null : unlocked;
      if (item === null) break;
      renewal.renewed(sentAtMs);
      const asked = isRepeated ? undefined : item.lock?.rerunTraceId;
      if (asked !== undefined) trace = { traceId: asked, links: trace === null ? [] : [trace.traceId] };
    }
  } catch (error) {
    await unlockFleet(clients, table, fleet, holder, clock.nowMs(), {}, 'no').catch(() => 'lost');
    throw error;
  } finally {
    renewal.stop();
  }
  const next = report.handedTo.filter((other) => other !== fleet && environment.fleets.includes(other));
  await Promise.all(next.map((other) => reconcileOrReport(deps, other, `cameras moved from ${fleet}`, trace)));
  return report;
}

/** Never throws: a tick repeats by itself, an event is followed by one, and a retry by Lambda would only come on top. */
export async function reconcileOrReport(
  deps: ControlDeps,
  fleet: string,
  trigger: string,
  cause: Trace | null = null,
): Promise<ReconcileReport> {
  try {
    return await reconcileFleet(deps, fleet, trigger, cause);
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    deps.telemetry.logger.error('reconcile failed', { fleet, trigger, traceId: cause?.traceId, failure });
    countFailedRun(deps.telemetry.metrics, fleet);
    return { fleet, outcome: 'failed', runs: 0, decisions: [], failures: [failure], handedTo: [] };
  }
}

async function runOnce(
  deps: ControlDeps,
  item: FleetItem,
  { trigger, trace }: { trigger: string; trace: Trace | null },
  report: ReconcileReport,
  mayAct: () => boolean,
): Promise<{ learnings: FleetLearnings; hasFailedSteps: boolean }> {
  const { clock, clients, environment, telemetry } = deps;
  const { stage, names, activityPeriodMs } = environment;
  const surroundings = { clients, stage, names, activityPeriodMs };
  const nowMs = clock.nowMs();

  const { policy } = fleetPolicy(environment.policy, item);
  const observation = await observeFleet(surroundings, item, policy, nowMs);
  refuseLostStates(observation, policy.workerDeadAfterMs, nowMs);
  const decision = decide(observation, environment.policy, nowMs);
  const [applied, leadTimes] = await Promise.all([
    applyDecision(surroundings, observation, decision, mayAct, trace?.traceId),
    learnLeadTimes(clients, observation).catch((error: unknown) => {
      telemetry.logger.warn('the lead time could not be learned', { fleet: item.fleet, error: String(error) });
      return null;
    }),
  ]);
  const failures = [...observation.missing.map((what) => `could not read ${what}`), ...applied.failures];
  // Capacity and budget have metrics and alarms of their own.
  for (const { kind, words } of decision.problems) if (kind !== 'capacity' && kind !== 'budget') failures.push(words);
  for (const failure of failures)
    telemetry.logger.warn('a run was not whole', { fleet: item.fleet, traceId: trace?.traceId, failure });
  report.failures.push(...failures);
  report.handedTo.push(...new Set(decision.departures.flatMap((departure) => departure.toFleet ?? [])));

  const after = new Map(decision.changes.map((change) => [change.cameraId, change.next]));
  const cameras = observation.cameras.map((state) => after.get(state.cameraId) ?? state);
  reportMetrics(
    telemetry.metrics,
    item.fleet,
    decision,
    cameras.map((state) => state.phase),
    failures.length,
    watchGaps(cameras, decision.changes, observation.streams.activeAtMs, nowMs),
  );
  await tellReverted(deps, item.fleet, decision, trace);
  const record = decisionRecord(item.fleet, decision, cameras, applied.actions, trigger, item, trace);
  const kinds = problemKinds(decision);
  const meter = withAccounts(decision.meter, applied, decision.policy.dayTimeZone);
  const learnings: FleetLearnings = {
    meter,
    moves: decision.moves.count === 0 ? null : decision.moves,
    ...(decision.budget.memory === undefined ? {} : { budget: decision.budget.memory }),
    problemKinds: kinds.length === 0 ? null : kinds,
    lowerDemandSinceMs: decision.plan.lowerDemandSinceMs,
    ...(decision.ladder.ladder === undefined ? {} : { capacityLadder: decision.ladder.ladder }),
    ...(decision.modelRollout.state === null
      ? {}
      : { modelRolloutState: decision.modelRollout.state, modelVersions: decision.modelRollout.versions }),
    ...(leadTimes === null ? {} : { leadTimes }),
  };
  const hasFailedSteps = applied.failures.length > 0;
  if (record === null) return { learnings, hasFailedSteps };
  const stored = await saveDecision(clients, names.tables.decisions, record).catch((error: unknown) => {
    // What was done is done, and what was learned of it must not be lost with its record.
    report.failures.push(`the decision could not be stored: ${String(error)}`);
    telemetry.logger.error('the decision could not be stored', { fleet: item.fleet, record, failure: String(error) });
    return null;
  });
  if (stored === null) return { learnings, hasFailedSteps };
  logDecision(telemetry.logger, stored);
  deps.onDecision?.(stored);
  report.decisions.push(stored);
  return { learnings: { ...learnings, lastDecisionAtMs: nowMs }, hasFailedSteps };
}

/** A model that was taken back by itself; by a person it is no news. Told again when this run's learnings are lost. */
async function tellReverted(
  { clients, environment, telemetry }: ControlDeps,
  fleet: string,
  { modelRollout: { state, isNew } }: ControlDecision,
  trace: Trace | null,
): Promise<void> {
  if (!isNew || state?.fault === undefined) return;
  const { stage, names } = environment;
  const where = { stage, fleet, traceId: trace?.traceId };
  await putModelReverted(clients, names, where, state).catch((error: unknown) =>
    telemetry.logger.warn('the event of a reverted model was not put', { ...where, failure: String(error) }),
  );
}
