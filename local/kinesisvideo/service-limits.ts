/**
 * The limits of Kinesis Video Streams that a client can run into, in one table, and the rate limiter that applies the
 * per-second ones. Source: the service's quota page and the API reference, read November 2026.
 * Invariant: a limit refuses, it never delays; only a producer's upload is slowed, by not being read.
 */
import type { Clock } from '../../core/clock.ts';

export const kinesisVideoLimits = {
  /** Calls per second, per account. */
  createStreamPerSecond: 50,
  listStreamsPerSecond: 50,
  describeStreamPerSecond: 300,
  getDataEndpointPerSecond: 300,
  otherControlPerSecond: 50,
  /** Calls per second, per stream. */
  describeOneStreamPerSecond: 5,
  getDataEndpointOneStreamPerSecond: 5,
  otherOneStreamPerSecond: 5,
  putMediaPerSecond: 5,
  getMediaPerSecond: 5,
  listFragmentsPerSecond: 50,
  putMediaConnections: 1,
  getMediaConnections: 3,
  fragmentsPerSecond: 5,
  fragmentBytesMax: 50_000_000,
  fragmentDurationMsMax: 20_000,
  tracksMax: 3,
  streamsMax: 10_000,
  tagsPerStreamMax: 50,
  retentionHoursMax: 87_600,
  /** What a stream without retention still holds for consumers. */
  hostBufferMs: 5 * 60_000,
} as const;

export type KinesisVideoLimits = { readonly [Name in keyof typeof kinesisVideoLimits]: number };

const WINDOW_MS = 1000;
/** Names of streams come from requests, so the table of callers must not grow with them. */
const KEYS_MAX = 20_000;

/** At most so many calls in any second, per key. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #calls = new Map<string, number[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns whether the call is within the limit; a refused call does not count. */
  take(key: string, perSecond: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    const recent = (this.#calls.get(key) ?? []).filter((atMs) => nowMs - atMs < WINDOW_MS);
    if (recent.length >= perSecond) {
      this.#calls.set(key, recent);
      return false;
    }
    recent.push(nowMs);
    this.#calls.set(key, recent);
    if (this.#calls.size > KEYS_MAX) this.#forgetIdle(nowMs);
    return true;
  }

  #forgetIdle(nowMs: number): void {
    for (const [key, calls] of this.#calls) {
      if (calls.every((atMs) => nowMs - atMs >= WINDOW_MS)) this.#calls.delete(key);
    }
  }
}
