/** Scale-in, managed draining and Spot, on a stepped clock, through the real SDK clients. */
import {
  DescribeScalingActivitiesCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { DescribeInstancesCommand } from '@aws-sdk/client-ec2';
import { ListTasksCommand } from '@aws-sdk/client-ecs';
import { describe, expect, it } from 'vitest';
import { eachTestWithFleet, type SteppedCompute, startMs, type TestFleet } from './stepped-compute.test-factory.ts';

let cloud: SteppedCompute;
let fleet: TestFleet;

eachTestWithFleet(
  (ofTest, itsFleet) => {
    cloud = ofTest;
    fleet = itsFleet;
  },
  () => cloud,
);

describe('shrinking', () => {
  it('drain order of the control loop: fewer tasks, then the emptied instance with a decrement, down to zero', async () => {
    await fleet.grow(2);
    await fleet.setTasks(1);
    await cloud.service.settled();
    const [gone] = cloud.tasks('STOPPED');
    expect(gone).toMatchObject({ exitCode: 0, stopCode: 'ServiceSchedulerInitiated' });
    const terminated = await cloud.autoScaling.send(
      new TerminateInstanceInAutoScalingGroupCommand({
        InstanceId: gone?.instanceId ?? '',
        ShouldDecrementDesiredCapacity: true,
      }),
    );
    expect(terminated.Activity).toMatchObject({
      StatusCode: 'InProgress',
      AutoScalingGroupName: fleet.names.autoScalingGroup,
    });
    expect(await fleet.group()).toMatchObject({ DesiredCapacity: 1 });
    await cloud.step(20_000);
    expect((await fleet.group()).Instances).toHaveLength(1);
    expect(cloud.eventsOf('EC2 Instance Terminate Successful')[0]?.detail.EC2InstanceId).toBe(gone?.instanceId);
    const instances = await cloud.ec2.send(new DescribeInstancesCommand({ InstanceIds: [gone?.instanceId ?? ''] }));
    const described = instances.Reservations?.[0]?.Instances?.[0];
    expect(described).toMatchObject({ State: { Name: 'terminated', Code: 48 }, InstanceType: 'g4dn.xlarge' });
    expect(described?.LaunchTime?.getTime()).toBe(startMs);
  });

  it('managed draining: a terminated instance waits until its task has moved to the replacement', async () => {
    await fleet.grow(1);
    const [before] = cloud.tasks('RUNNING');
    await cloud.autoScaling.send(
      new TerminateInstanceInAutoScalingGroupCommand({
        InstanceId: before?.instanceId ?? '',
        ShouldDecrementDesiredCapacity: false,
      }),
    );
    await cloud.step(60_000);
    expect((await fleet.group()).Instances?.map((one) => one.LifecycleState)).toEqual([
      'Terminating:Wait',
      'InService',
    ]);
    expect(cloud.tasks('RUNNING')).toMatchObject([{ taskId: before?.taskId }]);
    // The service's failed attempts to move the task back off: the next is at 105 s after the first.
    await cloud.step(70_000);
    expect(cloud.tasks('STOPPED')).toMatchObject([{ taskId: before?.taskId, exitCode: 0 }]);
    expect(cloud.tasks('RUNNING')).toHaveLength(1);
    expect((await fleet.group()).Instances?.map((one) => one.LifecycleState)).toEqual(['InService']);
  });

  it('never picks protected instances when desired capacity is lowered', async () => {
    await fleet.grow(2);
    await fleet.setInstances(0);
    await cloud.step(600_000);
    expect((await fleet.group()).Instances).toHaveLength(2);
    expect(cloud.tasks('RUNNING')).toHaveLength(2);
    const { Activities } = await cloud.autoScaling.send(
      new DescribeScalingActivitiesCommand({ AutoScalingGroupName: fleet.names.autoScalingGroup }),
    );
    expect(Activities?.[0]?.StatusMessage).toMatch(/protected from scale-in/);
  });
});

describe('Spot', () => {
  it('gives notice, drains, and terminates after two minutes; the group replaces the instance', async () => {
    await fleet.grow(1);
    const [instance] = cloud.service.listInstances();
    const id = instance?.id ?? '';
    cloud.service.interruptSpot(id);
    cloud.service.recommendRebalance(id);
    await cloud.service.settled();
    expect(cloud.eventsOf('EC2 Spot Instance Interruption Warning')[0]).toMatchObject({
      source: 'aws.ec2',
      detail: { 'instance-id': id, 'instance-action': 'terminate' },
    });
    expect(cloud.eventsOf('EC2 Instance Rebalance Recommendation')[0]?.detail).toEqual({ 'instance-id': id });
    // Minimum healthy 100 %: the only running task stays until its host goes.
    expect(cloud.tasks('RUNNING')).toHaveLength(1);
    await cloud.step(119_999);
    expect(cloud.tasks('RUNNING')).toHaveLength(1);
    await cloud.step(1);
    expect(cloud.tasks('STOPPED')).toMatchObject([
      { stopCode: 'SpotInterruption', stoppedReason: `Host EC2 (instance ${id}) terminated.` },
    ]);
    expect((await fleet.group()).Instances?.map((one) => one.LifecycleState).sort()).toEqual([
      'Pending',
      'Terminating',
    ]);
    await cloud.step(60_000);
    expect((await fleet.group()).Instances?.map((one) => one.LifecycleState)).toEqual(['InService']);
    const { taskArns } = await cloud.ecs.send(
      new ListTasksCommand({ cluster: fleet.names.cluster, desiredStatus: 'STOPPED' }),
    );
    expect(taskArns).toHaveLength(1);
  });
});
