/**
 * The largest fleet that one cell holds, made up: 2,000 cameras with the calendars that people write, and the workers,
 * group and streams that go with them. Invariant: the same fleet in every run.
 */
import type { Camera } from '../core/camera.ts';
import { assignmentsOf } from '../core/control/assignment-list.ts';
import { type ControlDecision, decide } from '../core/control/decide.ts';
import type { FleetObservation } from '../core/control/observation.ts';
import { camerasPerFleetMax, defaultPolicy, workersPerFleetMax } from '../core/control/policy.ts';
import type { FleetPolicy, RunningCamera, WorkerItem } from '../core/fleet-state.ts';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import { newState } from '../core/simulation/new-state.ts';

/** Rows that come together are written one after the other; the run for them takes its turn. */
const sinceRowsMs = 10_000;
/** A Tuesday noon in London. */
export const noonMs = Date.parse('2026-11-24T12:00:00Z');
export const policy: FleetPolicy = { ...defaultPolicy, maxWorkers: workersPerFleetMax };

const timeZones = [
  'Europe/London',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Singapore',
  'Asia/Kolkata',
  'Australia/Sydney',
];
const workdays = ['mon', 'tue', 'wed', 'thu', 'fri'];

export function fleetRows(): Record<string, unknown>[] {
  return Array.from({ length: camerasPerFleetMax }, (_, index) => {
    const cameraId = `camera-${String(index).padStart(4, '0')}`;
    return {
      cameraId,
      streamName: cameraId,
      priority: index % 101,
      schedule: scheduleOf(index),
      regions: regionsOf(index),
    };
  });
}

/** A fifth always, most with opening hours, some overnight, some with two windows and a year of holidays. */
function scheduleOf(index: number): unknown {
  const timeZone = timeZones[index % timeZones.length];
  const kind = index % 10;
  if (kind < 2) return 'always';
  if (kind < 7) return { timeZone, windows: [{ days: workdays, start: '08:00', end: '18:00' }] };
  if (kind < 8) return { timeZone, windows: [{ start: '22:00', end: '06:00' }] };
  const exceptions = Array.from({ length: 12 }, (_, month) => ({
    date: `2026-${String(month + 1).padStart(2, '0')}-25`,
    windows: [],
  }));
  const windows = [
    { days: workdays, start: '06:00', end: '14:30' },
    { days: [...workdays, 'sat'], start: '15:00', end: '23:00' },
  ];
  return { timeZone, windows, exceptions };
}

function regionsOf(index: number): unknown[] {
  if (index % 4 !== 0) return [];
  return [
    {
      name: 'gate',
      polygon: [
        [0.1, 0.2],
        [0.9, 0.2],
        [0.8, 0.95],
        [0.2, 0.95],
      ],
    },
  ];
}

export function fleetCameras(): Camera[] {
  return fleetRows().map((row) => {
    const { camera, issues } = parseCameraRow(row);
    if (camera === null) throw new Error(JSON.stringify(issues));
    return camera;
  });
}

/** Nothing runs yet: every camera is new, and `workers` workers have just become ready. */
export function freshFleet(workers: number): FleetObservation {
  const cameras = fleetCameras().map((camera) =>
    newState('default', { cameraId: camera.cameraId, camera, issues: [] }, noonMs - sinceRowsMs),
  );
  const instances = Array.from({ length: workers }, (_, index) => `i-${String(index).padStart(4, '0')}`);
  return {
    fleet: { fleet: 'default', schemaVersion: 1 },
    cameras,
    workers: instances.map(
      (instanceId, index): WorkerItem => ({
        fleet: 'default',
        workerId: `worker-${String(index).padStart(4, '0')}`,
        schemaVersion: 1,
        heartbeatAtMs: noonMs - 1000,
        startedAtMs: noonMs - 600_000,
        instanceId,
        lifecycle: 'ready',
        capacityInferencesPerSecond: policy.defaultInferencesPerSecond,
        running: {},
        assignments: {},
        expiresAt: 0,
      }),
    ),
    group: {
      desired: workers,
      min: 0,
      max: workersPerFleetMax,
      instances: instances.map((instanceId) => ({ instanceId, lifecycleState: 'InService' })),
    },
    service: { desired: workers, running: workers, pending: 0, taskDefinition: null },
    containerInstances: instances.map((instanceId) => ({ arn: `arn/${instanceId}`, instanceId, status: 'ACTIVE' })),
    streams: {
      statusByName: new Map(cameras.map(({ cameraId }) => [cameraId, 'ACTIVE'])),
      activeAtMs: new Map(cameras.map(({ cameraId }) => [cameraId, noonMs - 60_000])),
      periodMs: 60_000,
    },
    missing: [],
  };
}

/** Written, and obeyed by the workers: each runs what it was given. */
export function settled(observation: FleetObservation, decision: ControlDecision): FleetObservation {
  const next = new Map(decision.changes.map((change) => [change.cameraId, change.next]));
  const cameras = observation.cameras.map((state) => next.get(state.cameraId) ?? state);
  const workers = observation.workers.map((worker) => {
    const assignments = assignmentsOf(worker, cameras, new Set());
    const running = Object.entries(assignments).map(([cameraId, { epoch }]) => [cameraId, running5Fps(epoch)] as const);
    return { ...worker, assignments, running: Object.fromEntries(running) };
  });
  return { ...observation, cameras, workers };
}

/** A fleet on an ordinary minute: as many workers as it needs, every camera that is wanted running. */
export function runningFleet(): FleetObservation {
  const { plan } = decide(freshFleet(0), policy, noonMs);
  const fresh = freshFleet(plan.desired.instances);
  const once = settled(fresh, decide(fresh, policy, noonMs));
  return settled(once, decide(once, policy, noonMs));
}

function running5Fps(epoch: number): RunningCamera {
  const media = {
    lastMediaAtMs: noonMs - 1000,
    lastInferenceAtMs: noonMs - 1000,
    firstInferenceAtMs: noonMs - 300_000,
  };
  return {
    epoch,
    state: 'running',
    reason: '',
    fps: 5,
    framesInferred: 1500,
    detections: 0,
    tracks: 0,
    dropped: {},
    ...media,
  };
}
