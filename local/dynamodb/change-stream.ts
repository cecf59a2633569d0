/**
 * The change streams of all tables: builds a record for each change, keeps the newest ones, and hands them in write order
 * to in-process subscribers (the Lambda host) and to readers of the DynamoDB Streams API.
 * Invariants: one shard per table; sequence numbers only grow, over restarts too; a record is stored in the same batch as
 * the change that it tells of; unchanged items make no record.
 */
import { randomUUID } from 'node:crypto';
import type { CloudContext, HeldStore } from '../service.ts';
import type { DynaliteEngine, Item, KeySchema, StoreOperation } from './dynalite-engine.ts';
import { sameItem } from './same-item.ts';
import type { Change } from './staged-writes.ts';

/** DynamoDB Streams keeps 24 hours; here count and size are bounded as well, because the newest records live in memory. */
export const STREAM_RECORDS_MAX = 10_000;
const STREAM_BYTES_MAX = 16 * 1024 * 1024;
/** What V8 takes for a record beside its images. */
const RECORD_OBJECT_BYTES = 1_024;
export const STREAM_RETENTION_MS = 24 * 3600 * 1000;

export type StreamViewType = 'NEW_AND_OLD_IMAGES' | 'NEW_IMAGE' | 'OLD_IMAGE' | 'KEYS_ONLY';
export type StreamSettings = { tableName: string; streamArn: string; viewType: StreamViewType; keySchema: KeySchema };

/** As a Lambda function receives it; GetRecords leaves `eventSourceARN` out. */
export type StreamRecord = {
  eventID: string;
  eventName: 'INSERT' | 'MODIFY' | 'REMOVE';
  eventVersion: '1.1';
  eventSource: 'aws:dynamodb';
  awsRegion: string;
  eventSourceARN: string;
  dynamodb: {
    /** Seconds since the epoch. */
    ApproximateCreationDateTime: number;
    Keys: Item;
    NewImage?: Item;
    OldImage?: Item;
    SequenceNumber: string;
    SizeBytes: number;
    StreamViewType: StreamViewType;
  };
  /** Present on deletions by TTL, as in AWS. */
  userIdentity?: { type: 'Service'; principalId: 'dynamodb.amazonaws.com' };
};

export type StreamListener = (record: StreamRecord) => void;

/** AWS's numbers have 21 digits and more; a constant length keeps text order and numeric order the same. */
const SEQUENCE_BASE = 100_000_000_000_000_000_000_000n;
const recordPrefix = (streamArn: string) => `kvs-infer-stream~${streamArn}~`;
const COUNTER_KEY = 'kvs-infer-stream-counter';

export class ChangeStreams {
  readonly #engine: DynaliteEngine;
  readonly #context: CloudContext;
  readonly #records = new Map<string, StreamRecord[]>();
  readonly #bytes = new Map<string, number>();
  readonly #listeners = new Map<string, Set<StreamListener>>();
  #counter = 0n;

  constructor(engine: DynaliteEngine, context: CloudContext) {
    this.#engine = engine;
    this.#context = context;
  }

