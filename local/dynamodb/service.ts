/**
 * DynamoDB and DynamoDB Streams of the local cloud: dynalite for items, with streams, transactions, TTL, ALL_OLD on failed
 * conditions and point-in-time-recovery settings added around it.
 * Invariant: writes to one table happen one after the other; a change, its index entries and its stream record are stored
 * in one batch, and subscribers hear of it after that and in that order.
 */
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { AwsError } from '../http/aws-error.ts';
import { refusingDiskFull } from '../http/disk-full.ts';
import { sendJson } from '../http/respond.ts';
import type { CloudContext, HeldStore, LocalRequest, LocalService } from '../service.ts';
import { ChangeStreams, type StreamListener } from './change-stream.ts';
import { DynaliteEngine, type Input, type Item, type Output } from './dynalite-engine.ts';
import { settingsCall } from './settings-api.ts';
import { StagedWrites } from './staged-writes.ts';
import { compareSequence, StreamApi } from './stream-api.ts';
import { TableLocks } from './table-locks.ts';
import { TableSettingsStore } from './table-settings.ts';
import { expiryOf, TimeToLive } from './time-to-live.ts';
import { getResponses, RequestTokens, runTransaction, transactionParts } from './transactions.ts';

export type DynamoService = LocalService & {
  /**
   * Calls `listener` for every stream record of the table, in write order: from now on, or from the first kept record
   * after the sequence number `after` ('' for all that is kept). @returns unsubscribes.
   */
  subscribe(tableName: string, listener: StreamListener, after?: string): () => void;
  /** A DynamoDB call without HTTP, e.g. `call('CreateTable', {…})`, in DynamoDB JSON. @throws AwsError */
  call(operation: string, input: Input): Promise<Output>;
};

export async function createDynamoService(context: CloudContext): Promise<DynamoService> {
  const folder = context.dataFolder === null ? null : join(context.dataFolder, 'dynamodb');
  const service = new Dynamo(await DynaliteEngine.open(folder, context.region, context.accountId), context);
  await service.restore();
  return service;
}

class Dynamo implements DynamoService {
  readonly scopes = ['dynamodb'] as const;
  readonly #engine: DynaliteEngine;
  readonly #context: CloudContext;
  readonly #locks = new TableLocks();
  readonly #streams: ChangeStreams;
  readonly #streamApi: StreamApi;
  readonly #settings: TableSettingsStore;
  readonly #timeToLive: TimeToLive;
  readonly #tokens: RequestTokens;

