/**
 * Dynalite's validation, expressions and storage, called in-process: its own HTTP server knows no streams and no
 * transactions, and a second hop would double the cost of a heartbeat. Writes run against a stage (staged-writes.ts) and
 * reach the store as one batch, so an item, its indexes and its stream record are stored together or not at all.
 * Invariant: nothing here throws anything but AwsError for what a caller did wrong.
 */
import { createRequire } from 'node:module';
import { AwsError } from '../http/aws-error.ts';
import type { HeldStore } from '../service.ts';
import { type ConditionalInput, withDocumentsCompared } from './document-conditions.ts';
import { type Parser, remembering } from './parsed-expressions.ts';

export type AttributeValue = Record<string, unknown>;
export type Item = Record<string, AttributeValue>;
export type Input = Record<string, unknown>;
export type Output = Record<string, unknown>;
export type KeySchema = { AttributeName: string; KeyType: 'HASH' | 'RANGE' }[];
export type Table = { TableName: string; TableArn: string; TableStatus: string; KeySchema: KeySchema } & Record<
  string,
  unknown
>;
export type StoreOperation = { type: 'put'; key: string; value: unknown } | { type: 'del'; key: string };

type Callback<Value> = (error: unknown, value?: Value) => void;
type Level = {
  open(): Promise<void>;
  get(key: string, callback: Callback<unknown>): void;
  batch(operations: StoreOperation[]): Promise<void>;
  iterator(range: { gte: string; lt: string }): AsyncIterable<[string, unknown]>;
  keys(range: object): LevelIterator;
  values(range: object): LevelIterator;
};
type LevelIterator = { close(): Promise<void>; return?: () => Promise<void> };
/** The part of dynalite's store that its actions use; a stage replaces `getItemDb` and `getIndexDb`. */
export type Store = {
  options: { maxItemSize: number };
  db: Level;
  tableDb: { awsAccountId: string; awsRegion: string };
  getTable(name: string, checkStatus: unknown, callback?: Callback<Table>): void;
  getItemDb(name: string): unknown;
  getIndexDb(indexType: string, tableName: string, indexName: string): unknown;
  lifecycleManager: { gracefulClose(): Promise<void> };
};
type Action = (store: Store, input: Input, callback: Callback<Output>) => void;
/** Key and value are two views of two buffers, in a node of a tree. */
const ITEM_OBJECTS_BYTES = 470;
/** A table that has not settled after this many looks is answered as it is: CREATING or DELETING. */
const SETTLING_TURNS_MAX = 1_000;

type Validation = { types: unknown; custom?: unknown };

const require = createRequire(import.meta.url);
ownMemory();
const database = require('dynalite/db') as {
  create(options: Record<string, unknown>): Store;
  itemSize(item: Item): number;
  mapPath(path: readonly unknown[], item: Item): AttributeValue | null | undefined;
  checkConditional(input: ConditionalInput, item: Item | undefined): unknown;
};
const { checkConditional } = database;
// Its actions call it by way of the module.
database.checkConditional = (input, item) =>
  checkConditional(withDocumentsCompared(input, item, database.mapPath), item);
for (const kind of ['condition', 'update', 'projection']) {
  const parser = require(`dynalite/db/${kind}Parser`) as Parser;
  parser.parse = remembering(parser).parse;
}
const validations = require('dynalite/validations') as {
  checkTypes(input: Input, types: unknown): Input;
  checkValidations(input: Input, types: unknown, custom: unknown, store: Store): void;
};

const operations = [
  ...['BatchGetItem', 'BatchWriteItem', 'CreateTable', 'DeleteItem', 'DeleteTable', 'DescribeTable', 'GetItem'],
  ...['ListTables', 'PutItem', 'Query', 'Scan', 'TagResource', 'UntagResource', 'ListTagsOfResource', 'UpdateItem'],
  'UpdateTable',
];
const implementations = new Map<string, { action: Action; validation: Validation }>(
  operations.map((operation) => {
    const file = operation.charAt(0).toLowerCase() + operation.slice(1);
    return [
      operation,
      {
        action: require(`dynalite/actions/${file}`) as Action,
        validation: require(`dynalite/validations/${file}`) as Validation,
      },
    ];
  }),
);

