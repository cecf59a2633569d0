/**
 * What people typed into a stage, item by item in DynamoDB's own notation, so that a copy of it is the same to the last
 * digit: rows of `cameras`, and of `fleets` the policy and the orders. For backup and restore at a command line.
 * Invariant: an item is written only over what the caller has seen; what the control loop learned is neither read out nor
 * touched.
 */
import { type AttributeValue, PutItemCommand, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { AwsClients } from './clients.ts';
import { awsCall, conditionHeld } from './error-codes.ts';
import { heldOnKnownVersion, isVersionKnown, knownSchemaVersion } from './schema-versions.ts';

export type Item = Record<string, AttributeValue>;
export type RegistryTable = 'cameras' | 'fleets';

export const registryKeys = { cameras: 'cameraId', fleets: 'fleet' } as const;
/** Of a fleet's item, what people write. */
const fleetAttributes = ['policy', 'pause', 'override'] as const;

/** A million rows of a few kB are some thousand pages; more is no registry. */
const pagesMax = 20_000;

/** @returns in order of their keys. */
export async function readRegistryItems(
  clients: AwsClients,
  kind: RegistryTable,
  table: string,
  onRead: (items: number) => void = () => {},
): Promise<Item[]> {
  const items: Item[] = [];
  let from: Item | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const answer = await awsCall(`read ${table}`, () =>
      clients.dynamo.send(
        new ScanCommand({
          TableName: table,
          ConsistentRead: true,
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        }),
      ),
    );
    items.push(...(answer.Items ?? []));
    onRead(items.length);
    from = answer.LastEvaluatedKey;
    if (from === undefined) break;
  }
  const key = registryKeys[kind];
  const typed = kind === 'cameras' ? items : items.map(typedOfFleet).filter((item) => item !== null);
  return typed.sort((a, b) => ((a[key]?.S ?? '') < (b[key]?.S ?? '') ? -1 : 1));
}

/** @returns null for a fleet that nobody gave a policy or an order. */
function typedOfFleet(item: Item): Item | null {
  const typed = fleetAttributes.filter((name) => item[name] !== undefined);
  if (typed.length === 0) return null;
  return Object.fromEntries(['fleet', ...typed].map((name) => [name, item[name] as AttributeValue]));
}

/**
 * @param before as it was seen, null when there was none. Of a fleet, what the item does not name is left as it is.
 * @returns false when it is another one by now.
 * @throws KvsInferError ITEM_VERSION_LATER
 */
export function writeRegistryItem(
  clients: AwsClients,
  kind: RegistryTable,
  table: string,
  item: Item,
  before: Item | null,
): Promise<boolean> {
  return kind === 'cameras'
    ? writeRow(clients, table, item, before)
    : writeFleet(clients, table, item, before ?? { fleet: item.fleet as AttributeValue });
}

function writeRow(clients: AwsClients, table: string, item: Item, before: Item | null): Promise<boolean> {
  const what = `put camera ${item.cameraId?.S} into ${table}`;
  if (before === null) {
    const ConditionExpression = 'attribute_not_exists(cameraId)';
    return conditionHeld(what, () =>
      clients.dynamo.send(new PutItemCommand({ TableName: table, Item: item, ConditionExpression })),
    );
  }
  const condition = asSeen([...new Set([...Object.keys(before), ...Object.keys(item)])], before);
  return conditionHeld(what, () =>
    clients.dynamo.send(new PutItemCommand({ TableName: table, Item: item, ...condition })),
  );
}

function writeFleet(clients: AwsClients, table: string, item: Item, before: Item): Promise<boolean> {
  const names = fleetAttributes.filter((name) => item[name] !== undefined);
  const seen = asSeen(names, before);
  const sets = names.map((_, index) => `#a${index} = :new${index}`);
  return heldOnKnownVersion(`write the policy and orders of fleet ${item.fleet?.S}`, () =>
    clients.dynamo.send(
      new UpdateItemCommand({
        TableName: table,
        Key: { fleet: item.fleet as AttributeValue },
        UpdateExpression: `SET schemaVersion = if_not_exists(schemaVersion, :one), ${sets.join(', ')}`,
        ConditionExpression: `${seen.ConditionExpression} AND ${isVersionKnown}`,
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        ExpressionAttributeNames: seen.ExpressionAttributeNames,
        ExpressionAttributeValues: {
          ':one': { N: '1' },
          ':knownVersion': { N: String(knownSchemaVersion) },
          ...seen.ExpressionAttributeValues,
          ...Object.fromEntries(names.map((name, index) => [`:new${index}`, item[name] as AttributeValue])),
        },
      }),
    ),
  );
}

function asSeen(names: readonly string[], before: Item) {
  const values: Item = {};
  const conditions = names.map((name, index) => {
    const value = before[name];
    if (value === undefined) return `attribute_not_exists(#a${index})`;
    values[`:a${index}`] = value;
    return `#a${index} = :a${index}`;
  });
  return {
    ConditionExpression: conditions.join(' AND '),
    ExpressionAttributeNames: Object.fromEntries(names.map((name, index) => [`#a${index}`, name])),
    ...(Object.keys(values).length === 0 ? {} : { ExpressionAttributeValues: values }),
  };
}
