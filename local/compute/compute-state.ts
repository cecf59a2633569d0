/**
 * What the local ECS, Auto Scaling and EC2 know: plain records, changed only by the reconciler's parts and the APIs.
 * Definitions (groups, clusters, services …) outlive a restart; instances and tasks do not: they are made again from
 * the desired counts, as AWS would replace machines that were lost.
 * Invariant: every record is reachable by its id here and nowhere else; ARNs are derived, never stored twice.
 */

import type { Shortage } from './launch-pools.ts';

export type InstanceLifecycle = 'spot' | 'on-demand';

/** An Auto Scaling group. */
export type Group = {
  name: string;
  minSize: number;
  maxSize: number;
  desiredCapacity: number;
  defaultCooldownSeconds: number;
  availabilityZones: string[];
  subnetIds: string;
  /** Mixed instances policy: types in the order of their priority, and how many instances are on demand. */
  instanceTypes: string[];
  onDemandBase: number;
  onDemandPercent: number;
  launchTemplate: { LaunchTemplateId?: string; LaunchTemplateName?: string; Version?: string } | null;
  newInstancesProtected: boolean;
  healthCheckType: string;
  healthCheckGracePeriodSeconds: number;
  tags: { Key: string; Value: string }[];
  createdAtMs: number;
  /** Set while a forced delete empties the group. */
  deleting: boolean;
  /** Why desired capacity last changed, in Auto Scaling's words: becomes the cause of the activities that follow. */
  desiredCause: string;
  lastScaledAtMs: number | null;
};

export type Instance = {
  id: string;
  groupName: string;
  instanceType: string;
  lifecycle: InstanceLifecycle;
  availabilityZone: string;
  privateIp: string;
  ec2State: 'pending' | 'running' | 'shutting-down' | 'terminated';
  groupState: 'Pending' | 'InService' | 'Terminating:Wait' | 'Terminating' | 'Terminated';
  healthy: boolean;
  protectedFromScaleIn: boolean;
  launchedAtMs: number;
  stateReason: string;
  terminatedAtMs: number | null;
  /** A Spot interruption notice was given; the instance goes at this time. */
  interruptionAtMs: number | null;
  launchActivityId: string;
};

export type Activity = {
  id: string;
  groupName: string;
  description: string;
  cause: string;
  startedAtMs: number;
  endedAtMs: number | null;
  statusCode: 'InProgress' | 'Successful' | 'Failed' | 'Cancelled';
  statusMessage: string | null;
  progress: number;
  details: Record<string, string>;
};

export type CapacityProvider = {
  name: string;
  groupName: string;
  managedScaling: Record<string, unknown>;
  managedTerminationProtection: string;
  managedDraining: string;
};

export type Cluster = {
  name: string;
  status: 'ACTIVE' | 'INACTIVE';
  capacityProviders: string[];
  defaultCapacityProviderStrategy: StrategyItem[];
  settings: unknown[];
  tags: unknown[];
};

export type StrategyItem = { capacityProvider: string; weight?: number; base?: number };

export type Resources = { cpu: number; memory: number; gpu: number };

export type ContainerInstance = {
  arn: string;
  clusterName: string;
  instanceId: string;
  capacityProvider: string;
  status: 'ACTIVE' | 'DRAINING' | 'INACTIVE';
  agentConnected: boolean;
  attributes: Record<string, string>;
  registered: Resources;
  registeredAtMs: number;
  version: number;
};

export type TaskDefinition = {
  family: string;
  revision: number;
  status: 'ACTIVE' | 'INACTIVE';
  registeredAtMs: number;
  requires: Resources;
  stopTimeoutMs: number;
  /** The request as it came, given back by DescribeTaskDefinition. */
  registration: Record<string, unknown>;
  containers: ContainerDefinition[];
  placementConstraints: { type?: string; expression?: string }[];
};

export type ContainerDefinition = {
  name: string;
  image: string;
  command: string[];
  environment: Record<string, string>;
};

export type RolloutState = 'IN_PROGRESS' | 'COMPLETED' | 'FAILED';

export type Deployment = {
  id: string;
  status: 'PRIMARY' | 'ACTIVE';
  taskDefinition: string;
  createdAtMs: number;
  updatedAtMs: number;
  failedTasks: number;
  rolloutState: RolloutState;
  rolloutStateReason: string;
};

