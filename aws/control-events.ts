/**
 * What the control loop tells the account's event bus, for operators and their pagers: so far, that a model was taken back.
 * Invariant: nothing of ours waits for these events; one that was refused is an error to the caller and changes nothing.
 */
import { PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { ModelRolloutState } from '../core/control/model-rollout.ts';
import { KvsInferError } from '../core/errors.ts';
import type { ResourceNames } from '../core/names.ts';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';

/** `stage` tells stages of one account apart: they share the bus. */
export type RevertedModel = { stage: string; fleet: string; traceId?: string | undefined };

/** @throws KvsInferError AWS_* */
export async function putModelReverted(
  clients: AwsClients,
  { controlEventSource, tables }: Pick<ResourceNames, 'controlEventSource' | 'tables'>,
  where: RevertedModel,
  { version, former, fault, reason, sinceMs }: ModelRolloutState,
): Promise<void> {
  const at = new Date(sinceMs).toISOString();
  const answer = await awsCall('put the event "Model Reverted"', () =>
    clients.eventBridge.send(
      new PutEventsCommand({
        Entries: [
          {
            Source: controlEventSource,
            DetailType: 'Model Reverted',
            Resources: [tables.fleets],
            Detail: JSON.stringify({ ...where, version, former, fault, reason, at }),
          },
        ],
      }),
    ),
  );
  if ((answer.FailedEntryCount ?? 0) === 0) return;
  const said = answer.Entries?.[0]?.ErrorMessage ?? 'no reason';
  throw new KvsInferError('AWS_FAILED', `the event "Model Reverted" was refused: ${said}`, {
    hint: 'the alarm and the decision tell of it too',
  });
}
