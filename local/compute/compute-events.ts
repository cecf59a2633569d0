/**
 * The EventBridge events that ECS, EC2 and Auto Scaling put on the default bus, with the detail shapes that AWS documents.
 * Invariant: an event is emitted after the change it tells of is in the state, so whoever reads back on it sees at least that.
 */
import type { Activity, ContainerInstance, Group, Instance, Service, Task } from './compute-state.ts';
import type { ComputeWorld } from './compute-world.ts';
import { containerInstanceView, isoTime, taskView } from './ecs-views.ts';

export function emitTaskStateChange(world: ComputeWorld, task: Task): void {
  task.version += 1;
  const detail = taskView(world, task, isoTime);
  delete detail.tags;
  world.context.emit({
    source: 'aws.ecs',
    'detail-type': 'ECS Task State Change',
    resources: [world.arns.task(task.clusterName, task.id)],
    detail: { ...detail, updatedAt: isoTime(world.nowMs()) },
  });
}

export function emitContainerInstanceStateChange(world: ComputeWorld, record: ContainerInstance): void {
  record.version += 1;
  world.context.emit({
    source: 'aws.ecs',
    'detail-type': 'ECS Container Instance State Change',
    resources: [record.arn],
    detail: {
      ...containerInstanceView(world, record, isoTime),
      clusterArn: world.arns.cluster(record.clusterName),
      updatedAt: isoTime(world.nowMs()),
    },
  });
}

export type ServiceAction = {
  eventType: 'INFO' | 'WARN' | 'ERROR';
  eventName:
    | 'SERVICE_STEADY_STATE'
    | 'SERVICE_DESIRED_COUNT_UPDATED'
    | 'SERVICE_TASK_PLACEMENT_FAILURE'
    | 'SERVICE_TASK_START_IMPAIRED';
  reason?: string;
  desiredCount?: number;
};

export function emitServiceAction(world: ComputeWorld, service: Service, action: ServiceAction): void {
  world.context.emit({
    source: 'aws.ecs',
    'detail-type': 'ECS Service Action',
    resources: [world.arns.service(service.clusterName, service.name)],
    detail: {
      ...action,
      clusterArn: world.arns.cluster(service.clusterName),
      ...(service.capacityProviderStrategy.length > 0
        ? {
            capacityProviderArns: service.capacityProviderStrategy.map((item) =>
              world.arns.capacityProvider(item.capacityProvider),
            ),
          }
        : {}),
      createdAt: isoTime(world.nowMs()),
    },
  });
}

export function emitDeploymentStateChange(
  world: ComputeWorld,
  service: Service,
  deploymentId: string,
  eventName: 'SERVICE_DEPLOYMENT_IN_PROGRESS' | 'SERVICE_DEPLOYMENT_COMPLETED' | 'SERVICE_DEPLOYMENT_FAILED',
  reason: string,
): void {
  world.context.emit({
    source: 'aws.ecs',
    'detail-type': 'ECS Deployment State Change',
    resources: [world.arns.service(service.clusterName, service.name)],
    detail: {
      eventType: eventName === 'SERVICE_DEPLOYMENT_FAILED' ? 'ERROR' : 'INFO',
      eventName,
      deploymentId,
      updatedAt: isoTime(world.nowMs()),
      reason,
    },
  });
}

/** Auto Scaling's event at the end of a launch or a termination, successful or not. */
export function emitScalingActivity(
  world: ComputeWorld,
  group: Group,
  activity: Activity,
  kind: 'Launch' | 'Terminate',
  instance: Instance | null,
): void {
  const successful = activity.statusCode === 'Successful';
  world.context.emit({
    source: 'aws.autoscaling',
    'detail-type': `EC2 Instance ${kind} ${successful ? 'Successful' : 'Unsuccessful'}`,
    resources: [world.arns.group(group.name), ...(instance === null ? [] : [world.arns.instance(instance.id)])],
    detail: {
      StatusCode: successful ? 'InProgress' : 'Failed',
      AutoScalingGroupName: group.name,
      ActivityId: activity.id,
      RequestId: activity.id,
      Details: activity.details,
      Description: activity.description,
      StatusMessage: activity.statusMessage ?? '',
      StartTime: isoTime(activity.startedAtMs),
      EndTime: isoTime(activity.endedAtMs ?? world.nowMs()),
      Cause: activity.cause,
      EC2InstanceId: instance?.id ?? '',
      ...(successful
        ? kind === 'Launch'
          ? { Origin: 'EC2', Destination: 'AutoScalingGroup' }
          : { Origin: 'AutoScalingGroup', Destination: 'EC2' }
        : {}),
    },
  });
}

export function emitInstanceState(world: ComputeWorld, instance: Instance): void {
  world.context.emit({
    source: 'aws.ec2',
    'detail-type': 'EC2 Instance State-change Notification',
    resources: [world.arns.instance(instance.id)],
    detail: { 'instance-id': instance.id, state: instance.ec2State },
  });
}

export function emitSpotInterruption(world: ComputeWorld, instance: Instance): void {
  world.context.emit({
    source: 'aws.ec2',
    'detail-type': 'EC2 Spot Instance Interruption Warning',
    resources: [world.arns.spotInstance(instance.availabilityZone, instance.id)],
    detail: { 'instance-id': instance.id, 'instance-action': 'terminate' },
  });
}

export function emitRebalanceRecommendation(world: ComputeWorld, instance: Instance): void {
  world.context.emit({
    source: 'aws.ec2',
    'detail-type': 'EC2 Instance Rebalance Recommendation',
    resources: [world.arns.spotInstance(instance.availabilityZone, instance.id)],
    detail: { 'instance-id': instance.id },
  });
}
