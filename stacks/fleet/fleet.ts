/**
 * The GPU side of the deployment: image, cluster, roles, and for each fleet its instances and its service.
 * Invariant: everything here is sized by the control loop, which starts from the settings' minimum; see capacity.ts and
 * task.ts for what a redeploy leaves alone.
 */
import type { ResourceNames } from '../../core/names.ts';
import type { Network } from '../network.ts';
import type { Settings } from '../settings.ts';
import type { Model, Storage } from '../storage.ts';
import { fleetCapacity, type InstanceSettings } from './capacity.ts';
import { pulledRepository, repository, workerImage } from './image.ts';
import { executionRole, instanceRole, taskRole } from './roles.ts';
import { fleetService, taskDefinition } from './task.ts';

export type FleetSurroundings = {
  accountId: string;
  names: ResourceNames;
  net: Network;
  store: Storage;
  models: readonly Model[];
};

export function fleet(settings: Settings, { accountId, names, net, store, models }: FleetSurroundings) {
  const { stage } = settings;
  const images = repository(settings);
  const image = workerImage(settings, images, $cli.paths.root);
  const cluster = new aws.ecs.Cluster('Cluster', {
    name: names.cluster,
    settings: [{ name: 'containerInsights', value: 'enhanced' }],
  });
  const logGroup = new aws.cloudwatch.LogGroup('WorkerLogs', {
    name: `/ecs/kvs-infer-${stage}`,
    retentionInDays: settings.logRetentionDays,
  });
  const place = { accountId, names };
  const execution = executionRole(settings, pulledRepository(settings, images), logGroup.arn);
  const task = taskRole(settings, place);
  const instance = instanceRole(settings, place, store.modelsBucket.arn);
  const profile = new aws.iam.InstanceProfile('InstanceProfile', {
    name: `kvs-infer-${stage}-instance`,
    role: instance.name,
  });
  const instances: InstanceSettings = {
    names,
    securityGroupId: net.workerGroup.id,
    subnetIds: net.privateSubnetIds,
    instanceProfileArn: profile.arn,
    modelsBucket: store.modelsBucket.name,
    models,
  };
  const capacities = settings.fleets.map((name) => ({ name, ...fleetCapacity(settings, name, instances) }));
  const attached = new aws.ecs.ClusterCapacityProviders('ClusterCapacityProviders', {
    clusterName: cluster.name,
    capacityProviders: capacities.map(({ provider }) => provider.name),
  });
  const fleets = capacities.map(({ name, group, provider }) => {
    const definition = taskDefinition(settings, name, {
      accountId,
      names,
      image,
      executionRoleArn: execution.arn,
      taskRoleArn: task.arn,
      logGroup: logGroup.name,
    });
    const service = fleetService(settings, name, {
      clusterArn: cluster.arn,
      taskDefinition: definition,
      capacityProvider: provider,
      subnetIds: net.privateSubnetIds,
      securityGroupId: net.workerGroup.id,
      dependsOn: [attached],
    });
    return { name, group, service };
  });
  return { cluster, repository: images, image, logGroup, fleets };
}

export type Fleet = ReturnType<typeof fleet>;
