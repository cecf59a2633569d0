/**
 * The Auto Scaling calls of the control loop on both targets; ECS on the local cloud alone, because moto neither places nor
 * runs tasks; and the real `aws` command, which speaks to both services in its own way.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  AutoScalingClient,
  CreateAutoScalingGroupCommand,
  CreateLaunchConfigurationCommand,
  DeleteAutoScalingGroupCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeAutoScalingInstancesCommand,
  SetDesiredCapacityCommand,
  SetInstanceProtectionCommand,
  TerminateInstanceInAutoScalingGroupCommand,
  UpdateAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
} from '@aws-sdk/client-ecs';
import { beforeAll, expect, it } from 'vitest';
import { clientOptions, describeContract, isInstalled, region } from './targets.ts';

const AutoScalingGroupName = 'contract-asg';

describeContract('Auto Scaling', (target) => {
  let client: AutoScalingClient;
  let ec2: EC2Client;
  const group = async () => {
    await target().cloud?.compute.settled();
    const { AutoScalingGroups } = await client.send(
      new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [AutoScalingGroupName] }),
    );
    return AutoScalingGroups?.[0];
  };
  /** Ids of the instances that are to stay. */
  const instanceIds = async () =>
    ((await group())?.Instances ?? [])
      .filter((one) => !String(one.LifecycleState).startsWith('Terminat'))
      .map((one) => one.InstanceId ?? '');
  const setDesired = (DesiredCapacity: number) =>
    client.send(new SetDesiredCapacityCommand({ AutoScalingGroupName, DesiredCapacity }));

  beforeAll(async () => {
    client = new AutoScalingClient(clientOptions(target()));
    ec2 = new EC2Client(clientOptions(target()));
    const LaunchConfigurationName = 'contract-launch';
    if (target().name === 'moto') {
      // The local cloud takes any launch configuration; moto wants one that exists, with an image it knows.
      await client.send(
        new CreateLaunchConfigurationCommand({
          LaunchConfigurationName,
          ImageId: 'ami-12c6146b',
          InstanceType: 'g4dn.xlarge',
        }),
      );
    }
    const definition = {
      AutoScalingGroupName,
      LaunchConfigurationName,
      MinSize: 0,
      MaxSize: 3,
      AvailabilityZones: [`${region}a`],
      NewInstancesProtectedFromScaleIn: true,
    };
    await client.send(new CreateAutoScalingGroupCommand(definition));
  });

  it('starts at its minimum', async () => {
    expect(await group()).toMatchObject({
      AutoScalingGroupName,
      MinSize: 0,
      MaxSize: 3,
      DesiredCapacity: 0,
      DefaultCooldown: 300,
      HealthCheckType: 'EC2',
      NewInstancesProtectedFromScaleIn: true,
      AvailabilityZones: [`${region}a`],
    });
    expect((await group())?.AutoScalingGroupARN).toMatch(/^arn:aws:autoscaling:.*:autoScalingGroupName\/contract-asg$/);
    expect((await group())?.CreatedTime).toBeInstanceOf(Date);
  });

  it('launches up to desired capacity, protected, and EC2 knows the instances', async () => {
    await setDesired(2);
    const ids = await instanceIds();
    expect(ids).toHaveLength(2);
    expect((await group())?.Instances?.[0]).toMatchObject({
      ProtectedFromScaleIn: true,
      InstanceType: 'g4dn.xlarge',
      HealthStatus: 'Healthy',
      AvailabilityZone: `${region}a`,
    });
    const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: ids }));
    const found = (Reservations ?? []).flatMap((one) => one.Instances ?? []);
    expect(found.map((one) => one.InstanceId).sort()).toEqual([...ids].sort());
    expect(found[0]?.LaunchTime).toBeInstanceOf(Date);
    const { AutoScalingInstances } = await client.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: ids }));
    expect(AutoScalingInstances).toHaveLength(2);
  });

  it('terminates one instance and lowers desired capacity with it', async () => {
    const [first = '', second] = await instanceIds();
    const { Activity } = await client.send(
      new TerminateInstanceInAutoScalingGroupCommand({ InstanceId: first, ShouldDecrementDesiredCapacity: true }),
    );
    expect(Activity?.ActivityId).toBeTruthy();
    expect(await group()).toMatchObject({ DesiredCapacity: 1 });
    expect(await instanceIds()).toEqual([second]);
  });

  it('replaces an instance that was terminated without a decrement', async () => {
    const [first = ''] = await instanceIds();
    await client.send(
      new TerminateInstanceInAutoScalingGroupCommand({ InstanceId: first, ShouldDecrementDesiredCapacity: false }),
    );
    const after = await instanceIds();
    expect(after).toHaveLength(1);
    expect(after).not.toContain(first);
  });

  it('scales in once protection is off', async () => {
    const ids = await instanceIds();
    await client.send(
      new SetInstanceProtectionCommand({ AutoScalingGroupName, InstanceIds: ids, ProtectedFromScaleIn: false }),
    );
    await setDesired(0);
    expect(await instanceIds()).toEqual([]);
  });

  it('takes new bounds, and refuses an instance that is not there', async () => {
    await client.send(new UpdateAutoScalingGroupCommand({ AutoScalingGroupName, MaxSize: 5 }));
    expect(await group()).toMatchObject({ MaxSize: 5, MinSize: 0 });
    await expect(
      ec2.send(new DescribeInstancesCommand({ InstanceIds: ['i-0123456789abcdef0'] })),
    ).rejects.toMatchObject({ name: 'InvalidInstanceID.NotFound' });
  });

  it('is deleted', async () => {
    await client.send(new DeleteAutoScalingGroupCommand({ AutoScalingGroupName, ForceDelete: true }));
    await target().cloud?.compute.settled();
    const left = await group();
    expect(left === undefined || left.Status === 'Delete in progress').toBe(true);
  });
});

