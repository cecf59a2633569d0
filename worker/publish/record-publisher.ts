/**
 * Records on their way to the result stream: a bounded queue per camera, one PutRecords at a time, only what failed sent again.
 * Invariant: adding never waits; a camera's records are stored in the order of adding; a record is sent only while its
 * camera's epoch may publish, and is discarded with a count otherwise; when there is no more room, the oldest record of the
 * camera with the most goes, counted for that camera: one that floods does not push out the others.
 * PutRecords may store the later part of a call whose earlier part it refused, and promises no order among its records. So
 * a call holds one record a camera, and the next of a camera goes when the one before is stored.
 */
import type { OutgoingRecord, RefusedRecord } from '../../aws/results.ts';
import type { Clock } from '../../core/clock.ts';
import { KvsInferError } from '../../core/errors.ts';
import type { Checkpoint } from '../../core/fleet-state.ts';
import type { FrameRecord, TrackRecord } from '../../core/records.ts';
import { ConditionWaiters } from './condition-waiters.ts';

/** Kinesis PutRecords: 500 records a call; 5 MB a call and 1 MB a record hold for every account and include the keys. */
const recordsPerCallMax = 500;
const bytesPerCallMax = 5 * 1024 * 1024;
const bytesPerRecordMax = 1024 * 1024;
/** Minutes of a busy worker's records: an outage of Kinesis that lasts longer costs the oldest. */
const bufferedRecordsMax = 20_000;
const bufferedBytesMax = 64 * 1024 * 1024;
const retryBaseMs = 200;
const retryCapMs = 5_000;
/** A call ends by its own limits before (`aws/clients.ts`: 2 s to connect, 6 s to answer). */
const callEndsWithinMs = 9_000;
/** Gives each record memory of its own: Node's small buffers lie in slabs of 64 KiB, and one that waits holds its slab. */
const encoder = new TextEncoder();

export type DiscardReason = 'buffer-full' | 'fenced' | 'stale-epoch' | 'too-large' | 'given-up';
export type PublishGate = (cameraId: string, epoch: number) => 'open' | 'fenced' | 'stale-epoch';

export type PublisherOptions = {
  /** @returns those that failed; throws when the whole call failed. */
  putRecords(records: OutgoingRecord[]): Promise<RefusedRecord[]>;
  gate: PublishGate;
  clock: Clock;
  random: () => number;
  /** Stored records, with the time at which what they tell of was captured. */
  onPublished?(stored: readonly { capturedAtMs: number }[]): void;
  onDiscarded?(reason: DiscardReason, count: number): void;
  /** Calls fail from now on (once, not for each), or succeed again: null. */
  onFault?(fault: KvsInferError | null): void;
};

type Buffered = {
  cameraId: string;
  epoch: number;
  capturedAtMs: number;
  data: Uint8Array;
  bytes: number;
  resume: Checkpoint | null;
};

