/**
 * How much one caller may ask: a bucket of tokens each, refilled by the clock, so that a script in a loop is told to wait
 * before it reads the tables empty for everybody else. The gateway limits all callers together (stacks/api.ts).
 * Invariants: time is an argument; no more than `callersMax` buckets are kept, and a forgotten one was the longest unused.
 */
import type { MiddlewareHandler } from 'hono';
import type { Clock } from '../../core/clock.ts';
import type { Principal } from './principal.ts';
import { Problem } from './problem.ts';

/** A page of the dashboard opens with some five requests and asks two a second while it is looked at. */
const tokensMax = 60;
const tokensPerSecond = 10;
/** Seconds of computing cost more than a read. */
const costs: Readonly<Record<string, number>> = { '/api/simulate': 10, '/api/cost': 5 };
const callersMax = 1_000;

type Bucket = { tokens: number; atMs: number };

export class TokenBuckets {
  readonly #buckets = new Map<string, Bucket>();

  get size(): number {
    return this.#buckets.size;
  }

  /** @returns 0 when the tokens were taken, else in how many milliseconds they will be there. */
  take(caller: string, tokens: number, nowMs: number): number {
    const { tokens: had, atMs } = this.#buckets.get(caller) ?? { tokens: tokensMax, atMs: nowMs };
    // A clock that was set back refills nothing.
    const present = Math.min(tokensMax, had + (Math.max(0, nowMs - atMs) / 1_000) * tokensPerSecond);
    const isEnough = present >= tokens;
    this.#buckets.delete(caller);
    this.#buckets.set(caller, { tokens: isEnough ? present - tokens : present, atMs: nowMs });
    if (this.#buckets.size > callersMax) this.#buckets.delete(this.#buckets.keys().next().value as string);
    return isEnough ? 0 : Math.ceil(((tokens - present) / tokensPerSecond) * 1_000);
  }
}

/** Behind `authorize`: a bucket belongs to whoever the token names. */
export function limitRate(clock: Clock): MiddlewareHandler<{ Variables: { principal: Principal } }> {
  const buckets = new TokenBuckets();
  return async (context, next) => {
    const { name } = context.get('principal');
    const waitMs = buckets.take(name, costs[context.req.path] ?? 1, clock.monotonicMs());
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1_000);
      throw new Problem(429, `${name} asks more than ${tokensPerSecond} times a second: try again in ${seconds} s`, {
        headers: { 'retry-after': String(seconds) },
      });
    }
    await next();
  };
}
