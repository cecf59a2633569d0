/**
 * The `camera-states` table in domain words: states, the verdict on a row (camera-changed), and departures. What reconcile
 * decided is written in camera-changes.ts.
 * Invariant: a verdict is written only by a newer row version than the one that is stored.
 */
import { DeleteCommand, GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { Camera, Issue } from '../core/camera.ts';
import { firstPhase } from '../core/control/first-phase.ts';
import type { HeldItem } from '../core/control/observation.ts';
import type { CameraState } from '../core/fleet-state.ts';
import type { AwsClients } from './clients.ts';
import { awsCall, conditionHeld } from './error-codes.ts';
import { queryAll } from './query-pages.ts';
import {
  byReadability,
  heldOnKnownVersion,
  isReadable,
  isVersionKnown,
  knownVersionValue,
  refuseLaterVersion,
} from './schema-versions.ts';

/** Sequence numbers of DynamoDB streams have up to 40 digits; padded, they compare as text. */
const sequenceDigits = 40;

export function comparableSequence(sequenceNumber: string): string {
  return sequenceNumber.padStart(sequenceDigits, '0');
}

export async function readCameraStates(clients: AwsClients, table: string, fleet: string): Promise<CameraState[]> {
  return (await readAllCameraStates(clients, table, fleet)).states;
}

/** `held`: states of a later version. */
export async function readAllCameraStates(
  clients: AwsClients,
  table: string,
  fleet: string,
): Promise<{ states: CameraState[]; held: HeldItem[] }> {
  const items = await queryAll(clients, table, { name: 'fleet', value: fleet }, `read the cameras of fleet ${fleet}`);
  const { readable, held } = byReadability(items);
  return {
    states: readable as CameraState[],
    held: held.map(({ cameraId, schemaVersion }) => ({ id: String(cameraId), version: String(schemaVersion) })),
  };
}

/** A fleet's states are some MB; the filter spares the way here, not the reading. */
const phasePagesMax = 20;

/** Cameras whose present phase began after `fromMs`, in the order of their ids; the answer may be some seconds old. */
export async function readPhaseChanges(
  clients: AwsClients,
  table: string,
  fleet: string,
  fromMs: number,
): Promise<Pick<CameraState, 'fleet' | 'cameraId' | 'phase' | 'phaseReason' | 'phaseSinceMs'>[]> {
  const changes: Record<string, unknown>[] = [];
  let from: Record<string, unknown> | undefined;
  for (let page = 0; page < phasePagesMax; page += 1) {
    const answer = await awsCall(`read the phases of fleet ${fleet}`, () =>
      clients.documents.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'fleet = :fleet',
          FilterExpression: 'phaseSinceMs > :from',
          ProjectionExpression: 'fleet, cameraId, schemaVersion, phase, phaseReason, phaseSinceMs',
          ExpressionAttributeValues: { ':fleet': fleet, ':from': fromMs },
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        }),
      ),
    );
    for (const { schemaVersion, ...change } of answer.Items ?? [])
      if (isReadable({ schemaVersion })) changes.push(change);
    from = answer.LastEvaluatedKey;
    if (from === undefined) break;
  }
  return changes as Pick<CameraState, 'fleet' | 'cameraId' | 'phase' | 'phaseReason' | 'phaseSinceMs'>[];
}

/** @throws KvsInferError ITEM_VERSION_LATER */
export async function readCameraState(
  clients: AwsClients,
  table: string,
  fleet: string,
  cameraId: string,
): Promise<CameraState | null> {
  const answer = await awsCall(`read the state of camera ${cameraId}`, () =>
    clients.documents.send(new GetCommand({ TableName: table, Key: { fleet, cameraId }, ConsistentRead: true })),
  );
  refuseLaterVersion(`the state of camera ${cameraId}`, answer.Item ?? {});
  return (answer.Item as CameraState | undefined) ?? null;
}

export type Verdict = {
  fleet: string;
  cameraId: string;
  camera: Camera | null;
  issues: Issue[];
  sequenceNumber: string;
  /** Of the change that it is of. */
  rowTraceId?: string;
};

/**
 * @param toFleet the row now names this fleet: the state stays with its present one until its owner lets go.
 * @returns false when this or a newer row version had its verdict already; with `toFleet` also when the state is gone from
 * its present fleet, where it must not come to life again.
 * @throws KvsInferError ITEM_VERSION_LATER
 */