  /** Reads back what an earlier process stored. */
  async restore(): Promise<void> {
    for await (const [, value] of this.#engine.range(COUNTER_KEY)) this.#counter = BigInt(String(value));
    for await (const [, value] of this.#engine.range('kvs-infer-stream~')) {
      this.#add(value as StreamRecord);
    }
  }

  /** Builds the records of changes about to be committed, with what must be committed along with them. */
  prepare(
    changes: readonly Change[],
    settingsOf: (tableName: string) => StreamSettings | null,
    byTimeToLive: boolean,
  ): { records: { tableName: string; record: StreamRecord }[]; operations: StoreOperation[] } {
    const records: { tableName: string; record: StreamRecord }[] = [];
    const operations: StoreOperation[] = [];
    for (const change of changes) {
      const settings = settingsOf(change.tableName);
      if (settings === null || sameItem(change.before, change.after)) continue;
      const record = this.#record(change, settings, byTimeToLive);
      records.push({ tableName: change.tableName, record });
      operations.push({
        type: 'put',
        key: recordPrefix(settings.streamArn) + record.dynamodb.SequenceNumber,
        value: record,
      });
      operations.push(...this.#trim(settings.streamArn));
    }
    if (records.length > 0) operations.push({ type: 'put', key: COUNTER_KEY, value: String(this.#counter) });
    return { records, operations };
  }

  /** Called after the commit, still under the table's lock. */
  publish(records: readonly { tableName: string; record: StreamRecord }[]): void {
    for (const { tableName, record } of records) {
      this.#add(record);
      for (const listener of this.#listeners.get(tableName) ?? []) {
        try {
          listener(record);
        } catch (error) {
          process.stderr.write(`kvs-infer local cloud: a subscriber of ${tableName} failed: ${String(error)}\n`);
        }
      }
    }
  }

  /** @param replay records kept from before that come first. */
  subscribe(tableName: string, listener: StreamListener, replay: readonly StreamRecord[] = []): () => void {
    for (const record of replay) listener(record);
    const listeners = this.#listeners.get(tableName) ?? new Set();
    this.#listeners.set(tableName, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Records that are kept, oldest first. */
  records(streamArn: string): readonly StreamRecord[] {
    return this.#records.get(streamArn) ?? [];
  }

  held(): HeldStore {
    const items = [...this.#records.values()].reduce((sum, { length }) => sum + length, 0);
    const bytes = [...this.#bytes.values()].reduce((sum, each) => sum + each, 0);
    const bound = `24 h, ${STREAM_RECORDS_MAX} and ${STREAM_BYTES_MAX} bytes a table`;
    return { store: 'tables: stream records', items, bytes, bound };
  }

  async drop(streamArn: string): Promise<void> {
    const operations = this.records(streamArn).map((record) => deletion(streamArn, record));
    this.#records.delete(streamArn);
    this.#bytes.delete(streamArn);
    await this.#engine.commit(operations);
  }

  #of(streamArn: string): StreamRecord[] {
    const records = this.#records.get(streamArn) ?? [];
    this.#records.set(streamArn, records);
    return records;
  }

  #add(record: StreamRecord): void {
    const streamArn = record.eventSourceARN;
    this.#of(streamArn).push(record);
    this.#bytes.set(streamArn, (this.#bytes.get(streamArn) ?? 0) + bytesOf(record));
  }

  /** Makes room for one more. */
  #trim(streamArn: string): StoreOperation[] {
    const records = this.#of(streamArn);
    const oldestKeptSeconds = (this.#context.clock.nowMs() - STREAM_RETENTION_MS) / 1000;
    let bytes = this.#bytes.get(streamArn) ?? 0;
    let expired = 0;
    for (const record of records) {
      const isTooMuch = records.length - expired >= STREAM_RECORDS_MAX || bytes > STREAM_BYTES_MAX;
      if (!isTooMuch && record.dynamodb.ApproximateCreationDateTime >= oldestKeptSeconds) break;
      bytes -= bytesOf(record);
      expired += 1;
    }
    this.#bytes.set(streamArn, bytes);
    return records.splice(0, expired).map((record) => deletion(streamArn, record));
  }

  #record({ before, after }: Change, settings: StreamSettings, byTimeToLive: boolean): StreamRecord {
    this.#counter += 1n;
    const keys: Item = {};
    for (const { AttributeName } of settings.keySchema) {
      const value = (after ?? before)?.[AttributeName];
      if (value !== undefined) keys[AttributeName] = value;
    }
    const { viewType } = settings;
    const withNew = after !== null && (viewType === 'NEW_AND_OLD_IMAGES' || viewType === 'NEW_IMAGE');
    const withOld = before !== null && (viewType === 'NEW_AND_OLD_IMAGES' || viewType === 'OLD_IMAGE');
    const size = (item: Item) => this.#engine.itemSize(item);
    return {
      eventID: randomUUID().replaceAll('-', ''),
      eventName: before === null ? 'INSERT' : after === null ? 'REMOVE' : 'MODIFY',
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: this.#context.region,
      eventSourceARN: settings.streamArn,
      dynamodb: {
        ApproximateCreationDateTime: Math.floor(this.#context.clock.nowMs() / 1000),
        Keys: keys,
        ...(withNew ? { NewImage: after } : {}),
        ...(withOld ? { OldImage: before } : {}),
        SequenceNumber: String(SEQUENCE_BASE + this.#counter),
        SizeBytes: size(keys) + (withNew ? size(after) : 0) + (withOld ? size(before) : 0),
        StreamViewType: viewType,
      },
      ...(byTimeToLive ? { userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' } as const } : {}),
    };
  }
}

function bytesOf({ dynamodb }: StreamRecord): number {
  return dynamodb.SizeBytes + RECORD_OBJECT_BYTES;
}

function deletion(streamArn: string, record: StreamRecord): StoreOperation {
  return { type: 'del', key: recordPrefix(streamArn) + record.dynamodb.SequenceNumber };
}
