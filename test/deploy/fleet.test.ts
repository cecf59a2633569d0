/** The GPU side by value: ecs-task-definition, ecs-service, cluster, ecr, asg, capacity-provider of seed.md. */
import { describe, expect, it } from 'vitest';
import { registeredCpuUnits, registeredMemoryMib, shapeOf } from '../../stacks/instance-types.ts';
import type { Graph } from '../../stacks/synthesis/graph.ts';
import { errorsOf, graphOf, isSynthesised } from './graphs.ts';

const task = (graph: Graph, fleet = 'default') => {
  const { inputs } = graph.one('aws:ecs/taskDefinition:TaskDefinition', `Task-${fleet}`);
  return { inputs, container: JSON.parse(inputs.containerDefinitions)[0] };
};
const environmentOf = (container: { environment: { name: string; value: string }[] }) =>
  Object.fromEntries(container.environment.map(({ name, value }) => [name, value]));

describe.skipIf(!isSynthesised)('ecs-task-definition', () => {
  it('is one container with one GPU on EC2, of a size that the smallest allowed instance holds', () => {
    const { inputs, container } = task(graphOf('test'));
    expect(inputs).toMatchObject({
      family: 'kvs-infer-test-default-gpu',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['EC2'],
      cpu: '4096',
      placementConstraints: [{ type: 'memberOf', expression: 'attribute:ecs.instance-type =~ g4dn.*' }],
    });
    const smallest = shapeOf('g4dn.xlarge') as NonNullable<ReturnType<typeof shapeOf>>;
    expect(Number(inputs.memory)).toBeLessThanOrEqual(registeredMemoryMib(smallest));
    expect(Number(inputs.cpu)).toBeLessThanOrEqual(registeredCpuUnits(smallest));
    expect(container).toMatchObject({
      cpu: 4096,
      memory: Number(inputs.memory),
      resourceRequirements: [{ type: 'GPU', value: '1' }],
      portMappings: [{ containerPort: 8080, protocol: 'tcp' }],
      healthCheck: {
        command: ['CMD', 'node', 'worker/health-check.ts', 'http://localhost:8080/healthz'],
        interval: 30,
      },
      logConfiguration: {
        logDriver: 'awslogs',
        options: {
          'awslogs-group': '/ecs/kvs-infer-test',
          'awslogs-region': 'ap-southeast-1',
          'awslogs-stream-prefix': 'ecs',
        },
      },
    });
  });

  it('has the environment of the worker', () => {
    expect(environmentOf(task(graphOf('test')).container)).toEqual({
      AWS_REGION: 'ap-southeast-1',
      LOG_LEVEL: 'INFO',
      HTTP_PORT: '8080',
      CUDA_VISIBLE_DEVICES: '0',
      NVIDIA_DRIVER_CAPABILITIES: 'compute,video,utility',
      CONFIG_FILE: '/app/config/cameras.yaml',
      MODELS_FOLDER: '/app/models',
      CACHE_FOLDER: '/app/.cache',
      WORKER_PROVIDERS: 'cuda',
      KVS_INFER_STAGE: 'test',
      KVS_INFER_FLEET: 'default',
      KVS_INFER_ACCOUNT_ID: '123456789012',
    });
    const chosen = environmentOf(task(graphOf('chosen'), 'docks').container);
    expect(chosen).toMatchObject({
      KVS_INFER_FLEET: 'docks',
      HTTP_PORT: '9090',
      LOG_LEVEL: 'DEBUG',
      MODEL_MEMORY_MB: '12000',
      ECS_CLUSTER_NAME: 'shared-cluster',
      KDS_STREAM_NAME: 'detections',
      S3_BUCKET_NAME: 'team-snapshots',
      S3_PREFIX: 'pictures/eu',
    });
  });

  it('mounts the three host folders, the cache alone to write', () => {
    const { inputs, container } = task(graphOf('test'));
    const paths = Object.fromEntries(
      inputs.volumes.map((volume: { name: string; hostPath: string }) => [volume.name, volume.hostPath]),
    );
    const mounts = container.mountPoints.map(
      (mount: { sourceVolume: string; containerPath: string; readOnly: boolean }) => [
        paths[mount.sourceVolume],
        mount.containerPath,
        mount.readOnly,
      ],
    );
    expect(mounts).toEqual([
      ['/opt/kvs-infer/config', '/app/config', true],
      ['/opt/kvs-infer/models', '/app/models', true],
      ['/opt/kvs-infer/cache', '/app/.cache', false],
    ]);
  });

  it('runs an image by digest: built and pushed, or the one that was chosen', () => {
    expect(task(graphOf('test')).container.image).toMatch(
      /^123456789012\.dkr\.ecr\.ap-southeast-1\.amazonaws\.com\/kvs-infer-test:[0-9a-f]{20}@sha256:[0-9a-f]{64}$/,
    );
    const build = graphOf('test').one('docker-build:index:Image').inputs;
    expect(build).toMatchObject({ push: true, platforms: ['linux/amd64'] });
    expect(build.dockerfile.location).toMatch(/worker\/Dockerfile$/);
    expect(graphOf('chosen').all('docker-build:index:Image')).toEqual([]);
    expect(task(graphOf('chosen')).container.image).toMatch(/@sha256:a{64}$/);
  });

  it('may be placed on every family of the ladder', () => {
    expect(task(graphOf('chosen')).inputs.placementConstraints[0].expression).toBe(
      'attribute:ecs.instance-type =~ g5.* or attribute:ecs.instance-type =~ g6.*',
    );
  });
});

