/**
 * The control loop of one fleet: observe, decide, apply, record. It decides nothing itself. Whatever happens calls it:
 * the minute, a changed row, a stopped task; a conditional lock makes sure that one run is under way at a time.
 * Invariants: a call that comes during a run is answered by another run, never by two at once, and many that come together
 * by one; a step that failed is tried again at once, and only once: a window does not wait for the next minute.
 */
import { randomUUID } from 'node:crypto';
import { applyDecision } from '../aws/apply.ts';
import { putModelReverted } from '../aws/control-events.ts';
import { saveDecision } from '../aws/decisions.ts';
import { askToRunAgain, type FleetLearnings, lockFleet, lockIfFree, unlockFleet } from '../aws/fleets.ts';
import { learnLeadTimes, observeFleet } from '../aws/observe.ts';
import { claimTurn, readRunState } from '../aws/run-turns.ts';
import { refuseLostStates } from '../core/control/believable.ts';
import { type ControlDecision, decide } from '../core/control/decide.ts';
import { withAccounts } from '../core/control/meter.ts';
import { fleetPolicy } from '../core/control/policy.ts';
import { type Decision, decisionRecord, problemKinds } from '../core/control/record.ts';
import { runsInARowMax, turnOf } from '../core/control/run-spacing.ts';
import { watchGaps } from '../core/control/watch-gaps.ts';
import type { FleetItem } from '../core/fleet-state.ts';
import { type Trace, traceFields } from '../core/trace.ts';
import type { ControlDeps } from './handler-deps.ts';
import { LockRenewal } from './lock-renewal.ts';
import { countFailedRun, logDecision, reportMetrics } from './telemetry.ts';

/** Between a look at the fleet's runs and the write somebody else may have been quicker. */
const attemptsMax = 4;

export type ReconcileReport = {
  fleet: string;
  /** `queued`: another run was under way and will run again. `shared`: a run that is still to begin answers this one too. */
  outcome: 'done' | 'queued' | 'shared' | 'failed';
  runs: number;
  decisions: Decision[];
  failures: string[];
  /** Fleets to which cameras were handed over: they run next. */
  handedTo: string[];
};

function emptyReport(fleet: string, outcome: ReconcileReport['outcome']): ReconcileReport {
  return { fleet, outcome, runs: 0, decisions: [], failures: [], handedTo: [] };
}

type RunOptions = {
  /** How the lock is taken; null when it is not to be had. */
  lock?: typeof lockFleet;
  /** Whoever still asks after the last run is answered by a run in its turn, in this invocation. */
  mayFollow?: boolean;
};

export async function reconcileFleet(
  deps: ControlDeps,
  fleet: string,
  trigger: string,
  cause: Trace | null = null,
  { lock = lockFleet, mayFollow = true }: RunOptions = {},
): Promise<ReconcileReport> {
  const { clock, clients, environment } = deps;
  const table = environment.names.tables.fleets;
  const report = emptyReport(fleet, 'done');
  const holder = randomUUID();
  const askedAtMs = clock.monotonicMs();
  let item = await lock(clients, table, fleet, holder, clock.nowMs(), cause?.traceId);
  if (item === null) return { ...report, outcome: 'queued' };
  let trace = cause;
  const renewal = new LockRenewal(deps, fleet, holder, askedAtMs);
  let [mayRepeat, isAskedForMore] = [true, false];
  try {
    while (item !== null && !isAskedForMore) {
      report.runs += 1;
      const by = { trigger: report.runs === 1 ? trigger : `${trigger} (again)`, trace };
      const run = await runOnce(deps, item, by, report, () => renewal.mayAct());
      const isRepeated: boolean = run.hasFailedSteps && mayRepeat;
      if (isRepeated) mayRepeat = false;
      const isLast = report.runs >= runsInARowMax;
      const again = isRepeated && !isLast ? 'yes' : 'if-asked';
      const sentAtMs = clock.monotonicMs();
      const unlocked = await unlockFleet(clients, table, fleet, holder, clock.nowMs(), run.learnings, again);
      item = typeof unlocked === 'string' ? null : unlocked;
      if (item === null) break;
      renewal.renewed(sentAtMs);
      const asked = isRepeated ? undefined : item.lock?.rerunTraceId;
      if (asked !== undefined) trace = { traceId: asked, links: trace === null ? [] : [trace.traceId] };
      isAskedForMore = isLast;
    }
    if (isAskedForMore) await unlockFleet(clients, table, fleet, holder, clock.nowMs(), {}, 'no');
  } catch (error) {
    await unlockFleet(clients, table, fleet, holder, clock.nowMs(), {}, 'no').catch(() => 'lost');
    throw error;
  } finally {
    renewal.stop();
  }
  const next = report.handedTo.filter((other) => other !== fleet && environment.fleets.includes(other));
  await Promise.all([
    ...next.map((other) => reconcileOrReport(deps, other, `cameras moved from ${fleet}`, trace)),
    // Whoever asks during run after run is answered too, but others get their turn first; a second time the minute does it.
    ...(isAskedForMore && mayFollow
      ? [
          orReport(deps, fleet, trigger, trace, () =>
            runInTurn(deps, fleet, `${trigger} (again)`, trace, { mayFollow: false }),
          ),
        ]
      : []),
  ]);
  return report;
}

