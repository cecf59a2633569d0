/**
 * What reconcile knows of one fleet at one instant, in our words. What could not be read is null and named in `missing`:
 * a plan made with something missing holds what there is and never scales in.
 */
import type { CameraState, FleetItem, WorkerItem } from '../fleet-state.ts';

export type GroupInstance = {
  instanceId: string;
  /** Auto Scaling lifecycle state, e.g. Pending, InService, Terminating:Wait. */
  lifecycleState: string;
  instanceType?: string;
  /** Absent when EC2 was not asked, or did not say. */
  market?: 'spot' | 'on-demand';
};

/** How the group launches now, by its mixed instances policy. */
export type GroupLaunch = { onDemandBase: number; onDemandPercent: number; instanceTypes: string[]; zones: string[] };
/** One launch that Auto Scaling could not do; `zone` is empty when it did not say. */
export type LaunchFailure = { atMs: number; zone: string; code: string };

/** The fleet's Auto Scaling group. */
export type GroupObservation = {
  desired: number;
  min: number;
  max: number;
  instances: GroupInstance[];
  /** Absent for a group without a mixed instances policy. */
  launch?: GroupLaunch;
};
/** The fleet's ECS service. */
export type ServiceObservation = {
  desired: number;
  running: number;
  pending: number;
  /** `family:revision` of the newest deployment: what every worker should run in the end. Null when ECS did not say. */
  taskDefinition: string | null;
};
/** A container instance of the fleet's cluster; `instanceId` is the EC2 instance. */
export type ContainerInstanceObservation = { arn: string; instanceId: string; status: string };

export type StreamsObservation = {
  /** KVS status by stream name; a stream that is not in it does not exist. Null: the list could not be read. */
  statusByName: ReadonlyMap<string, string> | null;
  /**
   * Start of the newest period with incoming fragments, by stream name, for the streams that were asked about; null for
   * a stream with none. A stream that is not in it was not asked about or could not be read.
   */
  activeAtMs: ReadonlyMap<string, number | null>;
  /** Length of that period: media flowed somewhere inside it. */
  periodMs: number;
};

/** An item of a later version than this code reads: it is left as it is. */
export type HeldItem = { id: string; version: string };
/** `hasStopped`: control wrote that ECS said so; then nobody runs its cameras. */
export type HeldWorker = HeldItem & { hasStopped: boolean; instanceId?: string; containerInstanceArn?: string };

export type FleetObservation = {
  fleet: FleetItem;
  cameras: CameraState[];
  workers: WorkerItem[];
  held?: { cameras: HeldItem[]; workers: HeldWorker[] };
  group: GroupObservation | null;
  service: ServiceObservation | null;
  containerInstances: ContainerInstanceObservation[] | null;
  /** Launches that failed in the last minutes; read only while the group has fewer instances than it wants. */
  launchFailures?: LaunchFailure[];
  /** US dollars an hour by `type/market`, for the types whose price is known. */
  usdPerHour?: ReadonlyMap<string, number>;
  streams: StreamsObservation;
  /** What could not be read, in words. */
  missing: string[];
};

/** The same states in order of ids: a table's answer is so already. */
export function statesInOrder<States extends readonly CameraState[]>(states: States): States {
  return ordered(states, ({ cameraId }) => cameraId);
}

/** The same observation but for its cameras, whatever order the answers had: so that the same fleet gives the same plan, to the word. */
export function inOrderOfIds(observation: FleetObservation): FleetObservation {
  const { workers, group, containerInstances } = observation;
  return {
    ...observation,
    workers: ordered(workers, ({ workerId }) => workerId),
    group: group === null ? null : { ...group, instances: ordered(group.instances, ({ instanceId }) => instanceId) },
    containerInstances: containerInstances === null ? null : ordered(containerInstances, ({ arn }) => arn),
  };
}

const known = new WeakSet<readonly unknown[]>();

/** Notes that states are in order of ids, for whoever asks later. */
export function notedInOrder<States extends readonly CameraState[]>(states: States): States {
  known.add(states);
  return states;
}

/** A table's answer is in order already, and costs one look. */
function ordered<Items extends readonly unknown[]>(items: Items, idOf: (item: Items[number]) => string): Items {
  if (known.has(items)) return items;
  for (let index = 1; index < items.length; index += 1) {
    if (idOf(items[index - 1]) > idOf(items[index])) {
      return items.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1)) as unknown as Items;
    }
  }
  return items;
}

/** Is the worker's lease over? A worker that is not dead may still publish. */
export function isDead(worker: WorkerItem, nowMs: number, workerDeadAfterMs: number): boolean {
  return hasEnded(worker) || nowMs - worker.heartbeatAtMs >= workerDeadAfterMs;
}

/** Has its process ended, by its own last word or by that of ECS? */
export function hasEnded(worker: WorkerItem): boolean {
  return worker.stoppedAtMs !== undefined || worker.lifecycle === 'stopped';
}

/** Will it take no more cameras? */
export function isLeaving(worker: WorkerItem): boolean {
  return worker.drain !== undefined || worker.lifecycle === 'draining';
}

/** The EC2 instance a worker runs on, or null when nobody said (standalone worker, or ECS not read). */
export function instanceOf(
  worker: WorkerItem,
  containerInstances: readonly ContainerInstanceObservation[] | null,
): string | null {
  if (worker.instanceId !== undefined) return worker.instanceId;
  return containerInstances?.find((instance) => instance.arn === worker.containerInstanceArn)?.instanceId ?? null;
}

/** Instances that are there to stay. */
export function presentInstances(group: GroupObservation | null): GroupInstance[] {
  return group?.instances.filter((instance) => !instance.lifecycleState.startsWith('Terminat')) ?? [];
}

/** Workers that serve: they live, nobody drains them, and their instance is not on its way out. */
export function servingWorkers(observation: FleetObservation, nowMs: number, workerDeadAfterMs: number): WorkerItem[] {
  const { group, containerInstances, workers } = observation;
  const presentIds = new Set(presentInstances(group).map((instance) => instance.instanceId));
  return workers.filter((worker) => {
    if (isDead(worker, nowMs, workerDeadAfterMs) || isLeaving(worker)) return false;
    const instanceId = instanceOf(worker, containerInstances);
    return group === null || instanceId === null || presentIds.has(instanceId);
  });
}
