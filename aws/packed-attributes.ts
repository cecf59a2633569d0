/**
 * Large attributes of a worker's item, compressed. DynamoDB charges a write by the size of the whole item, and a worker
 * writes its own twenty times a minute: with fifteen cameras' rows in plain sight every heartbeat was fourteen units, and
 * the table cost more than two per cent of the GPU.
 * Invariant: what is small, or was written by hand as a map, is read as well; what cannot be read is an error, never an
 * empty list.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { KvsInferError } from '../core/errors.ts';
import type { Assignment, StandbyOrder, WorkerItem } from '../core/fleet-state.ts';

/** Below this the item stays small anyway, and readable in the console. */
const packedFromBytes = 700;
/** More than DynamoDB holds in an item, many times over: a damaged attribute must not fill the memory. */
const unpackedMaxBytes = 16 * 1024 * 1024;

/** @returns the value itself when it is small. */
export function packed(value: object): object {
  const json = JSON.stringify(value);
  return json.length < packedFromBytes ? value : new Uint8Array(deflateRawSync(json));
}

/** @throws KvsInferError ITEM_UNREADABLE */
export function unpacked(value: unknown, attribute: string): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  try {
    const given =
      value instanceof Uint8Array
        ? JSON.parse(inflateRawSync(value, { maxOutputLength: unpackedMaxBytes }).toString('utf8'))
        : value;
    if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as Record<string, unknown>;
    throw new TypeError(`expected a map, got ${Array.isArray(given) ? 'a list' : typeof given}`);
  } catch (cause) {
    throw new KvsInferError(
      'ITEM_UNREADABLE',
      `attribute "${attribute}" of a workers item: ${cause instanceof Error ? cause.message : String(cause)}`,
      { hint: 'remove the item: a worker that lives writes it anew with its next heartbeat', cause },
    );
  }
}

/** What control wrote for the worker; absent where it has written nothing yet. */
export function listsOf(item: Record<string, unknown>): Pick<WorkerItem, 'assignments' | 'standbys'> {
  const { assignments, standbys } = item;
  return {
    ...(assignments === undefined
      ? {}
      : { assignments: unpacked(assignments, 'assignments') as Record<string, Assignment> }),
    ...(standbys === undefined ? {} : { standbys: unpacked(standbys, 'standbys') as Record<string, StandbyOrder> }),
  };
}
