/**
 * The CloudWatch dashboard: capacity, cameras, GPUs and the control loop, one row each, for the first look after an alarm.
 * Invariant: it shows the same metrics that the alarms watch, under the same dimensions.
 */
import type { EcsNames } from '../../core/fleet-alarms.ts';
import { type ControlMetric, gpuMetrics } from '../../core/fleet-metrics.ts';
import type { ResourceNames } from '../../core/names.ts';
import type { Settings } from '../settings.ts';

type Shown = {
  settings: Settings;
  names: ResourceNames;
  dimensionsOf(fleet: string): Record<string, string>;
  ecsOf(fleet: string): EcsNames<$util.Input<string>>;
  functions: readonly string[];
  apiId: $util.Input<string>;
};
type Line = [namespace: string, metric: string, ...dimensionsAndOptions: $util.Input<unknown>[]];

const columnWidth = 12;
const rowHeight = 6;

export function dashboardBody({ settings, names, dimensionsOf, ecsOf, functions, apiId }: Shown) {
  const { fleets, region, stage } = settings;
  const ours = (fleet: string, metrics: readonly ControlMetric[], stat = 'Maximum') =>
    metrics.map((metric): Line => {
      const options = { label: `${fleet} ${metric}`, stat };
      return [names.metricNamespace, metric, ...Object.entries(dimensionsOf(fleet)).flat(), options];
    });
  const ecs = (fleet: string, namespace: string, metric: string): Line => {
    const { cluster, service } = ecsOf(fleet);
    return [namespace, metric, 'ClusterName', cluster, 'ServiceName', service, { label: `${fleet} ${metric}` }];
  };
  const eachFleet = (lines: (fleet: string) => Line[]) => fleets.flatMap(lines);
  const rows: [title: string, lines: Line[]][] = [
    [
      'Workers: needed, serving, tasks and instances wanted',
      eachFleet((fleet) => ours(fleet, ['WorkersNeeded', 'WorkersServing', 'DesiredTasks', 'DesiredInstances'])),
    ],
    [
      'Cameras: wanted and running',
      eachFleet((fleet) => ours(fleet, ['CamerasWanted', 'Cameras-running', 'Cameras-degraded', 'Cameras-starting'])),
    ],
    [
      'Cameras that need a person, and workers whose results are stored nowhere',
      eachFleet((fleet) => [
        ...ours(fleet, [
          'CamerasBlind',
          'Cameras-silent',
          'Cameras-waiting-capacity',
          'Cameras-shed',
          'Cameras-invalid',
        ]),
        ...ours(fleet, ['WindowsMissed'], 'Sum'),
        ...ours(fleet, ['CamerasLiveUnscheduled', 'WorkersUnstored']),
      ]),
    ],
    [
      'GPU load and memory (busiest instance, %)',
      eachFleet((fleet) =>
        Object.values(gpuMetrics).map(
          (metric): Line => [
            names.metricNamespace,
            metric,
            ...['stage', stage, 'fleet', fleet],
            { label: `${fleet} ${metric}`, stat: 'Maximum' },
          ],
        ),
      ),
    ],
    [
      'Tasks: CPU and memory (%)',
      eachFleet((fleet) => ['CPUUtilization', 'MemoryUtilization'].map((metric) => ecs(fleet, 'AWS/ECS', metric))),
    ],
    [
      'ECS: running and desired tasks',
      eachFleet((fleet) =>
        ['RunningTaskCount', 'DesiredTaskCount'].map((metric) => ecs(fleet, 'ECS/ContainerInsights', metric)),
      ),
    ],
    [
      'Control loop: failed runs and steps, input that cannot be right, no capacity, models taken back',
      eachFleet((fleet) => [
        ...ours(fleet, ['ReconcileFailed', 'ModelReverted'], 'Sum'),
        ...ours(fleet, ['ActionsFailed', 'InputProblems', 'CapacityExhausted']),
      ]),
    ],
    ['Cameras handed from worker to worker', eachFleet((fleet) => ours(fleet, ['CamerasMoved'], 'Sum'))],
    [
      'Cost: US dollars today, idle workers, cameras shed by the budget',
      eachFleet((fleet) => ours(fleet, ['UsdToday', 'WorkersIdle', 'CamerasShedByBudget'])),
    ],
    [
      'Functions: errors and longest run; answers of the API that are errors of its own',
      [
        ...functions.flatMap((name): Line[] => [
          ['AWS/Lambda', 'Errors', 'FunctionName', name, { stat: 'Sum' }],
          ['AWS/Lambda', 'Duration', 'FunctionName', name, { stat: 'Maximum', yAxis: 'right' }],
        ]),
        ['AWS/ApiGateway', '5xx', 'ApiId', apiId, { stat: 'Sum' }],
      ],
    ],
    [
      'Results: records and bytes per minute',
      ['IncomingRecords', 'IncomingBytes'].map(
        (metric, index): Line => [
          'AWS/Kinesis',
          metric,
          'StreamName',
          names.resultStream,
          { stat: 'Sum', yAxis: index === 0 ? 'left' : 'right' },
        ],
      ),
    ],
  ];
  return {
    widgets: rows.map(([title, metrics], index) => ({
      type: 'metric',
      x: (index % 2) * columnWidth,
      y: Math.floor(index / 2) * rowHeight,
      width: columnWidth,
      height: rowHeight,
      properties: { title, region, view: 'timeSeries', period: 60, metrics },
    })),
  };
}
