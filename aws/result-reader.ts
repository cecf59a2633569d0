/**
 * Reads what workers published, as a consumer would: the result stream from its end on, and how much lies in the
 * detections table and the bucket. Invariant: a record is handed on once and in order per shard; a record that is not
 * JSON is counted and skipped.
 */
import {
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { AwsClients } from './clients.ts';
import { awsCall, isRetryable } from './error-codes.ts';

/** GetRecords: at most 10,000 records and 5 reads a second per shard. */
const recordsPerReadMax = 1_000;

type Place = { shardId: string; iterator: string; lastSequenceNumber: string | null };

export class ResultStreamReader {
  records = 0;
  unreadable = 0;
  readonly #clients: AwsClients;
  readonly #stream: string;
  #places: Place[] | null = null;

  constructor(clients: AwsClients, stream: string) {
    this.#clients = clients;
    this.#stream = stream;
  }

  /** Takes the position: what is published from here on is read. */
  async open(): Promise<void> {
    const { kinesis } = this.#clients;
    const shards = await awsCall(`list the shards of ${this.#stream}`, () =>
      kinesis.send(new ListShardsCommand({ StreamName: this.#stream })),
    );
    this.#places = await Promise.all(
      (shards.Shards ?? []).map(async ({ ShardId = '' }) => ({
        shardId: ShardId,
        iterator: await this.#iterator(ShardId, null),
        lastSequenceNumber: null,
      })),
    );
  }

  /** @returns the records that arrived since the last call, parsed. */
  async read(): Promise<unknown[]> {
    if (this.#places === null) await this.open();
    const found: unknown[] = [];
    for (const place of this.#places ?? []) {
      for (let full = true; full && place.iterator !== ''; ) {
        const answer = await this.#records(place);
        const records = answer.Records ?? [];
        for (const { Data } of records) this.#parse(Data, found);
        place.iterator = answer.NextShardIterator ?? '';
        place.lastSequenceNumber = records.at(-1)?.SequenceNumber ?? place.lastSequenceNumber;
        full = records.length === recordsPerReadMax;
      }
    }
    return found;
  }

  async #records(place: Place): Promise<GetRecordsCommandOutput> {
    const get = () =>
      awsCall(`read ${this.#stream}`, () =>
        this.#clients.kinesis.send(new GetRecordsCommand({ ShardIterator: place.iterator, Limit: recordsPerReadMax })),
      );
    try {
      return await get();
    } catch (error) {
      // The client itself tries once.
      if (isRetryable(error)) return get();
      if ((error as { cause?: { name?: string } }).cause?.name !== 'ExpiredIteratorException') throw error;
      // A machine that slept: five minutes after the last read the place is to be named anew.
      place.iterator = await this.#iterator(place.shardId, place.lastSequenceNumber);
      return get();
    }
  }

  /** @param after null: from the end on. */
  async #iterator(ShardId: string, after: string | null): Promise<string> {
    const position =
      after === null
        ? ({ ShardIteratorType: 'LATEST' } as const)
        : ({ ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: after } as const);
    const answer = await awsCall(`read ${this.#stream}`, () =>
      this.#clients.kinesis.send(new GetShardIteratorCommand({ StreamName: this.#stream, ShardId, ...position })),
    );
    return answer.ShardIterator ?? '';
  }

  #parse(data: Uint8Array | undefined, found: unknown[]): void {
    this.records += 1;
    try {
      found.push(JSON.parse(Buffer.from(data ?? []).toString()));
    } catch {
      this.unreadable += 1;
    }
  }
}

/** Track items of the cameras, first seen since then. */
export async function countDetectionItems(
  clients: AwsClients,
  table: string,
  cameraIds: readonly string[],
  sinceMs: number,
): Promise<number> {
  let count = 0;
  for (const cameraId of cameraIds) {
    let from: Record<string, unknown> | undefined;
    do {
      const answer = await awsCall(`count the tracks of ${cameraId}`, () =>
        clients.documents.send(
          new QueryCommand({
            TableName: table,
            Select: 'COUNT',
            KeyConditionExpression: 'cameraId = :camera AND #at >= :since',
            ExpressionAttributeNames: { '#at': 'at#trackId' },
            ExpressionAttributeValues: { ':camera': cameraId, ':since': new Date(sinceMs).toISOString() },
            ...(from === undefined ? {} : { ExclusiveStartKey: from }),
          }),
        ),
      );
      count += answer.Count ?? 0;
      from = answer.LastEvaluatedKey;
    } while (from !== undefined);
  }
  return count;
}

/** Pictures in the bucket, written since then; the metadata beside them is not counted. */
export async function countSnapshots(clients: AwsClients, bucket: string, sinceMs: number): Promise<number> {
  let count = 0;
  let token: string | undefined;
  do {
    const answer = await awsCall(`list s3://${bucket}/snapshots/`, () =>
      clients.s3.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: 'snapshots/',
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      ),
    );
    count += (answer.Contents ?? []).filter(
      ({ Key, LastModified }) => Key?.endsWith('.jpg') === true && (LastModified?.getTime() ?? 0) >= sinceMs - 1_000,
    ).length;
    token = answer.NextContinuationToken;
  } while (token !== undefined);
  return count;
}
