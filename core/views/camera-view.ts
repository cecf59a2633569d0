/**
 * A camera as people and scripts see it, from its state: the same in the API, the command line and the dashboard.
 * Invariant: times are ISO 8601 in UTC, what is unknown is null, and nothing is computed that was not stored.
 */
import type { CameraState } from '../fleet-state.ts';

export type CameraView = ReturnType<typeof cameraView>;

export function cameraView(state: CameraState) {
  const { cameraId, fleet, camera, issues, phase, phaseReason, phaseSinceMs, ownerWorkerId, epoch } = state;
  return {
    cameraId,
    fleet,
    streamName: camera?.streamName ?? null,
    priority: camera?.priority ?? null,
    phase,
    reason: phaseReason,
    since: isoOrNull(phaseSinceMs),
    worker: ownerWorkerId ?? null,
    epoch,
    lastMediaAt: isoOrNull(state.lastMediaAtMs),
    lastInferenceAt: isoOrNull(state.lastInferenceAtMs),
    rowTraceId: state.rowTraceId ?? null,
    watchTraceId: state.watchTraceId ?? null,
    issues,
  };
}

function isoOrNull(atMs: number | undefined): string | null {
  return atMs === undefined ? null : new Date(atMs).toISOString();
}
