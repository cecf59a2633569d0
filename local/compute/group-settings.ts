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

/** Instance type and market from a launch template or a mixed-instances policy (its first override decides here). */
export function launchSettings(
  fields: FieldReader,
  defaultType: string,
): Pick<Group, 'instanceType' | 'lifecycle' | 'launchTemplate'> {
  const policy = fields.optionalObject('MixedInstancesPolicy');
  const inPolicy = policy?.LaunchTemplate as Fields | undefined;
  const overrides = (inPolicy?.Overrides ?? []) as Fields[];
  const distribution = policy?.InstancesDistribution as Fields | undefined;
  const launchTemplate = (inPolicy?.LaunchTemplateSpecification ?? fields.optionalObject('LaunchTemplate') ?? null) as
    | Group['launchTemplate']
    | null;
  if (
    launchTemplate === null &&
    fields.optionalText('LaunchConfigurationName') === undefined &&
    fields.optionalText('InstanceId') === undefined
  ) {
    throw invalidRequest(
      'Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.',
    );
  }
  const onDemandPercent = distribution?.OnDemandPercentageAboveBaseCapacity;
  return {
    instanceType: typeof overrides[0]?.InstanceType === 'string' ? overrides[0].InstanceType : defaultType,
    lifecycle: onDemandPercent !== undefined && Number(onDemandPercent) < 100 ? 'spot' : 'on-demand',
    launchTemplate,
  };
}
