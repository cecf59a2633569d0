/**
 * From what runs and what is assigned to what must change. Pure.
 * Invariant: after stopping and starting what this says, exactly the assigned cameras run, each at its assigned epoch;
 * a changed epoch is a stop and a start, never a change in place; an older epoch than the running one is ignored, because
 * an answer can be overtaken.
 */
import type { Assignment } from '../../core/fleet-state.ts';

export type AssignmentChanges = { start: string[]; stop: string[]; restart: string[] };

/** @param running camera id → epoch. */
export function assignmentChanges(
  running: ReadonlyMap<string, number>,
  assigned: Readonly<Record<string, Pick<Assignment, 'epoch'>>>,
): AssignmentChanges {
  const changes: AssignmentChanges = { start: [], stop: [], restart: [] };
  for (const [cameraId, { epoch }] of Object.entries(assigned)) {
    const runningEpoch = running.get(cameraId);
    if (runningEpoch === undefined) changes.start.push(cameraId);
    else if (epoch > runningEpoch) changes.restart.push(cameraId);
  }
  for (const cameraId of running.keys()) {
    if (!Object.hasOwn(assigned, cameraId)) changes.stop.push(cameraId);
  }
  return changes;
}
