/**
 * Runs Lambda handlers in this process the way the Lambda service does: asynchronous invocations are retried (twice
 * unless the function says otherwise) and then go to a dead-letter queue, every invocation has a time limit, and errors are counted as CloudWatch metrics.
 * It exists so that the very handlers that are deployed run here on AWS's own event envelopes.
 * Invariant: an event is delivered at least once or lands in `deadLetters`; a handler that throws harms no other.
 */
import { randomUUID } from 'node:crypto';
import type { Context } from 'aws-lambda';
import type { Clock } from '../../core/clock.ts';
import type { CloudContext, HeldStore } from '../service.ts';

/** Lambda's asynchronous invocation: two retries, one and then two minutes later. */
const ASYNC_RETRY_DELAYS_MS = [60_000, 120_000];
/** Lambda keeps 6 h of events for one function; beyond this many the oldest is counted as lost. */
const DEAD_LETTERS_MAX = 1_000;

export type LambdaHandler = (event: never, context: Context) => Promise<unknown>;

export type LambdaFunction = {
  name: string;
  handler: LambdaHandler;
  timeoutMs: number;
  /** Of asynchronous invocations; Lambda's own two when left out. */
  maximumRetryAttempts?: number;
};

export type DeadLetter = { functionName: string; event: unknown; error: string; attempts: number; atMs: number };

export type LambdaHostOptions = {
  context: Pick<CloudContext, 'clock' | 'region' | 'accountId' | 'putMetric'>;
  /** One line per failed invocation. */
  log: (line: string) => void;
};

export class LambdaHost {
  readonly deadLetters: DeadLetter[] = [];
  deadLettersLost = 0;
  readonly #options: LambdaHostOptions;
  readonly #functions = new Map<string, LambdaFunction>();
  /** Work in progress that does not merely wait for the clock. */
  #active = 0;
  #whenSettled: (() => void)[] = [];
  readonly #timers = new Set<() => void>();
  #closed = false;

  constructor(options: LambdaHostOptions) {
    this.#options = options;
  }

  get clock(): Clock {
    return this.#options.context.clock;
  }

  register(definition: LambdaFunction): void {
    this.#functions.set(definition.name, definition);
  }

  arnOf(functionName: string): string {
    const { region, accountId } = this.#options.context;
    return `arn:aws:lambda:${region}:${accountId}:function:${functionName}`;
  }

  /** Queues one event; returns at once. An unknown function is a dead letter at once, as for a deleted target. */
  invokeAsync(functionName: string, event: unknown): void {
    if (this.#closed) return;
    this.track(this.#deliver(functionName, event, 0));
  }

  /** Runs the handler once and gives its result or throws its error. */
  async invoke(functionName: string, event: unknown): Promise<unknown> {
    const definition = this.#functions.get(functionName);
    if (definition === undefined) throw new Error(`Function not found: ${this.arnOf(functionName)}`);
    const { clock, putMetric } = this.#options.context;
    const dimensions = { FunctionName: functionName };
    const startMs = clock.monotonicMs();
    putMetric('AWS/Lambda', 'Invocations', dimensions, 1);
    try {
      // Handlers get a copy, as over the wire: one that changes its event must not change a retry.
      return await this.#limited(definition, structuredClone(event));
    } catch (error) {
      putMetric('AWS/Lambda', 'Errors', dimensions, 1);
      throw error;
    } finally {
      putMetric('AWS/Lambda', 'Duration', dimensions, clock.monotonicMs() - startMs);
    }
  }

  /** Counts a piece of work as one that `settled` waits for. It must not reject. */
  track(work: Promise<void>): void {
    this.#active += 1;
    void work.finally(() => this.#rest());
  }

  /** Waits within tracked work; meanwhile that work counts as settled, since only time can move it on. */
  async waitForClock(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.after(delayMs, () => {
        this.#active += 1;
        resolve();
      });
      this.#rest();
    });
  }

  deadLetter(letter: Omit<DeadLetter, 'atMs'>): void {
    this.#options.log(
      `lambda ${letter.functionName}: gave up after ${letter.attempts} attempts: ${letter.error} (event kept in the dead-letter queue)`,
    );
    this.deadLetters.push({ ...letter, atMs: this.clock.nowMs() });
    if (this.deadLetters.length > DEAD_LETTERS_MAX) {
      this.deadLetters.shift();
      this.deadLettersLost += 1;
    }
  }