/**
 * The store in memory keeps keys and values as small buffers, which Node cuts from slabs: each that is kept holds its whole slab,
 * up to 64 KiB for some bytes. Its other encoding gives each memory of its own. Dynalite passes no option on.
 */
function ownMemory(): void {
  const ofDynalite = createRequire(require.resolve('dynalite/db'))('memory-level') as {
    MemoryLevel: new (options?: object) => object;
  };
  const Kept = ofDynalite.MemoryLevel;
  ofDynalite.MemoryLevel = class extends Kept {
    constructor(options: object = {}) {
      super({ ...options, storeEncoding: 'view' });
    }
  };
}

export class DynaliteEngine {
  readonly store: Store;
  /** Descriptions of active tables: dynalite would read one from disk for every call. */
  readonly #tables = new Map<string, Table>();
  /** What item calls use: the store with cached descriptions. */
  readonly #cached: Store;

  private constructor(store: Store) {
    this.store = store;
    this.#cached = { ...store, getTable: (name, checkStatus, callback) => this.#getTable(name, checkStatus, callback) };
  }

  /** @param folder where LevelDB keeps its files, or null for memory. */
  static async open(folder: string | null, region: string, accountId: string): Promise<DynaliteEngine> {
    // Tables become active on the next turn of the event loop: waiting for them teaches nobody anything.
    const store = database.create({
      ...(folder === null ? {} : { path: folder }),
      createTableMs: 0,
      deleteTableMs: 0,
      updateTableMs: 0,
    });
    closeIterators(store.db);
    store.tableDb.awsRegion = region;
    store.tableDb.awsAccountId = accountId;
    await store.db.open();
    const engine = new DynaliteEngine(store);
    await engine.#finishInterrupted();
    return engine;
  }

  handles(operation: string): boolean {
    return implementations.has(operation);
  }

  /** Runs a call against the store, or against `store` when it is a stage's. */
  run(operation: string, input: Input, store: Store = this.#cached): Promise<Output> {
    const implementation = implementations.get(operation);
    if (implementation === undefined)
      throw new AwsError(400, 'UnknownOperationException', `${operation} is not known.`);
    return new Promise((resolve, reject) => {
      try {
        implementation.action(store, this.#checked(implementation.validation, input, store), (error, output) =>
          error ? reject(toAwsError(error)) : resolve(output ?? {}),
        );
      } catch (error) {
        reject(toAwsError(error));
      }
    });
  }

