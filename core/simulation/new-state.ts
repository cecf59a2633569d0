/**
 * A camera's state as camera-changed leaves it behind: the verdict on its row, and nothing decided yet; and the form in which
 * the simulator keeps states.
 */
import { firstPhase } from '../control/first-phase.ts';
import type { CameraState } from '../fleet-state.ts';
import type { ModelRow } from './fleet-input.ts';

export function newState(fleet: string, { cameraId, camera, issues }: ModelRow, nowMs: number): CameraState {
  const { phase, reason } = firstPhase(camera, issues, nowMs);
  return {
    fleet,
    cameraId,
    schemaVersion: 1,
    camera,
    issues,
    rowSequenceNumber: '1',
    rowChangedAtMs: nowMs,
    phase,
    phaseReason: reason,
    phaseSinceMs: nowMs,
    epoch: 0,
  };
}

/**
 * The same state with every attribute in its place, those that it lacks undefined: V8 reads objects of one form many times
 * faster than objects of many, and a decision reads thousands of states.
 */
export function inOneForm(state: CameraState): CameraState {
  const form: { [Name in keyof Required<CameraState>]: CameraState[Name] | undefined } = {
    fleet: state.fleet,
    cameraId: state.cameraId,
    schemaVersion: state.schemaVersion,
    camera: state.camera,
    issues: state.issues,
    rowSequenceNumber: state.rowSequenceNumber,
    rowChangedAtMs: state.rowChangedAtMs,
    rowTraceId: state.rowTraceId,
    phase: state.phase,
    phaseReason: state.phaseReason,
    phaseSinceMs: state.phaseSinceMs,
    ownerWorkerId: state.ownerWorkerId,
    epoch: state.epoch,
    ownedSinceMs: state.ownedSinceMs,
    releaseRequestedAtMs: state.releaseRequestedAtMs,
    successorWorkerId: state.successorWorkerId,
    successorSinceMs: state.successorSinceMs,
    silentSinceMs: state.silentSinceMs,
    leaving: state.leaving,
    accountedThroughMs: state.accountedThroughMs,
    openWindow: state.openWindow,
    releasedEpoch: state.releasedEpoch,
    checkpoint: state.checkpoint,
    lastMediaAtMs: state.lastMediaAtMs,
    lastInferenceAtMs: state.lastInferenceAtMs,
    watch: state.watch,
    watchTraceId: state.watchTraceId,
  };
  return form as CameraState;
}