describe.skipIf(!isSynthesised)('ecs-service', () => {
  it('is owned by the control loop and rolls out behind a circuit breaker', () => {
    const graph = graphOf('test');
    const service = graph.one('aws:ecs/service:Service');
    expect(service.inputs).toMatchObject({
      name: 'kvs-infer-test-default-service',
      schedulingStrategy: 'REPLICA',
      desiredCount: 0,
      capacityProviderStrategies: [{ capacityProvider: 'kvs-infer-test-gpu-capacity-provider', weight: 1 }],
      networkConfiguration: { assignPublicIp: false },
      deploymentCircuitBreaker: { enable: true, rollback: true },
      deploymentMaximumPercent: 200,
      deploymentMinimumHealthyPercent: 100,
      orderedPlacementStrategies: [
        { type: 'spread', field: 'attribute:ecs.availability-zone' },
        { type: 'spread', field: 'instanceId' },
      ],
      enableExecuteCommand: true,
      propagateTags: 'SERVICE',
      healthCheckGracePeriodSeconds: 60,
    });
    expect(service.inputs.launchType).toBeUndefined();
    expect(service.inputs.networkConfiguration.subnets).toHaveLength(2);
    expect(service.inputs.networkConfiguration.securityGroups).toEqual([
      graph.one('aws:ec2/securityGroup:SecurityGroup', 'WorkerSecurityGroup').id,
    ]);
    expect(service.dependsOn).toEqual([
      'aws:ecs/clusterCapacityProviders:ClusterCapacityProviders::ClusterCapacityProviders',
    ]);
  });

  it('a redeploy resets neither the tasks nor the instances', () => {
    expect(graphOf('test').one('aws:ecs/service:Service').ignoreChanges).toEqual(['desiredCount']);
    expect(graphOf('test').one('aws:autoscaling/group:Group').ignoreChanges).toEqual(['desiredCapacity']);
  });

  it('each fleet has its own service, group and capacity provider in one cluster', () => {
    const graph = graphOf('chosen');
    const names = (type: string) => graph.all(type).map(({ inputs }) => inputs.name);
    expect(names('aws:ecs/service:Service')).toEqual([
      'kvs-infer-production-default-service',
      'kvs-infer-production-docks-service',
    ]);
    expect(names('aws:autoscaling/group:Group')).toEqual([
      'kvs-infer-production-default-asg',
      'kvs-infer-production-docks-asg',
    ]);
    expect(names('aws:ecs/cluster:Cluster')).toEqual(['shared-cluster']);
    const providers = names('aws:ecs/capacityProvider:CapacityProvider');
    expect(providers).toEqual([
      'kvs-infer-production-gpu-capacity-provider',
      'kvs-infer-production-gpu-capacity-provider-docks',
    ]);
    expect(graph.one('aws:ecs/clusterCapacityProviders:ClusterCapacityProviders').inputs.capacityProviders).toEqual(
      providers,
    );
  });
});

