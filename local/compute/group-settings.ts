/**
 * What a request may say about an Auto Scaling group: its bounds, and what it launches.
 * Invariant: every group has min <= desired <= max and something to launch.
 */
import { AwsError } from '../http/aws-error.ts';
import type { Group } from './compute-state.ts';
import type { FieldReader, Fields } from './request-fields.ts';

export const invalidRequest = (message: string): AwsError => new AwsError(400, 'ValidationError', message);

export function checkBounds(minSize: number, maxSize: number, desired: number): void {
  if (minSize < 0 || maxSize < 0) throw invalidRequest('Min and max size must not be negative.');
  if (minSize > maxSize)
    throw invalidRequest(`Max bound, ${maxSize}, must be greater than or equal to min bound, ${minSize}`);
  if (desired < minSize || desired > maxSize) {
    throw invalidRequest(
      `Desired capacity:${desired} must be between the specified min size:${minSize} and max size:${maxSize}`,
    );
  }
}

export type LaunchSettings = Pick<Group, 'instanceTypes' | 'onDemandBase' | 'onDemandPercent' | 'launchTemplate'>;

/**
 * Types and markets from a launch template or a mixed-instances policy.
 * @param present of the group that is updated: what the request leaves out of its policy stays as it is.
 */
export function launchSettings(fields: FieldReader, defaultType: string, present?: LaunchSettings): LaunchSettings {
  const policy = fields.optionalObject('MixedInstancesPolicy');
  const inPolicy = policy?.LaunchTemplate as Fields | undefined;
  const overrides = (inPolicy?.Overrides ?? []) as Fields[];
  const distribution = policy?.InstancesDistribution as Fields | undefined;
  const launchTemplate = (inPolicy?.LaunchTemplateSpecification ??
    fields.optionalObject('LaunchTemplate') ??
    present?.launchTemplate ??
    null) as Group['launchTemplate'] | null;
  if (
    launchTemplate === null &&
    fields.optionalText('LaunchConfigurationName') === undefined &&
    fields.optionalText('InstanceId') === undefined
  ) {
    throw invalidRequest(
      'Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.',
    );
  }
  const types = overrides.flatMap(({ InstanceType }) => (typeof InstanceType === 'string' ? InstanceType : []));
  const onDemandPercent = Number(distribution?.OnDemandPercentageAboveBaseCapacity ?? present?.onDemandPercent ?? 100);
  const onDemandBase = Number(distribution?.OnDemandBaseCapacity ?? present?.onDemandBase ?? 0);
  if (!(onDemandPercent >= 0 && onDemandPercent <= 100) || !(onDemandBase >= 0)) {
    throw invalidRequest(
      `Invalid InstancesDistribution: base ${onDemandBase}, percentage above base ${onDemandPercent} (0 to 100).`,
    );
  }
  return {
    instanceTypes: types.length > 0 ? types : (present?.instanceTypes ?? [defaultType]),
    onDemandBase,
    onDemandPercent,
    launchTemplate,
  };
}
