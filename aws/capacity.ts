/**
 * A fleet's machines: its Auto Scaling group, its ECS service and the container instances that are registered. Reads in
 * our words, writes as absolute targets. Invariant: every write can be repeated without harm; nothing here decides.
 */
import {
  type AutoScalingGroup,
  DescribeAutoScalingGroupsCommand,
  type InstancesDistribution,
  SetDesiredCapacityCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { DescribeInstancesCommand } from '@aws-sdk/client-ec2';
import {
  DescribeContainerInstancesCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  ListContainerInstancesCommand,
  StopTaskCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import type {
  ContainerInstanceObservation,
  GroupLaunch,
  GroupObservation,
  ServiceObservation,
} from '../core/control/observation.ts';
import { KvsInferError } from '../core/errors.ts';
import { fleetAttribute } from '../core/names.ts';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';

/** ECS DescribeContainerInstances: at most 100 a call; ListContainerInstances pages of 100. */
const containerInstancesPerCall = 100;
/** ECS DescribeTasks. */
const tasksPerCall = 100;
const pagesMax = 50;

export async function readGroup(clients: AwsClients, name: string): Promise<GroupObservation> {
  const answer = await awsCall(`describe Auto Scaling group ${name}`, () =>
    clients.autoScaling.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] })),
  );
  const group = answer.AutoScalingGroups?.[0];
  if (group === undefined) throw missing(`Auto Scaling group ${name}`);
  const distribution = group.MixedInstancesPolicy?.InstancesDistribution;
  return {
    desired: group.DesiredCapacity ?? 0,
    min: group.MinSize ?? 0,
    max: group.MaxSize ?? 0,
    instances: (group.Instances ?? []).map((instance) => ({
      instanceId: instance.InstanceId ?? '',
      lifecycleState: instance.LifecycleState ?? '',
      ...(instance.InstanceType === undefined ? {} : { instanceType: instance.InstanceType }),
    })),
    ...(distribution === undefined ? {} : { launch: launchOf(group, distribution) }),
  };
}

function launchOf(group: AutoScalingGroup, distribution: InstancesDistribution): GroupLaunch {
  const overrides = group.MixedInstancesPolicy?.LaunchTemplate?.Overrides ?? [];
  return {
    // AWS's own defaults where the policy says nothing.
    onDemandBase: distribution.OnDemandBaseCapacity ?? 0,
    onDemandPercent: distribution.OnDemandPercentageAboveBaseCapacity ?? 100,
    instanceTypes: overrides.flatMap(({ InstanceType }) => InstanceType ?? []),
    zones: [...(group.AvailabilityZones ?? [])].sort(),
  };
}

export async function readService(clients: AwsClients, cluster: string, name: string): Promise<ServiceObservation> {
  const answer = await awsCall(`describe ECS service ${name}`, () =>
    clients.ecs.send(new DescribeServicesCommand({ cluster, services: [name] })),
  );
  const service = answer.services?.find((candidate) => candidate.status === undefined || candidate.status === 'ACTIVE');
  if (service === undefined) throw missing(`ECS service ${name}`);
  const primary = service.deployments?.find((deployment) => deployment.status === 'PRIMARY');
  const taskDefinition = (primary?.taskDefinition ?? service.taskDefinition)?.split('/').at(-1) ?? null;
  return {
    desired: service.desiredCount ?? 0,
    running: service.runningCount ?? 0,
    pending: service.pendingCount ?? 0,
    taskDefinition,
  };
}

/** The fleet's container instances, and those that were launched before instances told their fleet. */
export async function readContainerInstances(
  clients: AwsClients,
  cluster: string,
  fleet: string,
): Promise<ContainerInstanceObservation[]> {
  const what = `list the container instances of fleet ${fleet}`;
  const filter = `attribute:${fleetAttribute} == ${fleet} or attribute:${fleetAttribute} !exists`;
  const arns: string[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const answer = await awsCall(what, () =>
      clients.ecs.send(
        new ListContainerInstancesCommand({
          cluster,
          filter,
          maxResults: containerInstancesPerCall,
          ...(nextToken === undefined ? {} : { nextToken }),
        }),
      ),
    );
    arns.push(...(answer.containerInstanceArns ?? []));
    nextToken = answer.nextToken;
    if (nextToken === undefined) break;
  }
  const found: ContainerInstanceObservation[] = [];
  for (let index = 0; index < arns.length; index += containerInstancesPerCall) {
    const containerInstances = arns.slice(index, index + containerInstancesPerCall);
    const answer = await awsCall(what, () =>
      clients.ecs.send(new DescribeContainerInstancesCommand({ cluster, containerInstances })),
    );
    for (const instance of answer.containerInstances ?? []) {
      found.push({
        arn: instance.containerInstanceArn ?? '',
        instanceId: instance.ec2InstanceId ?? '',
        status: instance.status ?? '',
      });
    }
  }
  return found;
}

