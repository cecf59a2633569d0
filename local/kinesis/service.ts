/**
 * Kinesis Data Streams of the local cloud: the calls that producers and consumers of results make, in JSON as the JS SDK
 * and the aws CLI speak it. Written here rather than taken from kinesalite, whose storage is an abandoned native LevelDB
 * binding that installs without its binary under our install settings and then keeps nothing over a restart.
 * Invariant: limits per call are Kinesis's; throughput limits per shard are not enforced.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AwsError } from '../http/aws-error.ts';
import { refusingDiskFull } from '../http/disk-full.ts';
import { sendJson } from '../http/respond.ts';
import type { CloudContext, LocalService } from '../service.ts';
import { describeStream, describeSummary, listShards, listStreams } from './descriptions.ts';
import { sequenceNumber } from './shard-log.ts';
import { decodeIterator, KinesisStream, type NewRecord, putResult, STREAM_BYTES_MAX } from './stream.ts';
import { StreamFile } from './stream-file.ts';

/** Kinesis API reference: PutRecords takes up to 500 records and 5 MB; a record's data and key up to 1 MB. */
const PUT_RECORDS_MAX = 500;
const PUT_BYTES_MAX = 5 * 1024 * 1024;
const RECORD_BYTES_MAX = 1024 * 1024;
/** Base64 and JSON around 5 MB. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;
const SHARDS_MAX = 100;
const RETENTION_HOURS = { min: 24, max: 8760 };
const streamNamePattern = /^[A-Za-z0-9_.-]{1,128}$/;

/** What rules for injected faults call one record of a PutRecords call. */
const recordOfPut = 'PutRecords.Record';

type Input = Record<string, unknown>;

export type KinesisService = LocalService & {
  /** Idempotent. */
  createStream(name: string, shardCount: number): Promise<void>;
  /** Records put since this process started, and what is kept; null when there is no such stream. */
  statistics(name: string): { recordsPut: number; bytesKept: number; recordsEvicted: number } | null;
};

