/**
 * The event source mapping between a DynamoDB stream and a function, with Lambda's semantics: batches in order, one at
 * a time per shard, partial batch responses, bisecting on errors, bounded retries and age, then the failure destination.
 * Invariant: a record is handed over in order until it succeeded or was given up; a poison record never holds the
 * records behind it for longer than its retries.
 */
import type { DynamoDBBatchResponse, DynamoDBRecord } from 'aws-lambda';
import type { LambdaHost } from './host.ts';

/** DynamoDB Streams keeps records for 24 h; this many of ours would be an endless failure, not a backlog. */
const QUEUE_MAX = 100_000;
const RETRY_DELAY_FIRST_MS = 1_000;
const RETRY_DELAY_MAX_MS = 60_000;

export type StreamMappingOptions = {
  functionName: string;
  batchSize: number;
  /** Split a failing batch in two before trying again. */
  bisectBatchOnFunctionError: boolean;
  /** Tries after the first; then the batch goes to the dead-letter queue. */
  maximumRetryAttempts: number;
  maximumRecordAgeMs: number;
};

type Queued = { record: DynamoDBRecord; enqueuedAtMs: number };

/**
 * The records to begin with after a restart, when how far the last run came is not known: the newest of each item, in
 * stream order. What it was before does not matter any more, and would bring removed items back for a moment.
 */
export function newestOfEachItem(records: readonly DynamoDBRecord[]): DynamoDBRecord[] {
  const newest = new Map(records.map((record) => [JSON.stringify(record.dynamodb?.Keys), record]));
  return records.filter((record) => newest.get(JSON.stringify(record.dynamodb?.Keys)) === record);
}

export class StreamMapping {
  recordsLost = 0;
  readonly #host: LambdaHost;
  readonly #options: StreamMappingOptions;
  readonly #queue: Queued[] = [];
  #running = false;

  constructor(host: LambdaHost, options: StreamMappingOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** Takes the next record of the stream. Records come in stream order. */
  push(record: DynamoDBRecord): void {
    this.#queue.push({ record, enqueuedAtMs: this.#host.clock.nowMs() });
    if (this.#queue.length > QUEUE_MAX) {
      this.#queue.shift();
      this.recordsLost += 1;
    }
    if (this.#running) return;
    this.#running = true;
    this.#host.track(this.#drain());
  }

  async #drain(): Promise<void> {
    // Records written in one burst travel in one batch, as a poll of the stream would find them.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, this.#options.batchSize);
      await this.#process(batch, 0);
    }
    this.#running = false;
  }

  async #process(batch: Queued[], attempt: number): Promise<void> {
    const { functionName, bisectBatchOnFunctionError, maximumRetryAttempts, maximumRecordAgeMs } = this.#options;
    const result = await this.#call(batch);
    if (result.failedFrom === batch.length) return;
    const failed = batch.slice(result.failedFrom);
    // Progress was made: what is left is a new batch with its own retries.
    const attempts = result.failedFrom > 0 ? 1 : attempt + 1;
    const tooOld = this.#host.clock.nowMs() - (failed[0]?.enqueuedAtMs ?? 0) > maximumRecordAgeMs;
    if (attempts > maximumRetryAttempts || tooOld) {
      const abandoned = bisectBatchOnFunctionError && result.partial ? failed.slice(0, 1) : failed;
      this.#host.deadLetter({
        functionName,
        event: { Records: abandoned.map(({ record }) => record) },
        error: result.error,
        attempts,
      });
      const rest = failed.slice(abandoned.length);
      if (rest.length > 0) await this.#process(rest, 0);
      return;
    }
    if (bisectBatchOnFunctionError && !result.partial && failed.length > 1) {
      const middle = Math.ceil(failed.length / 2);
      await this.#process(failed.slice(0, middle), 0);
      await this.#process(failed.slice(middle), 0);
      return;
    }
    await this.#host.waitForClock(Math.min(RETRY_DELAY_MAX_MS, RETRY_DELAY_FIRST_MS * 2 ** (attempts - 1)));
    await this.#process(failed, attempts);
  }

  /** @returns the index from which records must be tried again; the batch's length when all is done. */
  async #call(batch: Queued[]): Promise<{ failedFrom: number; partial: boolean; error: string }> {
    try {
      const event = { Records: batch.map(({ record }) => record) };
      const ageMs = this.#host.clock.nowMs() - (batch.at(-1)?.enqueuedAtMs ?? 0);
      this.#host.count(this.#options.functionName, 'IteratorAge', ageMs);
      const response = (await this.#host.invoke(this.#options.functionName, event)) as
        | DynamoDBBatchResponse
        | undefined;
      const failures = response?.batchItemFailures ?? [];
      if (failures.length === 0) return { failedFrom: batch.length, partial: true, error: '' };
      const identifiers = new Set(failures.map((failure) => failure.itemIdentifier));
      const first = batch.findIndex(({ record }) => identifiers.has(record.dynamodb?.SequenceNumber ?? ''));
      // An identifier that is not in the batch makes Lambda take the whole batch as failed.
      return {
        failedFrom: Math.max(0, first),
        partial: first >= 0,
        error: `${failures.length} records reported as failed`,
      };
    } catch (error) {
      return { failedFrom: 0, partial: false, error: error instanceof Error ? error.message : String(error) };
    }
  }
}
