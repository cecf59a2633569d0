/**
 * One Kinesis stream: puts that reach disk before they can be read, and the pages and iterators of its readers.
 * Invariant: records become readable in the order of their sequence numbers.
 */
import { AwsError } from '../http/aws-error.ts';
import type { CloudContext } from '../service.ts';
import { positionOf, ShardLog, type StoredRecord, sequenceNumber } from './shard-log.ts';
import type { StreamDefinition, StreamFile } from './stream-file.ts';

/** Kinesis API reference: GetRecords returns up to 10 MB and 10,000 records; iterators live five minutes. */
const READ_RECORDS_MAX = 10_000;
const READ_BYTES_MAX = 10 * 1024 * 1024;
const ITERATOR_LIFETIME_MS = 5 * 60 * 1000;
/** AWS keeps all that fits the retention; here the newest are kept, so that a long run does not fill memory. */
export const STREAM_BYTES_MAX = 64 * 1024 * 1024;

export type NewRecord = { partitionKey: string; data: string; explicitHashKey: bigint | null };
type Iterator = { stream: string; shard: number; after: number; madeAtMs: number };
export type Page = { records: StoredRecord[]; nextIterator: string; millisBehindLatest: number };

export class KinesisStream {
  definition: StreamDefinition;
  recordsPut = 0;
  readonly log: ShardLog;
  readonly #file: StreamFile;
  readonly #clock: CloudContext['clock'];
  #tail: Promise<unknown> = Promise.resolve();

  constructor(
    definition: StreamDefinition,
    file: StreamFile,
    clock: CloudContext['clock'],
    { kept = [], bytesMax = STREAM_BYTES_MAX }: { kept?: StoredRecord[]; bytesMax?: number } = {},
  ) {
    this.definition = definition;
    this.log = new ShardLog(definition.shardCount, bytesMax);
    this.#file = file;
    this.#clock = clock;
    for (const record of kept) this.log.add(record);
  }

  put(batch: readonly NewRecord[]): Promise<StoredRecord[]> {
    const work = this.#tail.then(async () => {
      const nowMs = this.#clock.nowMs();
      const records = batch.map(({ partitionKey, data, explicitHashKey }) =>
        this.log.assign(partitionKey, data, explicitHashKey, nowMs),
      );
      await this.#file.append(records);
      for (const record of records) this.log.add(record);
      this.recordsPut += records.length;
      this.#trim();
      await this.#file.rewrite(this.definition, this.log.bytes, () => this.log.all());
      return records;
    });
    this.#tail = work.catch(() => {});
    return work;
  }

  async change(changes: Partial<StreamDefinition>): Promise<void> {
    this.definition = { ...this.definition, ...changes };
    await this.#file.rewrite(this.definition, 0, () => this.log.all(), true);
  }

  remove(): Promise<void> {
    return this.#file.remove();
  }

  settled(): Promise<unknown> {
    return this.#tail;
  }

  iterator(shardId: unknown, type: unknown, startingSequenceNumber: unknown, timestamp: unknown): string {
    const shard = this.log.shards.findIndex(({ id }) => id === shardId);
    if (shard < 0) {
      throw new AwsError(
        400,
        'ResourceNotFoundException',
        `Shard ${shardId} in stream ${this.definition.name} does not exist.`,
      );
    }
    const at = () => {
      const position = positionOf(String(startingSequenceNumber));
      if (position === null)
        throw new AwsError(
          400,
          'InvalidArgumentException',
          `StartingSequenceNumber ${startingSequenceNumber} is not of this stream.`,
        );
      return position;
    };
    const starts: Record<string, () => number> = {
      TRIM_HORIZON: () => 0,
      LATEST: () => this.log.lastPosition,
      AT_SEQUENCE_NUMBER: () => at() - 1,
      AFTER_SEQUENCE_NUMBER: at,
      AT_TIMESTAMP: () => this.log.positionBefore(shard, Number(timestamp) * 1000),
    };
    const start = starts[String(type)];
    if (start === undefined) throw new AwsError(400, 'ValidationException', `ShardIteratorType ${type} is not known.`);
    if (type === 'AT_TIMESTAMP' && typeof timestamp !== 'number') {
      throw new AwsError(400, 'InvalidArgumentException', 'AT_TIMESTAMP needs a Timestamp.');
    }
    return this.#encode(shard, start());
  }

  read({ shard, after, madeAtMs }: Iterator, limit: unknown): Page {
    const nowMs = this.#clock.nowMs();
    if (nowMs - madeAtMs > ITERATOR_LIFETIME_MS) {
      throw new AwsError(400, 'ExpiredIteratorException', 'The shard iterator has expired after 5 minutes.');
    }
    if (
      limit !== undefined &&
      (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > READ_RECORDS_MAX)
    ) {
      throw new AwsError(400, 'ValidationException', `Limit must be a whole number from 1 to ${READ_RECORDS_MAX}.`);
    }
    this.#trim();
    const { records, following } = this.log.read(shard, after, limit ?? READ_RECORDS_MAX, READ_BYTES_MAX);
    const next = following[0];
    return {
      records,
      nextIterator: this.#encode(shard, records.at(-1)?.position ?? after),
      millisBehindLatest: next === undefined ? 0 : Math.max(0, nowMs - next.arrivedAtMs),
    };
  }

  #trim(): void {
    this.log.trim(this.#clock.nowMs() - this.definition.retentionHours * 3_600_000);
  }

  #encode(shard: number, after: number): string {
    const iterator: Iterator = { stream: this.definition.name, shard, after, madeAtMs: this.#clock.nowMs() };
    return Buffer.from(JSON.stringify(iterator)).toString('base64');
  }
}

/** @throws AwsError InvalidArgumentException when the text is no iterator of ours. */
export function decodeIterator(text: unknown): Iterator {
  try {
    const iterator = JSON.parse(Buffer.from(String(text), 'base64').toString()) as Iterator;
    if (typeof iterator.stream === 'string' && Number.isInteger(iterator.shard) && Number.isInteger(iterator.after)) {
      return iterator;
    }
  } catch {
    // Told below.
  }
  throw new AwsError(400, 'InvalidArgumentException', 'Invalid ShardIterator.');
}

export function putResult(
  { position, shard }: StoredRecord,
  { log }: KinesisStream,
): { SequenceNumber: string; ShardId: string } {
  return { SequenceNumber: sequenceNumber(position), ShardId: log.shards[shard]?.id ?? '' };
}
