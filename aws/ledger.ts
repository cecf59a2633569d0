/**
 * The `ledger` table. Hours: seconds are added, never set, so that entries of the same hour from several runs sum up; every
 * cause of blindness is an attribute of its own. Windows: one item each, with the promise and how it was kept.
 * Invariant: hours and windows never mix: a window's sort key begins with a word, an hour's with the year.
 */
import type { LedgerHour, LedgerWindow } from '../core/control/coverage.ts';
import type { LedgerEntry } from '../core/control/ledger.ts';
import type { WindowPromise } from '../core/control/ready-by.ts';
import type { AwsClients } from './clients.ts';
import { queryAll } from './query-pages.ts';
import { isReadable } from './schema-versions.ts';

/** Blind seconds of one cause are the attribute `blind_<cause>`: ADD works on top-level numbers alone. */
const blindPrefix = 'blind_';

const windowPrefix = 'window#';
/** A year can be compared with the one before it. */
const keptDays = 400;

/** Adds to one hour; part of the transaction that accounts for its time (camera-changes.ts). */
export function hourUpdate(table: string, entry: LedgerEntry) {
  const amounts: Record<string, number> = {
    scheduledSeconds: entry.scheduledSeconds,
    inferredSeconds: entry.inferredSeconds,
  };
  for (const [cause, seconds] of Object.entries(entry.blindSeconds)) amounts[`${blindPrefix}${cause}`] = seconds;
  const names = Object.keys(amounts);
  return {
    TableName: table,
    Key: { cameraId: entry.cameraId, hour: entry.hour },
    UpdateExpression: `SET expiresAt = :expiresAt ADD ${names.map((_, index) => `#a${index} :a${index}`).join(', ')}`,
    ExpressionAttributeNames: Object.fromEntries(names.map((name, index) => [`#a${index}`, name])),
    ExpressionAttributeValues: {
      ...Object.fromEntries(names.map((name, index) => [`:a${index}`, amounts[name]])),
      ':expiresAt': expiryOf(Date.parse(entry.hour.replace('Z', ':00:00Z'))),
    },
  };
}

/** Repeating it writes the same item. */
export function windowPut(table: string, { cameraId, windowStartMs, latenessMs, outcome, cause }: WindowPromise) {
  const start = new Date(windowStartMs).toISOString();
  return {
    TableName: table,
    Item: {
      ...{ cameraId, hour: `${windowPrefix}${start}`, start, outcome, latenessMs, expiresAt: expiryOf(windowStartMs) },
      ...(cause === null ? {} : { cause }),
    },
  };
}

/** Hours and windows of one camera that begin in `[fromMs, toMs]`. */
export async function readLedger(
  clients: AwsClients,
  table: string,
  cameraId: string,
  fromMs: number,
  toMs: number,
): Promise<{ hours: LedgerHour[]; windows: LedgerWindow[] }> {
  const iso = (atMs: number) => new Date(atMs).toISOString();
  const read = (from: string, to: string) =>
    queryAll(clients, table, { name: 'cameraId', value: cameraId }, `read the ledger of camera ${cameraId}`, {
      ...{ name: 'hour', from, to },
    });
  const [hours, windows] = await Promise.all([
    read(`${iso(fromMs).slice(0, 13)}Z`, `${iso(toMs).slice(0, 13)}Z`),
    read(`${windowPrefix}${iso(fromMs)}`, `${windowPrefix}${iso(toMs)}`),
  ]);
  return {
    hours: hours.filter(isReadable).map((item) => ({
      hour: String(item.hour),
      scheduledSeconds: Number(item.scheduledSeconds ?? 0),
      inferredSeconds: Number(item.inferredSeconds ?? 0),
      blindSeconds: Object.fromEntries(
        Object.entries(item).flatMap(([name, value]) =>
          name.startsWith(blindPrefix) ? [[name.slice(blindPrefix.length), Number(value)]] : [],
        ),
      ),
    })),
    windows: windows.filter(isReadable).map((item) => ({
      start: String(item.start),
      outcome: item.outcome === 'hit' ? 'hit' : 'missed',
      latenessMs: Number(item.latenessMs ?? 0),
      cause: typeof item.cause === 'string' ? item.cause : null,
    })),
  };
}

function expiryOf(atMs: number): number {
  return Math.floor(atMs / 1_000) + keptDays * 86_400;
}
