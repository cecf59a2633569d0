/**
 * Events that the parts of a stage send to its control loop over the default bus. Invariant: an event only makes the loop
 * quick; what is lost here the minute finds.
 */
import { PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { KvsInferError } from '../core/errors.ts';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';

/** @param stageTable names the stage: stages of one account share the bus. */
export async function putOwnEvent(
  clients: AwsClients,
  { source, stageTable }: { source: string; stageTable: string },
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
    hint: 'the minute tick of the control loop makes up for it',
    retryable: true,
  });
}
