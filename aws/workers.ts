/**
 * The `workers` table from control's side: read all, write assignment lists and drain flags, bury the dead. The worker's
 * own heartbeat is in heartbeat.ts. Invariant: control never creates a worker's item; it only changes one that is there.
 */
import { DeleteCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { HeldWorker } from '../core/control/observation.ts';
import type { Assignment, StandbyOrder, WorkerItem } from '../core/fleet-state.ts';
import type { AwsClients } from './clients.ts';
import { conditionHeld } from './error-codes.ts';
import { listsOf, packed, unpacked } from './packed-attributes.ts';
import { queryAll } from './query-pages.ts';
import { byReadability } from './schema-versions.ts';

export async function readWorkers(clients: AwsClients, table: string, fleet: string): Promise<WorkerItem[]> {
  return (await readAllWorkers(clients, table, fleet)).workers;
}

/** `held`: workers whose items are of a later version. Of these only what no version names otherwise is read. */
export async function readAllWorkers(
  clients: AwsClients,
  table: string,
  fleet: string,
): Promise<{ workers: WorkerItem[]; held: HeldWorker[] }> {
  const items = await queryAll(clients, table, { name: 'fleet', value: fleet }, `read the workers of fleet ${fleet}`);
  const { readable, held } = byReadability(items);
  return {
    workers: readable.map((item) => ({ ...item, ...withLists(item) })) as WorkerItem[],
    held: held.map(({ workerId, schemaVersion, stoppedAtMs, instanceId, containerInstanceArn }) => ({
      ...{ id: String(workerId), version: String(schemaVersion), hasStopped: typeof stoppedAtMs === 'number' },
      ...(typeof instanceId === 'string' ? { instanceId } : {}),
      ...(typeof containerInstanceArn === 'string' ? { containerInstanceArn } : {}),
    })),
  };
}

/**
 * An attribute that somebody damaged disturbs nobody else: without its list the worker gets it anew, and what it runs is
 * in its next heartbeat. One that follows its item's removal makes an item with the worker's own attributes alone.
 */
function withLists(item: Record<string, unknown>): Pick<WorkerItem, 'running' | 'assignments' | 'standbys'> {
  const orNothing = <Value>(read: () => Value): Value | undefined => {
    try {
      return read();
    } catch {
      return undefined;
    }
  };
  const running = orNothing(() => unpacked(item.running, 'running')) ?? {};
  const lists = orNothing(() => listsOf(item)) ?? { assignments: {}, standbys: {} };
  return { ...lists, running: running as WorkerItem['running'] };
}

export type WorkerKey = { fleet: string; workerId: string };

/** @returns false when the worker's item is gone. */
export function writeLists(
  clients: AwsClients,
  table: string,
  { fleet, workerId }: WorkerKey,
  assignments: Record<string, Assignment>,
  standbys: Record<string, StandbyOrder>,
  traceId: string | null = null,
): Promise<boolean> {
  return conditionHeld(`write the lists of worker ${workerId}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { fleet, workerId },
        UpdateExpression: `SET assignments = :assignments, standbys = :standbys${traceId === null ? '' : ', listsTraceId = :trace'}`,
        ConditionExpression: 'attribute_exists(workerId)',
        ExpressionAttributeValues: {
          ...{ ':assignments': packed(assignments), ':standbys': packed(standbys) },
          ...(traceId === null ? {} : { ':trace': traceId }),
        },
      }),
    ),
  );
}

/** @returns false when the worker has spoken since it was read, or its item is gone. */
export function emptyListIfSilent(
  clients: AwsClients,
  table: string,
  worker: WorkerItem,
  kept: Record<string, Assignment>,
): Promise<boolean> {
  return conditionHeld(`empty the list of worker ${worker.workerId}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { fleet: worker.fleet, workerId: worker.workerId },
        UpdateExpression: 'SET assignments = :kept, standbys = :none',
        ConditionExpression: 'heartbeatAtMs = :seen',
        ExpressionAttributeValues: { ':kept': packed(kept), ':none': {}, ':seen': worker.heartbeatAtMs },
      }),
    ),
  );
}

/** The first reason stands: a drain is final. */
export function markDraining(
  clients: AwsClients,
  table: string,
  key: WorkerKey,
  drain: NonNullable<WorkerItem['drain']>,
): Promise<boolean> {
  return setOnWorker(clients, table, key, 'drain', drain, 'SET drain = if_not_exists(drain, :value)');
}

/**
 * A drain with an end that nobody can put off replaces one without, or with a later one.
 * @returns false when the worker drains for as short or shorter already, or its item is gone.
 */
export function markDoomed(
  clients: AwsClients,
  table: string,
  { fleet, workerId }: WorkerKey,
  drain: NonNullable<WorkerItem['drain']>,
): Promise<boolean> {
  return conditionHeld(`write the drain of worker ${workerId}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { fleet, workerId },
        UpdateExpression: 'SET drain = :drain',
        ConditionExpression:
          'attribute_exists(workerId) AND (attribute_not_exists(drain) OR (attribute_exists(drain.handover) AND ' +
          '(attribute_not_exists(drain.handover.untilMs) OR drain.handover.untilMs > :until)))',
        ExpressionAttributeValues: { ':drain': drain, ':until': drain.handover?.untilMs ?? 0 },
      }),
    ),
  );
}

/** ECS said that the task has stopped. */
export function markStopped(clients: AwsClients, table: string, key: WorkerKey, atMs: number): Promise<boolean> {
  return setOnWorker(clients, table, key, 'stop', atMs, 'SET stoppedAtMs = if_not_exists(stoppedAtMs, :value)');
}

export function markReady(clients: AwsClients, table: string, key: WorkerKey, atMs: number): Promise<boolean> {
  return setOnWorker(clients, table, key, 'readiness', atMs, 'SET readyAtMs = if_not_exists(readyAtMs, :value)');
}

export function markDrained(clients: AwsClients, table: string, key: WorkerKey, atMs: number): Promise<boolean> {
  return setOnWorker(
    clients,
    table,
    key,
    'end of the drain',
    atMs,
    'SET drainedAtMs = if_not_exists(drainedAtMs, :value)',
  );
}

/** Removes a dead worker's item. @returns false when it has spoken since, or is gone already. */
export async function buryWorker(clients: AwsClients, table: string, worker: WorkerItem): Promise<boolean> {
  return conditionHeld(`remove worker ${worker.workerId}`, () =>
    clients.documents.send(
      new DeleteCommand({
        TableName: table,
        Key: { fleet: worker.fleet, workerId: worker.workerId },
        ConditionExpression: 'heartbeatAtMs = :seen',
        ExpressionAttributeValues: { ':seen': worker.heartbeatAtMs },
      }),
    ),
  );
}

function setOnWorker(
  clients: AwsClients,
  table: string,
  key: WorkerKey,
  noun: string,
  value: unknown,
  expression: string,
): Promise<boolean> {
  return conditionHeld(`write the ${noun} of worker ${key.workerId}`, () =>
    clients.documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { fleet: key.fleet, workerId: key.workerId },
        UpdateExpression: expression,
        ConditionExpression: 'attribute_exists(workerId)',
        ExpressionAttributeValues: { ':value': value },
      }),
    ),
  );
}
