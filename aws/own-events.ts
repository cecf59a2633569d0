/**
 * Events that the parts of a stage put on the account's default bus: workers and functions to the control loop, and the loop
 * to operators. Invariant: an event only makes somebody quick; what is lost here, the minute or an alarm makes up for.
 */
import { PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { KvsInferError } from '../core/errors.ts';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';

/**
 * @param sender `stageTable` names the stage: stages of one account share the bus; `ifLost`: what tells of it all the same.
 * @throws KvsInferError AWS_*
 */
export async function putOwnEvent(
  clients: AwsClients,
  { source, stageTable, ifLost }: { source: string; stageTable: string; ifLost?: string },
  type: string,
  detail: Record<string, unknown>,
): Promise<void> {
  const answer = await awsCall(`put the event "${type}"`, () =>
    clients.eventBridge.send(
      new PutEventsCommand({
        Entries: [{ Source: source, DetailType: type, Resources: [stageTable], Detail: JSON.stringify(detail) }],
      }),
    ),
  );
  if ((answer.FailedEntryCount ?? 0) === 0) return;
  const refusal = answer.Entries?.[0]?.ErrorMessage ?? 'no reason';
  throw new KvsInferError('AWS_FAILED', `the event "${type}" was refused: ${refusal}`, {
    hint: ifLost ?? 'the minute tick of the control loop makes up for it',
    retryable: true,
  });
}
