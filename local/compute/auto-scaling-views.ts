/**
 * Auto Scaling groups, instances and activities as the Describe operations show them.
 * Invariant: a field that AWS always sends is always here, because clients read it without asking.
 */
import type { Activity, Group, Instance } from './compute-state.ts';
import type { ComputeWorld } from './compute-world.ts';
import type { Fields } from './request-fields.ts';

export function groupView(world: ComputeWorld, group: Group, members: Instance[]): Fields {
  return {
    AutoScalingGroupName: group.name,
    AutoScalingGroupARN: world.arns.group(group.name),
    MixedInstancesPolicy: {
      LaunchTemplate: {
        LaunchTemplateSpecification: group.launchTemplate ?? undefined,
        Overrides: group.instanceTypes.map((InstanceType) => ({ InstanceType })),
      },
      InstancesDistribution: {
        OnDemandAllocationStrategy: 'prioritized',
        OnDemandBaseCapacity: group.onDemandBase,
        OnDemandPercentageAboveBaseCapacity: group.onDemandPercent,
        SpotAllocationStrategy: 'price-capacity-optimized',
      },
    },
    MinSize: group.minSize,
    MaxSize: group.maxSize,
    DesiredCapacity: group.desiredCapacity,
    DefaultCooldown: group.defaultCooldownSeconds,
    AvailabilityZones: group.availabilityZones,
    LoadBalancerNames: [],
    TargetGroupARNs: [],
    HealthCheckType: group.healthCheckType,
    HealthCheckGracePeriod: group.healthCheckGracePeriodSeconds,
    Instances: members.map((one) => instanceView(one, group)),
    CreatedTime: new Date(group.createdAtMs),
    SuspendedProcesses: [],
    VPCZoneIdentifier: group.subnetIds,
    EnabledMetrics: [],
    Status: group.deleting ? 'Delete in progress' : undefined,
    Tags: group.tags.map((tag) => ({
      ResourceId: group.name,
      ResourceType: 'auto-scaling-group',
      ...tag,
      PropagateAtLaunch: true,
    })),
    TerminationPolicies: ['Default'],
    NewInstancesProtectedFromScaleIn: group.newInstancesProtected,
    ServiceLinkedRoleARN: `arn:aws:iam::${world.context.accountId}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling`,
    TrafficSources: [],
  };
}

export function instanceView(instance: Instance, group: Group | undefined): Fields {
  return {
    InstanceId: instance.id,
    InstanceType: instance.instanceType,
    AvailabilityZone: instance.availabilityZone,
    LifecycleState: instance.groupState,
    HealthStatus: instance.healthy ? 'Healthy' : 'Unhealthy',
    LaunchTemplate: group?.launchTemplate ?? undefined,
    ProtectedFromScaleIn: instance.protectedFromScaleIn,
  };
}

export function activityView(world: ComputeWorld, activity: Activity): Fields {
  return {
    ActivityId: activity.id,
    AutoScalingGroupName: activity.groupName,
    Description: activity.description,
    Cause: activity.cause,
    StartTime: new Date(activity.startedAtMs),
    EndTime: activity.endedAtMs === null ? undefined : new Date(activity.endedAtMs),
    StatusCode: activity.statusCode,
    StatusMessage: activity.statusMessage ?? undefined,
    Progress: activity.progress,
    Details: JSON.stringify(activity.details),
    AutoScalingGroupARN: world.arns.group(activity.groupName),
  };
}
