/**
 * What a run of a camera says of itself: its state with the reason in words, and the cause to which blind time is put.
 * Invariant: a failure comes before all else, then a model that is missing, then what the decode host reports.
 */
import type { RunningCameraState } from '../../core/fleet-state.ts';
import type { WorkerBlindCause } from '../session/messages.ts';
import type { CameraRun } from './camera-run.ts';

/** A camera that gets nearly all its frames is not degraded. */
const degradedBelow = 0.95;

export function blindCauseOf({ failure, modelName, report }: CameraRun): WorkerBlindCause {
  if (failure !== null) return failure.code === 'INFERENCE_THREAD_DIED' ? 'inference-failed' : 'no-model';
  if (modelName === null) return 'starting';
  return report?.blindCause ?? 'starting';
}

export function stateOfRun(run: CameraRun): { state: RunningCameraState; reason: string } {
  const { grantedFps, wantedFps } = run;
  if (run.failure !== null) {
    const { code, message, hint } = run.failure;
    return { state: 'failing', reason: `${code}: ${message} (${hint})` };
  }
  if (run.modelName === null) {
    const name = run.order?.name ?? run.assignment.camera.detect.model;
    return { state: 'starting', reason: `loading the model "${name}"` };
  }
  const { state, reason } = run.report ?? { state: 'starting' as const, reason: 'opening the stream' };
  if (state === 'running' && run.framesInferred === 0) {
    return { state: 'starting', reason: 'media flows; waiting for the first inference' };
  }
  if (state === 'running' && grantedFps < degradedBelow * wantedFps) {
    const granted = Math.round(grantedFps * 100) / 100;
    const short = run.decodableFps / wantedFps < run.detectorShare ? 'decoding' : 'the detector';
    return {
      state: 'degraded',
      reason: `gets ${granted} of ${wantedFps} frames/s: ${short} is short, and the lowest priority gives way first`,
    };
  }
  if (state !== 'running') return { state, reason };
  return { state, reason: [reason, ...run.problems].join('; ') };
}
