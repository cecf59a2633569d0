/** From desired counts to instances and tasks and back, on a stepped clock, through the real SDK clients. */
import { DescribeScalingActivitiesCommand } from '@aws-sdk/client-auto-scaling';
import {
  DescribeContainerInstancesCommand,
  DescribeTasksCommand,
  ListContainerInstancesCommand,
  StopTaskCommand,
} from '@aws-sdk/client-ecs';
import { describe, expect, it } from 'vitest';
import {
  eachTestWithFleet,
  type SteppedCompute,
  startFleet,
  steppedCompute,
  type TestFleet,
} from './stepped-compute.test-factory.ts';

let cloud: SteppedCompute;
let fleet: TestFleet;

eachTestWithFleet(
  (ofTest, itsFleet) => {
    cloud = ofTest;
    fleet = itsFleet;
  },
  () => cloud,
);

describe('growing', () => {
  it('boots instances, registers them, places one task on each GPU and says so in events', async () => {
    expect(fleet.names).toEqual({
      cluster: 'kvs-infer-test-cluster',
      service: 'kvs-infer-test-default-service',
      autoScalingGroup: 'kvs-infer-test-default-asg',
      capacityProvider: 'kvs-infer-test-gpu-capacity-provider',
      taskDefinition: 'kvs-infer-gpu:1',
    });
    await fleet.setInstances(2);
    await cloud.step(59_999);
    expect((await fleet.group()).Instances?.map((one) => one.LifecycleState)).toEqual(['Pending', 'Pending']);
    await cloud.step(1);
    expect((await fleet.group()).Instances).toMatchObject([
      { LifecycleState: 'InService', HealthStatus: 'Healthy', ProtectedFromScaleIn: true, InstanceType: 'g4dn.xlarge' },
      { LifecycleState: 'InService' },
    ]);
    expect(cloud.eventsOf('EC2 Instance Launch Successful')).toMatchObject([{ atMs: 60_000 }, { atMs: 60_000 }]);
    const none = await cloud.ecs.send(new ListContainerInstancesCommand({ cluster: fleet.names.cluster }));
    expect(none.containerInstanceArns).toEqual([]);
    await cloud.step(10_000);
    const listed = await cloud.ecs.send(new ListContainerInstancesCommand({ cluster: fleet.names.cluster }));
    const described = await cloud.ecs.send(
      new DescribeContainerInstancesCommand({
        cluster: fleet.names.cluster,
        containerInstances: listed.containerInstanceArns ?? [],
      }),
    );
    expect(described.containerInstances).toHaveLength(2);
    expect(described.containerInstances?.[0]).toMatchObject({ status: 'ACTIVE', agentConnected: true });
    const gpu = described.containerInstances?.[0]?.registeredResources?.find((one) => one.name === 'GPU');
    expect(gpu?.stringSetValue).toHaveLength(1);
    expect(described.containerInstances?.[0]?.attributes).toContainEqual(
      expect.objectContaining({ name: 'ecs.instance-type', value: 'g4dn.xlarge' }),
    );

    await fleet.setTasks(2);
    await cloud.service.settled();
    expect(cloud.tasks('PENDING')).toHaveLength(2);
    await cloud.step(5_000);
    const running = cloud.tasks('RUNNING');
    expect(new Set(running.map((task) => task.instanceId)).size).toBe(2);
    const service = await fleet.service();
    expect(service).toMatchObject({ desiredCount: 2, runningCount: 2, pendingCount: 0, status: 'ACTIVE' });
    expect(service.deployments).toMatchObject([{ status: 'PRIMARY', rolloutState: 'COMPLETED', runningCount: 2 }]);
    expect(service.events?.[0]?.message).toBe(`(service ${fleet.names.service}) has reached a steady state.`);
    const states = cloud.eventsOf('ECS Task State Change').map((event) => event.detail.lastStatus);
    expect(states.filter((state) => state === 'RUNNING')).toHaveLength(2);
    expect(cloud.eventsOf('ECS Task State Change')[0]?.detail).toMatchObject({
      clusterArn: 'arn:aws:ecs:eu-west-1:000000000000:cluster/kvs-infer-test-cluster',
      group: `service:${fleet.names.service}`,
      lastStatus: 'PROVISIONING',
      desiredStatus: 'RUNNING',
      launchType: 'EC2',
      containerInstanceArn: running[0]?.containerInstanceArn,
    });
  });

  it('backs off when no instance has room, and only a later try or UpdateService places the task', async () => {
    await fleet.setTasks(1);
    await cloud.service.settled();
    const failures = () =>
      cloud.eventsOf('ECS Service Action').filter((one) => one.detail.eventName === 'SERVICE_TASK_PLACEMENT_FAILURE');
    expect(failures().map((one) => one.atMs)).toEqual([0]);
    expect((await fleet.service()).events?.[0]?.message).toMatch(
      /was unable to place a task because no container instance met/,
    );
    await cloud.step(110_000);
    expect(failures().map((one) => one.atMs)).toEqual([0, 15_000, 45_000, 105_000]);
    // An instance registers right after a failed try: the service does not look until 225 s.
    await fleet.setInstances(1);
    await cloud.step(100_000);
    expect(cloud.tasks('PENDING')).toEqual([]);
    await fleet.setTasks(2);
    await cloud.step(5_000);
    expect(cloud.tasks('RUNNING')).toHaveLength(1);
    expect(failures().at(-1)?.detail.reason).toBe('RESOURCE:GPU');
  });

  it('reports failed launches while capacity is short, and launches at the retry after it is back', async () => {
    cloud.service.setShortages([{}]);
    await fleet.setInstances(1);
    await cloud.step(30_000);
    const { Activities } = await cloud.autoScaling.send(
      new DescribeScalingActivitiesCommand({ AutoScalingGroupName: fleet.names.autoScalingGroup }),
    );
    // One for each zone that it tried.
    expect(Activities?.map(({ Details }) => JSON.parse(Details ?? '')['Availability Zone']).sort()).toEqual([
      'eu-west-1a',
      'eu-west-1b',
    ]);
    expect(Activities?.[0]).toMatchObject({ StatusCode: 'Failed', Progress: 100 });
    expect(Activities?.[0]?.StatusMessage).toMatch(/InsufficientInstanceCapacity/);
    expect(cloud.eventsOf('EC2 Instance Launch Unsuccessful')[0]?.detail).toMatchObject({
      AutoScalingGroupName: fleet.names.autoScalingGroup,
      StatusCode: 'Failed',
    });
    cloud.service.setShortages([]);
    await cloud.step(29_999);
    expect((await fleet.group()).Instances).toEqual([]);
    await cloud.step(1);
    expect((await fleet.group()).Instances).toHaveLength(1);
  });
});

