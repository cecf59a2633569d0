/**
 * The phase that a person sees and the reason in words, from what control decided and what the worker says.
 * Invariant: the words change only when something changed, because every change is written to the table.
 */
import type { CameraPhase, CameraState, RunningCamera } from '../fleet-state.ts';
import type { CameraDemand } from './demand.ts';
import type { Lease } from './owners.ts';

export type PhaseFacts = {
  demand: CameraDemand;
  /** The state as it is after this run's changes of ownership. */
  state: CameraState;
  lease: Lease;
  report: RunningCamera | null;
  /** Why it is running when its owner watches it. */
  watchesWords: string;
  /** Whoever has it next stands by: it is watched on while it changes hands. */
  isPrepared: boolean;
  shed: boolean;
  /** Why, when it is. */
  shedBecause: string;
  /** Why nobody takes it, when nobody does. */
  waitingFor: string;
};

export function phaseOf(facts: PhaseFacts): { phase: CameraPhase; reason: string } {
  const { demand, state, lease, report, shed } = facts;
  if (!demand.wantedNow) return demand.idle;
  if (shed) return { phase: 'shed', reason: facts.shedBecause };
  const owner = state.ownerWorkerId;
  if (owner === undefined || lease === 'none' || lease === 'released' || lease === 'orphaned') {
    return { phase: 'waiting-capacity', reason: facts.waitingFor };
  }
  if (facts.isPrepared && (state.phase === 'running' || state.phase === 'degraded')) {
    const by =
      state.successorWorkerId === undefined ? owner : `${owner}, and soon on worker ${state.successorWorkerId}`;
    return { phase: state.phase, reason: `on worker ${by}` };
  }
  if (lease === 'releasing')
    return { phase: 'starting', reason: `worker ${owner} is giving it up, to begin anew or elsewhere` };
  if (report === null) return { phase: 'starting', reason: `given to worker ${owner}` };
  switch (report.state) {
    case 'starting':
      return { phase: 'starting', reason: `worker ${owner} opens its stream` };
    case 'running':
      return { phase: 'running', reason: facts.watchesWords };
    case 'silent':
      return { phase: 'silent', reason: `no media reaches worker ${owner}` };
    case 'degraded':
      return { phase: 'degraded', reason: report.reason || `worker ${owner} cannot keep its rate` };
    case 'failing':
      return { phase: 'degraded', reason: report.reason || `worker ${owner} cannot read it` };
    default: {
      const unknown: never = report.state;
      return { phase: 'degraded', reason: `worker ${owner} says ${String(unknown)}` };
    }
  }
}

/**
 * Is the new phase worth a write? A degraded camera's reason may carry numbers that change all the time; while it stays
 * degraded the first one stands.
 */
export function phaseChanged(state: CameraState, next: { phase: CameraPhase; reason: string }): boolean {
  if (state.phase !== next.phase) return true;
  return next.phase !== 'degraded' && state.phaseReason !== next.reason;
}
