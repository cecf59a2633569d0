/**
 * What runs on an instance: the task definition of a fleet and its service. One task has one GPU and with it one
 * instance of its own.
 * Invariant: a task is never larger than what the smallest allowed instance registers (settings refuse it), the image is
 * named by digest, and a redeploy never changes how many tasks run.
 */
import { fleetResourceNames, type ResourceNames } from '../../core/names.ts';
import type { Settings } from '../settings.ts';

const hostFolder = '/opt/kvs-infer';
/** The worker flushes and releases its cameras within 30 s; the rest is for a slow machine. */
const stopTimeoutSeconds = 45;
/** A CUDA session and the warm-up of four batch sizes take tens of seconds on a cold instance. */
const healthStartPeriodSeconds = 180;

type TaskSettings = {
  accountId: string;
  names: ResourceNames;
  image: $util.Output<string>;
  executionRoleArn: $util.Output<string>;
  taskRoleArn: $util.Output<string>;
  logGroup: $util.Output<string>;
};

export function taskDefinition(settings: Settings, fleet: string, given: TaskSettings) {
  const { cpuUnits, memoryMib, httpPort, modelMemoryMb } = settings.task;
  const environment = {
    AWS_REGION: settings.region,
    LOG_LEVEL: settings.logLevel,
    HTTP_PORT: String(httpPort),
    CUDA_VISIBLE_DEVICES: '0',
    NVIDIA_DRIVER_CAPABILITIES: 'compute,video,utility',
    CONFIG_FILE: '/app/config/cameras.yaml',
    MODELS_FOLDER: '/app/models',
    CACHE_FOLDER: '/app/.cache',
    WORKER_PROVIDERS: 'cuda',
    KVS_INFER_STAGE: settings.stage,
    KVS_INFER_FLEET: fleet,
    KVS_INFER_ACCOUNT_ID: given.accountId,
    ...chosenNamesOf(settings),
    ...(modelMemoryMb === undefined ? {} : { MODEL_MEMORY_MB: String(modelMemoryMb) }),
    ...(settings.snapshots.prefix === 'snapshots' ? {} : { S3_PREFIX: settings.snapshots.prefix }),
  };
  return new aws.ecs.TaskDefinition(`Task-${fleet}`, {
    family: `kvs-infer-${settings.stage}-${fleet}-gpu`,
    networkMode: 'awsvpc',
    requiresCompatibilities: ['EC2'],
    cpu: String(cpuUnits),
    memory: String(memoryMib),
    runtimePlatform: { cpuArchitecture: 'X86_64', operatingSystemFamily: 'LINUX' },
    executionRoleArn: given.executionRoleArn,
    taskRoleArn: given.taskRoleArn,
    placementConstraints: [{ type: 'memberOf', expression: placementExpression(settings.capacity.instanceTypes) }],
    volumes: ['config', 'models', 'cache'].map((name) => ({ name, hostPath: `${hostFolder}/${name}` })),
    containerDefinitions: $jsonStringify([
      {
        name: 'worker',
        image: given.image,
        essential: true,
        cpu: cpuUnits,
        memory: memoryMib,
        resourceRequirements: [{ type: 'GPU', value: '1' }],
        portMappings: [{ containerPort: httpPort, hostPort: httpPort, protocol: 'tcp', name: 'http' }],
        environment: Object.entries(environment).map(([name, value]) => ({ name, value })),
        mountPoints: [
          { sourceVolume: 'config', containerPath: '/app/config', readOnly: true },
          { sourceVolume: 'models', containerPath: '/app/models', readOnly: true },
          { sourceVolume: 'cache', containerPath: '/app/.cache', readOnly: false },
        ],
        healthCheck: {
          command: ['CMD', 'node', 'worker/health-check.ts', `http://localhost:${httpPort}/healthz`],
          interval: 30,
          timeout: 5,
          retries: 3,
          startPeriod: healthStartPeriodSeconds,
        },
        stopTimeout: stopTimeoutSeconds,
        // ECS Exec writes into the container, so its root file system cannot be read-only.
        readonlyRootFilesystem: false,
        privileged: false,
        linuxParameters: { initProcessEnabled: true, capabilities: { drop: ['NET_RAW'] } },
        ulimits: [{ name: 'nofile', softLimit: 65_536, hardLimit: 65_536 }],
        logConfiguration: {
          logDriver: 'awslogs',
          options: {
            'awslogs-group': given.logGroup,
            'awslogs-region': settings.region,
            'awslogs-stream-prefix': 'ecs',
            // A slow log must not stop frames: what does not fit is dropped.
            mode: 'non-blocking',
            'max-buffer-size': '25m',
          },
        },
      },
    ]),
  });
}

export function fleetService(
  settings: Settings,
  fleet: string,
  given: {
    clusterArn: $util.Output<string>;
    taskDefinition: aws.ecs.TaskDefinition;
    capacityProvider: aws.ecs.CapacityProvider;
    subnetIds: $util.Output<string[]>;
    securityGroupId: $util.Output<string>;
    dependsOn: $util.Resource[];
  },
) {
  return new aws.ecs.Service(
    `Service-${fleet}`,
    {
      name: fleetResourceNames(settings.stage, fleet).service,
      cluster: given.clusterArn,
      taskDefinition: given.taskDefinition.arn,
      schedulingStrategy: 'REPLICA',
      desiredCount: settings.capacity.minWorkers,
      capacityProviderStrategies: [{ capacityProvider: given.capacityProvider.name, weight: 1, base: 0 }],
      networkConfiguration: {
        subnets: given.subnetIds,
        securityGroups: [given.securityGroupId],
        assignPublicIp: false,
      },
      deploymentCircuitBreaker: { enable: true, rollback: true },
      deploymentMaximumPercent: 200,
      deploymentMinimumHealthyPercent: 100,
      orderedPlacementStrategies: [
        { type: 'spread', field: 'attribute:ecs.availability-zone' },
        { type: 'spread', field: 'instanceId' },
      ],
      // Moving a task to balance zones would take its cameras from it.
      availabilityZoneRebalancing: 'DISABLED',
      enableExecuteCommand: true,
      enableEcsManagedTags: true,
      propagateTags: 'SERVICE',
      healthCheckGracePeriodSeconds: 60,
      waitForSteadyState: false,
      forceDelete: !settings.isProduction,
      tags: { 'kvs-infer:fleet': fleet },
    },
    { ignoreChanges: ['desiredCount'], dependsOn: given.dependsOn },
  );
}

/** `attribute:ecs.instance-type =~ g4dn.*`, and the other families of the ladder. */
function placementExpression(instanceTypes: readonly string[]): string {
  const families = [...new Set(instanceTypes.map((type) => type.split('.')[0]))];
  return families.map((family) => `attribute:ecs.instance-type =~ ${family}.*`).join(' or ');
}

/** Names that the settings chose; the worker works out the others. */
export function chosenNamesOf({ names }: Settings): Record<string, string> {
  return {
    ...(names.cluster === undefined ? {} : { ECS_CLUSTER_NAME: names.cluster }),
    ...(names.resultStream === undefined ? {} : { KDS_STREAM_NAME: names.resultStream }),
    ...(names.resultBucket === undefined ? {} : { S3_BUCKET_NAME: names.resultBucket }),
  };
}
