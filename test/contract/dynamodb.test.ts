/** The DynamoDB calls that the product makes, with the real client. moto answers all but transactions under contention. */
import {
  type AttributeValue,
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  CreateTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  GetItemCommand,
  ListTablesCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateContinuousBackupsCommand,
  UpdateItemCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { beforeAll, expect, it } from 'vitest';
import { clientOptions, describeContract, region } from './targets.ts';

const TableName = 'contract';
const state = (id: string) => ({ fleet: { S: 'default' }, cameraId: { S: id } });

describeContract('DynamoDB', (target) => {
  let dynamo: DynamoDBClient;
  let streamArn = '';

  beforeAll(async () => {
    dynamo = new DynamoDBClient(clientOptions(target()));
    const { TableDescription } = await dynamo.send(
      new CreateTableCommand({
        TableName,
        AttributeDefinitions: [
          { AttributeName: 'fleet', AttributeType: 'S' },
          { AttributeName: 'cameraId', AttributeType: 'S' },
        ],
        KeySchema: [
          { AttributeName: 'fleet', KeyType: 'HASH' },
          { AttributeName: 'cameraId', KeyType: 'RANGE' },
        ],
        BillingMode: 'PAY_PER_REQUEST',
        StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
      }),
    );
    streamArn = TableDescription?.LatestStreamArn ?? '';
  });

  it('describes the table with its stream', async () => {
    const { Table } = await dynamo.send(new DescribeTableCommand({ TableName }));
    expect(Table).toMatchObject({
      TableStatus: 'ACTIVE',
      BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
      LatestStreamArn: streamArn,
    });
    expect((await dynamo.send(new ListTablesCommand({}))).TableNames).toEqual([TableName]);
    expect(streamArn).toMatch(/^arn:aws:dynamodb:us-east-1:123456789012:table\/contract\/stream\//);
  });

  it('compares maps and lists by content, whatever the order of the keys', async () => {
    const detect = { M: { model: { S: 'default' }, classes: { L: [{ S: 'car' }] } } };
    await dynamo.send(new PutItemCommand({ TableName, Item: { ...state('documents'), detect } }));
    const put = (condition: string, given: AttributeValue) =>
      dynamo.send(
        new PutItemCommand({
          ...{ TableName, Item: { ...state('documents'), detect }, ConditionExpression: condition },
          ExpressionAttributeNames: { '#d': 'detect' },
          ExpressionAttributeValues: { ':d': given },
        }),
      );
    const turned = { M: { classes: { L: [{ S: 'car' }] }, model: { S: 'default' } } };
    const other = { M: { model: { S: 'default' }, classes: { L: [{ S: 'bus' }] } } };
    await put('#d = :d AND attribute_exists(cameraId)', turned);
    await put('NOT #d = :d OR attribute_not_exists(cameraId)', other);
    await put('#d.classes <> :d', { L: [{ S: 'bus' }] });
    await expect(put('#d = :d', other)).rejects.toThrow(ConditionalCheckFailedException);
    await expect(put('#d <> :d', turned)).rejects.toThrow(ConditionalCheckFailedException);
    await expect(put('#d.model = :d', turned)).rejects.toThrow(ConditionalCheckFailedException);
  });

  it('updates under a condition and answers with the new item', async () => {
    const heartbeat = await dynamo.send(
      new UpdateItemCommand({
        TableName,
        Key: state('heartbeat'),
        UpdateExpression: 'SET heartbeatAtMs = :now, running = :running ADD beats :one',
        ExpressionAttributeValues: { ':now': { N: '1' }, ':running': { M: {} }, ':one': { N: '1' } },
        ReturnValues: 'ALL_NEW',
      }),
    );
    expect(heartbeat.Attributes).toEqual({
      ...state('heartbeat'),
      heartbeatAtMs: { N: '1' },
      running: { M: {} },
      beats: { N: '1' },
    });
  });

  it('refuses a failed condition and gives back the item that was found', async () => {
    const owned = { ...state('owned'), ownerWorkerId: { S: 'w1' }, epoch: { N: '3' } };
    await dynamo.send(new PutItemCommand({ TableName, Item: owned }));
    const takeOver = new UpdateItemCommand({
      TableName,
      Key: state('owned'),
      UpdateExpression: 'SET epoch = :next',
      ConditionExpression: 'ownerWorkerId = :me AND epoch = :mine',
      ExpressionAttributeValues: { ':me': { S: 'w2' }, ':mine': { N: '3' }, ':next': { N: '4' } },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
    const refused = await dynamo.send(takeOver).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ConditionalCheckFailedException);
    expect((refused as ConditionalCheckFailedException).Item).toEqual(owned);
    const twice = dynamo.send(
      new PutItemCommand({ TableName, Item: state('owned'), ConditionExpression: 'attribute_not_exists(cameraId)' }),
    );
    await expect(twice).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
  });

  it('writes batches, and reads them back in pages in key order', async () => {
    const ids = Array.from({ length: 25 }, (_, index) => `page-${String(index).padStart(2, '0')}`);
    await dynamo.send(
      new BatchWriteItemCommand({
        RequestItems: { [TableName]: ids.map((id) => ({ PutRequest: { Item: state(id) } })) },
      }),
    );
    const query = {
      TableName,
      KeyConditionExpression: 'fleet = :fleet AND begins_with(cameraId, :prefix)',
      ExpressionAttributeValues: { ':fleet': { S: 'default' }, ':prefix': { S: 'page-' } },
    };
    const first = await dynamo.send(new QueryCommand({ ...query, Limit: 20 }));
    const second = await dynamo.send(
      new QueryCommand({ ...query, ...(first.LastEvaluatedKey ? { ExclusiveStartKey: first.LastEvaluatedKey } : {}) }),
    );
    expect([...(first.Items ?? []), ...(second.Items ?? [])].map((item) => item.cameraId?.S)).toEqual(ids);
    const scan = await dynamo.send(
      new ScanCommand({
        TableName,
        FilterExpression: 'begins_with(cameraId, :prefix)',
        ExpressionAttributeValues: { ':prefix': { S: 'page-' } },
        Select: 'COUNT',
      }),
    );
    expect(scan.Count).toBe(25);
  });

  it('does a transaction whole or not at all, and says which part failed', async () => {
    const put = (id: string, condition?: string) => ({
      Put: { TableName, Item: state(id), ...(condition === undefined ? {} : { ConditionExpression: condition }) },
    });
    await dynamo.send(new TransactWriteItemsCommand({ TransactItems: [put('both-1'), put('both-2')] }));
    const refused = await dynamo
      .send(
        new TransactWriteItemsCommand({
          TransactItems: [put('both-3'), put('both-1', 'attribute_not_exists(cameraId)')],
        }),
      )
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(TransactionCanceledException);
    const reasons = (refused as TransactionCanceledException).CancellationReasons ?? [];
    expect(reasons.map(({ Code }) => Code)).toEqual(['None', 'ConditionalCheckFailed']);
    expect((await dynamo.send(new GetItemCommand({ TableName, Key: state('both-2') }))).Item).toBeDefined();
    expect((await dynamo.send(new GetItemCommand({ TableName, Key: state('both-3') }))).Item).toBeUndefined();
  });

  it('keeps TTL and point-in-time-recovery settings', async () => {
    await dynamo.send(
      new UpdateTimeToLiveCommand({
        TableName,
        TimeToLiveSpecification: { Enabled: true, AttributeName: 'expiresAt' },
      }),
    );
    const { TimeToLiveDescription } = await dynamo.send(new DescribeTimeToLiveCommand({ TableName }));
    expect(TimeToLiveDescription).toEqual({ TimeToLiveStatus: 'ENABLED', AttributeName: 'expiresAt' });
    await dynamo.send(
      new UpdateContinuousBackupsCommand({
        TableName,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      }),
    );
    const backups = await dynamo.send(new DescribeContinuousBackupsCommand({ TableName }));
    expect(backups.ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus).toBe(
      'ENABLED',
    );
  });

  it('streams the changes of an item in order to a reader outside', async () => {
    const latest = await iterator('LATEST');
    const row = state('streamed');
    await dynamo.send(new PutItemCommand({ TableName, Item: { ...row, v: { S: 'a' } } }));
    await dynamo.send(new PutItemCommand({ TableName, Item: { ...row, v: { S: 'b' } } }));
    const { Records } = (await streams('GetRecords', { ShardIterator: latest })) as {
      Records: { eventName: string; dynamodb: Record<string, unknown> }[];
    };
    expect(Records.map(({ eventName }) => eventName)).toEqual(['INSERT', 'MODIFY']);
    expect(Records[1]?.dynamodb).toMatchObject({
      Keys: row,
      OldImage: { ...row, v: { S: 'a' } },
      NewImage: { ...row, v: { S: 'b' } },
      StreamViewType: 'NEW_AND_OLD_IMAGES',
    });
  });

  /** There is no Streams client among our packages: the calls are plain JSON. */
  async function streams(operation: string, input: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(target().endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `DynamoDBStreams_20120810.${operation}`,
        authorization: `AWS4-HMAC-SHA256 Credential=local/20261123/${region}/dynamodb/aws4_request, SignedHeaders=host, Signature=0`,
      },
      body: JSON.stringify(input),
    });
    const output = (await response.json()) as Record<string, unknown>;
    expect([response.status, output.__type]).toEqual([200, undefined]);
    return output;
  }

  async function iterator(type: string): Promise<unknown> {
    const { StreamDescription } = (await streams('DescribeStream', { StreamArn: streamArn })) as {
      StreamDescription: { Shards: { ShardId: string }[] };
    };
    const ShardId = StreamDescription.Shards.at(-1)?.ShardId;
    return (await streams('GetShardIterator', { StreamArn: streamArn, ShardId, ShardIteratorType: type }))
      .ShardIterator;
  }
});
