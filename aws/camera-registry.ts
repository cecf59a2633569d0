/**
 * Writes rows into the camera registry on behalf of a person at a command line; the system itself never does.
 * Invariant: a row is stored as it was typed: judging it is the system's work, and the verdict shows beside it.
 */
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';

export async function putCameraRow(clients: AwsClients, table: string, row: Record<string, unknown>): Promise<void> {
  await awsCall(`put camera ${String(row.cameraId)} into ${table}`, () =>
    clients.documents.send(new PutCommand({ TableName: table, Item: row })),
  );
}
