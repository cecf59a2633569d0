/**
 * ECS operations on services: create, update, describe, list, delete. They change the definition; the service scheduler acts.
 * Invariant: a service's desired count changes only here, never by what tasks do.
 */

import { AwsError } from '../http/aws-error.ts';
import { lastPart } from './arns.ts';
import { emitServiceAction } from './compute-events.ts';
import { type Deployment, liveTasks, type Service, serviceKey, type Task } from './compute-state.ts';
import type { ComputeWorld } from './compute-world.ts';
import { newDeployment, primaryDeployment, startDeployment } from './deployments.ts';
import { strategyOf } from './ecs-cluster-api.ts';
import { badToken, clusterOf, ecsFields, invalid, serviceOf, taskDefinitionOf } from './ecs-lookup.ts';
import { withoutUndefined } from './ecs-views.ts';
import { type Fields, type Operations, pageOf } from './request-fields.ts';
import type { ServiceScheduler } from './service-scheduler.ts';

/** DescribeServices: up to 10 a call. Tasks per service quota: 5,000. */
const describeServicesMax = 10;
const desiredCountMax = 5_000;

export function ecsServiceOperations(world: ComputeWorld, scheduler: ServiceScheduler): Operations {
  const { services, capacityProviders } = world.state;

  const applyDeploymentConfiguration = (service: Service, configuration: Fields | undefined): void => {
    if (configuration === undefined) return;
    const fields = ecsFields(configuration);
    service.minimumHealthyPercent = fields.optionalInteger('minimumHealthyPercent') ?? service.minimumHealthyPercent;
    service.maximumPercent = fields.optionalInteger('maximumPercent') ?? service.maximumPercent;
    if (service.maximumPercent < 100) throw invalid('maximumPercent cannot be less than 100.');
    const breaker = fields.optionalObject('deploymentCircuitBreaker');
    if (breaker !== undefined) {
      service.circuitBreaker = { enable: breaker.enable === true, rollback: breaker.rollback === true };
    }
  };

  const checkedCount = (count: number): number => {
    if (count < 0 || count > desiredCountMax) throw invalid(`desiredCount must be between 0 and ${desiredCountMax}.`);
    return count;
  };

  return {
    CreateService(input) {
      const fields = ecsFields(input);
      const cluster = clusterOf(world, fields);
      const name = fields.text('serviceName');
      const key = serviceKey(cluster.name, name);
      const existing = services.get(key);
      if (existing !== undefined && existing.status !== 'INACTIVE') {
        throw existing.status === 'DRAINING'
          ? invalid('Unable to Start a service that is still Draining.')
          : invalid('Creation of service was not idempotent.');
      }
      const definition = taskDefinitionOf(world, fields.text('taskDefinition'));
      const strategy = strategyOf(fields.objects('capacityProviderStrategy'));
      if (fields.optionalText('launchType') !== undefined && strategy.length > 0) {
        throw invalid(
          'Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.',
        );
      }
      for (const item of strategy) {
        if (
          !capacityProviders.has(item.capacityProvider) ||
          !cluster.capacityProviders.includes(item.capacityProvider)
        ) {
          throw invalid(
            `The capacity provider '${item.capacityProvider}' is not associated with the cluster. Associate it and try again.`,
          );
        }
      }
      const service: Service = {
        name,
        clusterName: cluster.name,
        status: 'ACTIVE',
        desiredCount: checkedCount(fields.integer('desiredCount')),
        deployments: [newDeployment(`${definition.family}:${definition.revision}`, world.nowMs())],
        minimumHealthyPercent: 100,
        maximumPercent: 200,
        circuitBreaker: { enable: false, rollback: false },
        lastStableTaskDefinition: null,
        capacityProviderStrategy:
          strategy.length > 0 || fields.optionalText('launchType') !== undefined
            ? strategy
            : cluster.defaultCapacityProviderStrategy,
        placementConstraints: fields.objects('placementConstraints') as { type?: string; expression?: string }[],
        placementStrategy: fields.objects('placementStrategy'),
        networkConfiguration: fields.optionalObject('networkConfiguration'),
        enableExecuteCommand: fields.optionalBoolean('enableExecuteCommand') ?? false,
        propagateTags: fields.optionalText('propagateTags') ?? 'NONE',
        tags: fields.objects('tags'),
        events: [],
        createdAtMs: world.nowMs(),
        steady: false,
        placementFailures: 0,
        startFailures: 0,
        placementRetryAtMs: 0,
      };
      applyDeploymentConfiguration(service, fields.optionalObject('deploymentConfiguration'));
      services.set(key, service);
      world.definitionChanged();
      return { service: serviceView(world, service) };
    },

    UpdateService(input) {
      const fields = ecsFields(input);
      const cluster = clusterOf(world, fields);
      const service = serviceOf(world, cluster, fields.text('service'));
      if (service.status !== 'ACTIVE') throw new AwsError(400, 'ServiceNotActiveException', 'Service was not ACTIVE.');
      const desired = fields.optionalInteger('desiredCount');
      const reference = fields.optionalText('taskDefinition');
      const definition = reference === undefined ? undefined : taskDefinitionOf(world, reference);
      if (desired !== undefined) checkedCount(desired);
      applyDeploymentConfiguration(service, fields.optionalObject('deploymentConfiguration'));
      if (desired !== undefined && desired !== service.desiredCount) {
        service.desiredCount = desired;
        scheduler.reset(service);
        emitServiceAction(world, service, {
          eventType: 'INFO',
          eventName: 'SERVICE_DESIRED_COUNT_UPDATED',
          desiredCount: desired,
        });
      }
      const current = primaryDeployment(service).taskDefinition;
      const wanted = definition === undefined ? current : `${definition.family}:${definition.revision}`;
      if (wanted !== current || fields.optionalBoolean('forceNewDeployment') === true) {
        startDeployment(world, service, wanted);
        scheduler.reset(service);
      }
      primaryDeployment(service).updatedAtMs = world.nowMs();
      world.definitionChanged();
      return { service: serviceView(world, service) };
    },

    DescribeServices(input) {
      const fields = ecsFields(input);
      const cluster = clusterOf(world, fields);
      const references = fields.texts('services');
      if (references.length === 0) throw invalid('Services cannot be empty.');
      if (references.length > describeServicesMax) throw invalid('Services cannot have more than 10 elements.');
      const found: Fields[] = [];
      const failures: Fields[] = [];
      for (const reference of references) {
        const service = services.get(serviceKey(cluster.name, lastPart(reference)));
        if (service !== undefined) found.push(serviceView(world, service));
        else failures.push({ arn: world.arns.service(cluster.name, lastPart(reference)), reason: 'MISSING' });
      }
      return { services: found, failures };
    },

    ListServices(input) {
      const fields = ecsFields(input);
      const cluster = clusterOf(world, fields);
      const arns = [...services.values()]
        .filter((service) => service.clusterName === cluster.name && service.status !== 'INACTIVE')
        .map((service) => world.arns.service(cluster.name, service.name));
      const size = Math.min(100, Math.max(1, fields.optionalInteger('maxResults') ?? 10));
      const { page, next } = pageOf(arns, fields.optionalText('nextToken'), size, badToken);
      return { serviceArns: page, nextToken: next };
    },

    DeleteService(input) {
      const fields = ecsFields(input);
      const service = serviceOf(world, clusterOf(world, fields), fields.text('service'));
      if (service.desiredCount > 0 && fields.optionalBoolean('force') !== true) {
        throw invalid('The service cannot be stopped while it is scaled above 0.');
      }
      if (service.status === 'ACTIVE') {
        service.status = 'DRAINING';
        service.desiredCount = 0;
        // Deleting ends protection too: nothing is left to protect the tasks for.
        for (const task of liveTasks(world.state, service)) task.protectedUntilMs = null;
        world.definitionChanged();
      }
      return { service: serviceView(world, service) };
    },
  };
}

