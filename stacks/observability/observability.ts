/**
 * Eyes on the deployment: one topic, every alarm on it, and a dashboard of the same numbers.
 * Invariant: an alarm that rings also says when it is over; nothing is published to the topic but alarms of this account.
 */
import {
  type Alarm,
  alarmDescription,
  apiAlarms,
  functionAlarms,
  type Metric,
  natAlarms,
  queueAlarms,
} from '../../core/alarms.ts';
import { fleetAlarms, gpuAlarms } from '../../core/fleet-alarms.ts';
import { controlMetricService, fleetResourceNames, type ResourceNames } from '../../core/names.ts';
import type { Control } from '../control/control.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Network } from '../network.ts';
import type { Settings } from '../settings.ts';
import { dashboardBody } from './dashboard.ts';

export type Watched = {
  names: ResourceNames;
  accountId: string;
  net: Network;
  gpus: Fleet;
  loop: Control;
  functions: Control['functions'];
  apiId: $util.Output<string>;
};

export function observability(settings: Settings, { names, accountId, net, gpus, loop, functions, apiId }: Watched) {
  const { stage } = settings;
  const prefix = `kvs-infer-${stage}`;
  const topic = alarmTopic(settings, prefix, accountId);
  const ecsOf = (name: string) => ({ cluster: gpus.cluster.name, service: fleetResourceNames(stage, name).service });
  const dimensionsOf = (fleet: string) => ({ service: controlMetricService, stage, fleet });
  const nat = net.nat;
  const natIds = nat?.kind === 'ec2' ? net.natInstanceIds : net.natGatewayIds;
  const alarms: Alarm<$util.Input<string>>[] = [
    ...functionAlarms<$util.Input<string>>(functions, loop.reconcile.name, loop.cameraChanged.name),
    ...apiAlarms<$util.Input<string>>(apiId),
    ...queueAlarms<$util.Input<string>>({
      'row-failures': loop.rowsQueue.nodes.queue.name,
      'event-failures': loop.eventsQueue.nodes.queue.name,
    }),
    ...settings.fleets.flatMap((name) => [
      ...fleetAlarms<$util.Input<string>>(name, names.metricNamespace, dimensionsOf(name), ecsOf(name)),
      ...gpuAlarms(name, names.metricNamespace, stage),
    ]),
    ...(nat === null
      ? []
      : natAlarms(
          Array.from({ length: nat.count }, (_, index) => natIds.apply((ids) => ids[index] ?? '')),
          nat.kind,
        )),
  ];
  for (const alarm of alarms) metricAlarm(prefix, alarm, topic.arn);
  const dashboard = new aws.cloudwatch.Dashboard('Dashboard', {
    dashboardName: prefix,
    dashboardBody: $jsonStringify(
      dashboardBody({ settings, names, dimensionsOf, ecsOf, functions: functions.map(({ name }) => name), apiId }),
    ),
  });
  return { topic, dashboard };
}

function alarmTopic({ alarmEmail }: Settings, prefix: string, accountId: string) {
  const topic = new aws.sns.Topic('Alarms', { name: `${prefix}-alarms` });
  new aws.sns.TopicPolicy('AlarmsPolicy', {
    arn: topic.arn,
    policy: aws.iam.getPolicyDocumentOutput({
      statements: [
        {
          sid: 'AlarmsOfThisAccount',
          principals: [{ type: 'Service', identifiers: ['cloudwatch.amazonaws.com'] }],
          actions: ['sns:Publish'],
          resources: [topic.arn],
          conditions: [{ test: 'StringEquals', variable: 'aws:SourceAccount', values: [accountId] }],
        },
      ],
    }).json,
  });
  if (alarmEmail !== undefined) {
    new aws.sns.TopicSubscription('AlarmsEmail', { topic: topic.arn, protocol: 'email', endpoint: alarmEmail });
  }
  return topic;
}

function metricAlarm(prefix: string, alarm: Alarm<$util.Input<string>>, topicArn: $util.Output<string>): void {
  const { value, periodSeconds } = alarm;
  const queryOf = (id: string, metric: Metric<$util.Input<string>>) => ({
    id,
    returnData: false,
    metric: {
      namespace: metric.namespace,
      metricName: metric.name,
      dimensions: metric.dimensions,
      period: periodSeconds,
      stat: metric.statistic,
    },
  });
  new aws.cloudwatch.MetricAlarm(`Alarm-${alarm.name}`, {
    name: `${prefix}-${alarm.name}`,
    alarmDescription: alarmDescription(alarm),
    comparisonOperator: alarm.when === 'above' ? 'GreaterThanThreshold' : 'LessThanThreshold',
    threshold: alarm.threshold,
    evaluationPeriods: alarm.periods,
    treatMissingData: alarm.silence,
    alarmActions: [topicArn],
    okActions: [topicArn],
    ...('expression' in value
      ? {
          metricQueries: [
            { id: 'value', expression: value.expression, label: alarm.name, returnData: true },
            ...Object.entries(value.metrics).map(([id, metric]) => queryOf(id, metric)),
          ],
        }
      : {
          namespace: value.namespace,
          metricName: value.name,
          dimensions: value.dimensions,
          period: periodSeconds,
          statistic: value.statistic,
        }),
  });
}
