/**
 * The `ledger` table: seconds are added, never set, so that entries of the same hour from several runs sum up.
 * Invariant: one update per camera and hour, and every cause of blindness is an attribute of its own.
 */
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { LedgerEntry } from '../core/control/ledger.ts';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';

/** Blind seconds of one cause are the attribute `blind_<cause>`: ADD works on top-level numbers alone. */
export const blindPrefix = 'blind_';

export async function addToLedger(clients: AwsClients, table: string, entry: LedgerEntry): Promise<void> {
  const amounts: Record<string, number> = {
    scheduledSeconds: entry.scheduledSeconds,
    inferredSeconds: entry.inferredSeconds,
  };
  for (const [cause, seconds] of Object.entries(entry.blindSeconds)) amounts[`${blindPrefix}${cause}`] = seconds;
  const names = Object.keys(amounts);
  await awsCall(`add to the ledger of camera ${entry.cameraId}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { cameraId: entry.cameraId, hour: entry.hour },
        UpdateExpression: `ADD ${names.map((_, index) => `#a${index} :a${index}`).join(', ')}`,
        ExpressionAttributeNames: Object.fromEntries(names.map((name, index) => [`#a${index}`, name])),
        ExpressionAttributeValues: Object.fromEntries(names.map((name, index) => [`:a${index}`, amounts[name]])),
      }),
    ),
  );
}
