/**
 * CloudWatch for clients of the local cloud: PutMetricData, GetMetricData (with FILL), GetMetricStatistics, ListMetrics and
 * DescribeAlarms, in JSON (the JavaScript SDK) and CBOR (the AWS CLI). Alarms are those of a stage; there are no dashboards.
 * Invariant: limits are AWS's (500 queries a call, 1,000 data a put), and what is not supported is refused by name.
 */
import type { ServerResponse } from 'node:http';
import { decode as decodeCbor, Tagged } from 'cborg';
import { AwsError } from '../http/aws-error.ts';
import { sendCbor, sendJson } from '../http/respond.ts';
import type { CloudContext, LocalRequest, LocalService } from '../service.ts';
import { AlarmWatch, type AlarmWatchOptions } from './alarm-watch.ts';
import { describeAlarms } from './describe-alarms.ts';
import { embeddedMetrics } from './embedded-metrics.ts';
import { instant, invalid, list, type Members, TIME_TAG, text, timeOf } from './members.ts';
import { type MetricName, type MetricStatistic, MetricStore } from './metric-store.ts';

/** CloudWatch quotas: GetMetricData queries and PutMetricData items per request. */
const QUERIES_MAX = 500;
const PUT_ITEMS_MAX = 1_000;
/** AWS services other than KVS report by the minute. */
const SERVICE_LAG_MAX_MS = 60_000;
const statistics: readonly string[] = ['Sum', 'Average', 'Minimum', 'Maximum', 'SampleCount'];

type MetricStat = { name: MetricName; periodMs: number; statistic: MetricStatistic };

export type CloudWatchService = LocalService & {
  /** A datapoint of an AWS service: visible after the metric lag. */
  putMetric(namespace: string, metricName: string, dimensions: Record<string, string>, value: number): void;
  /** A log line in the embedded metric format; it counts for the time at which it is written. */
  putEmbedded(line: Readonly<Record<string, unknown>>): void;
  /** Evaluates these alarms from now on, until `close`. */
  watchAlarms(options: AlarmWatchOptions): AlarmWatch;
};

export type CloudWatchOptions = {
  /** How late AWS services' own metrics are seen; KVS takes 2 to 3 minutes. */
  serviceMetricLagMs?: number;
  /** How long datapoints are kept. */
  retentionMs?: number;
};

export async function createCloudWatchService(
  context: Pick<CloudContext, 'clock' | 'region' | 'accountId'>,
  options: CloudWatchOptions = {},
): Promise<CloudWatchService> {
  const store = new MetricStore(options.retentionMs);
  const watches: AlarmWatch[] = [];
  const lagMs = options.serviceMetricLagMs ?? 150_000;
  const operations: Record<string, (input: Members) => Members> = {
    PutMetricData: (input) => putMetricData(store, input, context.clock.nowMs()),
    GetMetricData: (input) => getMetricData(store, input, context.clock.nowMs()),
    GetMetricStatistics: (input) => getMetricStatistics(store, input, context.clock.nowMs()),
    DescribeAlarms: (input) =>
      describeAlarms(
        watches.flatMap((watch) => watch.states()),
        context,
        input,
      ),
    ListMetrics: (input) => listMetrics(store, input, context.clock.nowMs()),
  };
  return {
    scopes: ['monitoring'],
    putMetric(namespace, metricName, dimensions, value) {
      const nowMs = context.clock.nowMs();
      const seenAfterMs = namespace === 'AWS/KinesisVideo' ? lagMs : Math.min(lagMs, SERVICE_LAG_MAX_MS);
      store.put({ namespace, metricName, dimensions }, value, nowMs, nowMs + seenAfterMs);
    },
    putEmbedded(line) {
      const nowMs = context.clock.nowMs();
      for (const { name, value } of embeddedMetrics(line)) store.put(name, value, nowMs, nowMs);
    },
    watchAlarms(options) {
      const watch = new AlarmWatch(store, context.clock, options);
      watches.push(watch);
      return watch;
    },
    async handle(request, response) {
      const operation = operations[request.operation];
      if (operation === undefined || request.protocol === 'query') {
        throw new AwsError(
          400,
          'InvalidAction',
          `The local CloudWatch does not answer ${request.operation} (${request.protocol}).`,
        );
      }
      answer(request, response, operation(await inputOf(request)));
    },
    held: () => [store.held(context.clock.nowMs())],
    async close() {
      for (const watch of watches) watch.close();
    },
  };
}

async function inputOf(request: LocalRequest): Promise<Members> {
  const body = await request.body();
  if (body.length === 0) return {};
  try {
    // Tag 1 is a time in epoch seconds, as in JSON.
    const value =
      request.protocol === 'cbor' ? decodeCbor(body, { tags: Tagged.preserve(TIME_TAG) }) : JSON.parse(body.toString());
    return (value ?? {}) as Members;
  } catch {
    throw new AwsError(400, 'SerializationException', 'The request body could not be read.');
  }
}

function answer(request: LocalRequest, response: ServerResponse, output: Members): void {
  if (request.protocol === 'cbor') {
    sendCbor(response, output);
    return;
  }
  const json = JSON.parse(JSON.stringify(output, (_key, value) => (value instanceof Tagged ? value.value : value)));
  sendJson(response, json, { contentType: String(request.message.headers['content-type']) });
}