export type Service = {
  name: string;
  clusterName: string;
  status: 'ACTIVE' | 'DRAINING' | 'INACTIVE';
  desiredCount: number;
  deployments: Deployment[];
  minimumHealthyPercent: number;
  maximumPercent: number;
  circuitBreaker: { enable: boolean; rollback: boolean };
  /** The last task definition that a deployment completed with: the target of a rollback. */
  lastStableTaskDefinition: string | null;
  capacityProviderStrategy: StrategyItem[];
  placementConstraints: { type?: string; expression?: string }[];
  placementStrategy: unknown[];
  networkConfiguration: unknown;
  enableExecuteCommand: boolean;
  propagateTags: string;
  tags: unknown[];
  events: { id: string; createdAtMs: number; message: string }[];
  createdAtMs: number;
  steady: boolean;
  /** Consecutive failed placements, and consecutive tasks that died young: both slow the scheduler down. */
  placementFailures: number;
  startFailures: number;
  /** Nothing is placed before this time. */
  placementRetryAtMs: number;
};

export type TaskStatus = 'PROVISIONING' | 'PENDING' | 'RUNNING' | 'STOPPING' | 'STOPPED';

export type Task = {
  id: string;
  clusterName: string;
  serviceName: string;
  deploymentId: string;
  taskDefinition: string;
  containerInstanceArn: string;
  containerId: string;
  capacityProvider: string;
  availabilityZone: string;
  lastStatus: TaskStatus;
  desiredStatus: 'RUNNING' | 'STOPPED';
  requires: Resources;
  createdAtMs: number;
  startedAtMs: number | null;
  stoppingAtMs: number | null;
  stoppedAtMs: number | null;
  stopCode: string | null;
  stoppedReason: string | null;
  exitCode: number | null;
  protectedUntilMs: number | null;
  version: number;
  pid: number | null;
  httpPort: number | null;
};

export type ComputeState = {
  groups: Map<string, Group>;
  instances: Map<string, Instance>;
  /** Newest last. */
  activities: Activity[];
  capacityProviders: Map<string, CapacityProvider>;
  clusters: Map<string, Cluster>;
  containerInstances: Map<string, ContainerInstance>;
  /** Key `family:revision`. */
  taskDefinitions: Map<string, TaskDefinition>;
  /** Key `cluster/service`. */
  services: Map<string, Service>;
  tasks: Map<string, Task>;
  /** Pools that have no machine. */
  shortages: Shortage[];
};

export function emptyComputeState(): ComputeState {
  return {
    groups: new Map(),
    instances: new Map(),
    activities: [],
    capacityProviders: new Map(),
    clusters: new Map(),
    containerInstances: new Map(),
    taskDefinitions: new Map(),
    services: new Map(),
    tasks: new Map(),
    shortages: [],
  };
}

export const serviceKey = (clusterName: string, serviceName: string): string => `${clusterName}/${serviceName}`;

/** Tasks of a service that are meant to run: neither stopped nor told to stop. */
export function liveTasks(state: ComputeState, service: Service): Task[] {
  const live: Task[] = [];
  for (const task of state.tasks.values()) {
    if (task.serviceName === service.name && task.clusterName === service.clusterName) {
      if (task.desiredStatus === 'RUNNING' && task.lastStatus !== 'STOPPED') live.push(task);
    }
  }
  return live;
}

/** Tasks that hold resources of a container instance, the stopping ones included. */
export function tasksOn(state: ComputeState, containerInstance: ContainerInstance): Task[] {
  return [...state.tasks.values()].filter(
    (task) => task.containerInstanceArn === containerInstance.arn && task.lastStatus !== 'STOPPED',
  );
}

export function remainingResources(state: ComputeState, containerInstance: ContainerInstance): Resources {
  const remaining = { ...containerInstance.registered };
  for (const task of tasksOn(state, containerInstance)) {
    remaining.cpu -= task.requires.cpu;
    remaining.memory -= task.requires.memory;
    remaining.gpu -= task.requires.gpu;
  }
  return remaining;
}

export function isProtected(task: Task, nowMs: number): boolean {
  return task.protectedUntilMs !== null && task.protectedUntilMs > nowMs;
}
