/**
 * The ECS agent's start on a new instance: it joins the cluster that uses the instance's group as a capacity provider.
 * In AWS the user data of the launch template names the cluster; capacity providers say the same without a machine.
 * Invariant: an instance registers at most once, and only while it runs.
 */
import { fleetAttribute } from '../../core/names.ts';
import { emitContainerInstanceStateChange } from './compute-events.ts';
import type { CapacityProvider, Cluster, ContainerInstance, Instance } from './compute-state.ts';
import { type ComputeWorld, newHexId } from './compute-world.ts';

/** Of a group: what the user data of its launch template says as an attribute. */
export const fleetTag = 'kvs-infer:fleet';

export function registerContainerInstance(world: ComputeWorld, instance: Instance): void {
  if (instance.ec2State !== 'running' || containerInstanceOf(world, instance.id) !== undefined) return;
  const found = clusterFor(world, instance.groupName);
  if (found === null) return;
  const fleet = world.state.groups.get(instance.groupName)?.tags.find(({ Key }) => Key === fleetTag)?.Value;
  const record: ContainerInstance = {
    arn: world.arns.containerInstance(found.cluster.name, newHexId()),
    clusterName: found.cluster.name,
    instanceId: instance.id,
    capacityProvider: found.provider.name,
    status: instance.interruptionAtMs === null ? 'ACTIVE' : 'DRAINING',
    agentConnected: true,
    attributes: {
      'ecs.instance-type': instance.instanceType,
      'ecs.availability-zone': instance.availabilityZone,
      'ecs.os-type': 'linux',
      'ecs.cpu-architecture': 'x86_64',
      'ecs.ami-id': 'ami-0local',
      ...(fleet === undefined ? {} : { [fleetAttribute]: fleet }),
    },
    registered: { ...world.instanceResources },
    registeredAtMs: world.nowMs(),
    version: 0,
  };
  world.state.containerInstances.set(record.arn, record);
  emitContainerInstanceStateChange(world, record);
}

export function containerInstanceOf(world: ComputeWorld, instanceId: string): ContainerInstance | undefined {
  return [...world.state.containerInstances.values()].find((record) => record.instanceId === instanceId);
}

export function capacityProviderOf(world: ComputeWorld, groupName: string): CapacityProvider | undefined {
  return [...world.state.capacityProviders.values()].find((provider) => provider.groupName === groupName);
}

function clusterFor(world: ComputeWorld, groupName: string): { cluster: Cluster; provider: CapacityProvider } | null {
  const provider = capacityProviderOf(world, groupName);
  if (provider === undefined) return null;
  const cluster = [...world.state.clusters.values()].find((one) => one.capacityProviders.includes(provider.name));
  return cluster === undefined ? null : { cluster, provider };
}