/** At once, whatever else runs: for the minute, and for events after which cameras are blind or soon will be. */
export function reconcileOrReport(
  deps: ControlDeps,
  fleet: string,
  trigger: string,
  cause: Trace | null = null,
): Promise<ReconcileReport> {
  return orReport(deps, fleet, trigger, cause, async () => {
    const report = await reconcileFleet(deps, fleet, trigger, cause);
    return report.outcome === 'queued' ? leftToOther(deps, fleet, trigger, cause, 'queued') : report;
  });
}

/**
 * For what can wait some seconds: events that come close together share a run (`core/control/run-spacing.ts`).
 * @param handOver called instead of waiting for the turn; whoever is called so comes back as an event that waits.
 */
export function reconcileSoon(
  deps: ControlDeps,
  fleet: string,
  trigger: string,
  cause: Trace | null = null,
  handOver?: () => Promise<void>,
): Promise<ReconcileReport> {
  return orReport(deps, fleet, trigger, cause, () => runInTurn(deps, fleet, trigger, cause, { handOver }));
}

async function runInTurn(
  deps: ControlDeps,
  fleet: string,
  trigger: string,
  cause: Trace | null,
  { handOver, mayFollow = true }: { handOver?: (() => Promise<void>) | undefined; mayFollow?: boolean },
): Promise<ReconcileReport> {
  const { clock, clients, environment } = deps;
  const table = environment.names.tables.fleets;
  const holder = randomUUID();
  let claim: string | null = null;
  let waitedMs = 0;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const nowMs = clock.nowMs();
    const turn = turnOf(await readRunState(clients, table, fleet), claim, nowMs);
    if (turn.kind === 'shared') return leftToOther(deps, fleet, trigger, cause, 'shared');
    if (turn.kind === 'wait') {
      if (handOver !== undefined) {
        await handOver();
        return leftToOther(deps, fleet, trigger, cause, 'shared');
      }
      if (!(await claimTurn(clients, table, fleet, { holder, atMs: turn.atMs }, nowMs))) continue;
      claim = holder;
      waitedMs = turn.atMs - nowMs;
      await deps.wait(waitedMs);
      continue;
    }
    const { spacedThroughMs } = turn;
    if (turn.kind === 'ask') {
      const by = { traceId: cause?.traceId, spacedThroughMs };
      if (await askToRunAgain(clients, table, fleet, nowMs, by))
        return leftToOther(deps, fleet, trigger, cause, 'queued');
      continue;
    }
    const words = waitedMs === 0 ? trigger : `${trigger} (and what came in the ${waitedMs / 1_000} s before)`;
    const report = await reconcileFleet(deps, fleet, words, cause, {
      lock: (of, tableName, name, by, atMs) => lockIfFree(of, tableName, name, by, atMs, spacedThroughMs),
      mayFollow,
    });
    if (report.outcome !== 'queued') return report;
  }
  // Others were quicker each time: rather a run too many than news that waits for the minute.
  return reconcileFleet(deps, fleet, trigger, cause, { mayFollow });
}

/** So that an id that ends in no decision leads on to the run that answered it. */
function leftToOther(
  { telemetry: { logger } }: ControlDeps,
  fleet: string,
  trigger: string,
  cause: Trace | null,
  outcome: 'queued' | 'shared',
): ReconcileReport {
  const fields = { fleet, trigger, ...(cause === null ? {} : traceFields(cause)) };
  if (outcome === 'queued') logger.info('another run is under way and runs again for this', fields);
  else logger.info('a run that is still to begin answers this too', fields);
  return emptyReport(fleet, outcome);
}

/** Never throws: a tick repeats by itself, an event is followed by one, and a retry by Lambda would only come on top. */
async function orReport(
  deps: ControlDeps,
  fleet: string,
  trigger: string,
  cause: Trace | null,
  run: () => Promise<ReconcileReport>,
): Promise<ReconcileReport> {
  try {
    return await run();
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    deps.telemetry.logger.error('reconcile failed', { fleet, trigger, traceId: cause?.traceId, failure });
    countFailedRun(deps.telemetry.metrics, fleet);
    return { ...emptyReport(fleet, 'failed'), failures: [failure] };
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
    watchGaps(cameras, decision.changes, observation, policy.workerDeadAfterMs, nowMs),
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
