/**
 * The phase that a camera begins with, told by its row and the hour alone, so that it is stored with the verdict on the row.
 * Invariant: it is what the first run would say of a camera for which nothing is there yet, in the same words: that run writes
 * only what it knows better. An import of thousands of rows would otherwise have each of them written twice.
 */
import { isScheduled } from '../calendar.ts';
import type { Camera, Issue } from '../camera.ts';
import type { CameraPhase } from '../fleet-state.ts';

type Phase = { phase: CameraPhase; reason: string };

export const outsideWindows: Phase = { phase: 'off-schedule', reason: 'outside its windows' };
export const disabledByRow: Phase = { phase: 'disabled', reason: 'its row says enabled: false' };
/** Also of a camera for which a machine is on its way. */
export const waitsForWorker: Phase = { phase: 'waiting-capacity', reason: 'waits for a worker' };

export function firstPhase(camera: Camera | null, issues: readonly Issue[], nowMs: number): Phase {
  if (camera === null) return invalidBy(issues);
  if (!camera.enabled) return disabledByRow;
  return isScheduled(camera, nowMs) ? waitsForWorker : outsideWindows;
}

export function invalidBy(issues: readonly Issue[]): Phase {
  const first = issues.find(({ severity }) => severity === 'error');
  const where = first === undefined ? '' : first.path === '' ? first.message : `${first.path}: ${first.message}`;
  return { phase: 'invalid', reason: where || 'the row cannot be used' };
}
