/**
 * Repairs of camera states as core/rebuild-states.ts wants them, on behalf of a person at a command line.
 * Invariant: a repair is written over the state that it was decided on, or not at all; the next event of the registry's
 * stream wins over every repair.
 */
import { PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { CameraState } from '../core/fleet-state.ts';
import type { StateRepair } from '../core/rebuild-states.ts';
import { readCameraRow } from './camera-row.ts';
import { comparableSequence } from './camera-states.ts';
import type { AwsClients } from './clients.ts';
import { conditionHeld } from './error-codes.ts';

/** Every event of a stream is newer. */
export const beforeAllEvents = comparableSequence('0');

/** @returns false when the state, or the row, is another one by now. */
export async function repairState(
  clients: AwsClients,
  tables: { cameras: string; cameraStates: string },
  repair: StateRepair,
  nowMs: number,
): Promise<boolean> {
  const { cameraId } = repair;
  if (repair.kind === 'retire') return retire(clients, tables.cameraStates, repair.seen, nowMs);
  if (repair.kind === 'judge') return judge(clients, tables.cameraStates, repair, nowMs);
  const isCreated = await conditionHeld(`create the state of camera ${cameraId}`, () =>
    clients.documents.send(
      new PutCommand({
        TableName: tables.cameraStates,
        Item: repair.state,
        ConditionExpression: 'attribute_not_exists(cameraId)',
      }),
    ),
  );
  if (!isCreated) return false;
  // A row that was removed while this ran had its event before there was a state to remove.
  if ((await readCameraRow(clients, tables.cameras, cameraId)) !== null) return true;
  await retire(clients, tables.cameraStates, repair.state, nowMs);
  return false;
}

function judge(
  clients: AwsClients,
  table: string,
  { cameraId, seen, verdict, toFleet }: StateRepair & { kind: 'judge' },
  nowMs: number,
): Promise<boolean> {
  return conditionHeld(`save the verdict on camera ${cameraId}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { fleet: seen.fleet, cameraId },
        UpdateExpression: `SET camera = :camera, issues = :issues, rowChangedAtMs = :now${
          toFleet === null ? ' REMOVE leaving' : ', leaving = :leaving'
        }`,
        ConditionExpression: 'rowSequenceNumber = :seen',
        ExpressionAttributeValues: {
          ':camera': verdict.camera,
          ':issues': verdict.issues,
          ':seen': seen.rowSequenceNumber,
          ':now': nowMs,
          ...(toFleet === null ? {} : { ':leaving': { toFleet, sinceMs: nowMs } }),
        },
      }),
    ),
  );
}

function retire(clients: AwsClients, table: string, seen: CameraState, nowMs: number): Promise<boolean> {
  return conditionHeld(`mark camera ${seen.cameraId} as leaving fleet ${seen.fleet}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { fleet: seen.fleet, cameraId: seen.cameraId },
        UpdateExpression: 'SET leaving = :leaving',
        ConditionExpression: 'rowSequenceNumber = :seen',
        ExpressionAttributeValues: {
          ':leaving': { toFleet: null, sinceMs: nowMs },
          ':seen': seen.rowSequenceNumber,
        },
      }),
    ),
  );
}

/** The registry was made anew: its stream counts from the beginning, and no event may count as older than the state. */
export function forgetSequence(clients: AwsClients, table: string, seen: CameraState): Promise<boolean> {
  return conditionHeld(`let camera ${seen.cameraId} begin with a new stream`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { fleet: seen.fleet, cameraId: seen.cameraId },
        UpdateExpression: 'SET rowSequenceNumber = :first',
        ConditionExpression: 'rowSequenceNumber = :seen',
        ExpressionAttributeValues: { ':first': beforeAllEvents, ':seen': seen.rowSequenceNumber },
      }),
    ),
  );
}
