/**
 * What reconcile decided about cameras: the state of each and, in one transaction with it, what the ledger adds for the time
 * that is accounted for. A run that dies in between has done neither. Transactions of several cameras share a call: they cost
 * the same units, and a call costs a function more than the table. What needs no transaction does not get one, which would
 * double its units.
 * Invariants: no camera suffers for another: a call that was refused is made again for each of its cameras alone; a change
 * of ownership holds only while owner and epoch are still what they were when it was decided; time is accounted once, and
 * none is lost; a ledger that cannot be written holds no camera back: its time is accounted later.
 */
import { TransactWriteCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { controlAttributes } from '../core/control/camera-changes.ts';
import type { CameraChange } from '../core/control/decide.ts';
import type { AwsClients } from './clients.ts';
import { awsCall, awsErrorKind, conditionHeld, isConditionFailed } from './error-codes.ts';
import { hourUpdate, windowPut } from './ledger.ts';

export type CameraTables = { cameraStates: string; ledger: string };
export type WrittenChange = {
  /** False when the state is no longer the one that the change was decided on. */
  happened: boolean;
  /** Why its time could not be accounted for, or null; the next run takes it up again. */
  accountingFailure: unknown;
};

/** What goes with the ledger, and stays when it cannot be written. */
const accountingAttributes: readonly (typeof controlAttributes)[number][] = ['accountedThroughMs', 'openWindow'];

/**
 * Half of what a transaction may hold. What it names is closed to workers while it runs, and a worker's checkpoint in one of
 * its states has all of them written alone. 25 states of the largest rows are far below the 4 MB of a transaction.
 */
const actionsPerCallMax = 50;
/** At once: as many writes a second as `parallelWritesMax` single ones, for the partition that holds a fleet's states. */
export const sharedWritesMax = 4;

/** Changes that are written by one call; of those that need no transaction each has its own. */
export function changesByCall(changes: readonly CameraChange[]): { shared: CameraChange[][]; single: CameraChange[] } {
  const shared: CameraChange[][] = [];
  const single: CameraChange[] = [];
  let actions = Number.POSITIVE_INFINITY;
  for (const change of changes) {
    const own = 1 + change.ledger.length + change.promises.length;
    if (own === 1) {
      single.push(change);
      continue;
    }
    actions += own;
    if (actions <= actionsPerCallMax) shared.at(-1)?.push(change);
    else {
      shared.push([change]);
      actions = own;
    }
  }
  return { shared, single };
}

/** @returns false when the call was refused for one of them, or nobody answered: each alone tells which and why. */
export async function writeTogether(
  clients: AwsClients,
  tables: CameraTables,
  changes: readonly CameraChange[],
): Promise<boolean> {
  if (changes.length < 2) return false;
  const TransactItems = changes.flatMap((change) => transactionOf(tables, change));
  try {
    await clients.documents.send(new TransactWriteCommand({ TransactItems }));
    return true;
  } catch {
    return false;
  }
}

export async function writeCameraChange(
  clients: AwsClients,
  tables: CameraTables,
  change: CameraChange,
): Promise<WrittenChange> {
  const { cameraId, ledger, promises } = change;
  const what = `write the state of camera ${cameraId}`;
  const isAccounting = ledger.length > 0 || promises.length > 0;
  if (isAccounting) {
    const TransactItems = transactionOf(tables, change);
    const transact = () =>
      awsCall(`${what} and its ledger`, () => clients.documents.send(new TransactWriteCommand({ TransactItems })));
    try {
      // A worker's checkpoint may be on its way into the same state: once more is enough.
      await transact().catch((error: unknown) => {
        if (awsErrorKind(error) !== 'conflict') throw error;
        return transact();
      });
      return { happened: true, accountingFailure: null };
    } catch (error) {
      if (isConditionFailed(error)) return { happened: false, accountingFailure: null };
      const happened = await writeState(clients, tables, change, withoutAccounting, what);
      return { happened, accountingFailure: error };
    }
  }
  return { happened: await writeState(clients, tables, change, controlAttributes, what), accountingFailure: null };
}

function transactionOf(tables: CameraTables, change: CameraChange) {
  const update = stateUpdate(tables.cameraStates, change, controlAttributes);
  return [
    ...(update === null ? [] : [{ Update: update }]),
    ...change.ledger.map((entry) => ({ Update: hourUpdate(tables.ledger, entry) })),
    ...change.promises.map((promise) => ({ Put: windowPut(tables.ledger, promise) })),
  ];
}

const withoutAccounting = controlAttributes.filter((attribute) => !accountingAttributes.includes(attribute));

async function writeState(
  clients: AwsClients,
  { cameraStates }: CameraTables,
  change: CameraChange,
  attributes: readonly (typeof controlAttributes)[number][],
  what: string,
): Promise<boolean> {
  const update = stateUpdate(cameraStates, change, attributes);
  if (update === null) return true;
  return conditionHeld(what, () => clients.documents.send(new UpdateCommand(update)));
}

/** @returns null when none of the attributes changes. */
function stateUpdate(
  table: string,
  { observed, next, ownership, ledger, promises }: CameraChange,
  attributes: readonly (typeof controlAttributes)[number][],
) {
  const sets: string[] = [];
  const removes: string[] = [];
  const values: Record<string, unknown> = {};
  const conditions = ['attribute_exists(cameraId)'];
  const require = (attribute: (typeof controlAttributes)[number]) => {
    const before = observed[attribute];
    if (before === undefined) conditions.push(`attribute_not_exists(${attribute})`);
    else {
      conditions.push(`${attribute} = :old_${attribute}`);
      values[`:old_${attribute}`] = before;
    }
  };
  for (const attribute of attributes) {
    const after = next[attribute];
    if (after === observed[attribute]) continue;
    if (after === undefined) removes.push(attribute);
    else {
      sets.push(`${attribute} = :${attribute}`);
      values[`:${attribute}`] = after;
    }
  }
  if (sets.length + removes.length === 0) return null;
  if (ownership !== null) {
    require('ownerWorkerId');
    require('epoch');
  }
  // The ledger adds what this write accounts for: it must happen once.
  if (ledger.length > 0 || promises.length > 0) require('accountedThroughMs');
  return {
    TableName: table,
    Key: { fleet: observed.fleet, cameraId: observed.cameraId },
    UpdateExpression: [
      ...(sets.length > 0 ? [`SET ${sets.join(', ')}`] : []),
      ...(removes.length > 0 ? [`REMOVE ${removes.join(', ')}`] : []),
    ].join(' '),
    ConditionExpression: conditions.join(' AND '),
    ...(Object.keys(values).length > 0 ? { ExpressionAttributeValues: values } : {}),
  };
}