  /** Of the functions that `isOf` names: what lies in their queue, and what empties it. */
  deadLettersOf(isOf: (functionName: string) => boolean): { count: number; purge(): void } {
    const kept = this.deadLetters.filter((letter) => !isOf(letter.functionName));
    return {
      count: this.deadLetters.length - kept.length,
      purge: () => void this.deadLetters.splice(0, this.deadLetters.length, ...kept),
    };
  }

  /** A metric that Lambda reports of a function. */
  count(functionName: string, metric: string, value: number): void {
    this.#options.context.putMetric('AWS/Lambda', metric, { FunctionName: functionName }, value);
  }

  held(): HeldStore[] {
    const bytes = this.deadLetters.reduce((sum, letter) => sum + JSON.stringify(letter).length, 0);
    const bound = `the newest ${DEAD_LETTERS_MAX}`;
    return [
      { store: 'lambda: dead letters', items: this.deadLetters.length, bytes, bound },
      {
        store: 'lambda: events under way or waiting',
        items: this.#active + this.#timers.size,
        bytes: 0,
        bound: 'retries end',
      },
    ];
  }

  /** Resolves when nothing runs and nothing is queued but what waits for the clock. */
  async settled(): Promise<void> {
    if (this.#active === 0) return;
    await new Promise<void>((resolve) => this.#whenSettled.push(resolve));
    await this.settled();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    await this.settled();
  }

  /** Like clock.setTimer, but forgotten at close. */
  after(delayMs: number, callback: () => void): void {
    if (this.#closed) return;
    const cancel = this.clock.setTimer(delayMs, () => {
      this.#timers.delete(cancel);
      if (!this.#closed) callback();
    });
    this.#timers.add(cancel);
  }

  async #deliver(functionName: string, event: unknown, attempt: number): Promise<void> {
    try {
      await this.invoke(functionName, event);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const definition = this.#functions.get(functionName);
      const retriesMax =
        definition?.maximumRetryAttempts ?? (definition === undefined ? 0 : ASYNC_RETRY_DELAYS_MS.length);
      const retryDelayMs = attempt < retriesMax ? ASYNC_RETRY_DELAYS_MS[attempt] : undefined;
      if (retryDelayMs === undefined || this.#closed) {
        this.deadLetter({ functionName, event, error: message, attempts: attempt + 1 });
        return;
      }
      this.#options.log(`lambda ${functionName}: ${message} (retry in ${retryDelayMs / 1000} s)`);
      this.after(retryDelayMs, () => this.track(this.#deliver(functionName, event, attempt + 1)));
    }
  }

  #rest(): void {
    this.#active -= 1;
    if (this.#active > 0) return;
    for (const resolve of this.#whenSettled.splice(0)) resolve();
  }

  async #limited(definition: LambdaFunction, event: unknown): Promise<unknown> {
    const { clock, region, accountId } = this.#options.context;
    const deadlineMs = clock.nowMs() + definition.timeoutMs;
    const requestId = randomUUID();
    const context: Context = {
      callbackWaitsForEmptyEventLoop: false,
      functionName: definition.name,
      functionVersion: '$LATEST',
      invokedFunctionArn: `arn:aws:lambda:${region}:${accountId}:function:${definition.name}`,
      memoryLimitInMB: '512',
      awsRequestId: requestId,
      logGroupName: `/aws/lambda/${definition.name}`,
      logStreamName: 'local',
      getRemainingTimeInMillis: () => Math.max(0, deadlineMs - clock.nowMs()),
      done: () => {},
      fail: () => {},
      succeed: () => {},
    };
    const timeout = Promise.withResolvers<never>();
    const cancel = clock.setTimer(definition.timeoutMs, () =>
      timeout.reject(
        new Error(`${requestId} Task timed out after ${(definition.timeoutMs / 1000).toFixed(2)} seconds`),
      ),
    );
    try {
      return await Promise.race([definition.handler(event as never, context), timeout.promise]);
    } finally {
      cancel();
    }
  }
}
