/**
 * A run of control in halves, around the product's own `assignCameras`, `afterOwnership`, `assignmentsOf` and `standbysOf`: what
 * it has seen may be old when it writes, and its writes carry the conditions of aws/apply.ts.
 */
import { type AssignInput, assignCameras } from '../../core/control/assign.ts';
import { assignmentsOf } from '../../core/control/assignment-list.ts';
import { afterOwnership } from '../../core/control/camera-changes.ts';
import type { CameraDemand } from '../../core/control/demand.ts';
import { policy as defaultsWith } from '../../core/control/fleet-factories.ts';
import { isHandingOver, standbysOf } from '../../core/control/handover.ts';
import { hasEnded, isDead, isLeaving } from '../../core/control/observation.ts';
import { ownersOf } from '../../core/control/owners.ts';
import { noCrowd } from '../../core/control/settled.ts';
import type { CameraState, WorkerItem } from '../../core/fleet-state.ts';
import type { ControlRun, Setting, World } from './lease-world.ts';

function policyOf({ workerDeadAfterMs }: Setting) {
  return defaultsWith({ workerDeadAfterMs });
}

export function look({ cameras, items, ...world }: World): World {
  // Later than the frames of this tick.
  return { ...world, cameras, items, control: { nowMs: world.nowMs + 1, cameras, items, written: null } };
}

/** As aws/apply.ts: lists of silent workers are emptied first, then states are written under their conditions. */
export function writeStates(setting: Setting, world: World): World {
  const run = world.control as ControlRun;
  const policy = policyOf(setting);
  const seen = Object.values(run.cameras);
  const workers = Object.values(run.items);
  const dead = (worker: WorkerItem) => isDead(worker, run.nowMs, policy.workerDeadAfterMs);
  const input: AssignInput = {
    ...{ nowMs: run.nowMs, policy: policy, cameras: seen, shed: new Set(), older: new Set() },
    owners: ownersOf(workers, run.nowMs, policy.workerDeadAfterMs),
    crowd: noCrowd,
    serving: workers.filter((worker) => !dead(worker) && !isLeaving(worker)),
    demands: seen.map(demandOf),
  };
  const { changes: ownership } = assignCameras(input);
  const losing = new Set(
    ownership.flatMap(({ kind, cameraId }) =>
      kind === 'give' || kind === 'disown' ? [run.cameras[cameraId]?.ownerWorkerId] : [],
    ),
  );
  const items = { ...world.items };
  const heldBack = new Set<string>();
  for (const worker of workers) {
    const { workerId, assignments = {} } = worker;
    if (!losing.has(workerId) || !dead(worker) || hasEnded(worker) || Object.keys(assignments).length === 0) continue;
    const stored = items[workerId];
    if (stored === undefined || stored.heartbeatAtMs !== worker.heartbeatAtMs) heldBack.add(workerId);
    else items[workerId] = { ...stored, assignments: {}, standbys: {} };
  }
  const cameras = { ...world.cameras };
  const states = [...seen];
  const cleanGives: string[] = [];
  for (const change of ownership) {
    const index = seen.findIndex(({ cameraId }) => cameraId === change.cameraId);
    const observed = seen[index];
    const stored = cameras[change.cameraId];
    if (observed === undefined || stored === undefined || heldBack.has(observed.ownerWorkerId ?? '')) continue;
    if (stored.ownerWorkerId !== observed.ownerWorkerId || stored.epoch !== observed.epoch) continue;
    const next = afterOwnership(observed, change, demandOf(observed), run.nowMs);
    const { releasedEpoch, checkpoint } = stored;
    cameras[change.cameraId] = {
      ...next,
      ...(releasedEpoch === undefined ? {} : { releasedEpoch }),
      ...(checkpoint === undefined ? {} : { checkpoint }),
    };
    states[index] = next;
    if (change.kind === 'give' && change.clean) cleanGives.push(change.cameraId);
  }
  return { ...world, cameras, items, control: { ...run, written: { states, cleanGives } } };
}

export function writeLists(setting: Setting, world: World): World {
  const run = world.control as ControlRun;
  const items = { ...world.items };
  const { states = [], cleanGives = [] } = run.written ?? {};
  for (const worker of Object.values(run.items)) {
    const stored = items[worker.workerId];
    const isStaying = !isLeaving(worker) || isHandingOver(worker, run.nowMs);
    if (stored === undefined || !isStaying || isDead(worker, run.nowMs, setting.workerDeadAfterMs)) continue;
    items[worker.workerId] = {
      ...stored,
      assignments: assignmentsOf(worker, states, new Set(cleanGives)),
      standbys: standbysOf(worker, states),
    };
  }
  return { ...world, items, control: null };
}

function demandOf({ cameraId, ownerWorkerId }: CameraState): CameraDemand {
  return {
    ...{ cameraId, priority: 50, ownerWorkerId: ownerWorkerId ?? null, load: 5, intervals: [], wantedNow: true },
    ...{ assignNow: true, isListenedTo: false, nextStartMs: null, silentSinceMs: null, scheduledPast: [] },
    idle: { phase: 'off-schedule', reason: '' },
  };
}
