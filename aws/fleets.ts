/**
 * The `fleets` table: one item per fleet with its policy, what was learned, and the lock that makes reconcile
 * single-flight. Taking the lock and reading the item is one call.
 * Invariant: whoever finds the lock taken leaves a request, and the holder runs once more before it lets go, so an
 * event that arrives during a run is not lost; a holder that died loses the lock by time.
 */
import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { BudgetMemory } from '../core/control/budget.ts';
import type { CapacityLadder } from '../core/control/capacity-ladder.ts';
import type { MovesMade } from '../core/control/consolidation.ts';
import type { LeadTimes } from '../core/control/lead-time.ts';
import type { Meter } from '../core/control/meter.ts';
import type { ModelRolloutState, ModelVersions } from '../core/control/model-rollout.ts';
import type { FleetItem } from '../core/fleet-state.ts';
import type { AwsClients } from './clients.ts';
import { awsCall, isConditionFailed } from './error-codes.ts';
import { isVersionKnown, knownVersionValue, refuseLaterVersion } from './schema-versions.ts';

/** A holder renews it while it runs (`functions/lock-renewal.ts`); a killed one stops renewing, and this is what that costs. */
export const lockMs = 15_000;
/** Between a failed attempt and the request the holder may have let go; then the lock is tried again. */
const attemptsMax = 4;

/** What a run learned; null removes, undefined leaves as it is. */
export type FleetLearnings = {
  lowerDemandSinceMs?: number | null;
  leadTimes?: LeadTimes;
  lastDecisionAtMs?: number;
  capacityLadder?: CapacityLadder;
  problemKinds?: string[] | null;
  meter?: Meter;
  budget?: BudgetMemory;
  moves?: MovesMade | null;
  modelRolloutState?: ModelRolloutState;
  modelVersions?: ModelVersions;
};

/** @throws KvsInferError ITEM_VERSION_LATER */
export async function readFleet(clients: AwsClients, table: string, fleet: string): Promise<FleetItem> {
  const answer = await awsCall(`read fleet ${fleet}`, () =>
    clients.documents.send(new GetCommand({ TableName: table, Key: { fleet } })),
  );
  refuseLaterVersion(`the item of fleet ${fleet}`, answer.Item ?? {});
  return (answer.Item as FleetItem | undefined) ?? { fleet, schemaVersion: 1 };
}

/**
 * A person's orders: null ends one, undefined leaves it. Only a fleet for which the control loop has run is changed, so
 * that a mistyped name orders nothing.
 * @returns the item, or null when there is no such fleet.
 * @throws KvsInferError ITEM_VERSION_LATER
 */
