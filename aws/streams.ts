/**
 * Kinesis video streams as control sees them: which exist, and when each last received fragments.
 * Invariant: a stream that emits no datapoint is reported as "nothing seen", one that could not be read is left out; the
 * two must never be mixed up, or a throttled metric would put cameras to sleep.
 */
import { GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { CreateStreamCommand, ListStreamsCommand } from '@aws-sdk/client-kinesis-video';
import type { AwsClients } from './clients.ts';
import { awsCall, awsErrorKind } from './error-codes.ts';
import { inParallel } from './parallel.ts';

/** KVS ListStreams: pages of up to 10,000. */
const streamsPerPage = 10_000;
const pagesMax = 100;
/** CloudWatch GetMetricData: 500 queries a call. */
const queriesPerCall = 500;
const metricCallsAtOnce = 4;
/** A stream's newest fragments are looked for this far back: the lag of 3 minutes and the grace of 5, with room. */
const lookBackMs = 900_000;

/** Status by stream name, of all streams of the account and region. */
export async function readStreamStatuses(clients: AwsClients): Promise<Map<string, string>> {
  const statuses = new Map<string, string>();
  let nextToken: string | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const answer = await awsCall('list the video streams', () =>
      clients.kinesisVideo.send(
        new ListStreamsCommand({
          MaxResults: streamsPerPage,
          ...(nextToken === undefined ? {} : { NextToken: nextToken }),
        }),
      ),
    );
    for (const stream of answer.StreamInfoList ?? []) {
      if (stream.StreamName !== undefined) statuses.set(stream.StreamName, stream.Status ?? 'ACTIVE');
    }
    nextToken = answer.NextToken;
    if (nextToken === undefined) break;
  }
  return statuses;
}

/** Start of the newest period with incoming fragments, or null, for each of the streams. */
export async function readStreamActivity(
  clients: AwsClients,
  streamNames: readonly string[],
  periodMs: number,
  nowMs: number,
): Promise<Map<string, number | null>> {
  const chunks: string[][] = [];
  for (let index = 0; index < streamNames.length; index += queriesPerCall) {
    chunks.push(streamNames.slice(index, index + queriesPerCall));
  }
  const active = new Map<string, number | null>();
  await inParallel(chunks, metricCallsAtOnce, async (names) => {
    for (const [name, atMs] of await readActivityChunk(clients, names, periodMs, nowMs)) active.set(name, atMs);
  });
  return active;
}

async function readActivityChunk(
  clients: AwsClients,
  names: readonly string[],
  periodMs: number,
  nowMs: number,
): Promise<Map<string, number | null>> {
  const active = new Map<string, number | null>(names.map((name) => [name, null]));
  let nextToken: string | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const answer = await awsCall('read the activity of video streams', () =>
      clients.cloudWatch.send(
        new GetMetricDataCommand({
          StartTime: new Date(Math.floor((nowMs - lookBackMs) / periodMs) * periodMs),
          EndTime: new Date(nowMs + 1),
          ScanBy: 'TimestampDescending',
          MetricDataQueries: names.map((name, index) => ({
            Id: `m${index}`,
            Label: name,
            MetricStat: {
              Metric: {
                Namespace: 'AWS/KinesisVideo',
                MetricName: 'PutMedia.IncomingFragments',
                Dimensions: [{ Name: 'StreamName', Value: name }],
              },
              Period: periodMs / 1000,
              Stat: 'Sum',
            },
          })),
          ...(nextToken === undefined ? {} : { NextToken: nextToken }),
        }),
      ),
    );
    for (const result of answer.MetricDataResults ?? []) {
      const name = names[Number(result.Id?.slice(1))];
      if (name === undefined) continue;
      // Only a whole answer says that nothing was seen.
      if (result.StatusCode === 'InternalError' || result.StatusCode === 'Forbidden') active.delete(name);
      result.Timestamps?.forEach((timestamp, index) => {
        if ((result.Values?.[index] ?? 0) <= 0 || !active.has(name)) return;
        active.set(name, Math.max(active.get(name) ?? 0, timestamp.getTime()));
      });
    }
    nextToken = answer.NextToken;
    if (nextToken === undefined) break;
  }
  return active;
}

/** @returns false when the stream was there already. */
export async function createStream(clients: AwsClients, streamName: string, retentionHours: number): Promise<boolean> {
  try {
    await awsCall(`create video stream ${streamName}`, () =>
      clients.kinesisVideo.send(
        new CreateStreamCommand({
          StreamName: streamName,
          DataRetentionInHours: retentionHours,
          MediaType: 'video/h264',
        }),
      ),
    );
    return true;
  } catch (error) {
    if (awsErrorKind(error) === 'already-exists') return false;
    throw error;
  }
}