function putMetricData(store: MetricStore, input: Members, nowMs: number): Members {
  const namespace = text(input.Namespace, 'Namespace');
  const data = list(input.MetricData, 'MetricData');
  if (data.length > PUT_ITEMS_MAX)
    throw invalid(`The collection MetricData must not have a size greater than ${PUT_ITEMS_MAX}.`);
  for (const datum of data) {
    const name = {
      namespace,
      metricName: text(datum.MetricName, 'MetricName'),
      dimensions: dimensionsOf(datum.Dimensions),
    };
    const atMs = datum.Timestamp === undefined ? nowMs : timeOf(datum.Timestamp, 'Timestamp');
    const values = Array.isArray(datum.Values)
      ? datum.Values
      : [datum.Value ?? (datum.StatisticValues as Members)?.Sum];
    for (const value of values) {
      if (typeof value !== 'number' || !Number.isFinite(value))
        throw invalid('The value for parameter Value must be a number.');
      store.put(name, value, atMs, nowMs);
    }
  }
  return {};
}

function getMetricData(store: MetricStore, input: Members, nowMs: number): Members {
  const fromMs = timeOf(input.StartTime, 'StartTime');
  const toMs = timeOf(input.EndTime, 'EndTime');
  if (!(fromMs < toMs)) throw invalid('The parameter StartTime must be less than the parameter EndTime.');
  const queries = list(input.MetricDataQueries, 'MetricDataQueries');
  if (queries.length > QUERIES_MAX)
    throw invalid(`The collection MetricDataQueries must not have a size greater than ${QUERIES_MAX}.`);
  const ascending = input.ScanBy === 'TimestampAscending';
  const metrics = new Map<string, MetricStat>();
  for (const query of queries) {
    if (query.MetricStat !== undefined) metrics.set(text(query.Id, 'Id'), metricStatOf(query.MetricStat as Members));
  }
  const results = queries
    .filter((query) => query.ReturnData !== false)
    .map((query) => {
      const id = text(query.Id, 'Id');
      const filled = query.Expression === undefined ? null : filledMetric(String(query.Expression));
      const metric = metrics.get(filled?.id ?? id);
      if (metric === undefined)
        throw invalid(`Error in expression '${id}': only FILL(<id>, <number>) is supported locally.`);
      let points = store.query(metric.name, metric.statistic, fromMs, toMs, metric.periodMs, nowMs);
      if (filled !== null) points = fill(points, filled.value, fromMs, toMs, metric.periodMs);
      if (!ascending) points.reverse();
      return {
        Id: id,
        Label: typeof query.Label === 'string' ? query.Label : metric.name.metricName,
        Timestamps: points.map((point) => instant(point.atMs)),
        Values: points.map((point) => point.value),
        StatusCode: 'Complete',
      };
    });
  return { MetricDataResults: results, Messages: [] };
}

function metricStatOf(stat: Members): MetricStat {
  const metric = (stat.Metric ?? {}) as Members;
  const period = Number(stat.Period);
  if (!(period > 0)) throw invalid('The parameter Period must be a positive number of seconds.');
  return {
    name: {
      namespace: text(metric.Namespace, 'Namespace'),
      metricName: text(metric.MetricName, 'MetricName'),
      dimensions: dimensionsOf(metric.Dimensions),
    },
    periodMs: period * 1000,
    statistic: statisticOf(stat.Stat),
  };
}

function filledMetric(expression: string): { id: string; value: number } | null {
  const match = /^\s*FILL\(\s*([a-z][A-Za-z0-9_]*)\s*,\s*(-?[\d.]+)\s*\)\s*$/.exec(expression);
  return match === null ? null : { id: match[1] as string, value: Number(match[2]) };
}

function fill(
  points: { atMs: number; value: number }[],
  value: number,
  fromMs: number,
  toMs: number,
  periodMs: number,
) {
  const known = new Map(points.map((point) => [point.atMs, point.value]));
  const filled: { atMs: number; value: number }[] = [];
  for (let atMs = Math.floor(fromMs / periodMs) * periodMs; atMs < toMs; atMs += periodMs) {
    filled.push({ atMs, value: known.get(atMs) ?? value });
  }
  return filled;
}

function getMetricStatistics(store: MetricStore, input: Members, nowMs: number): Members {
  const name = {
    namespace: text(input.Namespace, 'Namespace'),
    metricName: text(input.MetricName, 'MetricName'),
    dimensions: dimensionsOf(input.Dimensions),
  };
  const byTime = new Map<number, Members>();
  for (const statistic of Array.isArray(input.Statistics) ? input.Statistics : []) {
    const from = timeOf(input.StartTime, 'StartTime');
    const to = timeOf(input.EndTime, 'EndTime');
    for (const { atMs, value } of store.query(
      name,
      statisticOf(statistic),
      from,
      to,
      Number(input.Period) * 1000,
      nowMs,
    )) {
      byTime.set(atMs, { ...byTime.get(atMs), Timestamp: instant(atMs), [String(statistic)]: value });
    }
  }
  return { Label: name.metricName, Datapoints: [...byTime.values()] };
}

function listMetrics(store: MetricStore, input: Members, nowMs: number): Members {
  const metrics = store
    .names(nowMs)
    .filter((name) => input.Namespace === undefined || name.namespace === input.Namespace)
    .filter((name) => input.MetricName === undefined || name.metricName === input.MetricName);
  return {
    Metrics: metrics.map((name) => ({
      Namespace: name.namespace,
      MetricName: name.metricName,
      Dimensions: Object.entries(name.dimensions).map(([Name, Value]) => ({ Name, Value })),
    })),
  };
}

function statisticOf(value: unknown): MetricStatistic {
  if (typeof value !== 'string' || !statistics.includes(value)) {
    throw invalid(
      `The value ${String(value)} for parameter Stat is not supported locally; use one of ${statistics.join(', ')}.`,
    );
  }
  return value as MetricStatistic;
}

function dimensionsOf(value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  return Object.fromEntries(
    list(value, 'Dimensions').map((dimension) => [text(dimension.Name, 'Name'), text(dimension.Value, 'Value')]),
  );
}
