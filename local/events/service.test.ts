import {
  CloudWatchClient,
  GetMetricDataCommand,
  ListMetricsCommand,
  PutMetricDataCommand,
} from '@aws-sdk/client-cloudwatch';
import {
  EventBridgeClient,
  ListRulesCommand,
  PutEventsCommand,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { CreateScheduleCommand, GetScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SteppedClock } from '../clock.ts';
import { type CloudWatchService, createCloudWatchService } from '../cloudwatch/service.ts';
import { type HttpFront, startHttpFront } from '../http/front.ts';
import { Faults, type LocalEvent } from '../service.ts';
import { createEventsService, type EventsService } from './service.ts';

const startMs = Date.parse('2026-11-24T00:00:00Z');
const lambdaArn = 'arn:aws:lambda:us-east-1:000000000000:function:capacity-changed';
const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };

let clock: SteppedClock;
let front: HttpFront;
let events: EventsService;
let metrics: CloudWatchService;
let fired: { arn: string; event: unknown; atMs: number }[];
let client: { region: string; endpoint: string; credentials: typeof credentials };

beforeEach(async () => {
  clock = new SteppedClock(startMs);
  fired = [];
  front = await startHttpFront({ port: 0, portSearch: false, faults: new Faults() });
  const context = { clock, region: 'us-east-1', accountId: '000000000000', dataFolder: null };
  events = await createEventsService(context, {
    invoke: (arn, event) => fired.push({ arn, event, atMs: clock.nowMs() - startMs }),
  });
  metrics = await createCloudWatchService(context, { serviceMetricLagMs: 120_000 });
  front.register(events);
  front.register(metrics);
  client = { region: 'us-east-1', endpoint: `http://127.0.0.1:${front.port}`, credentials };
});
afterEach(async () => {
  await events.close();
  await front.close();
});

describe('the event bus', () => {
  const putRule = async (pattern: unknown) => {
    const bridge = new EventBridgeClient(client);
    await bridge.send(new PutRuleCommand({ Name: 'workers', EventPattern: JSON.stringify(pattern) }));
    await bridge.send(new PutTargetsCommand({ Rule: 'workers', Targets: [{ Id: 'control', Arn: lambdaArn }] }));
    return bridge;
  };

  it('delivers what the rule takes, in the AWS envelope, and nothing else', async () => {
    const bridge = await putRule({ source: ['kvs-infer.worker'], detail: { fleet: [{ prefix: 'def' }] } });
    const answer = await bridge.send(
      new PutEventsCommand({
        Entries: [
          { Source: 'kvs-infer.worker', DetailType: 'Worker Ready', Detail: '{"fleet":"default","workerId":"w1"}' },
          { Source: 'kvs-infer.worker', DetailType: 'Worker Ready', Detail: '{"fleet":"other"}' },
          { Source: 'aws.ecs', DetailType: 'ECS Task State Change', Detail: '{"fleet":"default"}' },
          { Source: 'kvs-infer.worker', DetailType: 'Worker Ready', Detail: 'not json' },
        ],
      }),
    );
    expect(answer.FailedEntryCount).toBe(1);
    expect(answer.Entries?.[3]?.ErrorCode).toBe('MalformedDetail');
    expect(fired.map(({ arn, event }) => [arn, (event as LocalEvent).detail])).toEqual([
      [lambdaArn, { fleet: 'default', workerId: 'w1' }],
    ]);
    expect(fired[0]?.event).toMatchObject({
      version: '0',
      time: '2026-11-24T00:00:00Z',
      account: '000000000000',
      resources: [],
    });
    expect((await bridge.send(new ListRulesCommand({}))).Rules?.map((rule) => rule.Name)).toEqual(['workers']);
  });

  it('refuses a pattern operator that it could not match', async () => {
    await expect(putRule({ detail: { n: [{ numeric: ['>', 1] }] } })).rejects.toMatchObject({
      name: 'InvalidEventPatternException',
    });
  });
});

