/**
 * The plan's reason in words: the sentence that the log, the decision, the terminal and the dashboard all show.
 * Invariant: it names what decided (demand, a coming window, a limit, an order, patience, or missing knowledge).
 */
import { type Consolidation, consolidationWords } from './consolidation.ts';
import type { Wanted } from './loads.ts';
import type { Load } from './pack.ts';
import type { PlanInput, WorkersNeeded } from './plan.ts';

/** More of them say no more. */
const stayingMax = 3;

type ReasonInput = {
  input: PlanInput;
  wanted: readonly Wanted[];
  loadsNow: readonly Load[];
  goal: number;
  serving: number;
  needs: WorkersNeeded;
  shrinking: boolean;
  /** Workers that could go, and do not. */
  staying: readonly Consolidation[];
  partial: boolean;
  lowerDemandSinceMs: number | null;
  minAllowed: number;
  maxAllowed: number;
  shed: ReadonlySet<string>;
  going: number;
  /** Workers of an older revision than the newest deployment's. */
  older: number;
  /** Workers beyond demand that the rollout gets. */
  surge: number;
  rolloutDrains: readonly string[];
};

export function planReason(facts: ReasonInput): string {
  const { input, goal, serving, needs, minAllowed, maxAllowed, shed } = facts;
  const parts = [demandWords(facts)];
  if (needs.needed > maxAllowed) {
    const cameras = shed.size === 0 ? '' : `, ${plural(shed.size, 'camera')} shed by priority`;
    parts.push(`capped at ${maxAllowed} of ${plural(needs.needed, 'worker')} needed${cameras}`);
  } else if (needs.needed < minAllowed) {
    const { override } = input.orders;
    const ordered = override !== null && override.minWorkers >= minAllowed;
    parts.push(
      ordered
        ? `at least ${minAllowed} by override until ${iso(override.untilMs)}`
        : `at least ${minAllowed} by policy`,
    );
  }
  if (input.orders.pause !== null) parts.push(`paused until ${iso(input.orders.pause.untilMs)}`);
  if (facts.older > 0) parts.push(rolloutWords(facts));
  parts.push(actionWords(facts, goal, serving));
  for (const one of facts.staying.slice(0, stayingMax))
    parts.push(`worker ${one.workerId} stays, ${consolidationWords(one)}`);
  return parts.join('; ');
}

function demandWords({ input, needs, wanted, loadsNow }: ReasonInput): string {
  const load = Math.round(loadsNow.reduce((total, one) => total + one.load, 0) * 10) / 10;
  const now =
    loadsNow.length === 0
      ? 'no camera is wanted now'
      : `${plural(loadsNow.length, 'camera')} want${loadsNow.length === 1 ? 's' : ''} ${load} inferences/s now`;
  const startMs = needs.decidedByStartMs;
  if (startMs === null) return now;
  const coming = startingAt(startMs, wanted, input.nowMs);
  const names =
    coming.count === 0
      ? 'a window'
      : `the window of ${coming.firstId}${coming.count > 1 ? ` and ${coming.count - 1} more` : ''}`;
  return `${now}; ${names} opens at ${iso(startMs)}, lead time ${Math.round(input.leadTimeMs / 1000)} s`;
}

/** The cameras whose next window begins then. */
function startingAt(startMs: number, wanted: readonly Wanted[], nowMs: number): { count: number; firstId: string } {
  const known = new Map<Wanted['intervals'], boolean>();
  let count = 0;
  let firstId = '';
  for (const { load, intervals } of wanted) {
    let isNext = known.get(intervals);
    if (isNext === undefined) {
      isNext = intervals.find((interval) => interval.startMs > nowMs)?.startMs === startMs;
      known.set(intervals, isNext);
    }
    if (!isNext) continue;
    if (count === 0 || load.cameraId < firstId) firstId = load.cameraId;
    count += 1;
  }
  return { count, firstId };
}

function rolloutWords({ input, older, surge, rolloutDrains }: ReasonInput): string {
  const revision = input.observation.service?.taskDefinition ?? 'the new revision';
  const extra = surge === 0 ? '' : `, ${plural(surge, 'worker')} beyond demand meanwhile`;
  const drains = rolloutDrains.length === 0 ? '' : `, drains ${rolloutDrains.join(', ')}`;
  return `${revision} rolls out: ${plural(older, 'worker')} still to replace${extra}${drains}`;
}

function actionWords(facts: ReasonInput, goal: number, serving: number): string {
  const { input, partial, shrinking, lowerDemandSinceMs } = facts;
  if (partial)
    return `hold at ${plural(Math.max(goal, serving), 'worker')}: could not read ${input.observation.missing.join(', ')}`;
  if (goal > serving) return `${serving === 0 ? 'start' : 'grow to'} ${plural(goal, 'worker')}`;
  if (shrinking) return `shrink from ${serving} to ${plural(goal, 'worker')}`;
  if (lowerDemandSinceMs !== null) {
    const atMs = lowerDemandSinceMs + input.policy.scaleInDelayMs;
    return `${plural(goal, 'worker')} would do, scale in at ${iso(atMs)} unless demand returns`;
  }
  return `${plural(goal, 'worker')} ${goal === 1 ? 'is' : 'are'} right`;
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

export function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.000Z$/, 'Z');
}
