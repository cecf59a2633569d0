/**
 * TTL on the cloud's clock: items whose attribute lies in the past are deleted, and their stream records say by whom.
 * AWS takes up to days; here it takes at most a minute, so that a stepped clock shows the effect.
 * Invariant: one timer at most, set for the earliest expiry, so that an idle cloud does nothing and a stepped clock is
 * not cut into minutes.
 */
import type { Clock } from '../../core/clock.ts';
import type { HeldStore } from '../service.ts';
import type { Item } from './dynalite-engine.ts';
import type { Change } from './staged-writes.ts';

/** Expired items are collected at most this often. */
const SWEEP_INTERVAL_MS = 60_000;
/** AWS ignores times further back than five years, which catches milliseconds stored as zero and the like. */
const AGE_MAX_SECONDS = 5 * 365 * 24 * 3600;

/** A text, and its place in a map that grows by doubling. */
const ENTRY_BYTES = 60;

export class TimeToLive {
  readonly #clock: Clock;
  /** Deletes the item if it is still expired; takes the table's lock. */
  readonly #expire: (tableName: string, keyString: string) => Promise<void>;
  /** By table, when each item that expires at all does, in seconds, by its key. */
  readonly #tables = new Map<string, { attribute: string; expiring: Map<string, number> }>();
  #cancel: (() => void) | null = null;
  #dueMs = Number.POSITIVE_INFINITY;
  #lastSweepMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(clock: Clock, expire: (tableName: string, keyString: string) => Promise<void>) {
    this.#clock = clock;
    this.#expire = expire;
  }

  async enable(tableName: string, attribute: string, items: AsyncIterable<[string, Item]>): Promise<void> {
    this.#tables.set(tableName, { attribute, expiring: new Map() });
    for await (const [keyString, item] of items) this.#note(tableName, keyString, item);
    this.#schedule();
  }

  disable(tableName: string): void {
    this.#tables.delete(tableName);
  }

  observe(changes: readonly Change[]): void {
    for (const { tableName, keyString, after } of changes) this.#note(tableName, keyString, after);
    this.#schedule();
  }

  held(): HeldStore {
    const keys = [...this.#tables.values()].flatMap(({ expiring }) => [...expiring.keys()]);
    const bytes = keys.reduce((sum, key) => sum + key.length + ENTRY_BYTES, 0);
    return { store: 'tables: when items expire', items: keys.length, bytes, bound: "each item's time to live" };
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  #note(tableName: string, keyString: string, item: Item | null): void {
    const table = this.#tables.get(tableName);
    if (table === undefined) return;
    const expiresAtSeconds = item === null ? null : expiryOf(item, table.attribute);
    if (item === null || expiresAtSeconds === null) table.expiring.delete(keyString);
    else table.expiring.set(keyString, expiresAtSeconds);
    if (expiresAtSeconds !== null) this.#dueMs = Math.min(this.#dueMs, expiresAtSeconds * 1000);
  }

  #schedule(): void {
    if (this.#closed || this.#cancel !== null || this.#dueMs === Number.POSITIVE_INFINITY) return;
    // Heartbeats push their expiry on before it comes, so the timer is left alone until it fires.
    const atMs = Math.max(this.#dueMs, this.#lastSweepMs + SWEEP_INTERVAL_MS);
    this.#cancel = this.#clock.setTimer(Math.min(atMs - this.#clock.nowMs(), 0x7fff_ffff), () => void this.#sweep());
  }

  async #sweep(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    this.#lastSweepMs = nowMs;
    let nextMs = Number.POSITIVE_INFINITY;
    const expired: [string, string][] = [];
    for (const [tableName, { expiring }] of this.#tables) {
      for (const [keyString, expiresAtSeconds] of expiring) {
        if (expiresAtSeconds * 1000 > nowMs) nextMs = Math.min(nextMs, expiresAtSeconds * 1000);
        else if (expiresAtSeconds > nowMs / 1000 - AGE_MAX_SECONDS) expired.push([tableName, keyString]);
      }
    }
    this.#dueMs = nextMs;
    for (const [tableName, keyString] of expired) {
      if (this.#closed) return;
      await this.#expire(tableName, keyString).catch((error: unknown) => {
        process.stderr.write(`kvs-infer local cloud: TTL of ${tableName} failed: ${String(error)}\n`);
      });
    }
    this.#cancel = null;
    this.#schedule();
  }
}

/** @returns seconds since the epoch, or null when the attribute is absent or no number: such items never expire. */
export function expiryOf(item: Item, attribute: string): number | null {
  const value = item[attribute]?.N;
  const seconds = typeof value === 'string' ? Number(value) : Number.NaN;
  return Number.isFinite(seconds) ? seconds : null;
}
