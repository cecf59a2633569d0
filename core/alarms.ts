/**
 * What wakes a person, as data: one entry per alarm with its meaning and what to do, which become the alarm's description
 * (docs/operate.md says more of each). stacks/ deploys these very definitions and the local cloud evaluates them. Here are those
 * of a whole stage; those of each fleet are in fleet-alarms.ts.
 * `Name` is a string, or what stands for one before the deployment knows it. Invariant: every metric named here is one that
 * AWS, the functions or the instances really report; test/deploy compares the ones of ours with the code that counts them.
 */
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
const apiFailuresMax = 4;

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

/**
 * On the gateway's own count: an answer of 500 is no error of the function, which has caught it. One or two are seen by who
 * asked; a page of the dashboard that stays open asks dozens of times in five minutes.
 */
export function apiAlarms<Name>(apiId: Name): Alarm<Name>[] {
  return [
    {
      name: 'api-failing',
      meaning: `The HTTP API has answered more than ${apiFailuresMax} requests of five minutes with an error of its own.`,
      action: 'Its log lines "the API failed" say why.',
      ...{ periodSeconds: 300, periods: 1, when: 'above', threshold: apiFailuresMax, silence: 'notBreaching' },
      value: { namespace: 'AWS/ApiGateway', name: '5xx', dimensions: { ApiId: apiId }, statistic: 'Sum' },
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
