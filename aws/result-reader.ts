/**
 * Reads what workers published, as a consumer would: the result stream from its end on, and how much lies in the
 * detections table and the bucket. Invariant: a record is handed on once and in order per shard; a record that is not
 * JSON is counted and skipped.
 */
import { GetRecordsCommand, GetShardIteratorCommand, ListShardsCommand } from '@aws-sdk/client-kinesis';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';

/** GetRecords: at most 10,000 records and 5 reads a second per shard. */
const recordsPerReadMax = 1_000;

export class ResultStreamReader {
  records = 0;
  unreadable = 0;
  readonly #clients: AwsClients;
  readonly #stream: string;
  #iterators: string[] | null = null;

  constructor(clients: AwsClients, stream: string) {
    this.#clients = clients;
    this.#stream = stream;
  }

  /** Takes the position: what is published from here on is read. */
  async open(): Promise<void> {
    const { kinesis } = this.#clients;
    const StreamName = this.#stream;
    const shards = await awsCall(`list the shards of ${StreamName}`, () =>
      kinesis.send(new ListShardsCommand({ StreamName })),
    );
    this.#iterators = await Promise.all(
      (shards.Shards ?? []).map(async ({ ShardId }) => {
        const answer = await awsCall(`read ${StreamName}`, () =>
          kinesis.send(new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: 'LATEST' })),
        );
        return answer.ShardIterator ?? '';
      }),
    );
  }

  /** @returns the records that arrived since the last call, parsed. */
  async read(): Promise<unknown[]> {
    if (this.#iterators === null) await this.open();
    const found: unknown[] = [];
    for (const [index, iterator] of (this.#iterators ?? []).entries()) {
      let next = iterator;
      for (let full = true; full && next !== ''; ) {
        const answer = await awsCall(`read ${this.#stream}`, () =>
          this.#clients.kinesis.send(new GetRecordsCommand({ ShardIterator: next, Limit: recordsPerReadMax })),
        );
        const records = answer.Records ?? [];
        for (const { Data } of records) this.#parse(Data, found);
        next = answer.NextShardIterator ?? '';
        full = records.length === recordsPerReadMax;
      }
      if (this.#iterators !== null) this.#iterators[index] = next;
    }
    return found;
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
