/** Whatever a client sends, the answer is an AWS error: dynalite runs in this process, so its surprises would be ours. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { AwsError } from '../http/aws-error.ts';
import { Faults } from '../service.ts';
import { createDynamoService } from './service.ts';

const values = [
  ...['', 'x', 7, true, null, {}, [], { S: 'x' }, { N: '1' }, { N: 'z' }, { N: '1e999' }, { L: [{}] }, { L: [null] }],
  ...[{ M: { a: { S: 1 } } }, { M: { a: null } }, { SS: [] }, { B: '%' }, { NULL: false }, { S: 'x', N: '1' }],
];
const expressions = [
  ...['SET a = :v', 'SET c = :v', 'SET c.d = :v', 'SET c[0] = :v', 'ADD c :v', 'DELETE c :v', 'REMOVE c[999]'],
  ...['SET #n = if_not_exists(c, :v) + :v', 'SET c = list_append(c, :v)', 'a = :v', 'a = :v AND b > :v', '((('],
  ...['begins_with(c, :v)', 'size(c) > :v', 'c IN (:v)', 'attribute_type(c, :v)', 'a BETWEEN :v AND :v', ''],
];
const operations = [
  ...['PutItem', 'UpdateItem', 'DeleteItem', 'GetItem', 'Query', 'Scan', 'BatchWriteItem', 'BatchGetItem'],
  ...['TransactWriteItems', 'TransactGetItems', 'UpdateTimeToLive', 'DescribeTimeToLive', 'UpdateTable'],
  ...['DescribeTable', 'TagResource', 'ListTables', 'ListTagsOfResource', 'UpdateContinuousBackups', 'Unheard'],
];

const value = fc.constantFrom<unknown>(...values);
const attributes = fc.oneof(
  fc.constant({ a: { S: 'x' }, b: { S: 'y' } }),
  fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), value),
);
const expression = fc.oneof(fc.constantFrom(...expressions), fc.string());
const part = fc.record({ TableName: fc.constant('table'), Item: attributes, Key: attributes }, { requiredKeys: [] });
const input = fc.record(
  {
    TableName: fc.oneof({ weight: 8, arbitrary: fc.constant<unknown>('table') }, value),
    ...{ Item: attributes, Key: attributes, ExclusiveStartKey: attributes, AttributeUpdates: attributes },
    ...{ UpdateExpression: expression, ConditionExpression: expression, KeyConditionExpression: expression },
    ...{ FilterExpression: expression, ProjectionExpression: expression, Expected: attributes, Limit: value },
    ExpressionAttributeValues: fc.dictionary(fc.constantFrom(':v', ':w', 'v'), value),
    ExpressionAttributeNames: fc.dictionary(fc.constantFrom('#n', 'n'), value),
    ReturnValues: fc.constantFrom('ALL_NEW', 'ALL_OLD', 'UPDATED_NEW', 'x'),
    TransactItems: fc.oneof(value, fc.array(fc.oneof(value, fc.dictionary(fc.constantFrom('Put', 'Get'), part)))),
    RequestItems: fc.oneof(value, fc.constant({ table: [null] }), fc.constant({ table: [{ PutRequest: null }] })),
    ...{ TimeToLiveSpecification: value, StreamSpecification: value, PointInTimeRecoverySpecification: value },
    ...{ ResourceArn: value, Tags: value },
  },
  { requiredKeys: ['TableName'] },
);

it('answers any input with a result or an AwsError', async () => {
  const dynamo = await createDynamoService({
    clock: systemClock,
    region: 'eu-west-1',
    accountId: '123456789012',
    endpoint: () => '',
    dataFolder: null,
    emit: () => {},
    putMetric: () => {},
    faults: new Faults(),
  });
  await dynamo.call('CreateTable', {
    TableName: 'table',
    AttributeDefinitions: ['a', 'b'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
    KeySchema: [
      { AttributeName: 'a', KeyType: 'HASH' },
      { AttributeName: 'b', KeyType: 'RANGE' },
    ],
    BillingMode: 'PAY_PER_REQUEST',
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
  });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...operations), input, async (operation, request) => {
      const answer = await dynamo.call(operation, request).catch((error: unknown) => error);
      if (answer instanceof Error) expect(answer).toBeInstanceOf(AwsError);
    }),
    { numRuns: 1500 },
  );
  await dynamo.close();
});
