/**
 * Cameras, workers and observations for the tests of control: each takes what matters to the test and fills in the rest
 * with what a healthy fleet shows.
 */
import type { Camera } from '../camera.ts';
import type { CameraState, FleetPolicy, RunningCamera, WorkerItem } from '../fleet-state.ts';
import { parseCameraRow } from '../parse-camera-row.ts';
import { assignmentsOf } from './assignment-list.ts';
import type { CameraChange } from './decide.ts';
import type { FleetObservation } from './observation.ts';
import { defaultPolicy } from './policy.ts';

export const noonMs = Date.parse('2026-11-24T12:00:00Z');

export function camera(cameraId: string, row: Record<string, unknown> = {}): Camera {
  const parsed = parseCameraRow({ cameraId, streamName: cameraId, ...row });
  if (parsed.camera === null) throw new Error(JSON.stringify(parsed.issues));
  return parsed.camera;
}

export function state(
  cameraId: string,
  given: Partial<CameraState> = {},
  row: Record<string, unknown> = {},
): CameraState {
  return {
    fleet: 'default',
    cameraId,
    schemaVersion: 1,
    camera: camera(cameraId, row),
    issues: [],
    rowSequenceNumber: '1',
    rowChangedAtMs: noonMs - 3_600_000,
    phase: 'off-schedule',
    phaseReason: 'new',
    phaseSinceMs: noonMs - 3_600_000,
    epoch: 0,
    ...given,
  };
}

export function worker(workerId: string, given: Partial<WorkerItem> = {}): WorkerItem {
  return {
    fleet: 'default',
    workerId,
    schemaVersion: 1,
    heartbeatAtMs: noonMs - 1_000,
    startedAtMs: noonMs - 600_000,
    instanceId: `i-${workerId}`,
    lifecycle: 'ready',
    capacityInferencesPerSecond: 20,
    running: {},
    assignments: {},
    expiresAt: 0,
    ...given,
  };
}

export function report(given: Partial<RunningCamera> = {}): RunningCamera {
  return {
    epoch: 1,
    state: 'running',
    reason: '',
    fps: 5,
    framesInferred: 0,
    detections: 0,
    tracks: 0,
    dropped: {},
    lastMediaAtMs: noonMs - 1_000,
    lastInferenceAtMs: noonMs - 1_000,
    ...given,
  };
}

/** A fleet whose group and service agree with its workers and whose streams all send. */
export function observation(
  cameras: CameraState[],
  workers: WorkerItem[],
  given: Partial<FleetObservation> = {},
): FleetObservation {
  const instances = workers.map((item) => ({ instanceId: item.instanceId ?? '', lifecycleState: 'InService' }));
  return {
    fleet: { fleet: 'default', schemaVersion: 1 },
    cameras,
    workers,
    group: { desired: instances.length, min: 0, max: 10, instances },
    service: { desired: instances.length, running: instances.length, pending: 0, taskDefinition: null },
    containerInstances: instances.map(({ instanceId }) => ({ arn: `arn/${instanceId}`, instanceId, status: 'ACTIVE' })),
    streams: {
      statusByName: new Map(cameras.map((item) => [item.camera?.streamName ?? '', 'ACTIVE'])),
      activeAtMs: new Map(cameras.map((item) => [item.camera?.streamName ?? '', noonMs - 60_000])),
      periodMs: 60_000,
    },
    missing: [],
    ...given,
  };
}

export function policy(given: Partial<FleetPolicy> = {}): FleetPolicy {
  return { ...defaultPolicy, ...given };
}

/** The fleet as it is after the changes were written and the workers were given their lists. */
export function afterChanges(seen: FleetObservation, changes: readonly CameraChange[]): FleetObservation {
  const next = new Map(changes.map((change) => [change.cameraId, change.next]));
  const cameras = seen.cameras.map((item) => next.get(item.cameraId) ?? item);
  const workers = seen.workers.map((item) => ({ ...item, assignments: assignmentsOf(item, cameras, new Set()) }));
  return { ...seen, cameras, workers };
}

/** Workers do what they are told: they run what they were given and have released what was asked back. */
export function afterWorkers(seen: FleetObservation): FleetObservation {
  const cameras = seen.cameras.map((item) => {
    const asked =
      item.releaseRequestedAtMs !== undefined ||
      seen.workers.some((w) => w.workerId === item.ownerWorkerId && w.drain !== undefined);
    return asked && item.ownerWorkerId !== undefined ? { ...item, releasedEpoch: item.epoch } : item;
  });
  const workers = seen.workers.map((item) => ({
    ...item,
    running: Object.fromEntries(
      Object.entries(item.assignments ?? {}).map(([cameraId, given]) => [cameraId, report({ epoch: given.epoch })]),
    ),
  }));
  return { ...seen, cameras, workers };
}
