/**
 * One row of the camera registry, read and replaced as a caller knows it: what the API may do, and no more.
 * Invariant: a row is stored and read as it was typed, and nobody's change is overwritten unseen.
 */
import { DeleteCommand, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { cameraRowSchema } from '../core/camera.ts';
import type { AwsClients } from './clients.ts';
import { awsCall, conditionHeld } from './error-codes.ts';

/** What a row may have. */
const rowAttributes = Object.keys(cameraRowSchema.shape);

/** @returns the row as typed, or null when there is none. */
export async function readCameraRow(
  clients: AwsClients,
  table: string,
  cameraId: string,
): Promise<Record<string, unknown> | null> {
  const answer = await awsCall(`read camera ${cameraId} from ${table}`, () =>
    clients.documents.send(new GetCommand({ TableName: table, Key: { cameraId }, ConsistentRead: true })),
  );
  return answer.Item ?? null;
}

/**
 * Writes a row over the version that the caller knows, or a new one.
 * @param before null: there must be none. @returns false when the stored row is another one.
 */
export function replaceCameraRow(
  clients: AwsClients,
  table: string,
  row: Record<string, unknown>,
  before: Record<string, unknown> | null,
): Promise<boolean> {
  const condition = isStillThis(before, Object.keys(row));
  return conditionHeld(`put camera ${String(row.cameraId)} into ${table}`, () =>
    clients.documents.send(new PutCommand({ TableName: table, Item: row, ...condition })),
  );
}

/** @returns false when the stored row is another one, or gone. */
export function deleteCameraRow(clients: AwsClients, table: string, before: Record<string, unknown>): Promise<boolean> {
  const { cameraId } = before;
  return conditionHeld(`remove camera ${String(cameraId)} from ${table}`, () =>
    clients.documents.send(new DeleteCommand({ TableName: table, Key: { cameraId }, ...isStillThis(before, []) })),
  );
}

/**
 * Rows carry no version: a row is the one that was read when each of its attributes is, and none has come to it.
 * @param further names that are about to be written.
 */
function isStillThis(before: Record<string, unknown> | null, further: readonly string[]) {
  if (before === null) return { ConditionExpression: 'attribute_not_exists(cameraId)' };
  const names: Record<string, string> = {};
  const values: Record<string, unknown> = {};
  const conditions = [...new Set([...Object.keys(before), ...further, ...rowAttributes])].map((name, index) => {
    names[`#a${index}`] = name;
    if (!Object.hasOwn(before, name)) return `attribute_not_exists(#a${index})`;
    values[`:a${index}`] = before[name];
    return `#a${index} = :a${index}`;
  });
  return {
    ConditionExpression: conditions.join(' AND '),
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  };
}