/** @param options.streamBytesMax records kept per stream, whatever its retention. */
export async function createKinesisService(
  context: CloudContext,
  { streamBytesMax = STREAM_BYTES_MAX }: { streamBytesMax?: number } = {},
): Promise<KinesisService> {
  const folder = context.dataFolder === null ? null : join(context.dataFolder, 'kinesis');
  const streams = await restore(folder, context, streamBytesMax);

  async function create(name: string, shardCount: number, mode: 'PROVISIONED' | 'ON_DEMAND'): Promise<void> {
    if (!streamNamePattern.test(name)) throw validation(`StreamName ${name} must match ${streamNamePattern.source}.`);
    if (!Number.isInteger(shardCount) || shardCount < 1 || shardCount > SHARDS_MAX) {
      throw new AwsError(400, 'LimitExceededException', `ShardCount must be from 1 to ${SHARDS_MAX}.`);
    }
    if (streams.has(name)) {
      throw new AwsError(
        400,
        'ResourceInUseException',
        `Stream ${name} under account ${context.accountId} already exists.`,
      );
    }
    const arn = `arn:aws:kinesis:${context.region}:${context.accountId}:stream/${name}`;
    const createdAtMs = context.clock.nowMs();
    const definition = { name, arn, shardCount, mode, retentionHours: RETENTION_HOURS.min, createdAtMs };
    const stream = new KinesisStream(definition, new StreamFile(pathOf(folder, name)), context.clock, {
      bytesMax: streamBytesMax,
    });
    streams.set(name, stream);
    await stream.change({});
  }

  function streamOf({ StreamName, StreamARN }: Input): KinesisStream {
    const name = String(
      StreamName ??
        String(StreamARN ?? '')
          .split('/')
          .at(-1),
    );
    const stream = streams.get(name);
    if (stream !== undefined) return stream;
    throw new AwsError(
      400,
      'ResourceNotFoundException',
      `Stream ${name} under account ${context.accountId} not found.`,
    );
  }

  async function setRetention(input: Input): Promise<Input> {
    const hours = Number(input.RetentionPeriodHours);
    if (!(hours >= RETENTION_HOURS.min && hours <= RETENTION_HOURS.max)) {
      throw new AwsError(
        400,
        'InvalidArgumentException',
        `RetentionPeriodHours must be from ${RETENTION_HOURS.min} to ${RETENTION_HOURS.max}.`,
      );
    }
    await streamOf(input).change({ retentionHours: hours });
    return {};
  }

  const operations: Record<string, (input: Input) => Input | Promise<Input>> = {
    async CreateStream(input) {
      const { StreamMode } = (input.StreamModeDetails ?? {}) as { StreamMode?: string };
      const onDemand = StreamMode === 'ON_DEMAND' || (input.ShardCount === undefined && StreamMode === undefined);
      // An on-demand stream starts with four shards, as in AWS.
      await create(
        String(input.StreamName),
        onDemand ? 4 : Number(input.ShardCount),
        onDemand ? 'ON_DEMAND' : 'PROVISIONED',
      );
      return {};
    },
    async DeleteStream(input) {
      const stream = streamOf(input);
      streams.delete(stream.definition.name);
      await stream.remove();
      return {};
    },
    DescribeStream: (input) => describeStream(streamOf(input)),
    DescribeStreamSummary: (input) => describeSummary(streamOf(input)),
    ListStreams: (input) => listStreams([...streams.values()], input),
    ListShards: (input) => listShards(streamOf(input)),
    IncreaseStreamRetentionPeriod: setRetention,
    DecreaseStreamRetentionPeriod: setRetention,
    async PutRecord(input) {
      const stream = streamOf(input);
      const [record] = await stream.put([newRecord(input)]);
      if (record === undefined) throw new Error('one record in, none out');
      return putResult(record, stream);
    },
    async PutRecords(input) {
      const stream = streamOf(input);
      const entries = Array.isArray(input.Records) ? (input.Records as Input[]) : [];
      if (entries.length === 0 || entries.length > PUT_RECORDS_MAX) {
        throw validation(`Records must hold 1 to ${PUT_RECORDS_MAX} entries; it holds ${entries.length}.`);
      }
      const records = entries.map(newRecord);
      const bytes = records.reduce((sum, record) => sum + bytesOf(record), 0);
      if (bytes > PUT_BYTES_MAX)
        throw new AwsError(
          400,
          'InvalidArgumentException',
          `Records holds ${bytes} bytes; at most ${PUT_BYTES_MAX} are allowed.`,
        );
      // A busy shard refuses single records of a call that succeeds.
      const resource = stream.definition.name;
      const refused = { service: 'kinesis', operation: recordOfPut, resource, caller: '' };
      const refusals = records.map(() => context.faults.take(refused));
      const accepted = records.filter((_, index) => refusals[index] === null);
      const stored = accepted.length === 0 ? [] : await stream.put(accepted);
      const results = stored.map((record) => putResult(record, stream));
      return {
        FailedRecordCount: records.length - stored.length,
        Records: refusals.map((refusal) =>
          refusal === null ? results.shift() : { ErrorCode: refusal.code, ErrorMessage: refusal.message },
        ),
      };
    },
    GetShardIterator(input) {
      const { ShardId, ShardIteratorType, StartingSequenceNumber, Timestamp } = input;
      return { ShardIterator: streamOf(input).iterator(ShardId, ShardIteratorType, StartingSequenceNumber, Timestamp) };
    },
    GetRecords(input) {
      const iterator = decodeIterator(input.ShardIterator);
      const page = streamOf({ StreamName: iterator.stream }).read(iterator, input.Limit);
      return {
        Records: page.records.map(({ position, partitionKey, data, arrivedAtMs }) => ({
          SequenceNumber: sequenceNumber(position),
          ApproximateArrivalTimestamp: arrivedAtMs / 1000,
          Data: data,
          PartitionKey: partitionKey,
        })),
        NextShardIterator: page.nextIterator,
        MillisBehindLatest: page.millisBehindLatest,
      };
    },
  };

  return {
    scopes: ['kinesis'],
    async handle(request, response) {
      const operation = Object.hasOwn(operations, request.operation) ? operations[request.operation] : undefined;
      if (operation === undefined || request.protocol !== 'json') {
        throw new AwsError(
          400,
          'UnknownOperationException',
          `The local Kinesis does not answer ${request.operation} in ${request.protocol}.`,
        );
      }
      const input = parse(await request.body(BODY_BYTES_MAX));
      const run = async () => operation(input);
      const writes = /^(?:Put|Create|Delete|Increase|Decrease)/.test(request.operation);
      const output = await (writes ? refusingDiskFull('Kinesis', run) : run());
      sendJson(response, output, { contentType: 'application/x-amz-json-1.1' });
    },
    async createStream(name, shardCount) {
      if (!streams.has(name)) await create(name, shardCount, 'PROVISIONED');
    },
    held() {
      const logs = [...streams.values()].map(({ log }) => log);
      const items = logs.reduce((sum, { size }) => sum + size, 0);
      const bytes = logs.reduce((sum, log) => sum + log.bytes, 0);
      return [
        { store: 'kinesis: records', items, bytes, bound: `${streamBytesMax} bytes a stream, and its retention` },
      ];
    },
    statistics(name) {
      const stream = streams.get(name);
      if (stream === undefined) return null;
      return { recordsPut: stream.recordsPut, bytesKept: stream.log.bytes, recordsEvicted: stream.log.recordsEvicted };
    },
    async close() {
      await Promise.all([...streams.values()].map((stream) => stream.settled()));
    },
  };
}

