/**
 * A write that has not happened yet: dynalite's actions run against it, it remembers what they would store, and the
 * service commits all of it in one batch. It also yields each item's image before and after, which streams, TTL and
 * ALL_OLD need, without reading anything twice.
 * Invariant: the caller holds the lock of every table that it stages writes for, until commit or drop.
 */
import type { DynaliteEngine, Input, Item, Output, Store, StoreOperation } from './dynalite-engine.ts';

export type Change = { tableName: string; keyString: string; before: Item | null; after: Item | null };

type Callback = (error: unknown, value?: unknown) => void;

export class StagedWrites {
  readonly operations: StoreOperation[] = [];
  readonly changes: Change[] = [];
  /** The item that the last call found before it changed or refused anything. */
  lastRead: Item | null = null;
  readonly #engine: DynaliteEngine;
  readonly #store: Store;
  readonly #staged = new Map<string, unknown>();
  readonly #read = new Map<string, Item | null>();

  constructor(engine: DynaliteEngine) {
    this.#engine = engine;
    this.#store = engine.staged({
      getItemDb: (tableName) => this.#itemDb(tableName),
      getIndexDb: (indexType, tableName, indexName) =>
        this.#indexDb(`index-${indexType.toLowerCase()}~${tableName}~${indexName}~`),
    });
  }

  run(operation: string, input: Input): Promise<Output> {
    this.lastRead = null;
    return this.#engine.run(operation, input, this.#store);
  }

  #itemDb(tableName: string) {
    const prefix = `item-${tableName}~`;
    return {
      // The table's lock is held, so dynalite's lock per item has nothing to wait for.
      lock: (_key: string, run: (release: (callback: Callback) => Callback) => void) => run((callback) => callback),
      get: (key: string, callback: Callback) => {
        const storeKey = prefix + key;
        const answer = (error: unknown, value?: unknown) => {
          this.lastRead = (value as Item | undefined) ?? null;
          this.#read.set(storeKey, this.lastRead);
          callback(error, value);
        };
        if (this.#staged.has(storeKey)) answer(null, this.#staged.get(storeKey));
        else this.#engine.store.db.get(storeKey, answer);
      },
      put: (key: string, item: Item, callback: Callback) => {
        this.#change(tableName, prefix, key, item);
        callback(null);
      },
      del: (key: string, callback: Callback) => {
        this.#change(tableName, prefix, key, null);
        callback(null);
      },
    };
  }

  #change(tableName: string, prefix: string, key: string, after: Item | null): void {
    // Every action reads its item before it writes it; batches interleave, hence a map and not the last one.
    const before = this.#read.get(prefix + key) ?? null;
    this.#stage(prefix + key, after);
    this.changes.push({ tableName, keyString: key, before, after });
  }

  #indexDb(prefix: string) {
    return {
      put: (key: string, item: Item, callback: Callback) => {
        this.#stage(prefix + key, item);
        callback(null);
      },
      del: (key: string, callback: Callback) => {
        this.#stage(prefix + key, null);
        callback(null);
      },
    };
  }

  #stage(storeKey: string, value: Item | null): void {
    this.#staged.set(storeKey, value ?? undefined);
    this.operations.push(value === null ? { type: 'del', key: storeKey } : { type: 'put', key: storeKey, value });
  }
}
