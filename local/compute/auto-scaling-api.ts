/**
 * The Auto Scaling operations over the local groups: validation with AWS's codes and words, then a change of the definitions
 * that the reconciler acts on. Invariant: no operation leaves desired capacity outside [min, max].
 */

import { AwsError } from '../http/aws-error.ts';
import { lastPart } from './arns.ts';
import { activityView, groupView, instanceView } from './auto-scaling-views.ts';
import type { Group } from './compute-state.ts';
import type { ComputeWorld } from './compute-world.ts';
import { checkBounds, launchSettings, invalidRequest as refuse } from './group-settings.ts';
import type { InstanceScaler } from './instance-scaler.ts';
import { type FieldReader, type Fields, fieldReader, type Operations, pageOf } from './request-fields.ts';

/** DescribeAutoScalingGroups, DescribeAutoScalingInstances, DescribeScalingActivities: API reference. */
const groupsPageMax = 100;
const instancesPageMax = 50;
const activitiesPageMax = 100;
/** SetInstanceProtection: 50 ids a call. */
const protectionIdsMax = 50;

const badToken = () => new AwsError(400, 'InvalidNextToken', 'The token is not valid.');

export function autoScalingOperations(world: ComputeWorld, scaler: InstanceScaler): Operations {
  const { groups, instances, activities } = world.state;
  const read = (input: Fields) => fieldReader(input, 'ValidationError');

  const groupNamed = (fields: FieldReader): Group => {
    const name = fields.text('AutoScalingGroupName');
    const group = groups.get(lastPart(name));
    if (group === undefined) throw refuse(`AutoScalingGroup name not found - AutoScalingGroup '${name}' not found`);
    return group;
  };

  const setDesired = (group: Group, desired: number, cause: string): void => {
    if (group.deleting && desired > 0) throw refuse(`AutoScalingGroup '${group.name}' is pending delete.`);
    if (desired === group.desiredCapacity) return;
    group.desiredCause = `At ${time(world.nowMs())} ${cause} changing the desired capacity from ${group.desiredCapacity} to ${desired}.`;
    group.desiredCapacity = desired;
    group.lastScaledAtMs = world.nowMs();
  };

  return {
    CreateAutoScalingGroup(input) {
      const fields = read(input);
      const name = fields.text('AutoScalingGroupName');
      if (groups.has(name)) {
        throw new AwsError(
          400,
          'AlreadyExists',
          `AutoScalingGroup by this name already exists - A group with the name ${name} already exists`,
        );
      }
      const minSize = fields.integer('MinSize');
      const maxSize = fields.integer('MaxSize');
      const desiredCapacity = fields.optionalInteger('DesiredCapacity') ?? minSize;
      checkBounds(minSize, maxSize, desiredCapacity);
      const zones = fields.texts('AvailabilityZones');
      const subnetIds = fields.optionalText('VPCZoneIdentifier') ?? '';
      if (zones.length === 0 && subnetIds === '')
        throw refuse('At least one Availability Zone or VPC Subnet is required.');
      const launch = launchSettings(fields, world.instanceType);
      groups.set(name, {
        name,
        minSize,
        maxSize,
        desiredCapacity,
        defaultCooldownSeconds: fields.optionalInteger('DefaultCooldown') ?? 300,
        availabilityZones:
          zones.length > 0
            ? zones
            : subnetIds.split(',').map((_, index) => `${world.context.region}${'abc'[index % 3]}`),
        subnetIds,
        ...launch,
        newInstancesProtected: fields.optionalBoolean('NewInstancesProtectedFromScaleIn') ?? false,
        healthCheckType: fields.optionalText('HealthCheckType') ?? 'EC2',
        healthCheckGracePeriodSeconds: fields.optionalInteger('HealthCheckGracePeriod') ?? 0,
        tags: fields.objects('Tags').map((tag) => ({ Key: String(tag.Key), Value: String(tag.Value ?? '') })),
        createdAtMs: world.nowMs(),
        deleting: false,
        desiredCause: `At ${time(world.nowMs())} a user request created an AutoScalingGroup changing the desired capacity from 0 to ${desiredCapacity}.`,
        lastScaledAtMs: null,
      });
      world.definitionChanged();
      return {};
    },

    UpdateAutoScalingGroup(input) {
      const fields = read(input);
      const group = groupNamed(fields);
      const minSize = fields.optionalInteger('MinSize') ?? group.minSize;
      const maxSize = fields.optionalInteger('MaxSize') ?? group.maxSize;
      const asked = fields.optionalInteger('DesiredCapacity');
      // Without a desired capacity of its own, the request moves the present one into the new bounds.
      const desired = asked ?? Math.min(maxSize, Math.max(minSize, group.desiredCapacity));
      checkBounds(minSize, maxSize, desired);
      const launch =
        input.LaunchTemplate !== undefined || input.MixedInstancesPolicy !== undefined
          ? launchSettings(fields, world.instanceType, group)
          : {};
      Object.assign(group, launch, { minSize, maxSize });
      group.newInstancesProtected =
        fields.optionalBoolean('NewInstancesProtectedFromScaleIn') ?? group.newInstancesProtected;
      group.defaultCooldownSeconds = fields.optionalInteger('DefaultCooldown') ?? group.defaultCooldownSeconds;
      group.healthCheckType = fields.optionalText('HealthCheckType') ?? group.healthCheckType;
      group.healthCheckGracePeriodSeconds =
        fields.optionalInteger('HealthCheckGracePeriod') ?? group.healthCheckGracePeriodSeconds;
      setDesired(group, desired, 'a user request update of AutoScalingGroup constraints');
      world.definitionChanged();
      return {};
    },

    SetDesiredCapacity(input) {
      const fields = read(input);
      const group = groupNamed(fields);
      const desired = fields.integer('DesiredCapacity');
      const what = `New SetDesiredCapacity value ${desired} is`;
      if (desired < group.minSize) throw refuse(`${what} below min value ${group.minSize} for the AutoScalingGroup.`);
      if (desired > group.maxSize) throw refuse(`${what} above max value ${group.maxSize} for the AutoScalingGroup.`);
      const cooldownEndsMs = (group.lastScaledAtMs ?? Number.NEGATIVE_INFINITY) + group.defaultCooldownSeconds * 1_000;
      if (fields.optionalBoolean('HonorCooldown') === true && world.nowMs() < cooldownEndsMs) {
        throw new AwsError(
          400,
          'ScalingActivityInProgress',
          `You cannot set the desired capacity of group ${group.name}: the cooldown period is in progress.`,
        );
      }
      setDesired(group, desired, 'a user request explicitly set group desired capacity');
      world.definitionChanged();
      return {};
    },

    SetInstanceProtection(input) {
      const fields = read(input);
      const group = groupNamed(fields);
      const ids = fields.texts('InstanceIds');
      if (ids.length === 0 || ids.length > protectionIdsMax)
        throw refuse(`InstanceIds must hold 1 to ${protectionIdsMax} ids.`);
      const chosen = ids.map((id) => {
        const instance = scaler.all(group).find((one) => one.id === id);
        if (instance === undefined) throw refuse(`The instance ${id} is not part of Auto Scaling group ${group.name}.`);
        if (instance.groupState.startsWith('Terminating'))
          throw refuse(`The instance ${id} is not in InService or EnteringStandby or Standby.`);
        return instance;
      });
      const isProtected = fields.optionalBoolean('ProtectedFromScaleIn');
      if (isProtected === undefined)
        throw refuse("Value null at 'protectedFromScaleIn' failed to satisfy constraint: Member must not be null");
      for (const instance of chosen) instance.protectedFromScaleIn = isProtected;
      world.changed();
      return {};
    },

    TerminateInstanceInAutoScalingGroup(input) {
      const fields = read(input);
      const id = fields.text('InstanceId');
      const decrement = fields.optionalBoolean('ShouldDecrementDesiredCapacity');
      if (decrement === undefined)
        throw refuse(
          "Value null at 'shouldDecrementDesiredCapacity' failed to satisfy constraint: Member must not be null",
        );
      const instance = instances.get(id);
      const group = instance === undefined ? undefined : groups.get(instance.groupName);
      if (instance === undefined || group === undefined || instance.groupState === 'Terminated') {
        throw refuse(`Instance Id not found - No managed instance found for instance ID: ${id}`);
      }
      if (instance.groupState.startsWith('Terminating')) {
        throw new AwsError(
          400,
          'ScalingActivityInProgress',
          `Instance ${id} of group ${group.name} is already being terminated.`,
        );
      }
      if (decrement && group.desiredCapacity - 1 < group.minSize) {
        throw refuse(
          `Currently, desiredSize equals minSize (${group.minSize}). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.`,
        );
      }
      let cause = `At ${time(world.nowMs())} instance ${id} was taken out of service in response to a user request.`;
      if (decrement) {
        const desired = group.desiredCapacity - 1;
        cause = `At ${time(world.nowMs())} instance ${id} was taken out of service in response to a user request, shrinking the capacity from ${group.desiredCapacity} to ${desired}.`;
        setDesired(group, desired, 'a user request terminated an instance');
      }
      const activity = scaler.terminate(group, instance, cause);
      world.definitionChanged();
      return { Activity: activityView(world, activity) };
    },

    DeleteAutoScalingGroup(input) {
      const fields = read(input);
      const group = groupNamed(fields);
      const present = scaler.all(group);
      if (fields.optionalBoolean('ForceDelete') !== true && present.length > 0) {
        throw present.some((one) => one.groupState !== 'InService')
          ? new AwsError(
              400,
              'ScalingActivityInProgress',
              'You cannot delete an AutoScalingGroup while there are scaling activities in progress for that group.',
            )
          : new AwsError(
              400,
              'ResourceInUse',
              'You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.',
            );
      }
      Object.assign(group, { deleting: true, minSize: 0, maxSize: 0 });
      setDesired(group, 0, 'a user request deleted the AutoScalingGroup');
      // An empty group is gone at once; its instances take a while.
      if (present.length === 0) groups.delete(group.name);
      world.definitionChanged();
      return {};
    },

    DescribeAutoScalingGroups(input) {
      const fields = read(input);
      const names = fields.texts('AutoScalingGroupNames').map(lastPart);
      const chosen = [...groups.values()].filter((group) => names.length === 0 || names.includes(group.name));
      const { page, next } = pageOf(
        chosen,
        fields.optionalText('NextToken'),
        pageSize(fields, groupsPageMax, 50),
        badToken,
      );
      return { AutoScalingGroups: page.map((group) => groupView(world, group, scaler.all(group))), NextToken: next };
    },

    DescribeAutoScalingInstances(input) {
      const fields = read(input);
      const ids = fields.texts('InstanceIds');
      const chosen = [...instances.values()].filter(
        (one) => one.groupState !== 'Terminated' && (ids.length === 0 || ids.includes(one.id)),
      );
      const { page, next } = pageOf(
        chosen,
        fields.optionalText('NextToken'),
        pageSize(fields, instancesPageMax, 50),
        badToken,
      );
      return {
        AutoScalingInstances: page.map((one) => ({
          ...instanceView(one, groups.get(one.groupName)),
          HealthStatus: one.healthy ? 'HEALTHY' : 'UNHEALTHY',
          AutoScalingGroupName: one.groupName,
        })),
        NextToken: next,
      };
    },

    DescribeScalingActivities(input) {
      const fields = read(input);
      const name = fields.optionalText('AutoScalingGroupName');
      const ids = fields.texts('ActivityIds');
      const chosen = activities
        .filter((one) => name === undefined || one.groupName === lastPart(name))
        .filter((one) => ids.length === 0 || ids.includes(one.id))
        .reverse();
      const { page, next } = pageOf(
        chosen,
        fields.optionalText('NextToken'),
        pageSize(fields, activitiesPageMax, 100),
        badToken,
      );
      return { Activities: page.map((one) => activityView(world, one)), NextToken: next };
    },
  };
}

function pageSize(fields: FieldReader, max: number, byDefault: number): number {
  const size = fields.optionalInteger('MaxRecords') ?? byDefault;
  if (size < 1 || size > max) throw refuse(`MaxRecords must be between 1 and ${max}.`);
  return size;
}

const time = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 19)}Z`;
