/**
 * A person's orders about the versions of models, in the fleet's item. Control alone writes what becomes of them.
 * Invariant: an order replaces the one that was read when it was checked, and no other.
 */
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { ModelRollout } from '../core/control/model-rollout.ts';
import { type RolloutWish, rollbackOrder, rolloutOrder } from '../core/control/rollout-order.ts';
import { KvsInferError } from '../core/errors.ts';
import type { FleetItem } from '../core/fleet-state.ts';
import type { ResourceNames } from '../core/names.ts';
import { readCameraStates } from './camera-states.ts';
import type { AwsClients } from './clients.ts';
import { readFleet } from './fleets.ts';
import { heldOnKnownVersion, isVersionKnown, knownVersionValue } from './schema-versions.ts';

type Tables = ResourceNames['tables'];

/**
 * @returns the order; null when the control loop has not run for such a fleet.
 * @throws KvsInferError MODEL_ROLLOUT_INVALID, MODEL_ROLLOUT_RUNNING, MODEL_ROLLOUT_CHANGED, ITEM_VERSION_LATER
 */
export async function startModelRollout(
  clients: AwsClients,
  tables: Tables,
  fleet: string,
  wish: RolloutWish,
  nowMs: number,
): Promise<ModelRollout | null> {
  const item = await readFleet(clients, tables.fleets, fleet);
  if (!isKnown(item)) return null;
  const cameras = await readCameraStates(clients, tables.cameraStates, fleet);
  return write(clients, tables, item, rolloutOrder(wish, item, cameras, nowMs));
}

/**
 * @returns the order with the word to take it back; null when the control loop has not run for such a fleet.
 * @throws KvsInferError MODEL_ROLLOUT_NONE, MODEL_ROLLOUT_CHANGED, ITEM_VERSION_LATER
 */
export async function takeBackModelRollout(
  clients: AwsClients,
  tables: Tables,
  fleet: string,
  wish: { by: string; reason: string },
  nowMs: number,
): Promise<ModelRollout | null> {
  const item = await readFleet(clients, tables.fleets, fleet);
  if (!isKnown(item)) return null;
  return write(clients, tables, item, rollbackOrder(wish, item, nowMs));
}

/** Every run of the control loop has a decision to remember, its first one too. */
function isKnown({ lastDecisionAtMs, meteredThroughMs }: FleetItem): boolean {
  return lastDecisionAtMs !== undefined || meteredThroughMs !== undefined;
}

async function write(
  clients: AwsClients,
  tables: Tables,
  { fleet, modelRollout }: FleetItem,
  order: ModelRollout,
): Promise<ModelRollout> {
  const replaced = modelRollout?.id;
  const unchanged = replaced === undefined ? 'attribute_not_exists(modelRollout)' : 'modelRollout.id = :replaced';
  const written = await heldOnKnownVersion(`order a model rollout of fleet ${fleet}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: tables.fleets,
        Key: { fleet },
        UpdateExpression: 'SET modelRollout = :order',
        ConditionExpression: `attribute_exists(schemaVersion) AND ${isVersionKnown} AND ${unchanged}`,
        ExpressionAttributeValues: {
          ':order': order,
          ...(replaced === undefined ? {} : { ':replaced': replaced }),
          ...knownVersionValue,
        },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    ),
  );
  if (written) return order;
  throw new KvsInferError('MODEL_ROLLOUT_CHANGED', `fleet ${fleet} was given another rollout meanwhile`, {
    hint: 'look at it with `kvs-infer fleet show`, then order again',
    retryable: true,
  });
}
