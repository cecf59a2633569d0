/** A camera's state as camera-changed leaves it behind: the verdict on its row, and nothing decided yet. */
import type { CameraState } from '../fleet-state.ts';
import type { ModelRow } from './fleet-input.ts';

export function newState(fleet: string, { cameraId, camera, issues }: ModelRow, nowMs: number): CameraState {
  return {
    fleet,
    cameraId,
    schemaVersion: 1,
    camera,
    issues,
    rowSequenceNumber: '1',
    rowChangedAtMs: nowMs,
    phase: camera === null ? 'invalid' : 'off-schedule',
    phaseReason: 'new: the next run decides',
    phaseSinceMs: nowMs,
    epoch: 0,
  };
}
