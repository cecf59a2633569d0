/**
 * What a run of the control loop may do, table by table and call by call. Invariant: test/deploy compares it with the SDK
 * calls that the functions reach, both ways: nothing is missing, and nothing is granted that no code uses.
 */
import { fleetResourceNames, type ResourceNames } from '../../core/names.ts';
import type { PolicyStatement } from '../policy-statement.ts';
import type { Settings } from '../settings.ts';

/** What every run of the loop calls; all three functions end in one. */
export function loopPermissions(
  { stage, region, fleets }: Settings,
  accountId: string,
  names: ResourceNames,
): PolicyStatement[] {
  const arn = (service: string, rest: string) => `arn:aws:${service}:${region}:${accountId}:${rest}`;
  const table = (name: string) => arn('dynamodb', `table/${name}`);
  const fleetNames = fleets.map((fleet) => fleetResourceNames(stage, fleet));
  return [
    {
      sid: 'CameraStates',
      actions: ['dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
      resources: [table(names.tables.cameraStates)],
    },
    {
      sid: 'Workers',
      actions: ['dynamodb:DeleteItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
      resources: [table(names.tables.workers)],
    },
    { sid: 'Fleets', actions: ['dynamodb:GetItem', 'dynamodb:UpdateItem'], resources: [table(names.tables.fleets)] },
    { sid: 'Decisions', actions: ['dynamodb:PutItem'], resources: [table(names.tables.decisions)] },
    { sid: 'Ledger', actions: ['dynamodb:UpdateItem'], resources: [table(names.tables.ledger)] },
    {
      sid: 'SizeTheService',
      actions: ['ecs:DescribeServices', 'ecs:UpdateService'],
      resources: fleetNames.map(({ service }) => arn('ecs', `service/${names.cluster}/${service}`)),
    },
    {
      sid: 'ListInstances',
      actions: ['ecs:ListContainerInstances'],
      resources: [arn('ecs', `cluster/${names.cluster}`)],
    },
    {
      sid: 'SeeInstancesAndTasks',
      actions: ['ecs:DescribeContainerInstances', 'ecs:DescribeTasks'],
      resources: [arn('ecs', `container-instance/${names.cluster}/*`), arn('ecs', `task/${names.cluster}/*`)],
    },
    {
      // A worker that hangs for good is stopped, so that the service starts another.
      sid: 'StopAHungWorker',
      actions: ['ecs:StopTask'],
      resources: [arn('ecs', `task/${names.cluster}/*`)],
    },
    {
      sid: 'SizeTheGroup',
      actions: ['autoscaling:SetDesiredCapacity', 'autoscaling:TerminateInstanceInAutoScalingGroup'],
      resources: fleetNames.map(({ autoScalingGroup }) =>
        arn('autoscaling', `autoScalingGroup:*:autoScalingGroupName/${autoScalingGroup}`),
      ),
    },
    {
      sid: 'SeeWhatHasNoArn',
      actions: [
        'autoscaling:DescribeAutoScalingGroups',
        'cloudwatch:GetMetricData',
        'ec2:DescribeInstances',
        'kinesisvideo:ListStreams',
      ],
      resources: ['*'],
    },
  ];
}
