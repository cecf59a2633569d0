/**
 * What dynalite does not keep about a table: its stream, its TTL attribute, its point-in-time recovery. Stored beside the
 * items; added to every table description that leaves the service.
 * Invariant: a table that was deleted takes its settings and its stream with it.
 */
import { AwsError } from '../http/aws-error.ts';
import type { CloudContext } from '../service.ts';
import type { ChangeStreams, StreamSettings, StreamViewType } from './change-stream.ts';
import type { DynaliteEngine, Input, Output, Table } from './dynalite-engine.ts';

export type TableSettings = {
  stream: (StreamSettings & { label: string; createdAtMs: number }) | null;
  timeToLiveAttribute: string | null;
  pointInTimeRecovery: boolean;
  deletionProtection: boolean;
};

const noSettings: TableSettings = {
  stream: null,
  timeToLiveAttribute: null,
  pointInTimeRecovery: false,
  deletionProtection: false,
};
const keyPrefix = 'kvs-infer-settings~';
const viewTypes: readonly string[] = ['NEW_AND_OLD_IMAGES', 'NEW_IMAGE', 'OLD_IMAGE', 'KEYS_ONLY'];

export class TableSettingsStore {
  readonly #engine: DynaliteEngine;
  readonly #context: CloudContext;
  readonly #streams: ChangeStreams;
  readonly #settings = new Map<string, TableSettings>();

  constructor(engine: DynaliteEngine, context: CloudContext, streams: ChangeStreams) {
    this.#engine = engine;
    this.#context = context;
    this.#streams = streams;
  }

  async restore(): Promise<void> {
    for await (const [key, value] of this.#engine.range(keyPrefix)) {
      this.#settings.set(key.slice(keyPrefix.length), value as TableSettings);
    }
  }

  of(tableName: string): TableSettings {
    return this.#settings.get(tableName) ?? noSettings;
  }

  all(): IterableIterator<[string, TableSettings]> {
    return this.#settings.entries();
  }

  async set(tableName: string, changes: Partial<TableSettings>): Promise<void> {
    const settings = { ...this.of(tableName), ...changes };
    this.#settings.set(tableName, settings);
    await this.#engine.commit([{ type: 'put', key: keyPrefix + tableName, value: settings }]);
  }

  /** CreateTable, UpdateTable and DeleteTable with the members that dynalite does not know. */
  async administer(operation: string, input: Input): Promise<Output> {
    const tableName = String(input.TableName);
    const { StreamSpecification: specification, DeletionProtectionEnabled: protection, ...known } = input;
    const viewType = requestedViewType(specification);
    if (operation === 'DeleteTable') return this.#delete(tableName, input);
    const changesThroughput = ['ProvisionedThroughput', 'BillingMode', 'GlobalSecondaryIndexUpdates'].some(
      (member) => input[member] !== undefined,
    );
    let output: Output;
    if (operation === 'CreateTable' || changesThroughput || (specification === undefined && protection === undefined)) {
      output = await this.#engine.administer(operation, known);
    } else {
      output = { TableDescription: await this.#engine.table(tableName) };
    }
    const table = output.TableDescription as Table;
    if (typeof protection === 'boolean') await this.set(tableName, { deletionProtection: protection });
    if (viewType !== undefined) await this.#setStream(table, viewType);
    return { TableDescription: this.describe(table) };
  }

  /** A table description as AWS gives it. */
  describe(table: Table): Table {
    const { stream, deletionProtection } = this.of(table.TableName);
    return {
      ...table,
      DeletionProtectionEnabled: deletionProtection,
      ...(stream === null
        ? {}
        : {
            StreamSpecification: { StreamEnabled: true, StreamViewType: stream.viewType },
            LatestStreamArn: stream.streamArn,
            LatestStreamLabel: stream.label,
          }),
    };
  }

  async #delete(tableName: string, input: Input): Promise<Output> {
    if (this.of(tableName).deletionProtection) {
      throw new AwsError(
        400,
        'ValidationException',
        `Resource cannot be deleted as it is currently protected: ${tableName}`,
      );
    }
    const output = await this.#engine.administer('DeleteTable', input);
    const { stream } = this.of(tableName);
    if (stream !== null) await this.#streams.drop(stream.streamArn);
    this.#settings.delete(tableName);
    await this.#engine.commit([{ type: 'del', key: keyPrefix + tableName }]);
    return output;
  }

  async #setStream(table: Table, viewType: StreamViewType | null): Promise<void> {
    const { stream } = this.of(table.TableName);
    if (viewType === null) {
      if (stream !== null) await this.#streams.drop(stream.streamArn);
      await this.set(table.TableName, { stream: null });
      return;
    }
    if (stream !== null) throw new AwsError(400, 'ValidationException', 'Table already has an enabled stream.');
    const createdAtMs = this.#context.clock.nowMs();
    const label = new Date(createdAtMs).toISOString().replace('Z', '');
    await this.set(table.TableName, {
      stream: {
        tableName: table.TableName,
        streamArn: `${table.TableArn}/stream/${label}`,
        viewType,
        keySchema: table.KeySchema,
        label,
        createdAtMs,
      },
    });
  }
}

/** @returns undefined when the request says nothing of streams, null when it turns the stream off. */
function requestedViewType(specification: unknown): StreamViewType | null | undefined {
  if (specification === undefined || specification === null) return undefined;
  const { StreamEnabled, StreamViewType } = specification as { StreamEnabled?: boolean; StreamViewType?: string };
  if (StreamEnabled !== true) return null;
  if (StreamViewType === undefined || !viewTypes.includes(StreamViewType)) {
    throw new AwsError(
      400,
      'ValidationException',
      `1 validation error detected: Value '${StreamViewType}' at 'streamSpecification.streamViewType' failed to satisfy constraint: Member must satisfy enum value set: [${viewTypes.join(', ')}]`,
    );
  }
  return StreamViewType as StreamViewType;
}