export class RecordPublisher {
  readonly #options: PublisherOptions;
  /** By camera, oldest first; no camera without records. Whoever was sent goes to the end: all get their turn. */
  readonly #queues = new Map<string, Buffered[]>();
  #buffered = 0;
  #bufferedBytes = 0;
  #isSending = false;
  #failures = 0;
  #cancelRetry: (() => void) | null = null;
  readonly #waiters: ConditionWaiters;
  /** The records of the call under way; they are still to be settled. */
  #sending: Buffered[] = [];
  /** Why records wait; null when the last call succeeded. */
  fault: KvsInferError | null = null;
  #faultSinceMs = 0;
  published = 0;
  readonly discarded: Partial<Record<DiscardReason, number>> = {};
  readonly #lost = new Map<string, number>();

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#waiters = new ConditionWaiters(options.clock);
  }

  /** Since when records wait because calls fail; null when none does. */
  get unstoredSinceMs(): number | null {
    return this.fault === null || this.size === 0 ? null : this.#faultSinceMs;
  }

  get size(): number {
    return this.#buffered + this.#sending.length;
  }

  /** Records of a camera that are not stored yet. */
  waiting(cameraId: string): number {
    const isSending = this.#sending.some((record) => record.cameraId === cameraId);
    return (this.#queues.get(cameraId)?.length ?? 0) + (isSending ? 1 : 0);
  }

  /** Records of a camera that were dropped for want of room or time, or were too large. */
  lost(cameraId: string): number {
    return this.#lost.get(cameraId) ?? 0;
  }

  /** A call is under way or about to begin; waiting for a retry does not count. */
  get isSending(): boolean {
    return this.#isSending;
  }

  /**
   * @param resume where another owner goes on if neither this record nor any later one is stored; null when an earlier
   * record tells of the same frame.
   */
  add(record: FrameRecord | TrackRecord, resume: Checkpoint | null = null): void {
    const data = encoder.encode(JSON.stringify(record));
    const bytes = data.length + Buffer.byteLength(record.cameraId);
    if (bytes > bytesPerRecordMax) {
      this.#discard('too-large', record.cameraId, 1);
      return;
    }
    const capturedAtMs = Date.parse(record.schema === 'kvs-infer/frame@1' ? record.capturedAt : record.at);
    const { cameraId, epoch } = record;
    const queue = this.#queues.get(cameraId) ?? [];
    this.#queues.set(cameraId, queue);
    queue.push({ cameraId, epoch, capturedAtMs, data, bytes, resume });
    this.#buffered += 1;
    this.#bufferedBytes += bytes;
    while (this.#buffered > bufferedRecordsMax || this.#bufferedBytes > bufferedBytesMax) this.#dropOldest();
    this.#kick();
  }

  /** The gate has changed: whatever may not be published any more is discarded now. */
  gateChanged(): void {
    for (const cameraId of [...this.#queues.keys()]) {
      const queue = this.#queues.get(cameraId) ?? [];
      this.#replace(
        cameraId,
        queue.filter((record) => this.#mayGo(record)),
      );
    }
    this.#waiters.changed();
  }

  /**
   * Resolves when every record of this camera has been stored or discarded, or after `timeoutMs`: then they are discarded,
   * once the call under way has ended: what it stores is stored, and nothing of the camera is sent after it.
   * @returns where another owner goes on with what was discarded; null when nothing was.
   */
  async flush(cameraId: string, timeoutMs: number): Promise<Checkpoint | null> {
    await this.#waiters.until(() => this.waiting(cameraId) === 0, timeoutMs);
    const isUnderWay = () => this.#sending.some((record) => record.cameraId === cameraId);
    // What it could not store is given up before the next call is made.
    await this.#waiters.until(() => !isUnderWay(), callEndsWithinMs);
    const resume = this.unstoredFrom(cameraId);
    this.#giveUp(cameraId);
    return resume;
  }

  /** Where another owner goes on with what is not stored yet; null when all is. */
  unstoredFrom(cameraId: string): Checkpoint | null {
    const sending = this.#sending.filter((record) => record.cameraId === cameraId);
    return [...sending, ...(this.#queues.get(cameraId) ?? [])].find(({ resume }) => resume !== null)?.resume ?? null;
  }

  /** Resolves when nothing is buffered or under way. */
  async idle(timeoutMs: number): Promise<void> {
    await this.#waiters.until(() => this.size === 0, timeoutMs);
  }

  close(): void {
    this.#cancelRetry?.();
    for (const cameraId of [...this.#queues.keys()]) this.#giveUp(cameraId);
    this.#waiters.changed();
  }

  /** A camera's queue is now this one, less its first `taken`; the books follow. */
  #replace(cameraId: string, queue: Buffered[], taken = 0): void {
    const before = this.#queues.get(cameraId) ?? [];
    const bytesOf = (records: Buffered[]) => records.reduce((sum, { bytes }) => sum + bytes, 0);
    if (queue === before) {
      this.#bufferedBytes -= bytesOf(queue.splice(0, taken));
      this.#buffered -= taken;
    } else {
      this.#bufferedBytes -= bytesOf(before) - bytesOf(queue);
      this.#buffered -= before.length - queue.length;
      this.#queues.set(cameraId, queue);
    }
    if (queue.length === 0) this.#queues.delete(cameraId);
  }

  #giveUp(cameraId: string): void {
    const left = this.#queues.get(cameraId)?.length ?? 0;
    if (left === 0) return;
    this.#replace(cameraId, []);
    this.#discard('given-up', cameraId, left);
  }

  #dropOldest(): void {
    let fullest: Buffered[] = [];
    for (const queue of this.#queues.values()) if (queue.length > fullest.length) fullest = queue;
    const [oldest] = fullest;
    if (oldest === undefined) return;
    this.#replace(oldest.cameraId, fullest, 1);
    this.#discard('buffer-full', oldest.cameraId, 1);
  }

  #kick(): void {
    if (this.#isSending || this.#cancelRetry !== null || this.#buffered === 0) return;
    this.#isSending = true;
    // A turn of the event loop later, so that the records of one frame travel together.
    setImmediate(() => void this.#send());
  }

  async #send(): Promise<void> {
    const batch = this.#takeBatch();
    this.#sending = batch;
    let failed: ReadonlySet<Buffered> = new Set();
    if (batch.length > 0) {
      try {
        const refused = await this.#options.putRecords(
          batch.map(({ cameraId, data }) => ({ partitionKey: cameraId, data })),
        );
        failed = new Set(refused.flatMap(({ index }) => batch[index] ?? []));
        this.#note(refused[0]?.error ?? null);
      } catch (error) {
        failed = new Set(batch);
        this.#note(error instanceof KvsInferError ? error : unexpected(error));
      }
    }
    const stored = batch.length - failed.size;
    this.published += stored;
    if (stored > 0) this.#options.onPublished?.(batch.filter((record) => !failed.has(record)));
    // Back to the front of their cameras' queues: nothing overtakes them.
    for (const record of failed) {
      const queue = this.#queues.get(record.cameraId) ?? [];
      queue.unshift(record);
      this.#queues.set(record.cameraId, queue);
      this.#buffered += 1;
      this.#bufferedBytes += record.bytes;
    }
    this.#sending = [];
    this.#isSending = false;
    this.#waiters.changed();
    if (failed.size > 0) return this.#retryLater(stored === 0);
    this.#failures = 0;
    this.#kick();
  }

  #note(fault: KvsInferError | null): void {
    const isNews = (fault === null) !== (this.fault === null);
    if (isNews) this.#faultSinceMs = this.#options.clock.nowMs();
    this.fault = fault;
    if (isNews) this.#options.onFault?.(fault);
  }

  #retryLater(isWhole: boolean): void {
    this.#failures = isWhole ? this.#failures + 1 : 1;
    const ceilingMs = Math.min(retryCapMs, retryBaseMs * 2 ** Math.min(this.#failures - 1, 10));
    const delayMs = ceilingMs / 2 + (this.#options.random() * ceilingMs) / 2;
    this.#cancelRetry = this.#options.clock.setTimer(delayMs, () => {
      this.#cancelRetry = null;
      this.#kick();
    });
  }

  /** The oldest record of each camera. */
  #takeBatch(): Buffered[] {
    const batch: Buffered[] = [];
    let bytes = 0;
    for (const [cameraId, queue] of [...this.#queues]) {
      let next = queue[0];
      while (next !== undefined && !this.#mayGo(next)) {
        this.#replace(cameraId, queue, 1);
        next = queue[0];
      }
      if (next === undefined) continue;
      if (batch.length >= recordsPerCallMax || bytes + next.bytes > bytesPerCallMax) break;
      this.#replace(cameraId, queue, 1);
      // To the end of the turn.
      this.#queues.delete(cameraId);
      if (queue.length > 0) this.#queues.set(cameraId, queue);
      bytes += next.bytes;
      batch.push(next);
    }
    return batch;
  }

  #mayGo(record: Buffered): boolean {
    const verdict = this.#options.gate(record.cameraId, record.epoch);
    if (verdict === 'open') return true;
    this.#discard(verdict, record.cameraId, 1);
    return false;
  }

  #discard(reason: DiscardReason, cameraId: string, count: number): void {
    this.discarded[reason] = (this.discarded[reason] ?? 0) + count;
    // What another owner publishes now is not lost.
    if (reason !== 'fenced' && reason !== 'stale-epoch') this.#lost.set(cameraId, this.lost(cameraId) + count);
    this.#options.onDiscarded?.(reason, count);
  }
}

function unexpected(cause: unknown): KvsInferError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new KvsInferError('RECORDS_NOT_STORED', message, { hint: 'they are sent again', retryable: true, cause });
}
