/** What Kinesis tells about its streams: DescribeStream, DescribeStreamSummary, ListStreams and ListShards. */
import { sequenceNumber } from './shard-log.ts';
import type { KinesisStream } from './stream.ts';

type Members = Record<string, unknown>;

export function describeStream(stream: KinesisStream): Members {
  return { StreamDescription: { ...common(stream), Shards: shards(stream), HasMoreShards: false } };
}

export function describeSummary(stream: KinesisStream): Members {
  return {
    StreamDescriptionSummary: { ...common(stream), OpenShardCount: stream.log.shards.length, ConsumerCount: 0 },
  };
}

export function listStreams(streams: readonly KinesisStream[], input: Members): Members {
  const start = String(input.NextToken ?? input.ExclusiveStartStreamName ?? '');
  const limit = typeof input.Limit === 'number' ? input.Limit : 100;
  const sorted = streams.map(({ definition }) => definition).sort((left, right) => (left.name < right.name ? -1 : 1));
  const after = sorted.filter(({ name }) => name > start);
  const page = after.slice(0, limit);
  const more = after.length > page.length;
  return {
    StreamNames: page.map(({ name }) => name),
    HasMoreStreams: more,
    ...(more ? { NextToken: page.at(-1)?.name } : {}),
    StreamSummaries: page.map(({ name, arn, mode, createdAtMs }) => ({
      StreamName: name,
      StreamARN: arn,
      StreamStatus: 'ACTIVE',
      StreamModeDetails: { StreamMode: mode },
      StreamCreationTimestamp: createdAtMs / 1000,
    })),
  };
}

export function listShards(stream: KinesisStream): Members {
  return { Shards: shards(stream) };
}

function common({ definition }: KinesisStream): Members {
  return {
    StreamName: definition.name,
    StreamARN: definition.arn,
    StreamStatus: 'ACTIVE',
    StreamModeDetails: { StreamMode: definition.mode },
    RetentionPeriodHours: definition.retentionHours,
    StreamCreationTimestamp: definition.createdAtMs / 1000,
    EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
    EncryptionType: 'NONE',
  };
}

function shards({ log }: KinesisStream): Members[] {
  return log.shards.map(({ id, startingHashKey, endingHashKey }) => ({
    ShardId: id,
    HashKeyRange: { StartingHashKey: String(startingHashKey), EndingHashKey: String(endingHashKey) },
    SequenceNumberRange: { StartingSequenceNumber: sequenceNumber(0) },
  }));
}
