/**
 * A whole stage in the local cloud: what stacks/ deploys to AWS, wired here to the same handlers: tables, fleets, the
 * stream mapping, the schedule and the event rules. Invariant: handlers are the deployed ones and are reached only
 * through their triggers, never called directly.
 */
import type { DynamoDBRecord } from 'aws-lambda';
import type { AwsClients } from '../aws/clients.ts';
import type { Decision } from '../core/control/record.ts';
import type { FleetPolicy } from '../core/fleet-state.ts';
import { type ResourceNames, resourceNames } from '../core/names.ts';
import { buildCameraChangedHandler } from '../functions/camera-changed.ts';
import { buildCapacityChangedHandler } from '../functions/capacity-changed.ts';
import { controlEnvironment } from '../functions/environment.ts';
import type { ControlDeps } from '../functions/handler-deps.ts';
import { buildHttpApiHandler } from '../functions/http-api.ts';
import { buildReconcileHandler } from '../functions/reconcile.ts';
import { telemetry } from '../functions/telemetry.ts';
import {
  capacityEventTypes,
  eventInvocation,
  functionTimeoutSeconds,
  rowStreamMapping,
} from '../functions/triggers.ts';
import type { LocalCloud } from './cloud.ts';
import type { AlarmChange, AlarmWatch } from './cloudwatch/alarm-watch.ts';
import type { FleetDefinition } from './compute/fleet.ts';
import type { LambdaHandler } from './lambda/host.ts';
import { newestOfEachItem, StreamMapping } from './lambda/stream-mapping.ts';
import { watchStageAlarms } from './stage-alarms.ts';

export type LocalStageOptions = {
  stage: string;
  clients: AwsClients;
  /** What all fleets have in common. */
  fleet: Omit<FleetDefinition, 'stage' | 'fleet' | 'min' | 'max'>;
  /** Names of the fleets; one called "default" when left out. */
  fleets?: string[];
  policy: Partial<FleetPolicy>;
  /** Period in which stream activity is asked for; AWS keeps 60 s. */
  activityPeriodSeconds?: number;
  /** EventBridge Scheduler expression of the reconcile tick; AWS uses `rate(1 minute)`. */
  tick: string;
  /** DEBUG, INFO, WARN, ERROR or SILENT: what the functions write to stdout. */
  logLevel: string;
  onDecision?: (decision: Decision) => void;
  /** Called when an alarm begins to ring, and when it is over. */
  onAlarm?: (change: AlarmChange) => void;
};

export type LocalStage = {
  alarms: AlarmWatch;
  names: ResourceNames;
  /** The first of the fleets. */
  fleet: string;
  /** What the functions run on, for a test that calls one of them with an event of its own. */
  deps: ControlDeps;
};

export async function startLocalStage(cloud: LocalCloud, options: LocalStageOptions): Promise<LocalStage> {
  const { stage, clients } = options;
  const { context } = cloud;
  const fleets = options.fleets ?? ['default'];
  const names = resourceNames(stage, context.accountId);
  const environment = controlEnvironment({
    KVS_INFER_STAGE: stage,
    KVS_INFER_ACCOUNT_ID: context.accountId,
    KVS_INFER_FLEETS: fleets.join(','),
    KVS_INFER_FLEET_POLICY: JSON.stringify(options.policy),
    KVS_INFER_ACTIVITY_PERIOD_SECONDS: String(options.activityPeriodSeconds ?? 60),
    AWS_REGION: context.region,
    AWS_ENDPOINT_URL: cloud.endpoint,
    LOG_LEVEL: options.logLevel,
  });
  const { minWorkers, maxWorkers, instanceTypes, onDemandBase, spotPercent } = environment.policy;
  const launch = instanceTypes.length === 0 ? {} : { instanceTypes, onDemandBase, spotPercent };
  const bounds = { min: minWorkers, max: maxWorkers, ...launch };
  await cloud.createStageResources({ stage, fleets: fleets.map((fleet) => ({ ...options.fleet, fleet, ...bounds })) });

  const deps: ControlDeps = {
    clock: context.clock,
    clients,
    environment,
    telemetry: telemetry({
      serviceName: 'kvs-infer',
      namespace: names.metricNamespace,
      logLevel: options.logLevel,
      stage,
      quiet: options.logLevel === 'SILENT',
      onMetrics: (line) => cloud.cloudWatch.putEmbedded(line),
    }),
    wait: (ms) => cloud.lambda.waitForClock(ms),
    ...(options.onDecision === undefined ? {} : { onDecision: options.onDecision }),
  };
  const functionName = (name: string) => `kvs-infer-${stage}-${name}`;
  const register = (name: string, handler: unknown, invocation: { maximumRetryAttempts?: number } = {}): string => {
    cloud.lambda.register({
      name: functionName(name),
      handler: handler as LambdaHandler,
      timeoutMs: functionTimeoutSeconds * 1000,
      ...invocation,
    });
    return cloud.lambda.arnOf(functionName(name));
  };
  const asEvent = { maximumRetryAttempts: eventInvocation.maximumRetryAttempts };
  register('camera-changed', buildCameraChangedHandler(deps));
  const reconcileArn = register('reconcile', buildReconcileHandler(deps), asEvent);
  register('http-api', buildHttpApiHandler(deps));
  const capacityChangedArn = register('capacity-changed', buildCapacityChangedHandler(deps), asEvent);

  // Also what is kept from before: a row typed while nobody listened is not lost, and a repeat changes nothing.
  const mapping = new StreamMapping(cloud.lambda, {
    ...rowStreamMapping,
    maximumRecordAgeMs: rowStreamMapping.maximumRecordAgeInSeconds * 1000,
    functionName: functionName('camera-changed'),
  });
  const kept: DynamoDBRecord[] = [];
  let take = (record: DynamoDBRecord): void => void kept.push(record);
  cloud.dynamo.subscribe(names.tables.cameras, (record) => take(record as DynamoDBRecord), '');
  take = (record) => mapping.push(record);
  for (const record of newestOfEachItem(kept)) mapping.push(record);
  await cloud.events.putSchedule(functionName('tick'), options.tick, reconcileArn);
  await cloud.events.putRule(
    functionName('capacity'),
    {
      source: ['aws.ecs', 'aws.ec2', 'aws.autoscaling', names.eventSource],
      'detail-type': Object.values(capacityEventTypes).flat(),
    },
    capacityChangedArn,
  );
  const alarms = watchStageAlarms(cloud, { stage, fleets, names, onChange: options.onAlarm ?? (() => {}) });
  return { names, fleet: fleets[0] ?? 'default', deps, alarms };
}