export async function orderFleet(
  clients: AwsClients,
  table: string,
  fleet: string,
  orders: { pause?: FleetItem['pause'] | null; override?: FleetItem['override'] | null },
): Promise<FleetItem | null> {
  const given = Object.entries(orders).filter(([, value]) => value !== undefined);
  const names = Object.fromEntries(given.map(([name]) => [`#${name}`, name]));
  const sets = given.filter(([, value]) => value !== null);
  const removes = given.filter(([, value]) => value === null).map(([name]) => `#${name}`);
  const values = Object.fromEntries(sets.map(([name, value]) => [`:${name}`, value]));
  const ordered = await orNullOnCondition(`order fleet ${fleet}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { fleet },
        UpdateExpression: [
          ...(sets.length > 0 ? [`SET ${sets.map(([name]) => `#${name} = :${name}`).join(', ')}`] : []),
          ...(removes.length > 0 ? [`REMOVE ${removes.join(', ')}`] : []),
        ].join(' '),
        ConditionExpression: `attribute_exists(schemaVersion) AND ${isVersionKnown}`,
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: { ...values, ...knownVersionValue },
        ReturnValues: 'ALL_NEW',
      }),
    ),
  );
  if (ordered === null) await readFleet(clients, table, fleet);
  return ordered;
}

/**
 * @param traceId of what wants to run: the holder goes on under it when it runs again for it.
 * @returns the item when the lock is ours; null when somebody else holds it and has been asked to run again.
 * @throws KvsInferError ITEM_VERSION_LATER
 */
export async function lockFleet(
  clients: AwsClients,
  table: string,
  fleet: string,
  holder: string,
  nowMs: number,
  traceId: string | null = null,
): Promise<FleetItem | null> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const item = await lockIfFree(clients, table, fleet, holder, nowMs);
    if (item !== null) return item;
    if (await askToRunAgain(clients, table, fleet, nowMs, { traceId })) return null;
    await readFleet(clients, table, fleet);
  }
  return null;
}

/**
 * A run that begins takes the claim of a run that was due: it sees what that one would have seen.
 * @param spacedThroughMs of a run that had to wait for its turn (`core/control/run-spacing.ts`).
 */
export function lockIfFree(
  clients: AwsClients,
  table: string,
  fleet: string,
  holder: string,
  nowMs: number,
  spacedThroughMs?: number,
): Promise<FleetItem | null> {
  const spaced = spacedThroughMs === undefined ? '' : ', spacedThroughMs = :spaced';
  return orNullOnCondition(`lock fleet ${fleet}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { fleet },
        UpdateExpression: `SET #lock = :lock, schemaVersion = if_not_exists(schemaVersion, :one)${spaced} REMOVE dueRun`,
        ConditionExpression: `(attribute_not_exists(#lock) OR #lock.expiresAtMs <= :now) AND ${isVersionKnown}`,
        ExpressionAttributeNames: { '#lock': 'lock' },
        ExpressionAttributeValues: {
          ':lock': { holder, expiresAtMs: nowMs + lockMs, rerunRequested: false },
          ':now': nowMs,
          ':one': 1,
          ...knownVersionValue,
          ...(spacedThroughMs === undefined ? {} : { ':spaced': spacedThroughMs }),
        },
        ReturnValues: 'ALL_NEW',
      }),
    ),
  );
}

/**
 * @param by what asks: its trace id, under which the holder goes on; `spacedThroughMs` where its turn had come.
 * @returns false when nobody holds the lock.
 */
export async function askToRunAgain(
  clients: AwsClients,
  table: string,
  fleet: string,
  nowMs: number,
  { traceId = null, spacedThroughMs }: { traceId?: string | null | undefined; spacedThroughMs?: number },
): Promise<boolean> {
  const trace = traceId === null ? '' : ', #lock.rerunTraceId = :trace';
  const spaced = spacedThroughMs === undefined ? '' : ', spacedThroughMs = :spaced REMOVE dueRun';
  const asked = await orNullOnCondition(`ask for another run of fleet ${fleet}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { fleet },
        UpdateExpression: `SET #lock.rerunRequested = :true${trace}${spaced}`,
        ConditionExpression: 'attribute_exists(#lock) AND #lock.expiresAtMs > :now',
        ExpressionAttributeNames: { '#lock': 'lock' },
        ExpressionAttributeValues: {
          ...{ ':true': true, ':now': nowMs },
          ...(traceId === null ? {} : { ':trace': traceId }),
          ...(spacedThroughMs === undefined ? {} : { ':spaced': spacedThroughMs }),
        },
        ReturnValues: 'ALL_NEW',
      }),
    ),
  );
  return asked !== null;
}

