/**
 * Rows of the camera registry on behalf of a person at a command line; the system itself never writes them.
 * Invariant: a row is stored and read as it was typed: judging it is the system's work, and the verdict shows beside it.
 */
import { PutCommand, ScanCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';

export async function putCameraRow(clients: AwsClients, table: string, row: Record<string, unknown>): Promise<void> {
  await awsCall(`put camera ${String(row.cameraId)} into ${table}`, () =>
    clients.documents.send(new PutCommand({ TableName: table, Item: row })),
  );
}

/** Of a row that is there; null takes the override away. */
export async function setCameraOverride(
  clients: AwsClients,
  table: string,
  cameraId: string,
  override: { state: string; until: string } | null,
): Promise<void> {
  await awsCall(`override camera ${cameraId} in ${table}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { cameraId },
        UpdateExpression: override === null ? 'REMOVE #override' : 'SET #override = :override',
        ConditionExpression: 'attribute_exists(cameraId)',
        ExpressionAttributeNames: { '#override': 'override' },
        ...(override === null ? {} : { ExpressionAttributeValues: { ':override': override } }),
      }),
    ),
  );
}

/** A registry of several full fleets: 2,000 rows of a few KB each are ten pages of 1 MB. */
const pagesMax = 500;

/** @returns every row as typed, of all fleets, in no particular order. */
export async function listCameraRows(clients: AwsClients, table: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  let from: Record<string, unknown> | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const answer = await awsCall(`list the cameras of ${table}`, () =>
      clients.documents.send(
        new ScanCommand({
          TableName: table,
          ConsistentRead: true,
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        }),
      ),
    );
    rows.push(...(answer.Items ?? []));
    from = answer.LastEvaluatedKey;
    if (from === undefined) break;
  }
  return rows;
}
