/**
 * ECS records in the shapes that DescribeTasks, DescribeContainerInstances and the state-change events share. Times are epoch
 * seconds in API answers and ISO 8601 in events: `at` makes the difference.
 * Invariant: an event and a description of the same record say the same.
 */
import {
  type CapacityProvider,
  type Cluster,
  type ContainerInstance,
  type Resources,
  remainingResources,
  type Task,
  type TaskDefinition,
  tasksOn,
} from './compute-state.ts';
import type { ComputeWorld } from './compute-world.ts';
import type { Fields } from './request-fields.ts';

export type TimeFormat = (atMs: number) => number | string;
export const epochSeconds: TimeFormat = (atMs) => atMs / 1_000;
export const isoTime: TimeFormat = (atMs) => new Date(atMs).toISOString();

const agentVersion = '1.100.0';

export function taskView(world: ComputeWorld, task: Task, at: TimeFormat): Fields {
  const { arns, state } = world;
  const definition = state.taskDefinitions.get(task.taskDefinition);
  const taskArn = arns.task(task.clusterName, task.id);
  const time = (value: number | null) => (value === null ? undefined : at(value));
  const container = definition?.containers[0];
  return withoutUndefined({
    taskArn,
    clusterArn: arns.cluster(task.clusterName),
    taskDefinitionArn: arns.taskDefinition(task.taskDefinition),
    containerInstanceArn: task.containerInstanceArn,
    availabilityZone: task.availabilityZone,
    capacityProviderName: task.capacityProvider === '' ? undefined : task.capacityProvider,
    attachments: [],
    attributes: [{ name: 'ecs.cpu-architecture', value: 'x86_64' }],
    connectivity: 'CONNECTED',
    connectivityAt: at(task.createdAtMs),
    containers: [
      withoutUndefined({
        containerArn: arns.container(task.clusterName, task.id, task.containerId),
        taskArn,
        name: container?.name ?? 'main',
        image: container?.image ?? '',
        runtimeId: task.pid === null ? undefined : `${task.id}-${task.pid}`,
        lastStatus: task.lastStatus === 'PROVISIONING' ? 'PENDING' : task.lastStatus,
        exitCode: task.exitCode ?? undefined,
        networkInterfaces: [],
        networkBindings:
          task.httpPort === null
            ? []
            : [{ bindIP: '127.0.0.1', containerPort: 8080, hostPort: task.httpPort, protocol: 'tcp' }],
        cpu: String(task.requires.cpu),
        memory: String(task.requires.memory),
        gpuIds: task.requires.gpu > 0 ? [`GPU-${task.id.slice(0, 8)}`] : undefined,
        healthStatus: 'UNKNOWN',
      }),
    ],
    cpu: String(task.requires.cpu),
    memory: String(task.requires.memory),
    createdAt: at(task.createdAtMs),
    pullStartedAt: time(task.startedAtMs),
    pullStoppedAt: time(task.startedAtMs),
    startedAt: time(task.startedAtMs),
    startedBy: task.deploymentId,
    stoppingAt: time(task.stoppingAtMs),
    stoppedAt: time(task.stoppedAtMs),
    executionStoppedAt: time(task.stoppedAtMs),
    stopCode: task.stopCode ?? undefined,
    stoppedReason: task.stoppedReason ?? undefined,
    desiredStatus: task.desiredStatus,
    lastStatus: task.lastStatus,
    group: `service:${task.serviceName}`,
    launchType: 'EC2',
    enableExecuteCommand: false,
    healthStatus: 'UNKNOWN',
    overrides: { containerOverrides: [{ name: container?.name ?? 'main' }], inferenceAcceleratorOverrides: [] },
    version: task.version,
    tags: [],
  });
}

