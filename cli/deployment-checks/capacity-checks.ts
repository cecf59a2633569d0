/**
 * What carries the tasks: Auto Scaling group and launch template, capacity provider, cluster, image repository.
 * Invariant: every item of the specification's lists is one line here.
 */
import type { Inputs } from '../../stacks/synthesis/graph.ts';
import { type DeploymentCheck, firstOf, holds, is, type Subject } from './item.ts';

const group = (subject: Subject) => firstOf(subject, 'aws:autoscaling/group:Group');
const template = (subject: Subject) => firstOf(subject, 'aws:ec2/launchTemplate:LaunchTemplate');
const script = (subject: Subject) => Buffer.from(String(template(subject).userData ?? ''), 'base64').toString();

export const groupCheck: DeploymentCheck = {
  name: 'asg',
  items: [
    holds(
      'instance types',
      'those of the settings, in their order',
      (subject) =>
        (group(subject).mixedInstancesPolicy.launchTemplate.overrides as Inputs[]).map(
          (one) => one.instanceType as string,
        ),
      (types, { settings }) => types.join() === settings.capacity.instanceTypes.join(),
    ),
    holds(
      'image',
      'an AMI id, from the parameter of the ECS GPU image on Amazon Linux 2023',
      (subject) => String(template(subject).imageId),
      (image) => image.startsWith('ami-'),
    ),
    is('metadata service', 'required', (subject) => template(subject).metadataOptions?.httpTokens),
    holds(
      'volumes',
      'encrypted gp3',
      (subject) =>
        (template(subject).blockDeviceMappings as Inputs[]).map(
          (one) => `${one.ebs.volumeType} encrypted ${one.ebs.encrypted}`,
        ),
      (volumes) => volumes.length > 0 && volumes.every((one) => one === 'gp3 encrypted true'),
    ),
    holds(
      'public IP',
      'none',
      (subject) => (template(subject).networkInterfaces as Inputs[]).map((one) => String(one.associatePublicIpAddress)),
      (ips) => ips.length > 0 && ips.every((ip) => ip === 'false'),
    ),
    holds(
      'user data',
      'joins the cluster, makes config, models and cache, fetches models by hash, GPU support, Spot draining',
      (subject) => `${script(subject).length} bytes`,
      (_found, subject) =>
        [
          'ECS_CLUSTER=',
          '"$host/config"',
          '"$host/models"',
          '"$host/cache"',
          'sha256sum --check',
          'ECS_ENABLE_GPU_SUPPORT=true',
          'ECS_ENABLE_SPOT_INSTANCE_DRAINING=true',
        ].every((part) => script(subject).includes(part)),
    ),
    holds(
      'Spot share',
      '100 - SPOT_PERCENT on demand above the base',
      (subject) =>
        Number(group(subject).mixedInstancesPolicy?.instancesDistribution?.onDemandPercentageAboveBaseCapacity),
      (percent, { settings }) => percent === 100 - settings.capacity.spotPercent,
    ),
    is(
      'Spot allocation',
      'price-capacity-optimized',
      (subject) => group(subject).mixedInstancesPolicy?.instancesDistribution?.spotAllocationStrategy,
    ),
    is('protected from scale-in', true, (subject) => group(subject).protectFromScaleIn),
    holds(
      'zones',
      'two or more subnets',
      (subject) => (group(subject).vpcZoneIdentifiers as string[]).length,
      (subnets) => subnets >= 2,
    ),
    holds(
      'desired capacity',
      'ignored as a change, so that a redeploy keeps it',
      ({ graph }) => graph.all('aws:autoscaling/group:Group').map((one) => one.ignoreChanges.join()),
      (ignored) => ignored.length > 0 && ignored.every((one) => one.includes('desiredCapacity')),
    ),
  ],
};

const provider = (subject: Subject) => firstOf(subject, 'aws:ecs/capacityProvider:CapacityProvider');

export const capacityProviderCheck: DeploymentCheck = {
  name: 'capacity-provider',
  items: [
    holds(
      'name',
      '…-gpu-capacity-provider',
      (subject) => String(provider(subject).name),
      (name) => /gpu.*capacity-provider/.test(name),
    ),
    is('managed scaling', 'DISABLED', (subject) => provider(subject).autoScalingGroupProvider?.managedScaling?.status),
    is('managed draining', 'ENABLED', (subject) => provider(subject).autoScalingGroupProvider?.managedDraining),
  ],
};

export const clusterCheck: DeploymentCheck = {
  name: 'cluster',
  items: [
    holds(
      'name',
      'kvs-infer-<stage>-cluster, or ECS_CLUSTER_NAME',
      (subject) => String(firstOf(subject, 'aws:ecs/cluster:Cluster').name),
      (name, { settings }) => name === (settings.names.cluster ?? `kvs-infer-${settings.stage}-cluster`),
    ),
    is(
      'Container Insights',
      [{ name: 'containerInsights', value: 'enhanced' }],
      (subject) => firstOf(subject, 'aws:ecs/cluster:Cluster').settings,
    ),
  ],
};

export const repositoryCheck: DeploymentCheck = {
  name: 'ecr',
  items: [
    holds(
      'repository',
      'ECR_REPO_NAME, or kvs-infer-<stage>',
      (subject) => String(firstOf(subject, 'aws:ecr/repository:Repository').name),
      (name, { settings }) => name === settings.names.repository,
    ),
    is(
      'scan on push',
      true,
      (subject) => firstOf(subject, 'aws:ecr/repository:Repository').imageScanningConfiguration?.scanOnPush,
    ),
    is('tags', 'IMMUTABLE', (subject) => firstOf(subject, 'aws:ecr/repository:Repository').imageTagMutability),
    holds(
      'lifecycle',
      'keeps the last images',
      (subject) => String(firstOf(subject, 'aws:ecr/lifecyclePolicy:LifecyclePolicy').policy),
      (policy) => policy.includes('imageCountMoreThan'),
    ),
  ],
};
