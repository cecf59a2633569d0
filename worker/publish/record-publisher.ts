/**
 * Records on their way to the result stream: a bounded buffer, one PutRecords at a time, only what failed sent again.
 * Invariant: adding never waits; per camera the order of sending is the order of adding; a record is sent only while its
 * camera's epoch may publish, and is discarded with a count otherwise; when the buffer is full the oldest goes, counted.
 * PutRecords may store the later part of a call whose earlier part failed: after such a call one record a camera goes at
 * a time, and more only after calls that succeeded whole, so that order breaks rarely; consumers order by fragment and frame.
 */
import type { OutgoingRecord, RefusedRecord } from '../../aws/results.ts';
import type { Clock } from '../../core/clock.ts';
import { KvsInferError } from '../../core/errors.ts';
import type { FrameRecord, TrackRecord } from '../../core/records.ts';
import { ConditionWaiters } from './condition-waiters.ts';

/** Kinesis PutRecords: 500 records a call; 5 MB a call and 1 MB a record hold for every account and include the keys. */
const recordsPerCallMax = 500;
const bytesPerCallMax = 5 * 1024 * 1024;
const bytesPerRecordMax = 1024 * 1024;
/** Minutes of a busy worker's records: an outage of Kinesis that lasts longer costs the oldest. */
const bufferedRecordsMax = 20_000;
const bufferedBytesMax = 64 * 1024 * 1024;
/** So many calls must succeed whole before twice as many records of a camera go in one. */
const wholeCallsBeforeMore = 8;
const retryBaseMs = 200;
const retryCapMs = 5_000;

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

type Buffered = { cameraId: string; epoch: number; capturedAtMs: number; data: Uint8Array; bytes: number };