export function containerInstanceView(world: ComputeWorld, record: ContainerInstance, at: TimeFormat): Fields {
  const tasks = tasksOn(world.state, record);
  const running = tasks.filter((task) => task.lastStatus === 'RUNNING').length;
  return withoutUndefined({
    containerInstanceArn: record.arn,
    ec2InstanceId: record.instanceId,
    capacityProviderName: record.capacityProvider === '' ? undefined : record.capacityProvider,
    version: record.version,
    versionInfo: { agentVersion, agentHash: '00000000', dockerVersion: 'DockerVersion: local' },
    remainingResources: resourcesView(remainingResources(world.state, record)),
    registeredResources: resourcesView(record.registered),
    status: record.status,
    agentConnected: record.agentConnected,
    runningTasksCount: running,
    pendingTasksCount: tasks.filter((task) => task.lastStatus === 'PENDING' || task.lastStatus === 'PROVISIONING')
      .length,
    attributes: Object.entries(record.attributes).map(([name, value]) => ({ name, value })),
    registeredAt: at(record.registeredAtMs),
    attachments: [],
    tags: [],
  });
}

/** ECS counts GPUs as a set of ids and CPU and memory as integers. */
export function resourcesView(resources: Resources): Fields[] {
  return [
    { name: 'CPU', type: 'INTEGER', doubleValue: 0, longValue: 0, integerValue: resources.cpu },
    { name: 'MEMORY', type: 'INTEGER', doubleValue: 0, longValue: 0, integerValue: resources.memory },
    {
      name: 'GPU',
      type: 'STRINGSET',
      doubleValue: 0,
      longValue: 0,
      integerValue: 0,
      stringSetValue: Array.from({ length: resources.gpu }, (_, index) => `GPU-local-${index}`),
    },
  ];
}

export function taskDefinitionView(world: ComputeWorld, definition: TaskDefinition): Fields {
  return {
    ...definition.registration,
    taskDefinitionArn: world.arns.taskDefinition(`${definition.family}:${definition.revision}`),
    family: definition.family,
    revision: definition.revision,
    status: definition.status,
    compatibilities: ['EXTERNAL', 'EC2'],
    registeredAt: definition.registeredAtMs / 1_000,
    placementConstraints: definition.placementConstraints,
    volumes: definition.registration.volumes ?? [],
    requiresAttributes: [],
  };
}

export function clusterView(world: ComputeWorld, cluster: Cluster): Fields {
  const { state } = world;
  const tasks = [...state.tasks.values()].filter((task) => task.clusterName === cluster.name);
  const services = [...state.services.values()].filter((service) => service.clusterName === cluster.name);
  const registered = [...state.containerInstances.values()].filter((record) => record.clusterName === cluster.name);
  return {
    clusterArn: world.arns.cluster(cluster.name),
    clusterName: cluster.name,
    status: cluster.status,
    registeredContainerInstancesCount: registered.length,
    runningTasksCount: tasks.filter((task) => task.lastStatus === 'RUNNING').length,
    pendingTasksCount: tasks.filter((task) => task.lastStatus === 'PENDING' || task.lastStatus === 'PROVISIONING')
      .length,
    activeServicesCount: services.filter((service) => service.status === 'ACTIVE').length,
    statistics: [],
    tags: cluster.tags,
    settings: cluster.settings,
    capacityProviders: cluster.capacityProviders,
    defaultCapacityProviderStrategy: cluster.defaultCapacityProviderStrategy,
  };
}

export function capacityProviderView(world: ComputeWorld, provider: CapacityProvider): Fields {
  return {
    capacityProviderArn: world.arns.capacityProvider(provider.name),
    name: provider.name,
    status: 'ACTIVE',
    autoScalingGroupProvider: {
      autoScalingGroupArn: world.arns.group(provider.groupName),
      managedScaling: provider.managedScaling,
      managedTerminationProtection: provider.managedTerminationProtection,
      managedDraining: provider.managedDraining,
    },
    tags: [],
    type: 'EC2_AUTOSCALING',
  };
}

export function withoutUndefined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
