/** DescribeAlarms as the SDK speaks it, on the local cloud and on moto: the same alarms, page by page, by name and prefix. */
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  type DescribeAlarmsCommandInput,
  PutMetricAlarmCommand,
} from '@aws-sdk/client-cloudwatch';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Alarm, alarmDescription, functionAlarms } from '../../core/alarms.ts';
import { fleetAlarms } from '../../core/fleet-alarms.ts';
import { accountId, clientOptions, describeContract, region } from './targets.ts';

const ecs = { cluster: 'c', service: 's' };
const alarms: Alarm[] = [
  ...functionAlarms([{ id: 'reconcile', name: 'reconcile' }], 'reconcile', 'camera-changed'),
  ...fleetAlarms('default', 'KvsInfer', { fleet: 'default' }, ecs),
];

describeContract('DescribeAlarms', (target) => {
  let client: CloudWatchClient;

  beforeAll(async () => {
    client = new CloudWatchClient(clientOptions(target()));
    for (const prefix of ['kvs-infer-test', 'kvs-infer-test-2']) {
      const { cloud } = target();
      if (cloud === null) await putAlarms(client, prefix);
      else cloud.cloudWatch.watchAlarms({ prefix, alarms, eachMinute: () => {}, onChange: () => {} });
    }
  });
  afterAll(() => client?.destroy());

  const describeAlarms = (input: DescribeAlarmsCommandInput) => client.send(new DescribeAlarmsCommand(input));
  const namesOf = async (input: DescribeAlarmsCommandInput) =>
    ((await describeAlarms(input)).MetricAlarms ?? []).map(({ AlarmName }) => AlarmName).sort();

  it('tells an alarm on a metric as it was made', async () => {
    const { MetricAlarms } = await describeAlarms({ AlarmNames: ['kvs-infer-test-no-reconcile'] });
    const [defined] = alarms as [Alarm];
    expect(MetricAlarms).toMatchObject([
      {
        AlarmArn: `arn:aws:cloudwatch:${region}:${accountId}:alarm:kvs-infer-test-no-reconcile`,
        AlarmDescription: alarmDescription(defined),
        ...{ Namespace: 'AWS/Lambda', MetricName: 'Invocations', Statistic: 'Sum', Period: 60 },
        Dimensions: [{ Name: 'FunctionName', Value: 'reconcile' }],
        ...{ ComparisonOperator: 'LessThanThreshold', Threshold: 1, EvaluationPeriods: 3 },
        TreatMissingData: 'breaching',
        StateUpdatedTimestamp: expect.any(Date),
      },
    ]);
  });

  it('tells an alarm on an expression with its metrics', async () => {
    const { MetricAlarms } = await describeAlarms({ AlarmNames: ['kvs-infer-test-default-wanted-over-running'] });
    expect(MetricAlarms?.[0]?.Metrics).toMatchObject([
      { Id: 'value', Expression: 'wanted - serving', ReturnData: true },
      { Id: 'wanted', MetricStat: { Metric: { MetricName: 'WorkersNeeded' }, Period: 60, Stat: 'Minimum' } },
      { Id: 'serving', MetricStat: { Metric: { MetricName: 'WorkersServing' } }, ReturnData: false },
    ]);
  });

  it('finds by a prefix, which is no more than that: the stage "test" begins as "test-2" does', async () => {
    expect(await namesOf({ AlarmNamePrefix: 'kvs-infer-test-2-', MaxRecords: 100 })).toEqual(
      alarms.map(({ name }) => `kvs-infer-test-2-${name}`).sort(),
    );
    expect(await namesOf({ AlarmNamePrefix: 'kvs-infer-test-', MaxRecords: 100 })).toHaveLength(2 * alarms.length);
    expect(await namesOf({ AlarmNamePrefix: 'another' })).toEqual([]);
  });
});