describeContract(
  'ECS and the limits of Auto Scaling',
  (target) => {
    let ecs: ECSClient;
    let autoScaling: AutoScalingClient;
    const aws = async (...commandLine: string[]): Promise<unknown> => {
      const { stdout } = await promisify(execFile)('aws', [...commandLine, '--output', 'json'], {
        env: {
          PATH: process.env.PATH,
          HOME: process.env.HOME,
          AWS_ENDPOINT_URL: target().endpoint,
          AWS_DEFAULT_REGION: region,
          AWS_ACCESS_KEY_ID: 'local',
          AWS_SECRET_ACCESS_KEY: 'local',
          AWS_MAX_ATTEMPTS: '1',
        },
      });
      return JSON.parse(stdout);
    };
    const fleet = { stage: 'contract', fleet: 'default', min: 1, max: 2, taskEnvironment: {} };
    const cluster = 'kvs-infer-contract-cluster';
    const service = 'kvs-infer-contract-default-service';
    const group = 'kvs-infer-contract-default-asg';

    beforeAll(async () => {
      ecs = new ECSClient(clientOptions(target()));
      autoScaling = new AutoScalingClient(clientOptions(target()));
      target().cloud?.compute.createFleet(fleet);
      await target().cloud?.compute.settled();
    });

    it('refuses what AWS refuses, with its names', async () => {
      const name = (expected: string) => expect.objectContaining({ name: expected });
      const capacity = (DesiredCapacity: number) =>
        autoScaling.send(new SetDesiredCapacityCommand({ AutoScalingGroupName: group, DesiredCapacity }));
      await expect(capacity(3)).rejects.toEqual(name('ValidationError'));
      const again = { AutoScalingGroupName: group, MinSize: 0, MaxSize: 1, LaunchConfigurationName: 'a' };
      // The SDK names the class; on the wire the code is AlreadyExists.
      await expect(autoScaling.send(new CreateAutoScalingGroupCommand(again))).rejects.toEqual(
        name('AlreadyExistsFault'),
      );
      await expect(capacity(0)).rejects.toThrow(/below min value 1/);
      await expect(
        autoScaling.send(new DeleteAutoScalingGroupCommand({ AutoScalingGroupName: group })),
      ).rejects.toMatchObject({ name: expect.stringMatching(/^(ScalingActivityInProgress|ResourceInUse)Fault$/) });
      await expect(
        autoScaling.send(new SetDesiredCapacityCommand({ AutoScalingGroupName: 'nothing', DesiredCapacity: 1 })),
      ).rejects.toMatchObject({ name: 'ValidationError' });
      await expect(
        autoScaling.send(
          new TerminateInstanceInAutoScalingGroupCommand({
            InstanceId: 'i-0123456789abcdef0',
            ShouldDecrementDesiredCapacity: true,
          }),
        ),
      ).rejects.toMatchObject({ name: 'ValidationError' });
      await expect(ecs.send(new DescribeServicesCommand({ cluster: 'nothing', services: ['a'] }))).rejects.toEqual(
        name('ClusterNotFoundException'),
      );
      await expect(ecs.send(new ListTasksCommand({ cluster, serviceName: 'nothing' }))).rejects.toEqual(
        name('ServiceNotFoundException'),
      );
      const tasks = Array.from({ length: 101 }, (_, index) => String(index));
      await expect(ecs.send(new DescribeTasksCommand({ cluster, tasks }))).rejects.toEqual(
        name('InvalidParameterException'),
      );
      const { services, failures } = await ecs.send(new DescribeServicesCommand({ cluster, services: ['nothing'] }));
      expect(services).toEqual([]);
      expect(failures).toMatchObject([{ reason: 'MISSING' }]);
    });

    it('lets a client build a service from nothing', async () => {
      await ecs.send(new CreateClusterCommand({ clusterName: 'own' }));
      const { taskDefinition } = await ecs.send(
        new RegisterTaskDefinitionCommand({
          family: 'own',
          containerDefinitions: [{ name: 'a', image: 'b', cpu: 1, memory: 1 }],
        }),
      );
      const created = await ecs.send(
        new CreateServiceCommand({ cluster: 'own', serviceName: 's', taskDefinition: 'own', desiredCount: 1 }),
      );
      expect(created.service).toMatchObject({
        status: 'ACTIVE',
        desiredCount: 1,
        runningCount: 0,
        taskDefinition: taskDefinition?.taskDefinitionArn,
        launchType: 'EC2',
      });
      expect(created.service?.createdAt).toBeInstanceOf(Date);
    });

    it.skipIf(!isInstalled('aws'))('answers the real aws command (skipped where it is not installed)', async () => {
      const [services, groups] = await Promise.all([
        aws('ecs', 'describe-services', '--cluster', cluster, '--services', service),
        aws('autoscaling', 'describe-auto-scaling-groups', '--auto-scaling-group-names', group),
      ]);
      expect(services).toMatchObject({
        services: [{ serviceName: service, status: 'ACTIVE', desiredCount: 0, deployments: [{ status: 'PRIMARY' }] }],
        failures: [],
      });
      expect(groups).toMatchObject({
        AutoScalingGroups: [{ AutoScalingGroupName: group, MinSize: 1, MaxSize: 2, DesiredCapacity: 1 }],
      });
      const [instance] = (groups as { AutoScalingGroups: { Instances: { InstanceId: string }[] }[] })
        .AutoScalingGroups[0]?.Instances ?? [{ InstanceId: '' }];
      expect(await aws('ec2', 'describe-instances', '--instance-ids', instance?.InstanceId ?? '')).toMatchObject({
        Reservations: [{ Instances: [{ InstanceType: 'g4dn.xlarge', InstanceId: instance?.InstanceId }] }],
      });
    });
  },
  ['local cloud'],
);
