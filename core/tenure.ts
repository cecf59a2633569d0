/**
 * When an assignment of a camera to a worker is over for that worker: it has released it, declined it or lost it.
 * Invariant: what is over never starts again. Epochs start anew when a row is removed and typed again, so the time of the
 * assignment counts too.
 */
import type { Assignment } from './fleet-state.ts';

/** What tells one assignment of a camera from an earlier one. */
export type Tenure = Pick<Assignment, 'epoch' | 'assignedAtMs'>;

export function isOver({ epoch, assignedAtMs }: Tenure, over: Tenure | undefined): boolean {
  return over !== undefined && epoch <= over.epoch && assignedAtMs <= over.assignedAtMs;
}
