/**
 * The GPU instances of a fleet: launch template, Auto Scaling group, capacity provider. The control loop alone decides
 * how many there are and which one goes.
 * Invariant: a redeploy never changes the number of instances, and nothing but the control loop (or EC2 itself) ends one.
 */
import { capacityProviderName, fleetAttribute, fleetResourceNames, type ResourceNames } from '../../core/names.ts';
import { ecsGpuImageParameter } from '../instance-types.ts';
import type { Settings } from '../settings.ts';
import { gpuMetricsScript } from './gpu-metrics.ts';
import { userData } from './user-data.ts';

/** A rollout at 200 % wants every worker twice for a while; the control loop's own maximum still holds otherwise. */
const rolloutFactor = 2;

/** EC2 refuses more, before base64. */
const userDataMaxBytes = 16_384;

export type InstanceSettings = {
  names: ResourceNames;
  securityGroupId: $util.Output<string>;
  subnetIds: $util.Output<string[]>;
  instanceProfileArn: $util.Output<string>;
  modelsBucket: $util.Output<string>;
  models: readonly { name: string; sha256: string }[];
};

/** One per fleet: its instances report their GPU under the fleet's name. */
function launchTemplate(settings: Settings, fleet: string, given: InstanceSettings) {
  const name = `kvs-infer-${settings.stage}-${fleet}-gpu`;
  const script = given.modelsBucket.apply(
    (modelsBucket) =>
      userData({
        cluster: given.names.cluster,
        region: settings.region,
        modelsBucket,
        models: given.models.map(({ name: model, sha256 }) => ({ name: model, sha256 })),
        attributes: { [fleetAttribute]: fleet },
      }) +
      gpuMetricsScript({
        namespace: given.names.metricNamespace,
        stage: settings.stage,
        fleet,
        region: settings.region,
      }),
  );
  const tags = { Name: name, 'kvs-infer:stage': settings.stage };
  return new aws.ec2.LaunchTemplate(`LaunchTemplate-${fleet}`, {
    name,
    imageId: aws.ssm.getParameterOutput({ name: ecsGpuImageParameter }).value,
    instanceType: settings.capacity.instanceTypes[0],
    iamInstanceProfile: { arn: given.instanceProfileArn },
    // Tasks have network interfaces of their own and cannot reach the metadata service over one hop.
    metadataOptions: { httpEndpoint: 'enabled', httpTokens: 'required', httpPutResponseHopLimit: 1 },
    networkInterfaces: [
      {
        deviceIndex: 0,
        associatePublicIpAddress: 'false',
        securityGroups: [given.securityGroupId],
        deleteOnTermination: 'true',
      },
    ],
    blockDeviceMappings: [
      {
        deviceName: '/dev/xvda',
        ebs: {
          volumeType: 'gp3',
          volumeSize: settings.capacity.diskGib,
          encrypted: 'true',
          deleteOnTermination: 'true',
        },
      },
    ],
    monitoring: { enabled: true },
    updateDefaultVersion: true,
    userData: script.apply(encoded),
    tagSpecifications: ['instance', 'volume'].map((resourceType) => ({ resourceType, tags })),
  });
}

function encoded(script: string): string {
  const bytes = Buffer.byteLength(script);
  if (bytes > userDataMaxBytes) {
    throw new Error(`the user data has ${bytes} bytes where EC2 takes ${userDataMaxBytes}: list fewer MODELS`);
  }
  return Buffer.from(script).toString('base64');
}

export function fleetCapacity(settings: Settings, fleet: string, given: InstanceSettings) {
  const { capacity } = settings;
  const template = launchTemplate(settings, fleet, given);
  const { autoScalingGroup } = fleetResourceNames(settings.stage, fleet);
  const group = new aws.autoscaling.Group(
    `Group-${fleet}`,
    {
      name: autoScalingGroup,
      minSize: capacity.minWorkers,
      maxSize: capacity.maxWorkers * rolloutFactor,
      desiredCapacity: capacity.minWorkers,
      vpcZoneIdentifiers: given.subnetIds,
      protectFromScaleIn: true,
      // Moving instances between zones, or replacing them on a mere recommendation, would end workers that own cameras.
      suspendedProcesses: ['AZRebalance'],
      capacityRebalance: false,
      healthCheckType: 'EC2',
      defaultInstanceWarmup: 0,
      mixedInstancesPolicy: {
        instancesDistribution: {
          onDemandBaseCapacity: capacity.onDemandBase,
          onDemandPercentageAboveBaseCapacity: 100 - capacity.spotPercent,
          onDemandAllocationStrategy: 'prioritized',
          spotAllocationStrategy: 'price-capacity-optimized',
        },
        launchTemplate: {
          launchTemplateSpecification: {
            launchTemplateId: template.id,
            version: template.latestVersion.apply((version) => String(version)),
          },
          overrides: capacity.instanceTypes.map((instanceType) => ({ instanceType })),
        },
      },
      waitForCapacityTimeout: '0',
      // Protected instances would keep a stage from being removed.
      forceDelete: !settings.isProduction,
      tags: [
        { key: 'AmazonECSManaged', value: 'true', propagateAtLaunch: true },
        { key: 'kvs-infer:fleet', value: fleet, propagateAtLaunch: true },
      ],
    },
    { ignoreChanges: ['desiredCapacity'] },
  );
  const provider = new aws.ecs.CapacityProvider(`CapacityProvider-${fleet}`, {
    name: capacityProviderName(given.names, settings.fleets, fleet),
    autoScalingGroupProvider: {
      autoScalingGroupArn: group.arn,
      // The control loop decides; ECS only moves tasks off an instance that goes.
      managedScaling: { status: 'DISABLED' },
      managedTerminationProtection: 'DISABLED',
      managedDraining: 'ENABLED',
    },
  });
  return { group, provider };
}
