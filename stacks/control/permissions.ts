/**
 * What a run of the control loop may do, table by table and call by call. Invariant: test/deploy compares it with the SDK
 * calls that the functions reach, both ways: nothing is missing, and nothing is granted that no code uses.
 */
import { fleetResourceNames, type ResourceNames } from '../../core/names.ts';
import type { PolicyStatement } from '../policy-statement.ts';
import type { Settings } from '../settings.ts';

/** What every run of the loop calls; all three functions end in one. */
export function loopPermissions(
  { stage, region, fleets, capacity }: Settings,
  accountId: string,
  names: ResourceNames,
): PolicyStatement[] {
  const arn = (service: string, rest: string) => `arn:aws:${service}:${region}:${accountId}:${rest}`;
  const table = (name: string) => arn('dynamodb', `table/${name}`);
  const fleetNames = fleets.map((fleet) => fleetResourceNames(stage, fleet));
  const groups = fleetNames.map(({ autoScalingGroup }) =>
    arn('autoscaling', `autoScalingGroup:*:autoScalingGroupName/${autoScalingGroup}`),
  );
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
    { sid: 'Ledger', actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem'], resources: [table(names.tables.ledger)] },
    {
      sid: 'TellOfReverts',
      actions: ['events:PutEvents'],
      resources: [arn('events', 'event-bus/default')],
      conditions: [{ test: 'StringEquals', variable: 'events:source', values: [names.controlEventSource] }],
    },
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
      resources: groups,
    },
    {
      // Markets and types of the mixed instances policy, and nothing else of the group.
      sid: 'ChooseMarketsAndTypes',
      actions: ['autoscaling:UpdateAutoScalingGroup'],
      resources: groups,
      conditions: ['MinSize', 'MaxSize', 'VPCZoneIdentifiers'].map((key) => ({
        test: 'Null',
        variable: `autoscaling:${key}`,
        values: ['true'],
      })),
    },
    ...(capacity.fallbackInstanceTypes.length === 0 ? [] : furtherTypes(stage, region, accountId)),
    {
      sid: 'SeeWhatHasNoArn',
      actions: [
        'autoscaling:DescribeAutoScalingGroups',
        'autoscaling:DescribeScalingActivities',
        'cloudwatch:GetMetricData',
        'ec2:DescribeInstances',
        'kinesisvideo:ListStreams',
      ],
      resources: ['*'],
    },
  ];
}

/**
 * Whoever changes the types of a group must be allowed to launch them (Amazon EC2 Auto Scaling user guide, launch template
 * support): by a launch template of this account alone, and with the instances' own role alone.
 */
function furtherTypes(stage: string, region: string, accountId: string): PolicyStatement[] {
  const launched = ['instance', 'launch-template', 'network-interface', 'security-group', 'subnet', 'volume'];
  return [
    {
      sid: 'LaunchFurtherTypes',
      actions: ['ec2:RunInstances'],
      resources: [
        ...launched.map((kind) => `arn:aws:ec2:${region}:${accountId}:${kind}/*`),
        `arn:aws:ec2:${region}::image/*`,
      ],
      conditions: [
        {
          test: 'ArnLike',
          variable: 'ec2:LaunchTemplate',
          values: [`arn:aws:ec2:${region}:${accountId}:launch-template/*`],
        },
        { test: 'Bool', variable: 'ec2:IsLaunchTemplateResource', values: ['true'] },
      ],
    },
    {
      sid: 'LaunchThemAsInstances',
      actions: ['iam:PassRole'],
      resources: [`arn:aws:iam::${accountId}:role/kvs-infer-${stage}-instance`],
      conditions: [{ test: 'StringEquals', variable: 'iam:PassedToService', values: ['ec2.amazonaws.com'] }],
    },
  ];
}