export async function saveVerdict(
  clients: AwsClients,
  table: string,
  verdict: Verdict,
  nowMs: number,
  toFleet: string | null = null,
): Promise<boolean> {
  const { fleet, cameraId, camera, issues, rowTraceId } = verdict;
  const { phase, reason } = firstPhase(camera, issues, nowMs);
  return heldOnKnownVersion(`save the verdict on camera ${cameraId}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { fleet, cameraId },
        UpdateExpression:
          'SET schemaVersion = :one, camera = :camera, issues = :issues, rowSequenceNumber = :sequence, rowChangedAtMs = :now, ' +
          `${rowTraceId === undefined ? '' : 'rowTraceId = :trace, '}` +
          'epoch = if_not_exists(epoch, :zero), phase = if_not_exists(phase, :phase), ' +
          `phaseReason = if_not_exists(phaseReason, :reason), phaseSinceMs = if_not_exists(phaseSinceMs, :now)${
            toFleet === null ? ' REMOVE leaving' : ', leaving = :leaving'
          }`,
        ConditionExpression: `(${toFleet === null ? 'attribute_not_exists(rowSequenceNumber) OR ' : ''}rowSequenceNumber < :sequence) AND ${isVersionKnown}`,
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        ExpressionAttributeValues: {
          ...knownVersionValue,
          ':one': 1,
          ':zero': 0,
          ':camera': camera,
          ':issues': issues,
          ':sequence': comparableSequence(verdict.sequenceNumber),
          ':now': nowMs,
          ...(rowTraceId === undefined ? {} : { ':trace': rowTraceId }),
          ':phase': phase,
          ':reason': reason,
          ...(toFleet === null ? {} : { ':leaving': { toFleet, sinceMs: nowMs } }),
        },
      }),
    ),
  );
}

/**
 * The row is gone from this fleet: the state stays until its owner has given the camera up.
 * @returns false when there is no state, or a newer row version was seen already.
 * @throws KvsInferError ITEM_VERSION_LATER
 */
export async function markLeaving(
  clients: AwsClients,
  table: string,
  key: { fleet: string; cameraId: string },
  sequenceNumber: string,
  toFleet: string | null,
  nowMs: number,
): Promise<boolean> {
  return heldOnKnownVersion(`mark camera ${key.cameraId} as leaving fleet ${key.fleet}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: key,
        UpdateExpression: 'SET leaving = :leaving, rowSequenceNumber = :sequence, rowChangedAtMs = :now',
        ConditionExpression: `attribute_exists(cameraId) AND rowSequenceNumber < :sequence AND ${isVersionKnown}`,
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        ExpressionAttributeValues: {
          ...knownVersionValue,
          ':leaving': { toFleet, sinceMs: nowMs },
          ':sequence': comparableSequence(sequenceNumber),
          ':now': nowMs,
        },
      }),
    ),
  );
}

/** Ends a departure: the state is deleted, or first copied to its new fleet with epoch and checkpoint. */
export async function departCamera(
  clients: AwsClients,
  table: string,
  state: CameraState,
  toFleet: string | null,
  nowMs: number,
): Promise<boolean> {
  if (toFleet !== null) {
    const { leaving: _, ownerWorkerId: _owner, ownedSinceMs: _since, releaseRequestedAtMs: _asked, ...rest } = state;
    const { successorWorkerId: _successor, successorSinceMs: _preparedAt, ...kept } = rest;
    const moved: CameraState = { ...kept, fleet: toFleet, rowChangedAtMs: nowMs };
    // False means that the new fleet knows this row version or a newer one: then nothing is left to move.
    await conditionHeld(`move camera ${state.cameraId} to fleet ${toFleet}`, () =>
      clients.documents.send(
        new PutCommand({
          TableName: table,
          Item: moved,
          ConditionExpression: 'attribute_not_exists(cameraId) OR rowSequenceNumber < :sequence',
          ExpressionAttributeValues: { ':sequence': state.rowSequenceNumber },
        }),
      ),
    );
  }
  return conditionHeld(`remove the state of camera ${state.cameraId}`, () =>
    clients.documents.send(
      new DeleteCommand({
        TableName: table,
        Key: { fleet: state.fleet, cameraId: state.cameraId },
        ConditionExpression: 'attribute_exists(leaving) AND epoch = :epoch AND rowSequenceNumber = :sequence',
        ExpressionAttributeValues: { ':epoch': state.epoch, ':sequence': state.rowSequenceNumber },
      }),
    ),
  );
}