async function restore(
  folder: string | null,
  context: CloudContext,
  bytesMax: number,
): Promise<Map<string, KinesisStream>> {
  const streams = new Map<string, KinesisStream>();
  if (folder === null) return streams;
  await mkdir(folder, { recursive: true });
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.ndjson'))) {
    const saved = await StreamFile.read(join(folder, file));
    if (saved === null) continue;
    const { definition, records } = saved;
    const stream = new KinesisStream(definition, new StreamFile(join(folder, file)), context.clock, {
      kept: records,
      bytesMax,
    });
    // Rewritten at once: a line that a crash cut short must not swallow the next record.
    await stream.change({});
    streams.set(definition.name, stream);
  }
  return streams;
}

/** Stream names are safe file names; the prefix keeps `.` and `..` from being ones. */
function pathOf(folder: string | null, name: string): string | null {
  return folder === null ? null : join(folder, `stream-${name}.ndjson`);
}

function newRecord({ PartitionKey, Data, ExplicitHashKey }: Input): NewRecord {
  if (typeof PartitionKey !== 'string' || PartitionKey.length < 1 || PartitionKey.length > 256) {
    throw validation('PartitionKey must have 1 to 256 characters.');
  }
  if (typeof Data !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(Data)) throw validation('Data must be base64.');
  if (ExplicitHashKey !== undefined && !isHashKey(String(ExplicitHashKey))) {
    throw validation('ExplicitHashKey must be a decimal number below 2^128.');
  }
  const explicitHashKey = ExplicitHashKey === undefined ? null : BigInt(String(ExplicitHashKey));
  const record = { partitionKey: PartitionKey, data: Data, explicitHashKey };
  if (bytesOf(record) > RECORD_BYTES_MAX) throw validation(`A record holds at most ${RECORD_BYTES_MAX} bytes.`);
  return record;
}

function isHashKey(text: string): boolean {
  return /^(?:0|[1-9]\d{0,38})$/.test(text) && BigInt(text) < 2n ** 128n;
}

function bytesOf({ data, partitionKey }: NewRecord): number {
  return Buffer.byteLength(data, 'base64') + Buffer.byteLength(partitionKey);
}

function parse(body: Buffer): Input {
  try {
    const input: unknown = JSON.parse(body.toString() || '{}');
    if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input as Input;
  } catch {
    // Told below.
  }
  throw new AwsError(400, 'SerializationException', 'The request body is not a JSON object.');
}

function validation(message: string): AwsError {
  return new AwsError(400, 'ValidationException', message);
}
