/**
 * How items that another version of this code wrote are read: during a rollout, and after a roll back, old and new code
 * share the tables. An item of the present version or an older one is read: what it lacks has a default, what nobody here
 * knows is kept. An item of a later version is held: it is left as it is, named, and disturbs no other.
 * Invariants: an item without a version counts as version 1; nothing writes over an item whose version it does not know.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { KvsInferError } from '../core/errors.ts';
import { awsCall, isConditionFailed } from './error-codes.ts';

/** The latest version that this code reads, of every table's items and of the details of workers' events. */
export const knownSchemaVersion = 1;

/** For conditions of writes; goes with `knownVersionValue`. */
export const isVersionKnown = '(attribute_not_exists(schemaVersion) OR schemaVersion <= :knownVersion)';
export const knownVersionValue = { ':knownVersion': knownSchemaVersion };

export function isReadable({ schemaVersion }: { schemaVersion?: unknown }): boolean {
  return schemaVersion === undefined || (typeof schemaVersion === 'number' && schemaVersion <= knownSchemaVersion);
}

/** @returns the items that this code can read, and the others. */
export function byReadability<Item extends Record<string, unknown>>(items: readonly Item[]) {
  return { readable: items.filter(isReadable), held: items.filter((item) => !isReadable(item)) };
}

/** @throws KvsInferError ITEM_VERSION_LATER */
export function refuseLaterVersion(what: string, item: { schemaVersion?: unknown }): void {
  if (isReadable(item)) return;
  throw new KvsInferError(
    'ITEM_VERSION_LATER',
    `${what} has schemaVersion ${JSON.stringify(item.schemaVersion)}, and this code reads up to ${knownSchemaVersion}`,
    { hint: 'it is left as it is; deploy a release that knows this version, or the one that wrote it' },
  );
}

/**
 * Runs one write with the condition `isVersionKnown` among others, and `ReturnValuesOnConditionCheckFailure: 'ALL_OLD'`.
 * @returns false when another condition did not hold.
 * @throws KvsInferError ITEM_VERSION_LATER
 */
export async function heldOnKnownVersion(what: string, call: () => Promise<unknown>): Promise<boolean> {
  try {
    await awsCall(what, call);
    return true;
  } catch (error) {
    if (!isConditionFailed(error)) throw error;
    const { Item } = ((error as Error).cause ?? {}) as { Item?: Record<string, AttributeValue> };
    const version = Item?.schemaVersion;
    if (version !== undefined) refuseLaterVersion(`${what}: the item`, { schemaVersion: plain(version) });
    return false;
  }
}

function plain(version: AttributeValue): unknown {
  return version.N === undefined ? (version.S ?? null) : Number(version.N);
}