describe('the scheduler', () => {
  it('fires each period on the clock, and an at() once', async () => {
    const scheduler = new SchedulerClient(client);
    const create = (Name: string, ScheduleExpression: string) =>
      scheduler.send(
        new CreateScheduleCommand({
          Name,
          ScheduleExpression,
          FlexibleTimeWindow: { Mode: 'OFF' },
          Target: { Arn: lambdaArn, RoleArn: 'arn:aws:iam::000000000000:role/r', Input: '{"tick":true}' },
        }),
      );
    await create('minute', 'rate(1 minute)');
    await create('once', 'at(2026-11-24T00:01:30)');
    await clock.step(180_000);
    expect(fired.map(({ atMs }) => atMs)).toEqual([60_000, 90_000, 120_000, 180_000]);
    expect(fired[0]?.event).toEqual({ tick: true });
    await expect(create('minute', 'rate(5 minutes)')).rejects.toMatchObject({ name: 'ConflictException' });
    await expect(create('cron', 'cron(0 8 * * ? *)')).rejects.toMatchObject({ name: 'ValidationException' });
    expect((await scheduler.send(new GetScheduleCommand({ Name: 'minute' }))).ScheduleExpression).toBe(
      'rate(1 minute)',
    );
  });
});

describe('metrics', () => {
  const incoming = (stream: string) => ({
    Namespace: 'AWS/KinesisVideo',
    MetricName: 'PutMedia.IncomingFragments',
    Dimensions: [{ Name: 'StreamName', Value: stream }],
  });

  it('of AWS services are summed per minute and seen late; silent streams have no data unless filled', async () => {
    const cloudWatch = new CloudWatchClient(client);
    for (let fragment = 0; fragment < 3; fragment += 1) {
      metrics.putMetric('AWS/KinesisVideo', 'PutMedia.IncomingFragments', { StreamName: 'dock' }, 1);
      await clock.step(20_000);
    }
    const ask = () =>
      cloudWatch.send(
        new GetMetricDataCommand({
          StartTime: new Date(startMs),
          EndTime: new Date(startMs + 120_000),
          ScanBy: 'TimestampAscending',
          MetricDataQueries: [
            { Id: 'dock', MetricStat: { Metric: incoming('dock'), Period: 60, Stat: 'Sum' } },
            { Id: 'quiet', MetricStat: { Metric: incoming('quiet'), Period: 60, Stat: 'Sum' } },
            { Id: 'raw', MetricStat: { Metric: incoming('quiet'), Period: 60, Stat: 'Sum' }, ReturnData: false },
            { Id: 'filled', Expression: 'FILL(raw, 0)' },
          ],
        }),
      );
    expect((await ask()).MetricDataResults?.map((result) => result.Values)).toEqual([[], [], [0, 0]]);
    await clock.step(120_000);
    const results = (await ask()).MetricDataResults ?? [];
    expect(results.map((result) => [result.Id, result.Values])).toEqual([
      ['dock', [3]],
      ['quiet', []],
      ['filled', [0, 0]],
    ]);
    expect(results[0]?.Timestamps).toEqual([new Date(startMs)]);
  });

  it('that are put by clients are seen at once', async () => {
    const cloudWatch = new CloudWatchClient(client);
    await cloudWatch.send(
      new PutMetricDataCommand({
        Namespace: 'KvsInfer',
        MetricData: [{ MetricName: 'Workers', Value: 2, Dimensions: [{ Name: 'Fleet', Value: 'default' }] }],
      }),
    );
    const listed = await cloudWatch.send(new ListMetricsCommand({ Namespace: 'KvsInfer' }));
    expect(listed.Metrics).toEqual([
      { Namespace: 'KvsInfer', MetricName: 'Workers', Dimensions: [{ Name: 'Fleet', Value: 'default' }] },
    ]);
    await expect(
      cloudWatch.send(
        new GetMetricDataCommand({ StartTime: new Date(startMs), EndTime: new Date(startMs), MetricDataQueries: [] }),
      ),
    ).rejects.toMatchObject({ name: 'InvalidParameterValueException' });
  });
});