  #checked({ types, custom }: Validation, input: Input, store: Store): Input {
    try {
      // checkTypes deletes what it does not know from what it is given.
      const checked = validations.checkTypes({ ...input }, types);
      validations.checkValidations(checked, types, custom, store);
      return checked;
    } catch (error) {
      // Dynalite's validation stumbles over some shapes that it does not expect, such as a null attribute value.
      if (error instanceof TypeError) {
        throw new AwsError(400, 'SerializationException', 'The request has a member of a type that was not expected.');
      }
      throw error;
    }
  }

  /** Calls that create, change or delete tables; they see the uncached descriptions. */
  async administer(operation: string, input: Input): Promise<Output> {
    this.#tables.clear();
    const output = await this.run(operation, input, this.store);
    // Dynalite goes on changing the object that it answered with.
    const answered = structuredClone(output);
    await this.#settled(String(input.TableName));
    this.#tables.clear();
    return answered;
  }

  /** A process that was killed may have left a table on its way to be active or gone; its timer will never fire. */
  async #finishInterrupted(): Promise<void> {
    const operations: StoreOperation[] = [];
    for await (const [key, value] of this.range('table~')) {
      const table = value as Table;
      if (table.TableStatus === 'DELETING') operations.push({ type: 'del', key });
      else if (table.TableStatus !== 'ACTIVE') {
        operations.push({ type: 'put', key, value: { ...table, TableStatus: 'ACTIVE' } });
      }
    }
    await this.commit(operations);
  }

  /** Dynalite activates and removes tables in a timer of 0 ms; an answer that comes after it spares clients a wait. */
  async #settled(tableName: string): Promise<void> {
    for (let turn = 0; turn < SETTLING_TURNS_MAX; turn++) {
      const status = await new Promise<string | undefined>((resolve) =>
        this.store.getTable(tableName, false, (_error, table) => resolve(table?.TableStatus)),
      );
      if (status === undefined || status === 'ACTIVE') return;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** @throws AwsError ResourceNotFoundException */
  table(name: string): Promise<Table> {
    return new Promise((resolve, reject) => {
      this.#getTable(name, false, (error, table) => (error ? reject(toAwsError(error)) : resolve(table as Table)));
    });
  }

  async tableNames(): Promise<string[]> {
    const names: string[] = [];
    for await (const [key] of this.range('table~')) names.push(key.slice('table~'.length));
    return names;
  }

  itemSize(item: Item): number {
    return database.itemSize(item);
  }

  async commit(batch: StoreOperation[]): Promise<void> {
    if (batch.length > 0) await this.store.db.batch(batch);
  }

  range(prefix: string): AsyncIterable<[string, unknown]> {
    return this.store.db.iterator({ gte: prefix, lt: `${prefix}\uffff` });
  }

  /** Items of a table, each with its key as the store writes it: a text without the table's name. */
  async *items(tableName: string): AsyncIterable<[string, Item]> {
    const prefix = `item-${tableName}~`;
    for await (const [key, item] of this.range(prefix)) yield [key.slice(prefix.length), item as Item];
  }

  /** @param key as `items` tells it. @returns null when there is no such item (any more). */
  async item(tableName: string, key: string): Promise<Item | null> {
    const whole = `item-${tableName}~${key}`;
    for await (const [, item] of this.store.db.iterator({ gte: whole, lt: `${whole}\0` })) return item as Item;
    return null;
  }

  async held(): Promise<HeldStore> {
    const held = { store: 'tables: items', items: 0, bytes: 0, bound: "each item's time to live; all without one" };
    for await (const [key, item] of this.range('item-')) {
      held.items += 1;
      held.bytes += key.length + JSON.stringify(item).length + ITEM_OBJECTS_BYTES;
    }
    return held;
  }

  /** The store as a stage sees it: cached descriptions, the stage's own items and indexes. */
  staged(overlay: Pick<Store, 'getItemDb' | 'getIndexDb'>): Store {
    return { ...this.#cached, ...overlay };
  }

  close(): Promise<void> {
    return this.store.lifecycleManager.gracefulClose();
  }

  #getTable(name: string, checkStatus: unknown, callback?: Callback<Table>): void {
    const answer = (callback ?? checkStatus) as Callback<Table>;
    const known = this.#tables.get(name);
    if (known !== undefined) {
      answer(null, known);
      return;
    }
    this.store.getTable(name, callback === undefined ? true : checkStatus, (error, table) => {
      if (table?.TableStatus === 'ACTIVE') this.#tables.set(name, table);
      answer(error, table);
    });
  }
}

/**
 * Dynalite ends an iterator by `return`, which those of abstract-level 3 do not have. Each query left one open, and with it
 * all that the store held at that moment: every version of every item since the start.
 */
function closeIterators(db: Level): void {
  const { keys, values } = db;
  const closedByReturn = (iterator: LevelIterator) => Object.assign(iterator, { return: () => iterator.close() });
  db.keys = (range) => closedByReturn(keys.call(db, range));
  db.values = (range) => closedByReturn(values.call(db, range));
}

function toAwsError(thrown: unknown): unknown {
  const { statusCode, body } = thrown as { statusCode?: number; body?: Record<string, unknown> };
  if (statusCode === undefined || body === undefined) return thrown;
  const { __type, message, Message, ...members } = body;
  const code = String(__type ?? 'ValidationException');
  return new AwsError(statusCode, code.slice(code.indexOf('#') + 1), String(message ?? Message ?? ''), members);
}