  constructor(engine: DynaliteEngine, context: CloudContext) {
    this.#engine = engine;
    this.#context = context;
    this.#streams = new ChangeStreams(engine, context);
    this.#settings = new TableSettingsStore(engine, context, this.#streams);
    this.#streamApi = new StreamApi(this.#settings, this.#streams, context);
    this.#tokens = new RequestTokens(context.clock);
    this.#timeToLive = new TimeToLive(context.clock, (tableName, keyString) =>
      this.#expire(tableName, keyString, context),
    );
  }

  async restore(): Promise<void> {
    await this.#settings.restore();
    await this.#streams.restore();
    for (const [tableName, { timeToLiveAttribute }] of this.#settings.all()) {
      if (timeToLiveAttribute !== null) await this.#enableTimeToLive(tableName, timeToLiveAttribute);
    }
  }

  async handle(request: LocalRequest, response: ServerResponse): Promise<void> {
    const target = String(request.message.headers['x-amz-target'] ?? '');
    const contentType = String(request.message.headers['content-type'] ?? 'application/x-amz-json-1.0');
    const input = parse(await request.body());
    const output = target.startsWith('DynamoDBStreams_')
      ? this.#streamApi.run(request.operation, input)
      : await this.#answer(request.operation, input);
    sendJson(response, output, { contentType, withCrc32: true });
  }

  /** Reads succeed on a full disk too, so only writes tell whether there is room. */
  #answer(operation: string, input: Input): Promise<Output> {
    const reads = /^(?:Get|BatchGet|TransactGet|Query|Scan|Describe|List)/.test(operation);
    return reads ? this.call(operation, input) : refusingDiskFull('DynamoDB', () => this.call(operation, input));
  }

  subscribe(tableName: string, listener: StreamListener, after?: string): () => void {
    const { stream } = this.#settings.of(tableName);
    const kept = after === undefined || stream === null ? [] : this.#streams.records(stream.streamArn);
    return this.#streams.subscribe(
      tableName,
      listener,
      kept.filter((record) => compareSequence(record.dynamodb.SequenceNumber, after ?? '') > 0),
    );
  }

  async call(operation: string, input: Input): Promise<Output> {
    const tableName = String(input.TableName ?? '');
    switch (operation) {
      case 'PutItem':
      case 'UpdateItem':
      case 'DeleteItem':
        return this.#write([tableName], (stage) => writeOne(stage, operation, input));
      case 'BatchWriteItem':
        return this.#write(Object.keys((input.RequestItems as object | undefined) ?? {}), (stage) =>
          stage.run(operation, input),
        );
      case 'TransactWriteItems':
        return this.#transactWrite(input);
      case 'TransactGetItems':
        return this.#transactGet(input);
      case 'CreateTable':
      case 'UpdateTable':
      case 'DeleteTable': {
        const output = await this.#locks.hold([tableName], () => this.#settings.administer(operation, input));
        if (operation === 'DeleteTable') this.#timeToLive.disable(tableName);
        return output;
      }
      case 'DescribeTable':
        this.#requireTableName(input);
        return { Table: this.#settings.describe(await this.#engine.table(tableName)) };
      case 'ListTables':
        return this.#listTables(input);
      case 'UpdateTimeToLive':
      case 'DescribeTimeToLive':
      case 'UpdateContinuousBackups':
      case 'DescribeContinuousBackups':
        return this.#locks.hold([tableName], () => this.#setting(operation, tableName, input));
      case 'GetItem':
      case 'Query':
      case 'Scan':
        return this.#read(operation, input);
      default:
        return this.#engine.run(operation, input);
    }
  }

  async held(): Promise<HeldStore[]> {
    return [await this.#engine.held(), this.#timeToLive.held(), this.#streams.held(), this.#tokens.held()];
  }

  async close(): Promise<void> {
    this.#timeToLive.close();
    await this.#engine.close();
  }

  async #read(operation: string, input: Input): Promise<Output> {
    const { limits } = this.#context;
    if (limits === undefined) return this.#engine.run(operation, input);
    const counted = { ReturnConsumedCapacity: 'TOTAL', ...input };
    const { ConsumedCapacity, ...output } = await this.#engine.run(operation, counted);
    const { CapacityUnits = 0 } = (ConsumedCapacity ?? {}) as { CapacityUnits?: number };
    limits.consume(String(input.TableName), partitionAsked(input), 'read', CapacityUnits);
    return input.ReturnConsumedCapacity === undefined ? output : { ...output, ConsumedCapacity };
  }

  /** A unit for each KB of the larger of the item before and after; twice that in a transaction. */
  async #consumeWrites({ changes }: StagedWrites, unitsPerKb: number): Promise<void> {
    const { limits } = this.#context;
    if (limits === undefined) return;
    for (const { tableName, before, after } of changes) {
      const bytes = Math.max(...[before, after].map((item) => (item === null ? 0 : this.#engine.itemSize(item))));
      const { KeySchema } = await this.#engine.table(tableName);
      const partition = JSON.stringify((after ?? before)?.[KeySchema[0]?.AttributeName ?? '']);
      limits.consume(tableName, partition, 'write', Math.max(1, Math.ceil(bytes / 1_024)) * unitsPerKb);
    }
  }

  #write(
    tableNames: string[],
    work: (stage: StagedWrites) => Promise<Output>,
    { byTimeToLive = false, unitsPerKb = 1 } = {},
  ): Promise<Output> {
    return this.#locks.hold(tableNames, async () => {
      const stage = new StagedWrites(this.#engine);
      const output = await work(stage);
      if (!byTimeToLive) await this.#consumeWrites(stage, unitsPerKb);
      const streamOf = (tableName: string) => this.#settings.of(tableName).stream;
      const { records, operations } = this.#streams.prepare(stage.changes, streamOf, byTimeToLive);
      await this.#engine.commit([...stage.operations, ...operations]);
      this.#timeToLive.observe(stage.changes);
      this.#streams.publish(records);
      return output;
    });
  }

  async #transactWrite(input: Input): Promise<Output> {
    const parts = transactionParts(input, ['Put', 'Update', 'Delete', 'ConditionCheck']);
    const token = input.ClientRequestToken;
    return this.#write(
      parts.map((part) => String(part.input.TableName)),
      async (stage) => {
        if (this.#tokens.isRepeat(token, parts)) return {};
        await runTransaction(parts, stage, () => new StagedWrites(this.#engine));
        this.#tokens.remember(token, parts);
        return {};
      },
      { unitsPerKb: 2 },
    );
  }

  async #transactGet(input: Input): Promise<Output> {
    const parts = transactionParts(input, ['Get']);
    const tableNames = parts.map((part) => String(part.input.TableName));
    return this.#locks.hold(tableNames, async () =>
      getResponses(
        await Promise.all(parts.map((part) => this.#engine.run('GetItem', { ...part.input, ConsistentRead: true }))),
      ),
    );
  }

  async #setting(operation: string, tableName: string, input: Input): Promise<Output> {
    this.#requireTableName(input);
    const table = await this.#engine.table(tableName);
    const { output, changes } = settingsCall(operation, input, table, this.#settings.of(tableName));
    if (changes !== null) {
      await this.#settings.set(tableName, changes);
      if (changes.timeToLiveAttribute === null) this.#timeToLive.disable(tableName);
      else if (changes.timeToLiveAttribute !== undefined) {
        await this.#enableTimeToLive(tableName, changes.timeToLiveAttribute);
      }
    }
    return output;
  }

  async #enableTimeToLive(tableName: string, attribute: string): Promise<void> {
    await this.#timeToLive.enable(tableName, attribute, this.#engine.items(tableName));
  }

  async #expire(tableName: string, keyString: string, { clock }: CloudContext): Promise<void> {
    const { KeySchema } = await this.#engine.table(tableName);
    const expired = await this.#engine.item(tableName, keyString);
    if (expired === null) return;
    const Key = Object.fromEntries(KeySchema.map(({ AttributeName }) => [AttributeName, expired[AttributeName]]));
    await this.#write(
      [tableName],
      async (stage) => {
        const attribute = this.#settings.of(tableName).timeToLiveAttribute;
        const { Item: current } = (await stage.run('GetItem', { TableName: tableName, Key })) as { Item?: Item };
        const expiresAtSeconds = current === undefined || attribute === null ? null : expiryOf(current, attribute);
        // It may have been prolonged between the sweep and the lock.
        if (expiresAtSeconds === null || expiresAtSeconds * 1000 > clock.nowMs()) return {};
        return stage.run('DeleteItem', { TableName: tableName, Key });
      },
      { byTimeToLive: true },
    );
  }

  /** Dynalite would walk through every item of every table. */
  async #listTables({ ExclusiveStartTableName, Limit }: Input): Promise<Output> {
    const names = (await this.#engine.tableNames()).filter((name) => name > String(ExclusiveStartTableName ?? ''));
    const page = names.slice(0, typeof Limit === 'number' ? Limit : 100);
    return { TableNames: page, ...(page.length < names.length ? { LastEvaluatedTableName: page.at(-1) } : {}) };
  }

  #requireTableName(input: Input): void {
    if (typeof input.TableName === 'string') return;
    throw new AwsError(
      400,
      'ValidationException',
      "The parameter 'TableName' is required but was not present in the request",
    );
  }
}

/** The value of the partition key, however the read names it. */
function partitionAsked({ Key, ExpressionAttributeValues }: Input): string {
  const [first] = Object.values((Key ?? ExpressionAttributeValues ?? {}) as object);
  return JSON.stringify(first ?? '');
}

async function writeOne(stage: StagedWrites, operation: string, input: Input): Promise<Output> {
  try {
    return await stage.run(operation, input);
  } catch (error) {
    const wantsOld = input.ReturnValuesOnConditionCheckFailure === 'ALL_OLD';
    if (
      wantsOld &&
      stage.lastRead !== null &&
      error instanceof AwsError &&
      error.code === 'ConditionalCheckFailedException'
    ) {
      throw new AwsError(error.status, error.code, error.message, { Item: stage.lastRead });
    }
    throw error;
  }
}

function parse(body: Buffer): Input {
  try {
    const input: unknown = JSON.parse(body.toString() || '{}');
    if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input as Input;
  } catch {
    // Told below.
  }
  throw new AwsError(400, 'SerializationException', 'The request body is not a JSON object.');
}
