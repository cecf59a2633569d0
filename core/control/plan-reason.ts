/**
 * The plan's reason in words: the sentence that the log, the decision, the terminal and the dashboard all show.
 * Invariant: it names what decided (demand, a coming window, a limit, an order, patience, or missing knowledge).
 */
import { type Consolidation, consolidationWords } from './consolidation.ts';
import type { PlanInput, WorkersNeeded } from './plan.ts';

/** More of them say no more. */
const stayingMax = 3;

type ReasonInput = {
  input: PlanInput;
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

function demandWords({ input, needs }: ReasonInput): string {
  const wanted = input.demands.filter((demand) => demand.wantedNow);
  const load = Math.round(wanted.reduce((total, demand) => total + demand.load, 0) * 10) / 10;
  const now =
    wanted.length === 0
      ? 'no camera is wanted now'
      : `${plural(wanted.length, 'camera')} want${wanted.length === 1 ? 's' : ''} ${load} inferences/s now`;
  const startMs = needs.decidedByStartMs;
  if (startMs === null) return now;
  const coming = input.demands.filter((demand) => demand.nextStartMs === startMs);
  const names =
    coming[0] === undefined
      ? 'a window'
      : `the window of ${coming[0].cameraId}${coming.length > 1 ? ` and ${coming.length - 1} more` : ''}`;
  return `${now}; ${names} opens at ${iso(startMs)}, lead time ${Math.round(input.leadTimeMs / 1000)} s`;
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
