/**
 * ECS operations on clusters, capacity providers, task definitions and container instances.
 * Invariant: a task definition never changes once registered; each registration makes the next revision of its family.
 */

import { AwsError } from '../http/aws-error.ts';
import { lastPart } from './arns.ts';
import { emitContainerInstanceStateChange } from './compute-events.ts';
import type { ContainerDefinition, ContainerInstance, Resources, StrategyItem } from './compute-state.ts';
import type { ComputeWorld } from './compute-world.ts';
import { badToken, clusterOf, ecsFields, invalid, pageSizeOf, taskDefinitionOf } from './ecs-lookup.ts';
import {
  capacityProviderView,
  clusterView,
  containerInstanceView,
  epochSeconds,
  taskDefinitionView,
} from './ecs-views.ts';
import { satisfies } from './placement.ts';
import { type Fields, type Operations, pageOf } from './request-fields.ts';

/** DescribeClusters, DescribeContainerInstances: up to 100 a call; UpdateContainerInstancesState: up to 10. */
const describeMax = 100;
const updateStateMax = 10;
/** ECS_CONTAINER_STOP_TIMEOUT's default. */
const stopTimeoutDefaultSeconds = 30;

export function ecsClusterOperations(world: ComputeWorld): Operations {
  const { clusters, capacityProviders, containerInstances, taskDefinitions, groups } = world.state;

  const hostOf = (clusterName: string, reference: string): ContainerInstance | undefined => {
    const id = lastPart(reference);
    const host = containerInstances.get(world.arns.containerInstance(clusterName, id));
    return host?.clusterName === clusterName ? host : undefined;
  };

  return {
    CreateCluster(input) {
      const fields = ecsFields(input);
      const name = fields.optionalText('clusterName') ?? 'default';
      if (!/^[A-Za-z0-9_-]{1,255}$/.test(name)) throw invalid('Cluster name must match ^[a-zA-Z0-9\\-_]{1,255}$.');
      let cluster = clusters.get(name);
      if (cluster === undefined) {
        cluster = {
          name,
          status: 'ACTIVE',
          capacityProviders: fields.texts('capacityProviders'),
          defaultCapacityProviderStrategy: strategyOf(fields.objects('defaultCapacityProviderStrategy')),
          settings: fields.objects('settings'),
          tags: fields.objects('tags'),
        };
        clusters.set(name, cluster);
        world.definitionChanged();
      }
      return { cluster: clusterView(world, cluster) };
    },

    DescribeClusters(input) {
      const names = ecsFields(input).texts('clusters');
      if (names.length > describeMax) throw invalid('Clusters cannot have more than 100 elements.');
      const failures: Fields[] = [];
      const found: Fields[] = [];
      for (const reference of names.length === 0 ? ['default'] : names) {
        const cluster = clusters.get(lastPart(reference));
        if (cluster !== undefined) found.push(clusterView(world, cluster));
        else failures.push({ arn: world.arns.cluster(lastPart(reference)), reason: 'MISSING' });
      }
      return { clusters: found, failures };
    },

    ListClusters(input) {
      const fields = ecsFields(input);
      const { page, next } = pageOf(
        [...clusters.keys()],
        fields.optionalText('nextToken'),
        pageSizeOf(fields),
        badToken,
      );
      return { clusterArns: page.map(world.arns.cluster), nextToken: next };
    },

    CreateCapacityProvider(input) {
      const fields = ecsFields(input);
      const name = fields.text('name');
      const provider = fields.optionalObject('autoScalingGroupProvider');
      if (provider === undefined) throw invalid('autoScalingGroupProvider is required.');
      if (capacityProviders.has(name)) throw invalid('The specified capacity provider already exists.');
      const groupName = lastPart(ecsFields(provider).text('autoScalingGroupArn'));
      if (!groups.has(groupName))
        throw invalid('The specified Auto Scaling group ARN is invalid. Specify a valid ARN and try again.');
      const record = {
        name,
        groupName,
        managedScaling: ecsFields(provider).optionalObject('managedScaling') ?? { status: 'DISABLED' },
        managedTerminationProtection: ecsFields(provider).optionalText('managedTerminationProtection') ?? 'DISABLED',
        managedDraining: ecsFields(provider).optionalText('managedDraining') ?? 'ENABLED',
      };
      capacityProviders.set(name, record);
      world.definitionChanged();
      return { capacityProvider: capacityProviderView(world, record) };
    },

    PutClusterCapacityProviders(input) {
      const fields = ecsFields(input);
      const cluster = clusterOf(world, fields);
      const names = fields.texts('capacityProviders').map(lastPart);
      for (const name of names) {
        if (!capacityProviders.has(name)) throw invalid(`The specified capacity provider '${name}' was not found.`);
      }
      cluster.capacityProviders = names;
      cluster.defaultCapacityProviderStrategy = strategyOf(fields.objects('defaultCapacityProviderStrategy'));
      world.definitionChanged();
      return { cluster: clusterView(world, cluster) };
    },

    DescribeCapacityProviders(input) {
      const names = ecsFields(input).texts('capacityProviders').map(lastPart);
      const known = [...capacityProviders.values()].filter((one) => names.length === 0 || names.includes(one.name));
      return {
        capacityProviders: known.map((one) => capacityProviderView(world, one)),
        failures: names
          .filter((name) => !capacityProviders.has(name))
          .map((name) => ({ arn: world.arns.capacityProvider(name), reason: 'MISSING' })),
      };
    },

    RegisterTaskDefinition(input) {
      const fields = ecsFields(input);
      const family = fields.text('family');
      if (!/^[A-Za-z0-9_-]{1,255}$/.test(family))
        throw new AwsError(400, 'ClientException', 'Family contains invalid characters.');
      const containers = fields.objects('containerDefinitions');
      if (containers.length === 0) throw new AwsError(400, 'ClientException', 'Container list cannot be empty.');
      const revisions = [...taskDefinitions.values()].filter((one) => one.family === family).map((one) => one.revision);
      const registration = structuredClone(input);
      delete registration.tags;
      const stopSeconds = ecsFields(containers[0] ?? {}).optionalInteger('stopTimeout') ?? stopTimeoutDefaultSeconds;
      const definition = {
        family,
        revision: Math.max(0, ...revisions) + 1,
        status: 'ACTIVE' as const,
        registeredAtMs: world.nowMs(),
        requires: requiredResources(fields.optionalText('cpu'), fields.optionalText('memory'), containers),
        stopTimeoutMs: stopSeconds * 1_000,
        registration,
        containers: containers.map(containerOf),
        placementConstraints: fields.objects('placementConstraints') as { type?: string; expression?: string }[],
      };
      taskDefinitions.set(`${family}:${definition.revision}`, definition);
      world.definitionChanged();
      return { taskDefinition: taskDefinitionView(world, definition), tags: fields.objects('tags') };
    },

    DescribeTaskDefinition(input) {
      const definition = taskDefinitionOf(world, ecsFields(input).text('taskDefinition'));
      return { taskDefinition: taskDefinitionView(world, definition), tags: [] };
    },

    ListContainerInstances(input) {
      const fields = ecsFields(input);
      const cluster = clusterOf(world, fields);
      const status = fields.optionalText('status');
      const filter = fields.optionalText('filter');
      const constraint = filter === undefined ? {} : { type: 'memberOf', expression: filter };
      const hosts = [...containerInstances.values()].filter(
        (host) =>
          host.clusterName === cluster.name &&
          (status === undefined || host.status === status) &&
          satisfies(host, constraint),
      );
      const { page, next } = pageOf(hosts, fields.optionalText('nextToken'), pageSizeOf(fields), badToken);
      return { containerInstanceArns: page.map((host) => host.arn), nextToken: next };
    },

    DescribeContainerInstances(input) {
      const fields = ecsFields(input);
      const cluster = clusterOf(world, fields);
      const references = fields.texts('containerInstances');
      if (references.length === 0) throw invalid('Container Instances cannot be empty.');
      if (references.length > describeMax) throw invalid('Container Instances cannot have more than 100 elements.');
      const found: Fields[] = [];
      const failures: Fields[] = [];
      for (const reference of references) {
        const host = hostOf(cluster.name, reference);
        if (host !== undefined) found.push(containerInstanceView(world, host, epochSeconds));
        else failures.push({ arn: world.arns.containerInstance(cluster.name, lastPart(reference)), reason: 'MISSING' });
      }
      return { containerInstances: found, failures };
    },

    UpdateContainerInstancesState(input) {
      const fields = ecsFields(input);
      const cluster = clusterOf(world, fields);
      const status = fields.text('status');
      if (status !== 'ACTIVE' && status !== 'DRAINING')
        throw invalid('Container instance status should be one of [ACTIVE, DRAINING].');
      const references = fields.texts('containerInstances');
      if (references.length > updateStateMax) throw invalid('Container Instances cannot have more than 10 elements.');
      const found: Fields[] = [];
      const failures: Fields[] = [];
      for (const reference of references) {
        const host = hostOf(cluster.name, reference);
        if (host === undefined) {
          failures.push({ arn: world.arns.containerInstance(cluster.name, lastPart(reference)), reason: 'MISSING' });
          continue;
        }
        if (host.status !== status) {
          host.status = status;
          emitContainerInstanceStateChange(world, host);
        }
        found.push(containerInstanceView(world, host, epochSeconds));
      }
      world.changed();
      return { containerInstances: found, failures };
    },
  };
}