describe('tasks', () => {
  it('replaces a task that dies', async () => {
    await fleet.grow(1);
    const [before] = cloud.tasks('RUNNING');
    await cloud.step(60_000);
    expect(cloud.service.killTask(before?.taskId ?? '', 'SIGKILL')).toBe(true);
    await cloud.step(5_000);
    const [after] = cloud.tasks('RUNNING');
    expect(after?.taskId).not.toBe(before?.taskId);
    const { tasks } = await cloud.ecs.send(
      new DescribeTasksCommand({ cluster: fleet.names.cluster, tasks: [before?.taskArn ?? ''] }),
    );
    expect(tasks?.[0]).toMatchObject({
      lastStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
      containers: [{ exitCode: 137 }],
    });
  });

  it('slows down after three tasks in a row that died young', async () => {
    await cloud.close();
    cloud = await steppedCompute({
      runner: { start: () => Promise.reject(new Error('no such file')), close: async () => {} },
    });
    fleet = startFleet(cloud);
    await fleet.setInstances(1);
    await cloud.step(70_000);
    await fleet.setTasks(1);
    await cloud.step(600_000);
    const stopped = cloud.service.listTasks();
    // Three at once (5 s each), then after 15, 30, 60, 120 and 240 s.
    expect(stopped.map((task) => task.stoppedReason)).toEqual(Array(8).fill('CannotStartContainerError: no such file'));
    expect(stopped.every((task) => task.stopCode === 'TaskFailedToStart')).toBe(true);
    // The deployment completed at desired count 0: later deaths are not its failure.
    expect((await fleet.service()).deployments?.[0]).toMatchObject({ rolloutState: 'COMPLETED', failedTasks: 0 });
  });

  it('StopTask: SIGTERM, SIGKILL after the stop timeout, then a replacement', async () => {
    await cloud.close();
    const { inProcessRunner } = await import('./in-process-runner.ts');
    cloud = await steppedCompute({ runner: inProcessRunner(() => new Promise(() => {})) });
    fleet = startFleet(cloud);
    await fleet.grow(1);
    const [task] = cloud.tasks('RUNNING');
    const stopped = await cloud.ecs.send(
      new StopTaskCommand({ cluster: fleet.names.cluster, task: task?.taskId, reason: 'by hand' }),
    );
    expect(stopped.task).toMatchObject({ lastStatus: 'STOPPING', desiredStatus: 'STOPPED', stopCode: 'UserInitiated' });
    await cloud.step(29_999);
    expect(cloud.tasks('STOPPING')).toHaveLength(1);
    expect(cloud.tasks('PENDING')).toHaveLength(0);
    await cloud.step(1);
    expect(cloud.tasks('STOPPED')).toMatchObject([{ exitCode: 137, stoppedReason: 'by hand' }]);
    // The stopping task held the only GPU: the failed placement's back-off ends at 60 s.
    await cloud.step(20_000);
    expect(cloud.tasks('RUNNING')).toHaveLength(1);
  });
});
