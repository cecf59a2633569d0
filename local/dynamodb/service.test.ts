import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SteppedClock } from '../clock.ts';
import { type CloudContext, Faults } from '../service.ts';
import type { StreamRecord } from './change-stream.ts';
import type { Input } from './dynalite-engine.ts';
import { createDynamoService, type DynamoService } from './service.ts';

const START_MS = Date.UTC(2026, 10, 23);
let clock: SteppedClock;
let dynamo: DynamoService;

function context(dataFolder: string | null): CloudContext {
  return {
    clock,
    region: 'eu-west-1',
    accountId: '123456789012',
    endpoint: () => '',
    dataFolder,
    emit: () => {},
    putMetric: () => {},
    faults: new Faults(),
  };
}

async function createTable(service: DynamoService, options: Input = {}): Promise<void> {
  await service.call('CreateTable', {
    TableName: 'things',
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    BillingMode: 'PAY_PER_REQUEST',
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    ...options,
  });
}
const put = (id: string, attributes: Input = {}) =>
  dynamo.call('PutItem', { TableName: 'things', Item: { id: { S: id }, ...attributes } });
const add = (id: string, by: number) =>
  dynamo.call('UpdateItem', {
    TableName: 'things',
    Key: { id: { S: id } },
    UpdateExpression: 'ADD n :by',
    ExpressionAttributeValues: { ':by': { N: String(by) } },
    ReturnValues: 'ALL_NEW',
  });
const changes = (): StreamRecord[] => {
  const records: StreamRecord[] = [];
  dynamo.subscribe('things', (record) => records.push(record));
  return records;
};

beforeEach(async () => {
  clock = new SteppedClock(START_MS);
  dynamo = await createDynamoService(context(null));
  await createTable(dynamo);
});
afterEach(() => dynamo.close());

describe('change stream', () => {
  it('tells every change once, in order, with its images, and nothing when nothing changed', async () => {
    const records = changes();
    await put('a', { tags: { SS: ['x', 'y'] } });
    await put('a', { tags: { SS: ['y', 'x'] } });
    await add('a', 2);
    await dynamo.call('DeleteItem', { TableName: 'things', Key: { id: { S: 'a' } } });
    await dynamo.call('DeleteItem', { TableName: 'things', Key: { id: { S: 'a' } } });
    expect(records.map((record) => record.eventName)).toEqual(['INSERT', 'MODIFY', 'REMOVE']);
    expect(records[1]?.dynamodb).toMatchObject({
      Keys: { id: { S: 'a' } },
      OldImage: { id: { S: 'a' } },
      NewImage: { n: { N: '2' } },
      ApproximateCreationDateTime: START_MS / 1000,
    });
    expect(records[0]?.dynamodb.OldImage).toBeUndefined();
    expect(records[2]?.dynamodb.NewImage).toBeUndefined();
  });

  it('keeps write order and loses no update when many write at once', async () => {
    const records = changes();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 40 }), async (ids) => {
        records.length = 0;
        const before = await Promise.all(['a', 'b', 'c'].map((id) => add(id, 0)));
        records.length = 0;
        await Promise.all(ids.map((id) => add(id, 1)));
        const numbers = records.map((record) => record.dynamodb.SequenceNumber);
        expect(numbers).toEqual([...numbers].sort());
        expect(records).toHaveLength(ids.length);
        for (const [index, id] of ['a', 'b', 'c'].entries()) {
          const { n } = (before[index]?.Attributes ?? {}) as { n?: { N: string } };
          const first = Number(n?.N);
          const values = records
            .filter((record) => record.dynamodb.Keys.id?.S === id)
            .map((record) => Number(record.dynamodb.NewImage?.n?.N));
          expect(values).toEqual(values.map((_, position) => first + position + 1));
        }
      }),
      { numRuns: 15 },
    );
  });

  it('goes on for the others when one subscriber throws', async () => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    dynamo.subscribe('things', () => {
      throw new Error('broken subscriber');
    });
    const records = changes();
    await put('a');
    expect(records).toHaveLength(1);
    expect(stderr.mock.calls.flat().join('')).toContain('broken subscriber');
    stderr.mockRestore();
  });
});

