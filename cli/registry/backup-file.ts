/**
 * The file of a backup: one JSON document a line, a head, the items in order, and a last line with the checksum of all
 * before it. Items are in DynamoDB's own notation, so that nothing is rounded. Two backups of the same registry differ in
 * their head alone.
 * Invariant: a file that is damaged, cut off, foreign or of a later version is refused by name before anything is written.
 */
import { createHash } from 'node:crypto';
import type { Item, RegistryTable } from '../../aws/registry-items.ts';
import { KvsInferError } from '../../core/errors.ts';

export type Backup = { stage: string; region: string; takenAt: string; items: Record<RegistryTable, Item[]> };

const format = 'kvs-infer/registry';
const version = 1;
/** Read as a whole; a registry of 100,000 cameras with long calendars is below it. */
export const backupBytesMax = 512 * 1024 * 1024;

const keys: Readonly<Record<RegistryTable, string>> = { cameras: 'cameraId', fleets: 'fleet' };

export function encodeBackup({ stage, region, takenAt, items }: Backup): string {
  const counts = { cameras: items.cameras.length, fleets: items.fleets.length };
  const lines = [JSON.stringify({ schema: `${format}@${version}`, stage, region, takenAt, ...counts })];
  for (const table of ['fleets', 'cameras'] as const) {
    for (const item of items[table]) lines.push(JSON.stringify({ table, item: sorted(item) }));
  }
  const body = `${lines.join('\n')}\n`;
  return `${body}${JSON.stringify({ sha256: sha256(body) })}\n`;
}

/** @throws KvsInferError BACKUP_UNUSABLE */
export function decodeBackup(text: string, path: string): Backup {
  const refuse = (expected: string, came: string, hint = 'take another backup file, or download it again'): never => {
    throw new KvsInferError('BACKUP_UNUSABLE', `${path}: expected ${expected}, got ${came}`, { hint });
  };
  const headEnd = text.indexOf('\n');
  const head = object(text.slice(0, Math.max(0, headEnd)));
  const [name, written] = String(head?.schema).split('@');
  if (head === null || name !== format) return refuse('a file of "kvs-infer backup"', 'another file');
  if (written !== String(version)) {
    return refuse(`version ${version}`, `version ${written}`, 'use the kvs-infer that wrote it, or a later one');
  }
  const lastStart = text.lastIndexOf('\n', text.length - 2) + 1;
  const body = text.slice(0, lastStart);
  const { sha256: told } = object(text.slice(lastStart)) ?? {};
  if (told === undefined) return refuse('a checksum in its last line', 'a file that was cut off');
  if (told !== sha256(body)) return refuse(`the checksum ${told}`, 'other content: the file is damaged or was edited');
  const items: Record<RegistryTable, Item[]> = { cameras: [], fleets: [] };
  for (const [index, line] of body
    .slice(headEnd + 1, -1)
    .split('\n')
    .entries()) {
    if (line === '') continue;
    const entry = object(line);
    const table = entry?.table as RegistryTable;
    const item = entry?.item as Item | undefined;
    const isKnown = table === 'cameras' || table === 'fleets';
    if (!isKnown || typeof item?.[keys[table]]?.S !== 'string')
      return refuse('an item', `line ${index + 2} without one`);
    items[table].push(revived(item));
  }
  const { stage, region, takenAt } = head as Record<string, string>;
  return { stage: String(stage), region: String(region), takenAt: String(takenAt), items };
}

function object(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Binary values are base64, as in DynamoDB's own JSON; the members of a set and of a map in order. */
function sorted(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]): [string, unknown] => {
    const plain = sorted(inner);
    const isSet = ['SS', 'NS', 'BS'].includes(name) && Array.isArray(plain);
    return [name, isSet ? [...plain].sort() : plain];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The other way: what stands in base64 becomes bytes. An attribute that is called `B` is none: types are one level down. */
function revived(item: Item): Item {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, revivedValue(value)])) as Item;
}

function revivedValue(value: unknown): unknown {
  const [[type, inner] = ['', undefined]] = Object.entries((value ?? {}) as Record<string, unknown>);
  if (type === 'B') return { B: Buffer.from(String(inner), 'base64') };
  if (type === 'BS') return { BS: (inner as string[]).map((one) => Buffer.from(one, 'base64')) };
  if (type === 'L') return { L: (inner as unknown[]).map(revivedValue) };
  if (type === 'M') return { M: revived(inner as Item) };
  return value;
}

/** Same content, whatever the order. */
export function sameItem(a: Item, b: Item): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}
