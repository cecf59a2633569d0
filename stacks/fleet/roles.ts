/**
 * Who may do what on the workers' side: the instance (joins the cluster, fetches models), the task's execution (pulls the
 * image, writes the log) and the task itself (reads video, publishes results).
 * Invariant: named actions on named resources; what the worker's code does not call is marked as kept on purpose.
 */
import type { ResourceNames } from '../../core/names.ts';
import { type PolicyStatement, serviceRole } from '../policy-statement.ts';
import type { Settings } from '../settings.ts';

export type Place = { accountId: string; names: ResourceNames };

export function instanceRole(settings: Settings, { accountId, names }: Place, modelsBucketArn: $util.Output<string>) {
  const ecs = `arn:aws:ecs:${settings.region}:${accountId}`;
  const cluster = `${ecs}:cluster/${names.cluster}`;
  return serviceRole('InstanceRole', `kvs-infer-${settings.stage}-instance`, 'ec2.amazonaws.com', [
    {
      sid: 'JoinTheCluster',
      actions: [
        'ecs:RegisterContainerInstance',
        'ecs:DeregisterContainerInstance',
        'ecs:SubmitAttachmentStateChanges',
        'ecs:SubmitContainerStateChange',
        'ecs:SubmitTaskStateChange',
      ],
      resources: [cluster],
    },
    {
      sid: 'TalkToEcs',
      actions: ['ecs:Poll', 'ecs:StartTelemetrySession', 'ecs:UpdateContainerInstancesState'],
      resources: [`${ecs}:container-instance/${names.cluster}/*`],
    },
    { sid: 'FindEcs', actions: ['ecs:DiscoverPollEndpoint'], resources: ['*'] },
    { sid: 'FetchModels', actions: ['s3:GetObject'], resources: [$interpolate`${modelsBucketArn}/models/*`] },
    {
      sid: 'GpuMetrics',
      actions: ['cloudwatch:PutMetricData'],
      resources: ['*'],
      conditions: [{ test: 'StringEquals', variable: 'cloudwatch:namespace', values: [names.metricNamespace] }],
    },
  ]);
}

export function executionRole(
  settings: Settings,
  repositoryArn: $util.Input<string>,
  logGroupArn: $util.Output<string>,
) {
  return serviceRole('ExecutionRole', `kvs-infer-${settings.stage}-execution`, 'ecs-tasks.amazonaws.com', [
    { sid: 'LogIntoEcr', actions: ['ecr:GetAuthorizationToken'], resources: ['*'] },
    {
      sid: 'PullTheImage',
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      resources: [repositoryArn],
    },
    {
      sid: 'WriteTheLog',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [$interpolate`${logGroupArn}:*`],
    },
  ]);
}

export function taskRole(settings: Settings, { accountId, names }: Place) {
  const { region, stage, kvsStreamPrefix, snapshots } = settings;
  const arn = (service: string, rest: string) => `arn:aws:${service}:${region}:${accountId}:${rest}`;
  const tables = [names.tables.workers, names.tables.cameraStates, names.tables.detections];
  const statements: PolicyStatement[] = [
    {
      sid: 'ReadVideo',
      actions: ['kinesisvideo:DescribeStream', 'kinesisvideo:GetDataEndpoint', 'kinesisvideo:GetMedia'],
      resources: [arn('kinesisvideo', `stream/${kvsStreamPrefix}*`)],
      conditions: [{ test: 'StringEquals', variable: 'aws:RequestedRegion', values: [region] }],
    },
    {
      sid: 'PublishRecords',
      actions: ['kinesis:DescribeStream', 'kinesis:PutRecord', 'kinesis:PutRecords'],
      resources: [arn('kinesis', `stream/${names.resultStream}`)],
    },
    {
      sid: 'PublishSnapshots',
      actions: ['s3:PutObject'],
      resources: [`arn:aws:s3:::${names.resultBucket}/${snapshots.prefix}/*`],
      conditions: [{ test: 'StringEquals', variable: 's3:x-amz-server-side-encryption', values: ['AES256'] }],
    },
    {
      sid: 'HeartbeatAndTracks',
      actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
      resources: tables.map((table) => arn('dynamodb', `table/${table}`)),
    },
    {
      sid: 'TellControl',
      actions: ['events:PutEvents'],
      resources: [arn('events', 'event-bus/default')],
      conditions: [{ test: 'StringEquals', variable: 'events:source', values: [names.eventSource] }],
    },
    {
      sid: 'ProtectItself',
      actions: ['ecs:GetTaskProtection', 'ecs:UpdateTaskProtection'],
      resources: [arn('ecs', `task/${names.cluster}/*`)],
    },
    {
      sid: 'OwnMetrics',
      actions: ['cloudwatch:PutMetricData'],
      resources: ['*'],
      conditions: [{ test: 'StringEquals', variable: 'cloudwatch:namespace', values: [names.metricNamespace] }],
    },
    {
      sid: 'OwnParameters',
      actions: ['ssm:GetParameter', 'ssm:GetParameters'],
      resources: [arn('ssm', `parameter/kvs-infer/${stage}/*`)],
    },
    {
      sid: 'OwnSecrets',
      actions: ['secretsmanager:GetSecretValue'],
      resources: [arn('secretsmanager', `secret:kvs-infer/${stage}/*`)],
    },
    {
      sid: 'EcsExec',
      actions: [
        'ssmmessages:CreateControlChannel',
        'ssmmessages:CreateDataChannel',
        'ssmmessages:OpenControlChannel',
        'ssmmessages:OpenDataChannel',
      ],
      resources: ['*'],
    },
  ];
  return serviceRole('TaskRole', `kvs-infer-${stage}-task`, 'ecs-tasks.amazonaws.com', statements);
}