describe.skipIf(!isSynthesised)('cluster, ecr, asg and capacity-provider', () => {
  it('the cluster has enhanced Container Insights', () => {
    expect(graphOf('test').one('aws:ecs/cluster:Cluster').inputs).toMatchObject({
      name: 'kvs-infer-test-cluster',
      settings: [{ name: 'containerInsights', value: 'enhanced' }],
    });
  });

  it('the repository scans on push, never moves a tag and keeps the last images', () => {
    const { inputs } = graphOf('test').one('aws:ecr/repository:Repository');
    expect(inputs).toMatchObject({
      name: 'kvs-infer-test',
      imageScanningConfiguration: { scanOnPush: true },
      imageTagMutability: 'IMMUTABLE',
      forceDelete: true,
    });
    expect(graphOf('production').one('aws:ecr/repository:Repository').inputs.forceDelete).toBe(false);
    const policy = JSON.parse(graphOf('test').one('aws:ecr/lifecyclePolicy:LifecyclePolicy').inputs.policy);
    expect(policy.rules[0].selection).toEqual({ tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 10 });
    expect(graphOf('chosen').one('aws:ecr/repository:Repository').inputs.name).toBe('team/detector');
  });

  it('instances: ECS GPU AMI on Amazon Linux 2023, IMDSv2, encrypted gp3, no public address', () => {
    const { inputs } = graphOf('test').one('aws:ec2/launchTemplate:LaunchTemplate');
    expect(inputs).toMatchObject({
      imageId: 'ami-0123456789abcdef0',
      instanceType: 'g4dn.xlarge',
      metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 1 },
      networkInterfaces: [{ associatePublicIpAddress: 'false' }],
      blockDeviceMappings: [{ ebs: { volumeType: 'gp3', encrypted: 'true' } }],
    });
    const script = Buffer.from(inputs.userData, 'base64').toString();
    for (const words of [
      'ECS_CLUSTER=kvs-infer-test-cluster',
      'ECS_ENABLE_GPU_SUPPORT=true',
      'ECS_RESERVED_MEMORY=512',
      's3://kvs-infer-test-models-123456789012/models/',
      'kvs-infer-gpu-metrics.timer',
    ]) {
      expect(script).toContain(words);
    }
    expect(Buffer.byteLength(script)).toBeLessThan(16_384);
  });

  it('the group mixes Spot and on demand over two zones and ends no worker by itself', () => {
    const { inputs } = graphOf('test').one('aws:autoscaling/group:Group');
    expect(inputs).toMatchObject({
      name: 'kvs-infer-test-default-asg',
      minSize: 0,
      desiredCapacity: 0,
      protectFromScaleIn: true,
      suspendedProcesses: ['AZRebalance'],
      mixedInstancesPolicy: {
        instancesDistribution: {
          onDemandBaseCapacity: 0,
          onDemandPercentageAboveBaseCapacity: 30,
          spotAllocationStrategy: 'price-capacity-optimized',
        },
        launchTemplate: { overrides: [{ instanceType: 'g4dn.xlarge' }, { instanceType: 'g4dn.2xlarge' }] },
      },
    });
    expect(inputs.maxSize).toBe(20);
    expect(inputs.vpcZoneIdentifiers).toHaveLength(2);
    expect(inputs.tags).toContainEqual({ key: 'AmazonECSManaged', value: 'true', propagateAtLaunch: true });
    expect(graphOf('chosen').one('aws:autoscaling/group:Group', 'Group-docks').inputs).toMatchObject({
      minSize: 1,
      maxSize: 8,
      mixedInstancesPolicy: {
        instancesDistribution: { onDemandBaseCapacity: 1, onDemandPercentageAboveBaseCapacity: 100 },
      },
    });
  });

  it('the capacity provider leaves scaling to the loop and drains what goes', () => {
    expect(graphOf('test').one('aws:ecs/capacityProvider:CapacityProvider').inputs).toMatchObject({
      name: 'kvs-infer-test-gpu-capacity-provider',
      autoScalingGroupProvider: { managedScaling: { status: 'DISABLED' }, managedDraining: 'ENABLED' },
    });
  });

  it('a model that is not there stops the deployment with its name', () => {
    expect(errorsOf('absentModel')).toEqual([
      expect.stringContaining('absent/model.onnx (model "default") does not exist'),
    ]);
  });

  it('wrong settings stop it before the first resource, all of them in one message', () => {
    const [message] = errorsOf('wrongSettings');
    expect(message).toContain('AWS_REGION="nowhere"');
    expect(message).toContain('MIN_WORKERS=5 is more than MAX_WORKERS=2');
  });
});
