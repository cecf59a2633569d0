/**
 * The alarms that stacks/ deploys, on the local cloud: the same definitions over the metrics that its parts report, and
 * once a minute what AWS counts by itself (tasks of a service and what they use, messages in a queue).
 * Invariant: no metric is made up; where the local cloud has nothing to measure (GPUs, NAT), nothing is reported.
 */
import { alarmedFunctions, alarmedQueues, apiAlarms, functionAlarms, queueAlarms } from '../core/alarms.ts';
import { fleetAlarms, gpuAlarms } from '../core/fleet-alarms.ts';
import { controlMetricService, fleetResourceNames, type ResourceNames } from '../core/names.ts';
import type { LocalCloud } from './cloud.ts';
import type { AlarmChange, AlarmWatch } from './cloudwatch/alarm-watch.ts';
import { TaskUtilisation } from './compute/task-utilisation.ts';

/** Whose failed events lie in the queue. */
export function feeds(queue: (typeof alarmedQueues)[number]): (functionName: string) => boolean {
  const isOfRows = queue === 'row-failures';
  return (functionName) => functionName.endsWith('-camera-changed') === isOfRows;
}

/** AWS draws one at random. */
function localApiId(stage: string): string {
  return `kvs-infer-${stage}-api`;
}

/** As the gateway counts: every answer, and whether it was an error of ours. */
export function countApiAnswer(cloud: Pick<LocalCloud, 'context'>, stage: string, status: number): void {
  const dimensions = { ApiId: localApiId(stage) };
  cloud.context.putMetric('AWS/ApiGateway', 'Count', dimensions, 1);
  cloud.context.putMetric('AWS/ApiGateway', '5xx', dimensions, status >= 500 ? 1 : 0);
}

export function watchStageAlarms(
  cloud: LocalCloud,
  {
    stage,
    fleets,
    names,
    onChange,
  }: { stage: string; fleets: readonly string[]; names: ResourceNames; onChange: (change: AlarmChange) => void },
): AlarmWatch {
  const prefix = `kvs-infer-${stage}`;
  const functions = alarmedFunctions.map((id) => ({ id, name: `${prefix}-${id}` }));
  const ecsOf = (fleet: string) => ({ cluster: names.cluster, service: fleetResourceNames(stage, fleet).service });
  const { putMetric, clock } = cloud.context;
  const utilisation = new TaskUtilisation();
  return cloud.cloudWatch.watchAlarms({
    prefix,
    alarms: [
      ...functionAlarms(functions, `${prefix}-reconcile`, `${prefix}-camera-changed`),
      ...apiAlarms(localApiId(stage)),
      ...queueAlarms(Object.fromEntries(alarmedQueues.map((queue) => [queue, `${prefix}-${queue}`]))),
      ...fleets.flatMap((fleet) => [
        ...fleetAlarms(fleet, names.metricNamespace, { service: controlMetricService, stage, fleet }, ecsOf(fleet)),
        ...gpuAlarms(fleet, names.metricNamespace, stage),
      ]),
    ],
    eachMinute() {
      for (const queue of alarmedQueues) {
        const { count } = cloud.lambda.deadLettersOf(feeds(queue));
        putMetric('AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName: `${prefix}-${queue}` }, count);
      }
      const running = cloud.compute.listTasks().filter(({ lastStatus }) => lastStatus === 'RUNNING');
      for (const { service, desired } of cloud.compute.desiredCounts()) {
        const dimensions = { ClusterName: names.cluster, ServiceName: service };
        const count = running.filter((task) => task.service === service).length;
        putMetric('ECS/ContainerInsights', 'DesiredTaskCount', dimensions, desired);
        putMetric('ECS/ContainerInsights', 'RunningTaskCount', dimensions, count);
      }
      for (const { service, cpuPercent, memoryPercent } of utilisation.measure(running, clock.monotonicMs())) {
        const dimensions = { ClusterName: names.cluster, ServiceName: service };
        if (cpuPercent !== null) putMetric('AWS/ECS', 'CPUUtilization', dimensions, cpuPercent);
        putMetric('AWS/ECS', 'MemoryUtilization', dimensions, memoryPercent);
      }
    },
    onChange(change) {
      if (change.from === 'ALARM' || change.to === 'ALARM') onChange(change);
    },
  });
}
