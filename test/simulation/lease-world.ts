/**
 * What there is while leases change hands, as plain data: the tables' items, two workers' processes, a run of control under
 * way, and what has been published. Invariant: a state is never changed; every step makes a new one.
 */
import type { Camera } from '../../core/camera.ts';
import { camera } from '../../core/control/fleet-factories.ts';
import type { Assignment, CameraState, StandbyOrder, WorkerItem } from '../../core/fleet-state.ts';

export const tickMs = 5_000;
/** Times are counted from here: zero means "never" in some places. */
export const startMs = 1_000_000;
const longAgoMs = startMs - 60_000;

/** A camera on a worker. `nextFrame`: the first that it has not published; a stopping one publishes nothing more. */
type Run = { epoch: number; assignedAtMs: number; nextFrame: number; isStopping: boolean };
export type Answer = Pick<WorkerItem, 'assignments' | 'standbys' | 'drain'> & { sentMs: number };

export type Process = {
  isAlive: boolean;
  /** No call gets through. */
  isCut: boolean;
  /** It does not run at all, and its clock goes on. */
  isPaused: boolean;
  /** When its last successful heartbeat was sent. */
  confirmedMs: number;
  /** An answer of the table that it has not read yet. */
  answer: Answer | null;
  isDraining: boolean;
  runs: Record<string, Run>;
  standbys: Record<string, StandbyOrder>;
  /** Epochs that are over here. */
  over: Record<string, { epoch: number; assignedAtMs: number }>;
};

/** A run of control under way: what it saw, and after the first half, what it has written. */
export type ControlRun = {
  nowMs: number;
  cameras: Record<string, CameraState>;
  items: Record<string, WorkerItem>;
  written: { states: CameraState[]; cleanGives: string[] } | null;
};

export type World = {
  nowMs: number;
  faults: number;
  cameras: Record<string, CameraState>;
  items: Record<string, WorkerItem>;
  processes: Record<string, Process>;
  control: ControlRun | null;
  /** Newest frame of each camera that anybody has published. */
  published: Record<string, number>;
  broken: string | null;
};

export type Setting = {
  cameraIds: string[];
  /** Worker → its wall clock less the true one. */
  skewMs: Record<string, number>;
  faultsMax: number;
  /** The first worker was told to hand its cameras over. */
  isHandingOver: boolean;
  workerDeadAfterMs: number;
};

export const workerIds = ['w1', 'w2'];
export const frameAt = (ms: number) => (ms - startMs) / tickMs;

/** The first worker has every camera, the second has none. */
export function firstWorld({ cameraIds, skewMs, isHandingOver }: Setting): World {
  const runs: Process['runs'] = {};
  const assignments: Record<string, Assignment> = {};
  const cameras: World['cameras'] = {};
  for (const cameraId of cameraIds) {
    const row = namedCamera(cameraId);
    assignments[cameraId] = { epoch: 1, camera: row, assignedAtMs: longAgoMs };
    runs[cameraId] = { epoch: 1, assignedAtMs: longAgoMs, nextFrame: 1, isStopping: false };
    cameras[cameraId] = {
      ...{
        fleet: 'default',
        cameraId,
        schemaVersion: 1,
        camera: camera(cameraId),
        issues: [],
        rowSequenceNumber: '1',
      },
      ...{ rowChangedAtMs: 0, phase: 'running', phaseReason: '', phaseSinceMs: 0 },
      ...{ ownerWorkerId: 'w1', epoch: 1, ownedSinceMs: longAgoMs },
    };
  }
  const process = { isAlive: true, isCut: false, isPaused: false, confirmedMs: startMs, answer: null };
  const item = (workerId: string): WorkerItem => ({
    ...{ fleet: 'default', workerId, schemaVersion: 1, heartbeatAtMs: startMs + (skewMs[workerId] ?? 0) },
    ...{ startedAtMs: 0, lifecycle: 'ready', capacityInferencesPerSecond: 100, expiresAt: 0 },
    ...{ running: workerId === 'w1' ? reports(runs) : {}, standingBy: {}, standbys: {} },
    assignments: workerId === 'w1' ? assignments : {},
    ...(workerId === 'w1' && isHandingOver ? { drain: { sinceMs: longAgoMs, reason: 'test', handover: {} } } : {}),
  });
  return {
    ...{ nowMs: startMs, faults: 0, control: null, broken: null, cameras },
    published: Object.fromEntries(cameraIds.map((cameraId) => [cameraId, 0])),
    items: Object.fromEntries(workerIds.map((workerId) => [workerId, item(workerId)])),
    processes: Object.fromEntries(
      workerIds.map((workerId) => [
        workerId,
        { ...process, isDraining: false, runs: workerId === 'w1' ? runs : {}, standbys: {}, over: {} },
      ]),
    ),
  };
}

/** States are told apart by their JSON: a camera's name is enough there. */
function namedCamera(cameraId: string): Camera {
  return Object.defineProperty(camera(cameraId), 'toJSON', { value: () => cameraId });
}

export function reports(runs: Process['runs']): WorkerItem['running'] {
  const none = { reason: '', fps: 0, framesInferred: 0, detections: 0, tracks: 0, dropped: {} };
  const running = Object.entries(runs).filter(([, { isStopping }]) => !isStopping);
  return Object.fromEntries(running.map(([cameraId, { epoch }]) => [cameraId, { ...none, epoch, state: 'running' }]));
}

export function processOf(world: World, workerId: string): Process {
  return world.processes[workerId] as Process;
}

export function itemOf(world: World, workerId: string): WorkerItem {
  return world.items[workerId] as WorkerItem;
}

export function withProcess(world: World, workerId: string, process: Process): World {
  return { ...world, processes: { ...world.processes, [workerId]: process } };
}

export function withItem(world: World, item: WorkerItem): World {
  return { ...world, items: { ...world.items, [item.workerId]: item } };
}
