/**
 * What the deployment creates for one fleet, made in the local cloud with the same calls: cluster, Auto Scaling group,
 * capacity provider, task definition `kvs-infer-gpu` and service, under the names of core/names.ts.
 * Invariant: making the same fleet twice changes nothing; a changed task definition becomes a new revision and a deployment.
 */
import { isDeepStrictEqual } from 'node:util';
import { fleetResourceNames, resourceNames } from '../../core/names.ts';
import { serviceKey } from './compute-state.ts';
import type { ComputeWorld } from './compute-world.ts';
import { fleetTag } from './container-registration.ts';
import type { Operations } from './request-fields.ts';

export type FleetDefinition = {
  stage: string;
  fleet: string;
  /** Bounds of the Auto Scaling group. */
  min: number;
  max: number;
  /** Environment of the worker container. */
  taskEnvironment: Record<string, string>;
  /** Default `["node", "worker/main.ts"]`. */
  command?: string[];
  /** In order of priority; default: the one type of the local compute. */
  instanceTypes?: readonly string[];
  /** Share of Spot above `onDemandBase`; default 0. */
  spotPercent?: number;
  onDemandBase?: number;
  stopTimeoutSeconds?: number;
  /** Default 4096: all of a g4dn.xlarge. */
  cpuUnits?: number;
  /** MiB; default 14336, which a g4dn.xlarge can place. */
  memoryMiB?: number;
  /** Service deployment bounds; default 100 and 200, as deployed. */
  minimumHealthyPercent?: number;
  maximumPercent?: number;
};

export type FleetNames = {
  cluster: string;
  service: string;
  autoScalingGroup: string;
  capacityProvider: string;
  taskDefinition: string;
};

export const taskFamily = 'kvs-infer-gpu';

export function createFleet(world: ComputeWorld, operations: Operations, fleet: FleetDefinition): FleetNames {
  const call = (operation: string, input: Record<string, unknown>) => {
    const run = operations[operation];
    if (run === undefined) throw new Error(`no operation ${operation}`);
    return run(input);
  };
  const { state, arns } = world;
  const shared = resourceNames(fleet.stage, world.context.accountId);
  const { service, autoScalingGroup } = fleetResourceNames(fleet.stage, fleet.fleet);
  // A capacity provider belongs to one group, so fleets other than the default one get their own beside it.
  const capacityProvider =
    fleet.fleet === 'default' ? shared.capacityProvider : `${shared.capacityProvider}-${fleet.fleet}`;
  const cluster = shared.cluster;
  const instanceTypes = fleet.instanceTypes ?? [world.instanceType];

  call('CreateCluster', { clusterName: cluster });
  const bounds = {
    AutoScalingGroupName: autoScalingGroup,
    MinSize: fleet.min,
    MaxSize: fleet.max,
    NewInstancesProtectedFromScaleIn: true,
    MixedInstancesPolicy: {
      LaunchTemplate: {
        LaunchTemplateSpecification: { LaunchTemplateName: `kvs-infer-${fleet.stage}-${fleet.fleet}`, Version: '1' },
        Overrides: instanceTypes.map((InstanceType) => ({ InstanceType })),
      },
      InstancesDistribution: {
        OnDemandBaseCapacity: fleet.onDemandBase ?? 0,
        OnDemandPercentageAboveBaseCapacity: 100 - (fleet.spotPercent ?? 0),
      },
    },
  };
  if (state.groups.has(autoScalingGroup)) call('UpdateAutoScalingGroup', bounds);
  else {
    const zones = ['a', 'b'].map((suffix) => `${world.context.region}${suffix}`);
    const tags = [{ Key: fleetTag, Value: fleet.fleet }];
    call('CreateAutoScalingGroup', { ...bounds, DesiredCapacity: fleet.min, AvailabilityZones: zones, Tags: tags });
  }
  if (!state.capacityProviders.has(capacityProvider)) {
    call('CreateCapacityProvider', {
      name: capacityProvider,
      autoScalingGroupProvider: {
        autoScalingGroupArn: arns.group(autoScalingGroup),
        managedScaling: { status: 'DISABLED' },
        managedTerminationProtection: 'DISABLED',
      },
    });
  }
  const associated = state.clusters.get(cluster)?.capacityProviders ?? [];
  if (!associated.includes(capacityProvider)) {
    call('PutClusterCapacityProviders', {
      cluster,
      capacityProviders: [...associated, capacityProvider],
      defaultCapacityProviderStrategy: [],
    });
  }
  const taskDefinition = registerTaskDefinition(world, call, fleet);
  const strategy = [{ capacityProvider, weight: 1, base: 0 }];
  const deploymentConfiguration = {
    minimumHealthyPercent: fleet.minimumHealthyPercent ?? 100,
    maximumPercent: fleet.maximumPercent ?? 200,
    deploymentCircuitBreaker: { enable: true, rollback: true },
  };
  if (state.services.get(serviceKey(cluster, service))?.status === 'ACTIVE') {
    call('UpdateService', { cluster, service, taskDefinition, deploymentConfiguration });
  } else {
    call('CreateService', {
      cluster,
      serviceName: service,
      taskDefinition,
      desiredCount: 0,
      capacityProviderStrategy: strategy,
      deploymentConfiguration,
    });
  }
  return { cluster, service, autoScalingGroup, capacityProvider, taskDefinition };
}

/** Each fleet's worker has its own environment, so each fleet has its own revisions of the one family. */
function registerTaskDefinition(
  world: ComputeWorld,
  call: (operation: string, input: Record<string, unknown>) => unknown,
  fleet: FleetDefinition,
): string {
  const registration = {
    family: taskFamily,
    networkMode: 'awsvpc',
    requiresCompatibilities: ['EC2'],
    cpu: String(fleet.cpuUnits ?? 4_096),
    memory: String(fleet.memoryMiB ?? 14_336),
    containerDefinitions: [
      {
        name: 'worker',
        image: 'kvs-infer:local',
        essential: true,
        command: fleet.command ?? ['node', 'worker/main.ts'],
        environment: Object.entries({
          KVS_INFER_STAGE: fleet.stage,
          KVS_INFER_FLEET: fleet.fleet,
          ...fleet.taskEnvironment,
        }).map(([name, value]) => ({ name, value })),
        resourceRequirements: [{ type: 'GPU', value: '1' }],
        stopTimeout: fleet.stopTimeoutSeconds ?? 30,
        portMappings: [{ containerPort: 8080, hostPort: 8080, protocol: 'tcp' }],
      },
    ],
  };
  const same = [...world.state.taskDefinitions.values()]
    .reverse()
    .find((one) => one.family === taskFamily && isDeepStrictEqual(one.registration, registration));
  if (same !== undefined) return `${same.family}:${same.revision}`;
  call('RegisterTaskDefinition', registration);
  const revisions = [...world.state.taskDefinitions.values()].filter((one) => one.family === taskFamily);
  return `${taskFamily}:${Math.max(...revisions.map((one) => one.revision))}`;
}