/** The holder is still at work. @returns false when the lock is somebody else's. */
export async function renewLock(
  clients: AwsClients,
  table: string,
  fleet: string,
  holder: string,
  nowMs: number,
): Promise<boolean> {
  const renewed = await orNullOnCondition(`renew the lock of fleet ${fleet}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { fleet },
        UpdateExpression: 'SET #lock.expiresAtMs = :expiresAt',
        ConditionExpression: '#lock.holder = :holder',
        ExpressionAttributeNames: { '#lock': 'lock' },
        ExpressionAttributeValues: { ':holder': holder, ':expiresAt': nowMs + lockMs },
        ReturnValues: 'ALL_NEW',
      }),
    ),
  );
  return renewed !== null;
}

/** Does the holder run again: never, if somebody asked for it, or whoever asked or not? */
export type RunAgain = 'no' | 'if-asked' | 'yes';

/**
 * Saves what the run learned and lets go, unless there is to be another run: then the lock stays ours and the item comes
 * back. `released`: done. `lost`: the lock had expired and is somebody else's.
 */
export async function unlockFleet(
  clients: AwsClients,
  table: string,
  fleet: string,
  holder: string,
  nowMs: number,
  learnings: FleetLearnings,
  again: RunAgain,
): Promise<FleetItem | 'released' | 'lost'> {
  const { sets, removes, values } = learningExpressions(learnings);
  const released =
    again === 'yes'
      ? null
      : await orNullOnCondition(`unlock fleet ${fleet}`, () =>
          clients.documents.send(
            new UpdateCommand({
              TableName: table,
              Key: { fleet },
              UpdateExpression: `${sets.length > 0 ? `SET ${sets.join(', ')} ` : ''}REMOVE ${['#lock', ...removes].join(', ')}`,
              ConditionExpression: `#lock.holder = :holder${again === 'if-asked' ? ' AND #lock.rerunRequested = :false' : ''}`,
              ExpressionAttributeNames: { '#lock': 'lock' },
              ExpressionAttributeValues: {
                ':holder': holder,
                ...(again === 'if-asked' ? { ':false': false } : {}),
                ...values,
              },
              ReturnValues: 'ALL_NEW',
            }),
          ),
        );
  if (released !== null) return 'released';
  if (again === 'no') return 'lost';
  const renewed = await orNullOnCondition(`keep the lock of fleet ${fleet}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { fleet },
        UpdateExpression: `SET ${['#lock.rerunRequested = :false', '#lock.expiresAtMs = :expiresAt', ...sets].join(', ')} REMOVE ${['dueRun', ...removes].join(', ')}`,
        ConditionExpression: '#lock.holder = :holder',
        ExpressionAttributeNames: { '#lock': 'lock' },
        ExpressionAttributeValues: { ':holder': holder, ':false': false, ':expiresAt': nowMs + lockMs, ...values },
        ReturnValues: 'ALL_NEW',
      }),
    ),
  );
  return renewed ?? 'lost';
}

function learningExpressions(learnings: FleetLearnings): {
  sets: string[];
  removes: string[];
  values: Record<string, unknown>;
} {
  const sets: string[] = [];
  const removes: string[] = [];
  const values: Record<string, unknown> = {};
  const put = (attribute: string, value: unknown) => {
    if (value === undefined) return;
    if (value === null) removes.push(attribute);
    else {
      sets.push(`${attribute} = :${attribute}`);
      values[`:${attribute}`] = value;
    }
  };
  put('lowerDemandSinceMs', learnings.lowerDemandSinceMs);
  put('leadTimeSamplesMs', learnings.leadTimes?.samplesMs);
  put('leadTimeInstanceIds', learnings.leadTimes?.instanceIds);
  put('lastDecisionAtMs', learnings.lastDecisionAtMs);
  put('capacityLadder', learnings.capacityLadder);
  put('leadTimesByType', learnings.leadTimes?.byType);
  put('moves', learnings.moves);
  put('budget', learnings.budget);
  put('days', learnings.meter?.days);
  put('meteredThroughMs', learnings.meter?.meteredThroughMs);
  put('modelRolloutState', learnings.modelRolloutState);
  put('modelVersions', learnings.modelVersions);
  put('problemKinds', learnings.problemKinds);
  return { sets, removes, values };
}

export async function orNullOnCondition(
  what: string,
  call: () => Promise<{ Attributes?: Record<string, unknown> | undefined }>,
): Promise<FleetItem | null> {
  try {
    return (await awsCall(what, call)).Attributes as FleetItem;
  } catch (error) {
    if (isConditionFailed(error)) return null;
    throw error;
  }
}