/** Container instance ARN by task ARN: task metadata do not always tell a worker where it runs. */
export async function readTaskPlaces(
  clients: AwsClients,
  cluster: string,
  taskArns: readonly string[],
): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  for (let index = 0; index < taskArns.length; index += tasksPerCall) {
    const tasks = taskArns.slice(index, index + tasksPerCall);
    const answer = await awsCall(`describe the tasks of cluster ${cluster}`, () =>
      clients.ecs.send(new DescribeTasksCommand({ cluster, tasks })),
    );
    for (const task of answer.tasks ?? []) {
      if (task.taskArn !== undefined && task.containerInstanceArn !== undefined) {
        places.set(task.taskArn, task.containerInstanceArn);
      }
    }
  }
  return places;
}

/** When the instances were launched, by instance id; what is not known any more is left out. */
export async function readLaunchTimes(
  clients: AwsClients,
  instanceIds: readonly string[],
): Promise<Map<string, number>> {
  const answer = await awsCall('read the launch times of instances', () =>
    clients.ec2.send(new DescribeInstancesCommand({ InstanceIds: [...instanceIds] })),
  );
  const launchedAtMs = new Map<string, number>();
  for (const instance of (answer.Reservations ?? []).flatMap((reservation) => reservation.Instances ?? [])) {
    if (instance.InstanceId !== undefined && instance.LaunchTime !== undefined) {
      launchedAtMs.set(instance.InstanceId, instance.LaunchTime.getTime());
    }
  }
  return launchedAtMs;
}

export async function setGroupSize(clients: AwsClients, name: string, instances: number): Promise<void> {
  await awsCall(`set Auto Scaling group ${name} to ${instances}`, () =>
    clients.autoScaling.send(
      new SetDesiredCapacityCommand({ AutoScalingGroupName: name, DesiredCapacity: instances, HonorCooldown: false }),
    ),
  );
}

export async function setServiceSize(clients: AwsClients, cluster: string, name: string, tasks: number): Promise<void> {
  await awsCall(`set ECS service ${name} to ${tasks}`, () =>
    clients.ecs.send(new UpdateServiceCommand({ cluster, service: name, desiredCount: tasks })),
  );
}

/** @param decrement false when the group shall replace the instance. */
export async function terminateInstance(clients: AwsClients, instanceId: string, decrement: boolean): Promise<void> {
  await awsCall(`terminate instance ${instanceId}`, () =>
    clients.autoScaling.send(
      new TerminateInstanceInAutoScalingGroupCommand({
        InstanceId: instanceId,
        ShouldDecrementDesiredCapacity: decrement,
      }),
    ),
  );
}

/**
 * @returns true when the task is gone, already or unknown to ECS by now; one that has just been told stops within its time
 * limit.
 */
export async function stopTask(
  clients: AwsClients,
  cluster: string,
  taskArn: string,
  reason: string,
): Promise<boolean> {
  try {
    const { task } = await awsCall(`stop task ${taskArn}`, () =>
      clients.ecs.send(new StopTaskCommand({ cluster, task: taskArn, reason })),
    );
    return task?.lastStatus === 'STOPPED';
  } catch (error) {
    // ECS has one name for all wrong parameters; only the words tell which.
    if (!(error instanceof Error && /task was not found/i.test(error.message))) throw error;
    return true;
  }
}

function missing(what: string): KvsInferError {
  return new KvsInferError('AWS_NOT_FOUND', `${what} does not exist`, {
    hint: 'deploy this stage, or check KVS_INFER_STAGE and KVS_INFER_FLEETS',
  });
}
