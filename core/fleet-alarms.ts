/**
 * The alarms of each fleet: on what the control loop counts, on what ECS counts of the service, and on what instances report of
 * their GPUs. Invariant: as in alarms.ts, every metric named here is one that somebody really reports.
 */
import type { Alarm, Metric } from './alarms.ts';
import { type ControlMetric, gpuMetrics } from './fleet-metrics.ts';

/** Per fleet, on what the control loop counts (functions/telemetry.ts). */
export function fleetAlarms<Name>(
  fleet: string,
  namespace: string,
  dimensions: Metric<Name>['dimensions'],
  ecs: EcsNames<Name>,
): Alarm<Name>[] {
  const ours = (name: ControlMetric, statistic: Metric['statistic'] = 'Maximum'): Metric<Name> => ({
    namespace,
    name,
    dimensions,
    statistic,
  });
  const insights = (name: string): Metric<Name> => ({
    namespace: 'ECS/ContainerInsights',
    name,
    dimensions: { ClusterName: ecs.cluster, ServiceName: ecs.service },
    statistic: 'Minimum',
  });
  const service = (name: string): Metric<Name> => ({
    namespace: 'AWS/ECS',
    name,
    dimensions: { ClusterName: ecs.cluster, ServiceName: ecs.service },
    statistic: 'Maximum',
  });
  const minute = { periodSeconds: 60, when: 'above', threshold: 0, silence: 'notBreaching' } as const;
  return [
    {
      ...minute,
      name: `${fleet}-reconcile-failed`,
      meaning: 'The control loop ran and failed three times in a row: the fleet stays as it is.',
      action: 'Its log line "reconcile failed" says why.',
      periods: 3,
      value: ours('ReconcileFailed', 'Sum'),
    },
    {
      ...minute,
      name: `${fleet}-runs-not-whole`,
      meaning: 'For 5 minutes a part of each run of the control loop could not be read, done or believed.',
      action: 'Its log lines "a run was not whole" say which.',
      periods: 5,
      value: ours('ActionsFailed', 'Minimum'),
    },
    {
      ...minute,
      name: `${fleet}-wanted-over-running`,
      meaning: 'More workers are needed than serve, for 10 minutes.',
      action:
        'Look at the decision, then at the scaling activities of the group: no capacity, a failing task, or the maximum is reached.',
      periods: 10,
      value: {
        expression: 'wanted - serving',
        metrics: { wanted: ours('WorkersNeeded', 'Minimum'), serving: ours('WorkersServing') },
      },
    },
    {
      ...minute,
      name: `${fleet}-no-capacity`,
      meaning: 'EC2 has no instance of any market and type that the fleet may use: windows will open late.',
      action: 'The decision says what failed; allow more zones, sizes or families.',
      periods: 1,
      value: ours('CapacityExhausted'),
    },
    {
      ...minute,
      name: `${fleet}-budget-shed`,
      meaning: 'The budget of the day keeps cameras from being watched.',
      action: 'The decision says what is spent and forecast; raise the budget or ask for less.',
      periods: 1,
      value: ours('CamerasShedByBudget'),
    },
    {
      ...minute,
      name: `${fleet}-model-reverted`,
      meaning: 'A new version of a model was taken back: it failed on its first cameras, which run the version before.',
      action: 'The decision says why; mend the model and roll it out as a new version.',
      periods: 1,
      value: ours('ModelReverted', 'Sum'),
    },
    {
      ...minute,
      name: `${fleet}-window-missed`,
      meaning: 'A window opened and nobody watched: the ready-by was missed.',
      action: 'The decision of that minute says what was short.',
      periods: 1,
      value: ours('WindowsMissed', 'Sum'),
    },
    {
      ...minute,
      name: `${fleet}-camera-blind`,
      meaning: 'A camera inside its window has had no worker for more than 2 minutes.',
      action: 'Its state says what it waits for.',
      periods: 1,
      value: ours('CamerasBlind'),
    },
    {
      ...minute,
      name: `${fleet}-results-unstored`,
      meaning:
        'For 3 minutes a worker has stored none of its records, or none of its pictures or track items: they are being lost.',
      action: 'Its log lines "records could not be put" and "a delivery failed" say why.',
      periods: 3,
      value: ours('WorkersUnstored', 'Minimum'),
    },
    {
      ...minute,
      name: `${fleet}-scheduled-but-silent`,
      meaning: 'A camera inside its window sends nothing.',
      action: 'Look at the camera and its network.',
      periods: 5,
      value: ours('Cameras-silent', 'Minimum'),
    },
    {
      name: `${fleet}-live-but-unscheduled`,
      meaning: 'A camera sends outside its windows, and KVS bills what it sends.',
      action: 'Correct its schedule, or stop its producer.',
      ...{ periodSeconds: 900, periods: 2, when: 'above', threshold: 0, silence: 'notBreaching' },
      value: ours('CamerasLiveUnscheduled', 'Minimum'),
    },
    {
      ...minute,
      name: `${fleet}-running-below-desired`,
      meaning: 'ECS runs fewer tasks than desired for 10 minutes.',
      action: 'Look at the events of the service and at stopped tasks.',
      periods: 10,
      value: {
        expression: 'desired - running',
        metrics: {
          desired: insights('DesiredTaskCount'),
          running: { ...insights('RunningTaskCount'), statistic: 'Maximum' },
        },
      },
    },
    {
      ...minute,
      name: `${fleet}-cpu-high`,
      meaning: 'A worker uses more than 90 % of its CPU for 10 minutes: decoding is the limit; frames will be dropped.',
      action: 'Lower the rate of its cameras, or use types with more vCPUs.',
      periods: 10,
      threshold: 90,
      value: service('CPUUtilization'),
    },
    {
      ...minute,
      name: `${fleet}-memory-high`,
      meaning: 'A worker uses more than 90 % of its memory: it will be killed at 100 %.',
      action: 'Look at its queues; use larger types, or restart the task if it only grows.',
      periods: 5,
      threshold: 90,
      value: service('MemoryUtilization'),
    },
  ];
}

export type EcsNames<Name = string> = { cluster: Name; service: Name };

/** Per fleet, on what its instances report (stacks/fleet/gpu-metrics.ts). */
export function gpuAlarms(fleet: string, namespace: string, stage: string): Alarm[] {
  const gpu = (name: string): Metric => ({ namespace, name, dimensions: { stage, fleet }, statistic: 'Maximum' });
  const high = { periodSeconds: 60, periods: 10, when: 'above', silence: 'notBreaching' } as const;
  return [
    {
      ...high,
      name: `${fleet}-gpu-memory-high`,
      meaning: 'The memory of a GPU is more than 90 % full for 10 minutes.',
      action: 'Fewer models per worker, or a larger type.',
      threshold: 90,
      value: gpu(gpuMetrics.memory),
    },
    {
      ...high,
      name: `${fleet}-gpu-load-high`,
      meaning: 'A GPU is more than 95 % busy for 10 minutes: the target utilisation is passed.',
      action: 'Look at dropped frames and measured capacity; lower the target utilisation.',
      threshold: 95,
      value: gpu(gpuMetrics.load),
    },
  ];
}
