/**
 * The control loop: three functions and what calls them. The minute (Scheduler), the rows (stream of the cameras table)
 * and the events (ECS, EC2, Auto Scaling, workers); the loop is single-flight by its lock in the fleets table, so no
 * function reserves concurrency, which new accounts could not give.
 * Invariant: whatever could not be handled ends in a queue that an alarm watches; nothing is lost in silence.
 */
import type { ResourceNames } from '../../core/names.ts';
import { chosenNamesOf } from '../fleet/task.ts';
import type { PolicyStatement } from '../policy-statement.ts';
import type { Registry } from '../registry.ts';
import type { Settings } from '../settings.ts';
import { capacityEvents } from './capacity-events.ts';
import { loopPermissions } from './permissions.ts';

/** The newest that Lambda has (nodejs24.x since 2025-11); the same major version as everywhere else here. */
const runtime = 'nodejs24.x';
/**
 * A run reads and decides for up to 2,000 cameras. Memory buys CPU: 1,024 MiB is 0.58 vCPU, with which a run of that size
 * takes seconds, and costs about a dollar a month at a run a minute.
 */
const memory = '1024 MB';
/** A run lasts seconds; sixty is the point from which the next minute would only wait for its lock. */
const timeout = '60 seconds';
/** Settings of the stream mapping; local/stage.ts maps the local stream alike, and a test compares them. */
export const streamMapping = {
  batchSize: 100,
  maximumRetryAttempts: 5,
  maximumRecordAgeInSeconds: 3_600,
};
const queueRetentionDays = 14;

export type ControlSurroundings = { accountId: string; names: ResourceNames; tables: Registry['tables'] };

export function control(settings: Settings, { accountId, names, tables }: ControlSurroundings) {
  const { stage, region } = settings;
  const prefix = `kvs-infer-${stage}`;
  const queue = (logicalName: string, name: string) =>
    new sst.aws.Queue(logicalName, {
      transform: {
        queue: (args) => {
          args.name = `${prefix}-${name}`;
          args.sqsManagedSseEnabled = true;
          args.messageRetentionSeconds = queueRetentionDays * 86_400;
        },
      },
    });
  const rowsQueue = queue('RowFailures', 'row-failures');
  const eventsQueue = queue('EventFailures', 'event-failures');

  const environment = {
    KVS_INFER_STAGE: stage,
    KVS_INFER_ACCOUNT_ID: accountId,
    KVS_INFER_FLEETS: settings.fleets.join(','),
    KVS_INFER_FLEET_POLICY: JSON.stringify({
      minWorkers: settings.capacity.minWorkers,
      maxWorkers: settings.capacity.maxWorkers,
    }),
    LOG_LEVEL: settings.logLevel,
    NODE_OPTIONS: '--enable-source-maps',
    ...chosenNamesOf(settings),
  };
  const controlFunction = (name: string, description: string, extra: PolicyStatement[]) => {
    const logicalName = name.replace(/(?:^|-)([a-z])/g, (_match, letter: string) => letter.toUpperCase());
    const logGroup = new aws.cloudwatch.LogGroup(`${logicalName}Logs`, {
      name: `/aws/lambda/${prefix}-${name}`,
      retentionInDays: settings.logRetentionDays,
    });
    const made = new sst.aws.Function(logicalName, {
      name: `${prefix}-${name}`,
      description,
      handler: `functions/${name}.handler`,
      runtime,
      architecture: 'arm64',
      memory,
      timeout,
      environment,
      logging: { logGroup: logGroup.name, format: 'json' },
      permissions: [
        ...loopPermissions(settings, accountId, names),
        {
          sid: 'WriteTheLog',
          actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
          resources: [$interpolate`${logGroup.arn}:*`],
        },
        { sid: 'Trace', actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], resources: ['*'] },
        ...extra,
      ].map(({ actions, resources, conditions }) => ({ actions, resources, ...(conditions ? { conditions } : {}) })),
      transform: {
        function: (args) => {
          args.tracingConfig = { mode: 'Active' };
        },
        role: (args) => {
          args.name = `${prefix}-${name}`;
          // SST lets the whole account assume it, and adds a managed policy that may write every log.
          args.assumeRolePolicy = aws.iam.assumeRolePolicyForPrincipal({ Service: 'lambda.amazonaws.com' });
          args.managedPolicyArns = [];
        },
      },
    });
    return { name: `${prefix}-${name}`, function: made, logGroup };
  };
  const toEventsQueue: PolicyStatement = {
    sid: 'ReportFailures',
    actions: ['sqs:SendMessage'],
    resources: [eventsQueue.arn],
  };

  const reconcile = controlFunction('reconcile', 'Every minute: observe, plan, assign, apply, record', [toEventsQueue]);
  const capacityChanged = controlFunction('capacity-changed', 'Machines or workers changed: react at once', [
    toEventsQueue,
  ]);
  const cameraChanged = controlFunction('camera-changed', 'A camera row changed: parse it, create its stream, react', [
    {
      sid: 'ReadTheStream',
      actions: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
      resources: [tables.cameras.nodes.table.streamArn],
    },
    { sid: 'ListTheStreams', actions: ['dynamodb:ListStreams'], resources: ['*'] },
    { sid: 'ReportFailures', actions: ['sqs:SendMessage'], resources: [rowsQueue.arn] },
    {
      sid: 'CreateVideoStreams',
      actions: ['kinesisvideo:CreateStream'],
      resources: [`arn:aws:kinesisvideo:${region}:${accountId}:stream/${settings.kvsStreamPrefix}*`],
    },
  ]);

  new aws.lambda.EventSourceMapping('CameraRows', {
    eventSourceArn: tables.cameras.nodes.table.streamArn,
    functionName: cameraChanged.function.arn,
    startingPosition: 'TRIM_HORIZON',
    ...streamMapping,
    bisectBatchOnFunctionError: true,
    functionResponseTypes: ['ReportBatchItemFailures'],
    destinationConfig: { onFailure: { destinationArn: rowsQueue.arn } },
  });
  for (const { name, function: made } of [reconcile, capacityChanged]) {
    new aws.lambda.FunctionEventInvokeConfig(`${name.slice(prefix.length + 1)}-async`, {
      functionName: made.name,
      // The next minute does the same and knows more.
      maximumRetryAttempts: 0,
      maximumEventAgeInSeconds: 300,
      destinationConfig: { onFailure: { destination: eventsQueue.arn } },
    });
  }
  tick(settings, reconcile.function, eventsQueue);
  capacityEvents(settings, names, capacityChanged, eventsQueue);
  return { functions: [reconcile, capacityChanged, cameraChanged], reconcile, cameraChanged, rowsQueue, eventsQueue };
}

function tick({ stage }: Settings, target: sst.aws.Function, deadLetters: sst.aws.Queue): void {
  new sst.aws.CronV2('Tick', {
    schedule: 'rate(1 minute)',
    function: target.arn,
    retries: 0,
    dlq: deadLetters.arn,
    transform: {
      schedule: (args) => {
        args.name = `kvs-infer-${stage}-tick`;
      },
      role: (args) => {
        args.name = `kvs-infer-${stage}-tick`;
      },
    },
  });
}

export type Control = ReturnType<typeof control>;
