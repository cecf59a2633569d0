/**
 * The turns of runs that can wait some seconds, on the item of their fleet (`core/control/run-spacing.ts`).
 * Invariant: one call at a time has the claim of the next turn; whoever begins a run takes it away (aws/fleets.ts).
 */
import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { type RunState, runSpacingMs } from '../core/control/run-spacing.ts';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';
import { orNullOnCondition } from './fleets.ts';

/** As all that was written before is seen: consistent. */
export async function readRunState(clients: AwsClients, table: string, fleet: string): Promise<RunState> {
  const answer = await awsCall(`read the runs of fleet ${fleet}`, () =>
    clients.documents.send(
      new GetCommand({
        TableName: table,
        Key: { fleet },
        ConsistentRead: true,
        ProjectionExpression: '#lock, dueRun, spacedThroughMs',
        ExpressionAttributeNames: { '#lock': 'lock' },
      }),
    ),
  );
  return (answer.Item ?? {}) as RunState;
}

/** @returns false when somebody else has the claim. */
export async function claimTurn(
  clients: AwsClients,
  table: string,
  fleet: string,
  dueRun: NonNullable<RunState['dueRun']>,
  nowMs: number,
): Promise<boolean> {
  const claimed = await orNullOnCondition(`claim the next run of fleet ${fleet}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { fleet },
        UpdateExpression: 'SET dueRun = :due',
        // One that is long overdue had a holder that died.
        ConditionExpression: 'attribute_not_exists(dueRun) OR dueRun.atMs <= :overdue',
        ExpressionAttributeValues: { ':due': dueRun, ':overdue': nowMs - runSpacingMs },
        ReturnValues: 'ALL_NEW',
      }),
    ),
  );
  return claimed !== null;
}
