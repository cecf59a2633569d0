/**
 * The DynamoDB Streams API (target DynamoDBStreams_20120810): how clients outside this process read a table's changes.
 * Invariant: an iterator names a place between two records, so reading never skips or repeats one.
 */
import { AwsError } from '../http/aws-error.ts';
import type { CloudContext } from '../service.ts';
import type { ChangeStreams, StreamRecord } from './change-stream.ts';
import type { Input, Output } from './dynalite-engine.ts';
import type { TableSettings, TableSettingsStore } from './table-settings.ts';

/** One shard a stream: a laptop's tables have one partition. */
export const STREAM_SHARD_ID = 'shardId-00000000000000000000-00000001';
const RECORDS_PER_CALL_MAX = 1000;
const ITERATOR_LIFETIME_MS = 15 * 60 * 1000;

type Stream = NonNullable<TableSettings['stream']>;
/** `after` is the sequence number that has been read last; '' for none. */
type Iterator = { streamArn: string; after: string; madeAtMs: number };

export class StreamApi {
  readonly #settings: TableSettingsStore;
  readonly #streams: ChangeStreams;
  readonly #context: CloudContext;

  constructor(settings: TableSettingsStore, streams: ChangeStreams, context: CloudContext) {
    this.#settings = settings;
    this.#streams = streams;
    this.#context = context;
  }

  run(operation: string, input: Input): Output {
    if (operation === 'ListStreams') return this.#listStreams(input);
    if (operation === 'DescribeStream') return this.#describeStream(input);
    if (operation === 'GetShardIterator') return this.#getShardIterator(input);
    if (operation === 'GetRecords') return this.#getRecords(input);
    throw new AwsError(400, 'UnknownOperationException', `DynamoDB Streams has no operation ${operation}.`);
  }

  #listStreams({ TableName, Limit }: Input): Output {
    const streams = [...this.#settings.all()].flatMap(([, { stream }]) =>
      stream !== null && (TableName === undefined || stream.tableName === TableName) ? [stream] : [],
    );
    return {
      Streams: streams.slice(0, typeof Limit === 'number' ? Limit : 100).map((stream) => ({
        StreamArn: stream.streamArn,
        StreamLabel: stream.label,
        TableName: stream.tableName,
      })),
    };
  }

  #describeStream(input: Input): Output {
    const stream = this.#stream(input.StreamArn);
    const oldest = this.#streams.records(stream.streamArn)[0]?.dynamodb.SequenceNumber ?? '0'.padStart(21, '0');
    return {
      StreamDescription: {
        StreamArn: stream.streamArn,
        StreamLabel: stream.label,
        StreamStatus: 'ENABLED',
        StreamViewType: stream.viewType,
        CreationRequestDateTime: stream.createdAtMs / 1000,
        TableName: stream.tableName,
        KeySchema: stream.keySchema,
        Shards: [{ ShardId: STREAM_SHARD_ID, SequenceNumberRange: { StartingSequenceNumber: oldest } }],
      },
    };
  }

  #getShardIterator(input: Input): Output {
    const stream = this.#stream(input.StreamArn);
    if (input.ShardId !== STREAM_SHARD_ID) {
      throw new AwsError(400, 'ResourceNotFoundException', `Requested resource not found: Shard: ${input.ShardId}`);
    }
    const records = this.#streams.records(stream.streamArn);
    const sequenceNumber = String(input.SequenceNumber ?? '');
    const before = (wanted: string) =>
      records.findLast((record) => compareSequence(record.dynamodb.SequenceNumber, wanted) < 0)?.dynamodb
        .SequenceNumber;
    const starts: Record<string, () => string> = {
      TRIM_HORIZON: () => '',
      LATEST: () => records.at(-1)?.dynamodb.SequenceNumber ?? '',
      AT_SEQUENCE_NUMBER: () => before(sequenceNumber) ?? '',
      AFTER_SEQUENCE_NUMBER: () => sequenceNumber,
    };
    const start = starts[String(input.ShardIteratorType)];
    if (start === undefined) {
      throw new AwsError(400, 'ValidationException', `Unknown ShardIteratorType: ${input.ShardIteratorType}`);
    }
    return { ShardIterator: this.#encode(stream.streamArn, start()) };
  }

  #getRecords(input: Input): Output {
    const { streamArn, after, madeAtMs } = decode(input.ShardIterator);
    this.#stream(streamArn);
    if (this.#context.clock.nowMs() - madeAtMs > ITERATOR_LIFETIME_MS) {
      throw new AwsError(400, 'ExpiredIteratorException', 'The shard iterator has expired after 15 minutes.');
    }
    const limit = Math.min(typeof input.Limit === 'number' ? input.Limit : RECORDS_PER_CALL_MAX, RECORDS_PER_CALL_MAX);
    const records = this.#streams
      .records(streamArn)
      .filter((record) => compareSequence(record.dynamodb.SequenceNumber, after) > 0)
      .slice(0, limit);
    return {
      Records: records.map(({ eventSourceARN: _arn, ...record }: StreamRecord) => record),
      NextShardIterator: this.#encode(streamArn, records.at(-1)?.dynamodb.SequenceNumber ?? after),
    };
  }

  #stream(streamArn: unknown): Stream {
    for (const [, { stream }] of this.#settings.all())
      if (stream !== null && stream.streamArn === streamArn) return stream;
    throw new AwsError(
      400,
      'ResourceNotFoundException',
      `Requested resource not found: Stream: ${streamArn} not found`,
    );
  }

  #encode(streamArn: string, after: string): string {
    const iterator: Iterator = { streamArn, after, madeAtMs: this.#context.clock.nowMs() };
    return Buffer.from(JSON.stringify(iterator)).toString('base64');
  }
}

function decode(text: unknown): Iterator {
  try {
    const iterator = JSON.parse(Buffer.from(String(text), 'base64').toString()) as Iterator;
    if (typeof iterator.streamArn === 'string' && typeof iterator.after === 'string') return iterator;
  } catch {
    // Told below, like every other iterator that is not ours.
  }
  throw new AwsError(400, 'ValidationException', 'Invalid ShardIterator.');
}

/** Numeric order of sequence numbers without making numbers of them. */
export function compareSequence(left: string, right: string): number {
  return left.length === right.length ? (left < right ? -1 : left > right ? 1 : 0) : left.length - right.length;
}