export class RecordPublisher {
  readonly #options: PublisherOptions;
  #buffer: Buffered[] = [];
  #bufferedBytes = 0;
  #isSending = false;
  #failures = 0;
  #cancelRetry: (() => void) | null = null;
  readonly #waiters: ConditionWaiters;
  /** The records of the call under way; they are still to be settled. */
  #sending: Buffered[] = [];
  /** Records of one camera in a call, and calls that succeeded whole since it last changed. */
  #perCameraMax = Number.POSITIVE_INFINITY;
  #wholeCalls = 0;
  /** Why records wait; null when the last call succeeded. */
  fault: KvsInferError | null = null;
  published = 0;
  readonly discarded: Partial<Record<DiscardReason, number>> = {};

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#waiters = new ConditionWaiters(options.clock);
  }

  get size(): number {
    return this.#buffer.length + this.#sending.length;
  }

  /** Records of a camera that are not stored yet. */
  waiting(cameraId: string): number {
    const isOf = (record: Buffered) => record.cameraId === cameraId;
    return this.#buffer.filter(isOf).length + this.#sending.filter(isOf).length;
  }

  /** A call is under way or about to begin; waiting for a retry does not count. */
  get isSending(): boolean {
    return this.#isSending;
  }

  add(record: FrameRecord | TrackRecord): void {
    const data = Buffer.from(JSON.stringify(record));
    const bytes = data.length + Buffer.byteLength(record.cameraId);
    if (bytes > bytesPerRecordMax) {
      this.#discard('too-large', 1);
      return;
    }
    const capturedAtMs = Date.parse(record.schema === 'kvs-infer/frame@1' ? record.capturedAt : record.at);
    this.#buffer.push({ cameraId: record.cameraId, epoch: record.epoch, capturedAtMs, data, bytes });
    this.#bufferedBytes += bytes;
    while (this.#buffer.length > bufferedRecordsMax || this.#bufferedBytes > bufferedBytesMax) {
      const oldest = this.#buffer.shift();
      if (oldest === undefined) break;
      this.#bufferedBytes -= oldest.bytes;
      this.#discard('buffer-full', 1);
    }
    this.#kick();
  }

  /** The gate has changed: whatever may not be published any more is discarded now. */
  gateChanged(): void {
    this.#buffer = this.#buffer.filter((record) => this.#mayGo(record));
    this.#waiters.changed();
  }

  /** Resolves when every record of this camera has been stored or discarded, or after `timeoutMs`: then they are discarded. */
  async flush(cameraId: string, timeoutMs: number): Promise<void> {
    const isOf = (record: Buffered) => record.cameraId === cameraId;
    await this.#waiters.until(() => !this.#buffer.some(isOf) && !this.#sending.some(isOf), timeoutMs);
    const left = this.#buffer.filter(isOf);
    if (left.length === 0) return;
    this.#buffer = this.#buffer.filter((record) => !isOf(record));
    for (const record of left) this.#bufferedBytes -= record.bytes;
    this.#discard('given-up', left.length);
  }

  /** Resolves when nothing is buffered or under way. */
  async idle(timeoutMs: number): Promise<void> {
    await this.#waiters.until(() => this.size === 0, timeoutMs);
  }

  close(): void {
    this.#cancelRetry?.();
    if (this.#buffer.length > 0) this.#discard('given-up', this.#buffer.length);
    this.#buffer = [];
    this.#waiters.changed();
  }

  #kick(): void {
    if (this.#isSending || this.#cancelRetry !== null || this.#buffer.length === 0) return;
    this.#isSending = true;
    // A turn of the event loop later, so that the records of one frame travel together.
    setImmediate(() => void this.#send());
  }

  async #send(): Promise<void> {
    const batch = this.#takeBatch();
    this.#sending = batch;
    let failed: Buffered[] = [];
    let isCallFailed = false;
    if (batch.length > 0) {
      try {
        const refused = await this.#options.putRecords(
          batch.map(({ cameraId, data }) => ({ partitionKey: cameraId, data })),
        );
        failed = refused.flatMap(({ index }) => batch[index] ?? []);
        this.#note(refused[0]?.error ?? null);
      } catch (error) {
        failed = batch;
        isCallFailed = true;
        this.#note(error instanceof KvsInferError ? error : unexpected(error));
      }
    }
    const stored = batch.length - failed.length;
    this.published += stored;
    if (stored > 0) {
      const failedOnes = new Set(failed);
      this.#options.onPublished?.(batch.filter((record) => !failedOnes.has(record)));
    }
    // Back to the front in their order, so that nothing of their camera overtakes them from here on.
    this.#buffer.unshift(...failed);
    for (const record of failed) this.#bufferedBytes += record.bytes;
    this.#usePace(failed.length === 0, stored > 0);
    this.#sending = [];
    this.#isSending = false;
    this.#waiters.changed();
    if (failed.length > 0) this.#retryLater(isCallFailed || stored === 0);
    else {
      this.#failures = 0;
      this.#kick();
    }
  }

  /** A refused record among stored ones has been overtaken: fewer at a time, until the stream takes whole calls again. */
  #usePace(isWhole: boolean, isSomeStored: boolean): void {
    if (!isWhole && isSomeStored) this.#perCameraMax = 1;
    this.#wholeCalls = isWhole ? this.#wholeCalls + 1 : 0;
    if (this.#wholeCalls < wholeCallsBeforeMore) return;
    this.#wholeCalls = 0;
    this.#perCameraMax *= 2;
  }

  #note(fault: KvsInferError | null): void {
    const isNews = (fault === null) !== (this.fault === null);
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

  #takeBatch(): Buffered[] {
    const batch: Buffered[] = [];
    const left: Buffered[] = [];
    const taken = new Map<string, number>();
    let bytes = 0;
    let at = 0;
    for (; at < this.#buffer.length && batch.length < recordsPerCallMax; at += 1) {
      const next = this.#buffer[at] as Buffered;
      if (bytes + next.bytes > bytesPerCallMax) break;
      if (!this.#mayGo(next)) continue;
      const ofCamera = taken.get(next.cameraId) ?? 0;
      if (ofCamera >= this.#perCameraMax) {
        left.push(next);
        continue;
      }
      taken.set(next.cameraId, ofCamera + 1);
      this.#bufferedBytes -= next.bytes;
      bytes += next.bytes;
      batch.push(next);
    }
    this.#buffer = [...left, ...this.#buffer.slice(at)];
    return batch;
  }

  #mayGo(record: Buffered): boolean {
    const verdict = this.#options.gate(record.cameraId, record.epoch);
    if (verdict === 'open') return true;
    this.#bufferedBytes -= record.bytes;
    this.#discard(verdict, 1);
    return false;
  }

  #discard(reason: DiscardReason, count: number): void {
    this.discarded[reason] = (this.discarded[reason] ?? 0) + count;
    this.#options.onDiscarded?.(reason, count);
  }
}

function unexpected(cause: unknown): KvsInferError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new KvsInferError('RECORDS_NOT_STORED', message, { hint: 'they are sent again', retryable: true, cause });
}
