/**
 * What wakes a person, as data: one entry per alarm with its meaning and what to do, which become the alarm's description
 * (docs/operate.md says more of each). stacks/ deploys these very definitions and the local cloud evaluates them.
 * `Name` is a string, or what stands for one before the deployment knows it. Invariant: every metric named here is one that
 * AWS, the functions or the instances really report; test/deploy compares the ones of ours with the code that counts them.
 */
/** What each instance reports of its GPU (stacks/fleet/gpu-metrics.ts). */
export const gpuMetrics = { load: 'GpuLoadPercent', memory: 'GpuMemoryPercent' } as const;

export type Metric<Name = string> = {
  namespace: string;
  name: string;
  dimensions: Record<string, Name>;
  statistic: 'Sum' | 'Maximum' | 'Minimum' | 'Average';
};
export type Alarm<Name = string> = {
  name: string;
  meaning: string;
  /** Where to look first, and what helps. */
  action: string;
  periodSeconds: number;
  /** Periods in a row. */
  periods: number;
  when: 'above' | 'below';
  threshold: number;
  /** A metric, or an expression over metrics by id. */
  value: Metric<Name> | { expression: string; metrics: Record<string, Metric<Name>> };
  /** Silence is bad news where something must always be reported. */
  silence: 'breaching' | 'notBreaching';
};

/** Records wait in the stream while the function fails; a minute is twenty times the usual. */
const iteratorAgeMaxMs = 60_000;
/** Pictures to S3 and records to Kinesis go through endpoints: what passes NAT should be video alone. */
const natBytesPerHourMax = 50_000_000_000;

/** What CloudWatch tells with the alarm, in the e-mail too: the meaning, and on a line of its own what to do. */
export function alarmDescription({ meaning, action }: Pick<Alarm, 'meaning' | 'action'>): string {
  return `${meaning}\n${action}`;
}

/** Whose errors ring (functions/), and whose failed events lie in a queue of their own. */
export const alarmedFunctions = ['reconcile', 'capacity-changed', 'camera-changed', 'http-api'] as const;
export const alarmedQueues = ['row-failures', 'event-failures'] as const;

export function functionAlarms<Name>(
  functions: readonly { id: string; name: Name }[],
  reconcile: Name,
  cameraChanged: Name,
): Alarm<Name>[] {
  const lambda = (name: Name, metric: string, statistic: Metric['statistic']): Metric<Name> => ({
    namespace: 'AWS/Lambda',
    name: metric,
    dimensions: { FunctionName: name },
    statistic,
  });
  return [
    {
      name: 'no-reconcile',
      meaning: 'The control loop has not run for 5 minutes: nothing starts or stops.',
      action: 'Look at the schedule and its function.',
      // Runs that do not come leave no datapoint at all: CloudWatch waits until all five periods that it looks at are empty.
      ...{ periodSeconds: 60, periods: 3, when: 'below', threshold: 1, silence: 'breaching' },
      value: lambda(reconcile, 'Invocations', 'Sum'),
    },
    ...functions.map(
      ({ id, name }): Alarm<Name> => ({
        name: `errors-${id}`,
        meaning: `Function ${name} failed.`,
        action: 'Look at its log group.',
        ...{ periodSeconds: 60, periods: 1, when: 'above', threshold: 0, silence: 'notBreaching' },
        value: lambda(name, 'Errors', 'Sum'),
      }),
    ),
    {
      name: 'iterator-age',
      meaning: 'Changes of camera rows wait for more than a minute.',
      action: 'Look at errors and throttles of the function that reads them.',
      ...{ periodSeconds: 60, periods: 2, when: 'above', threshold: iteratorAgeMaxMs, silence: 'notBreaching' },
      value: lambda(cameraChanged, 'IteratorAge', 'Maximum'),
    },
  ];
}

export function queueAlarms<Name>(queues: Record<string, Name>): Alarm<Name>[] {
  return Object.entries(queues).map(([name, QueueName]) => ({
    name: `queue-${name}`,
    meaning: `Something could not be handled and lies in the queue ${name}.`,
    action: 'Read the message, mend the cause, purge the queue.',
    ...{ periodSeconds: 60, periods: 1, when: 'above', threshold: 0, silence: 'notBreaching' },
    value: {
      namespace: 'AWS/SQS',
      name: 'ApproximateNumberOfMessagesVisible',
      dimensions: { QueueName },
      statistic: 'Maximum',
    },
  }));
}

/** Per fleet, on what the control loop counts (functions/telemetry.ts). */
export function fleetAlarms<Name>(
  fleet: string,
  namespace: string,
  dimensions: Metric<Name>['dimensions'],
  ecs: EcsNames<Name>,
): Alarm<Name>[] {
  const ours = (name: string, statistic: Metric['statistic'] = 'Maximum'): Metric<Name> => ({
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

export function natAlarms<Name>(ids: readonly Name[], kind: 'managed' | 'ec2'): Alarm<Name>[] {
  const bytesIn = (id: Name): Metric<Name> =>
    kind === 'managed'
      ? {
          namespace: 'AWS/NATGateway',
          name: 'BytesInFromDestination',
          dimensions: { NatGatewayId: id },
          statistic: 'Sum',
        }
      : { namespace: 'AWS/EC2', name: 'NetworkIn', dimensions: { InstanceId: id }, statistic: 'Sum' };
  return ids.map((id, index) => ({
    name: `nat-bytes-high-${index + 1}`,
    meaning: 'More than 50 GB an hour pass this NAT.',
    action: 'See what misses its VPC endpoint, or do without NAT (NETWORK=endpoints).',
    ...{ periodSeconds: 3_600, periods: 1, when: 'above', threshold: natBytesPerHourMax, silence: 'notBreaching' },
    value: bytesIn(id),
  }));
}
