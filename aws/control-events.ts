/**
 * What the control loop tells the account's event bus, for operators and their pagers: so far, that a model was taken back.
 * Invariant: nothing of ours waits for these events; one that was refused is an error to the caller and changes nothing.
 */
import type { ModelRolloutState } from '../core/control/model-rollout.ts';
import type { ResourceNames } from '../core/names.ts';
import type { AwsClients } from './clients.ts';
import { putOwnEvent } from './own-events.ts';

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
  const sender = {
    source: controlEventSource,
    stageTable: tables.fleets,
    ifLost: 'the alarm and the decision tell of it too',
  };
  await putOwnEvent(clients, sender, 'Model Reverted', { ...where, version, former, fault, reason, at });
}