/** moto answers all alarms at once, of any state, and refuses nothing. */
describeContract(
  'pages of DescribeAlarms',
  (target) => {
    let client: CloudWatchClient;
    const AlarmNamePrefix = 'kvs-infer-test-';
    beforeAll(() => {
      client = new CloudWatchClient(clientOptions(target()));
      target().cloud?.cloudWatch.watchAlarms({
        ...{ prefix: 'kvs-infer-test', alarms, eachMinute: () => {}, onChange: () => {} },
      });
    });
    afterAll(() => client?.destroy());

    it('hold every alarm once, and the last has no token', async () => {
      const seen: string[] = [];
      const sizes: number[] = [];
      let NextToken: string | undefined;
      do {
        const asked = { AlarmNamePrefix, MaxRecords: 5, ...(NextToken === undefined ? {} : { NextToken }) };
        const page = await client.send(new DescribeAlarmsCommand(asked));
        seen.push(...(page.MetricAlarms ?? []).map(({ AlarmName = '' }) => AlarmName));
        sizes.push(page.MetricAlarms?.length ?? 0);
        NextToken = page.NextToken;
      } while (NextToken !== undefined);
      expect(seen).toEqual(alarms.map(({ name }) => `kvs-infer-test-${name}`).sort());
      expect(sizes).toEqual([5, 5, 5, alarms.length - 15]);
    });

    it('are of the state that was asked for', async () => {
      const countOf = async (StateValue: 'ALARM' | 'INSUFFICIENT_DATA') =>
        (await client.send(new DescribeAlarmsCommand({ AlarmNamePrefix, StateValue }))).MetricAlarms?.length;
      expect(await countOf('ALARM')).toBe(0);
      expect(await countOf('INSUFFICIENT_DATA')).toBe(alarms.length);
    });

    it('are refused by name: too many, an unknown state, a strange token, names and a prefix together', async () => {
      const refused = (input: DescribeAlarmsCommandInput) =>
        client.send(new DescribeAlarmsCommand(input)).then(
          () => 'answered',
          (error: Error) => error.name,
        );
      expect(await refused({ MaxRecords: 101 })).toBe('ValidationException');
      expect(await refused({ MaxRecords: 0 })).toBe('ValidationException');
      expect(await refused({ StateValue: 'LOUD' as never })).toBe('ValidationException');
      expect(await refused({ NextToken: 'bm90aGluZw' })).toBe('InvalidNextToken');
      expect(await refused({ AlarmNames: ['a'], AlarmNamePrefix: 'a' })).toBe('InvalidParameterCombinationException');
      expect(await refused({ ActionPrefix: 'arn:aws:sns' })).toMatch(/^InvalidParameterValue/);
    });
  },
  ['local cloud'],
);

async function putAlarms(client: CloudWatchClient, prefix: string): Promise<void> {
  for (const { name, value, ...alarm } of alarms) {
    const metricOf = (metric: Extract<Alarm['value'], { namespace: string }>) => ({
      ...{ Namespace: metric.namespace, MetricName: metric.name },
      Dimensions: Object.entries(metric.dimensions).map(([Name, Value]) => ({ Name, Value })),
    });
    await client.send(
      new PutMetricAlarmCommand({
        AlarmName: `${prefix}-${name}`,
        AlarmDescription: alarmDescription(alarm),
        ComparisonOperator: alarm.when === 'above' ? 'GreaterThanThreshold' : 'LessThanThreshold',
        ...{ Threshold: alarm.threshold, EvaluationPeriods: alarm.periods, TreatMissingData: alarm.silence },
        ...('expression' in value
          ? {
              Metrics: [
                { Id: 'value', Expression: value.expression, ReturnData: true },
                ...Object.entries(value.metrics).map(([Id, metric]) => ({
                  ...{ Id, ReturnData: false },
                  MetricStat: { Metric: metricOf(metric), Period: alarm.periodSeconds, Stat: metric.statistic },
                })),
              ],
            }
          : { ...metricOf(value), Period: alarm.periodSeconds, Statistic: value.statistic }),
      }),
    );
  }
}
