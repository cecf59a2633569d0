/**
 * The records of one stream, shard by shard, newest kept: assigns sequence numbers, reads pages, trims by age and by size.
 * It is the whole of Kinesis that needs thought, so it is apart from the wire and from the disk.
 * Invariants: within a shard sequence numbers only grow; a page is a run of consecutive kept records; what is trimmed is
 * counted.
 */
import { createHash } from 'node:crypto';

/** Kinesis sequence numbers have 56 digits; a constant length keeps text order and numeric order the same. */
const SEQUENCE_BASE = 49_600_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000n;
/** Partition keys hash to 128 bits. */
const HASH_SPACE = 2n ** 128n;

export type StoredRecord = {
  shard: number;
  /** Position in the stream, from 1; the sequence number is made of it. */
  position: number;
  partitionKey: string;
  /** Base64, as it travels in JSON. */
  data: string;
  arrivedAtMs: number;
};
export type Shard = { id: string; startingHashKey: bigint; endingHashKey: bigint };

export class ShardLog {
  readonly shards: readonly Shard[];
  /** Records that left because of `bytesMax`, before their retention had passed. */
  recordsEvicted = 0;
  bytes = 0;
  readonly #bytesMax: number;
  readonly #records: StoredRecord[][];
  #lastPosition = 0;

  constructor(shardCount: number, bytesMax: number) {
    this.#bytesMax = bytesMax;
    const width = HASH_SPACE / BigInt(shardCount);
    this.shards = Array.from({ length: shardCount }, (_, index) => ({
      id: `shardId-${String(index).padStart(12, '0')}`,
      startingHashKey: width * BigInt(index),
      endingHashKey: index === shardCount - 1 ? HASH_SPACE - 1n : width * BigInt(index + 1) - 1n,
    }));
    this.#records = this.shards.map(() => []);
  }

  get size(): number {
    return this.#records.reduce((sum, records) => sum + records.length, 0);
  }

  get lastPosition(): number {
    return this.#lastPosition;
  }

  /** Gives the record its place; it can be read once `add` was called with it. */
  assign(partitionKey: string, data: string, explicitHashKey: bigint | null, nowMs: number): StoredRecord {
    const hash = explicitHashKey ?? BigInt(`0x${createHash('md5').update(partitionKey).digest('hex')}`);
    const shard = this.shards.findIndex(({ endingHashKey }) => hash <= endingHashKey);
    this.#lastPosition += 1;
    return { shard: Math.max(0, shard), position: this.#lastPosition, partitionKey, data, arrivedAtMs: nowMs };
  }

  add(record: StoredRecord): void {
    this.#records[record.shard]?.push(record);
    this.#lastPosition = Math.max(this.#lastPosition, record.position);
    this.bytes += sizeOf(record);
  }

  trim(oldestKeptMs: number): void {
    for (const records of this.#records) {
      let expired = 0;
      while (expired < records.length && (records[expired] as StoredRecord).arrivedAtMs < oldestKeptMs) expired++;
      this.#drop(records, expired);
    }
    if (this.bytes <= this.#bytesMax) return;
    // A tenth more than needed, so that a full stream is not trimmed at every record.
    const target = this.#bytesMax * 0.9;
    for (const records of this.#records) {
      const share = records.reduce((sum, record) => sum + sizeOf(record), 0) * (1 - target / this.bytes);
      let evicted = 0;
      for (let freed = 0; evicted < records.length && freed < share; evicted++)
        freed += sizeOf(records[evicted] as StoredRecord);
      this.recordsEvicted += evicted;
      this.#drop(records, evicted);
    }
  }

  /** @param after position that was read last. @returns records and how many kept ones follow them. */
  read(
    shard: number,
    after: number,
    limit: number,
    bytesLimit: number,
  ): { records: StoredRecord[]; following: StoredRecord[] } {
    const records = this.#records[shard] ?? [];
    const start = firstIndex(records, (record) => record.position > after);
    let end = start;
    let bytes = 0;
    while (end < records.length && end - start < limit) {
      bytes += sizeOf(records[end] as StoredRecord);
      if (bytes > bytesLimit && end > start) break;
      end++;
    }
    return { records: records.slice(start, end), following: records.slice(end, end + 1) };
  }

  /** Position before the first record that arrived at or after `atMs`. */
  positionBefore(shard: number, atMs: number): number {
    const records = this.#records[shard] ?? [];
    const first = records[firstIndex(records, (record) => record.arrivedAtMs >= atMs)];
    return first === undefined ? this.#lastPosition : first.position - 1;
  }

  /** All kept records, for rewriting the file. */
  all(): StoredRecord[] {
    return this.#records.flat().sort((left, right) => left.position - right.position);
  }

  #drop(records: StoredRecord[], count: number): void {
    for (const record of records.splice(0, count)) this.bytes -= sizeOf(record);
  }
}

export function sequenceNumber(position: number): string {
  return String(SEQUENCE_BASE + BigInt(position));
}

/** @returns null when the text is no sequence number of ours. */
export function positionOf(text: string): number | null {
  if (!/^\d{1,128}$/.test(text)) return null;
  const position = BigInt(text) - SEQUENCE_BASE;
  return position >= 0n && position <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(position) : null;
}

function sizeOf(record: StoredRecord): number {
  return record.data.length + record.partitionKey.length;
}

function firstIndex(records: readonly StoredRecord[], matches: (record: StoredRecord) => boolean): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (matches(records[middle] as StoredRecord)) high = middle;
    else low = middle + 1;
  }
  return low;
}