export function strategyOf(items: Fields[]): StrategyItem[] {
  return items.map((item) => ({
    capacityProvider: lastPart(ecsFields(item).text('capacityProvider')),
    weight: ecsFields(item).optionalInteger('weight') ?? 0,
    base: ecsFields(item).optionalInteger('base') ?? 0,
  }));
}

function containerOf(container: Fields): ContainerDefinition {
  const fields = ecsFields(container);
  const environment = fields
    .objects('environment')
    .map((pair) => [String(pair.name), String(pair.value ?? '')] as const);
  return {
    name: fields.text('name'),
    image: fields.text('image'),
    command: [...fields.texts('entryPoint'), ...fields.texts('command')],
    environment: Object.fromEntries(environment),
  };
}

/** The task's own size when given, else the sum over its containers; GPUs are always asked for by containers. */
function requiredResources(cpu: string | undefined, memory: string | undefined, containers: Fields[]): Resources {
  const sum = (read: (container: Fields) => number) => containers.reduce((total, one) => total + read(one), 0);
  const gpuOf = (container: Fields) =>
    ecsFields(container)
      .objects('resourceRequirements')
      .filter((one) => one.type === 'GPU')
      .reduce((total, one) => total + Number(one.value), 0);
  return {
    cpu: cpu === undefined ? sum((one) => ecsFields(one).optionalInteger('cpu') ?? 0) : Number(cpu),
    memory:
      memory === undefined
        ? sum(
            (one) =>
              ecsFields(one).optionalInteger('memoryReservation') ?? ecsFields(one).optionalInteger('memory') ?? 0,
          )
        : Number(memory),
    gpu: sum(gpuOf),
  };
}