describe('transactions', () => {
  const both = (condition: string) =>
    dynamo.call('TransactWriteItems', {
      TransactItems: [
        { Put: { TableName: 'things', Item: { id: { S: 'new' } } } },
        {
          Update: {
            TableName: 'things',
            Key: { id: { S: 'old' } },
            UpdateExpression: 'SET v = :v',
            ConditionExpression: condition,
            ExpressionAttributeValues: { ':v': { S: '1' } },
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          },
        },
      ],
    });

  it('does all or nothing and says which condition failed', async () => {
    await put('old', { w: { S: 'w' } });
    const records = changes();
    await expect(both('attribute_exists(absent)')).rejects.toMatchObject({
      code: 'TransactionCanceledException',
      members: {
        CancellationReasons: [
          { Code: 'None' },
          { Code: 'ConditionalCheckFailed', Item: { id: { S: 'old' }, w: { S: 'w' } } },
        ],
      },
    });
    expect(records).toEqual([]);
    await both('attribute_exists(w)');
    expect(records.map((record) => record.dynamodb.Keys.id?.S)).toEqual(['new', 'old']);
  });

  it('checks conditions without writing, refuses two writes of one item, and repeats a token once', async () => {
    await put('old');
    const check = { TableName: 'things', Key: { id: { S: 'old' } }, ConditionExpression: 'attribute_exists(id)' };
    const write = { Put: { TableName: 'things', Item: { id: { S: 'x' } } } };
    await dynamo.call('TransactWriteItems', { TransactItems: [{ ConditionCheck: check }, write] });
    expect(await dynamo.call('GetItem', { TableName: 'things', Key: { id: { S: 'old' } } })).toHaveProperty('Item');
    await expect(dynamo.call('TransactWriteItems', { TransactItems: [write, write] })).rejects.toMatchObject({
      code: 'ValidationException',
    });
    const counting = {
      ClientRequestToken: 'once',
      TransactItems: [
        {
          Update: {
            TableName: 'things',
            Key: { id: { S: 'count' } },
            UpdateExpression: 'ADD n :one',
            ExpressionAttributeValues: { ':one': { N: '1' } },
          },
        },
      ],
    };
    await dynamo.call('TransactWriteItems', structuredClone(counting));
    await dynamo.call('TransactWriteItems', structuredClone(counting));
    const { Responses } = await dynamo.call('TransactGetItems', {
      TransactItems: [{ Get: { TableName: 'things', Key: { id: { S: 'count' } } } }],
    });
    expect(Responses).toEqual([{ Item: { id: { S: 'count' }, n: { N: '1' } } }]);
  });
});

describe('TTL', () => {
  it('deletes expired items on the clock of the cloud, and leaves what was prolonged', async () => {
    const removed = Promise.withResolvers<StreamRecord>();
    await dynamo.call('UpdateTimeToLive', {
      TableName: 'things',
      TimeToLiveSpecification: { Enabled: true, AttributeName: 'expiresAt' },
    });
    const inMinutes = (minutes: number) => ({ expiresAt: { N: String(START_MS / 1000 + minutes * 60) } });
    await put('short', inMinutes(10));
    await put('prolonged', inMinutes(10));
    await put('prolonged', inMinutes(30));
    await put('eternal', { expiresAt: { S: 'never' } });
    dynamo.subscribe('things', (record) => removed.resolve(record));
    await clock.step(15 * 60_000, async () => {});
    const record = await removed.promise;
    expect(record.eventName).toBe('REMOVE');
    expect(record.userIdentity).toEqual({ type: 'Service', principalId: 'dynamodb.amazonaws.com' });
    expect(record.dynamodb.Keys).toEqual({ id: { S: 'short' } });
    expect((await dynamo.call('Scan', { TableName: 'things' })).Count).toBe(2);
  });
});

describe('limits and state', () => {
  it('refuses items over 400 KB', async () => {
    await expect(put('big', { blob: { S: 'x'.repeat(400 * 1024) } })).rejects.toMatchObject({
      code: 'ValidationException',
    });
  });

  it('keeps 24 hours and 16 MiB of changes of a table, and ten minutes of transaction tokens', async () => {
    const kept = async () => Object.fromEntries(((await dynamo.held?.()) ?? []).map((held) => [held.store, held]));
    for (let version = 0; version < 40; version += 1) await put('big', { blob: { S: `${version}`.repeat(150_000) } });
    const { 'tables: stream records': records } = await kept();
    // One more record than fits: room is made before it comes.
    expect(records?.bytes).toBeLessThanOrEqual(17 * 1024 * 1024);
    expect(records?.items).toBeGreaterThan(20);
    for (const [index, minutes] of [0, 2, 8, 24 * 60 + 1].entries()) {
      await clock.step(minutes * 60_000, async () => {});
      const Put = { TableName: 'things', Item: { id: { S: `small-${index}` } } };
      await dynamo.call('TransactWriteItems', { TransactItems: [{ Put }], ClientRequestToken: `token-${index}` });
    }
    expect(await kept()).toMatchObject({
      'tables: stream records': { items: 1 },
      'tables: transaction tokens': { items: 1 },
    });
  });

  it('keeps items, settings and stream records over a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kvs-infer-dynamodb-'));
    const first = await createDynamoService(context(folder));
    await createTable(first);
    await first.call('PutItem', { TableName: 'things', Item: { id: { S: 'kept' } } });
    const described = (await first.call('DescribeTable', { TableName: 'things' })).Table as { LatestStreamArn: string };
    await first.close();

    const second = await createDynamoService(context(folder));
    const table = (await second.call('DescribeTable', { TableName: 'things' })).Table as { LatestStreamArn: string };
    expect(table.LatestStreamArn).toBe(described.LatestStreamArn);
    const records: StreamRecord[] = [];
    second.subscribe('things', (record) => records.push(record));
    await second.call('DeleteItem', { TableName: 'things', Key: { id: { S: 'kept' } } });
    expect(records[0]?.dynamodb.OldImage).toEqual({ id: { S: 'kept' } });
    expect(records[0]?.dynamodb.SequenceNumber.slice(-1)).toBe('2');
    const replayed: string[] = [];
    second.subscribe('things', (record) => replayed.push(record.eventName), '');
    expect(replayed).toEqual(['INSERT', 'REMOVE']);
    await second.close();
    await rm(folder, { recursive: true });
  });
});