function serviceView(world: ComputeWorld, service: Service): Fields {
  const live = liveTasks(world.state, service);
  const usesProviders = service.capacityProviderStrategy.length > 0;
  const strategy = usesProviders
    ? { capacityProviderStrategy: service.capacityProviderStrategy }
    : { launchType: 'EC2' };
  return withoutUndefined({
    serviceArn: world.arns.service(service.clusterName, service.name),
    serviceName: service.name,
    clusterArn: world.arns.cluster(service.clusterName),
    loadBalancers: [],
    serviceRegistries: [],
    status: service.status,
    desiredCount: service.desiredCount,
    runningCount: count(live, 'RUNNING'),
    pendingCount: live.length - count(live, 'RUNNING'),
    ...strategy,
    taskDefinition: world.arns.taskDefinition(primaryDeployment(service).taskDefinition),
    deploymentConfiguration: {
      deploymentCircuitBreaker: service.circuitBreaker,
      minimumHealthyPercent: service.minimumHealthyPercent,
      maximumPercent: service.maximumPercent,
      strategy: 'ROLLING',
    },
    deployments: service.deployments.map((deployment) => ({
      ...deploymentView(world, service, deployment, live),
      ...strategy,
    })),
    events: service.events.map((event) => ({
      id: event.id,
      createdAt: event.createdAtMs / 1_000,
      message: event.message,
    })),
    createdAt: service.createdAtMs / 1_000,
    placementConstraints: service.placementConstraints,
    placementStrategy: service.placementStrategy,
    networkConfiguration: service.networkConfiguration ?? undefined,
    schedulingStrategy: 'REPLICA',
    deploymentController: { type: 'ECS' },
    enableECSManagedTags: false,
    propagateTags: service.propagateTags,
    enableExecuteCommand: service.enableExecuteCommand,
    tags: service.tags,
  });
}

function deploymentView(world: ComputeWorld, service: Service, deployment: Deployment, live: Task[]): Fields {
  const own = live.filter((task) => task.deploymentId === deployment.id);
  return {
    id: deployment.id,
    status: deployment.status,
    taskDefinition: world.arns.taskDefinition(deployment.taskDefinition),
    desiredCount: deployment.status === 'PRIMARY' ? service.desiredCount : 0,
    pendingCount: own.length - count(own, 'RUNNING'),
    runningCount: count(own, 'RUNNING'),
    failedTasks: deployment.failedTasks,
    createdAt: deployment.createdAtMs / 1_000,
    updatedAt: deployment.updatedAtMs / 1_000,
    rolloutState: deployment.rolloutState,
    rolloutStateReason: deployment.rolloutStateReason,
  };
}

const count = (tasks: Task[], status: Task['lastStatus']): number =>
  tasks.filter((task) => task.lastStatus === status).length;
