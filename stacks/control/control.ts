/**
 * The control loop: three functions and what calls them. The minute (Scheduler), the rows (stream of the cameras table)
 * and the events (ECS, EC2, Auto Scaling, workers); the loop is single-flight by its lock in the fleets table, so no
 * function reserves concurrency, which new accounts could not give.
 * Invariant: whatever could not be handled ends in a queue that an alarm watches; nothing is lost in silence.
 */
import type { FleetPolicy } from '../../core/fleet-state.ts';
import type { ResourceNames } from '../../core/names.ts';
import { eventInvocation, rowStreamMapping } from '../../functions/triggers.ts';
import { chosenNamesOf } from '../fleet/task.ts';
import { lambdaFunction } from '../lambda-function.ts';
import type { PolicyStatement } from '../policy-statement.ts';
import type { Registry } from '../registry.ts';
import type { Settings } from '../settings.ts';
import { capacityEvents } from './capacity-events.ts';
import { loopPermissions } from './permissions.ts';

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
    KVS_INFER_ACCOUNT_ID: accountId,
    KVS_INFER_FLEETS: settings.fleets.join(','),
    KVS_INFER_FLEET_POLICY: JSON.stringify(fleetPolicy(settings)),
  };
  const controlFunction = (name: string, description: string, extra: PolicyStatement[]) =>
    lambdaFunction(settings, {
      name,
      description,
      environment: { ...environment, ...chosenNamesOf(settings) },
      permissions: [...loopPermissions(settings, accountId, names), ...extra],
    });
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
    {
      sid: 'TellTheLoop',
      actions: ['events:PutEvents'],
      resources: [`arn:aws:events:${region}:${accountId}:event-bus/default`],
      conditions: [{ test: 'StringEquals', variable: 'events:source', values: [names.eventSource] }],
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
    ...rowStreamMapping,
    functionResponseTypes: ['ReportBatchItemFailures'],
    destinationConfig: { onFailure: { destinationArn: rowsQueue.arn } },
  });
  for (const { id, function: made } of [reconcile, capacityChanged]) {
    new aws.lambda.FunctionEventInvokeConfig(`${id}-async`, {
      functionName: made.name,
      ...eventInvocation,
      destinationConfig: { onFailure: { destination: eventsQueue.arn } },
    });
  }
  tick(settings, reconcile.function, eventsQueue);
  capacityEvents(settings, names, capacityChanged, eventsQueue);
  return { functions: [reconcile, capacityChanged, cameraChanged], reconcile, cameraChanged, rowsQueue, eventsQueue };
}

/** What the functions have to know of the deployment to decide how much and of which kind. */
export function fleetPolicy({ capacity }: Settings): Partial<FleetPolicy> {
  const { diskGib: _, ...policy } = capacity;
  return policy;
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
