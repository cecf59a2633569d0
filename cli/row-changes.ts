/**
 * What a file would change in a stage's registry, and the changing itself, for `camera put` and `camera import`: first the
 * whole difference, then row by row, each only over the version that the difference was shown for.
 * Invariant: one row that fails stops no other, and every row is reported with what became of it.
 */
import { styleText } from 'node:util';
import { inParallel, parallelWritesMax } from '../aws/parallel.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { formatError, KvsInferError } from '../core/errors.ts';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import { LateBar } from './late-bar.ts';
import type { Stage } from './stage.ts';

const shownMax = 60;

export type Row = Record<string, unknown> & { cameraId: string };
export type RowChange = {
  cameraId: string;
  change: 'new' | 'changed' | 'unchanged';
  /** `priority: 70 → not set` for each attribute that differs from the stored row. */
  attributes: string[];
  written: boolean;
  /** Why it was not written; null when it was, or need not be. */
  problem: string | null;
};
export type Planned = { row: Row; before: Row | null; change: RowChange };

/** @throws KvsInferError CAMERA_INVALID naming every row that is wrong. */
export function judged(rows: readonly unknown[]): Row[] {
  const seen = new Set<string>();
  const problems = rows.flatMap((row, index) => {
    const { camera, issues } = parseCameraRow(row);
    const name = camera?.cameraId ?? `row ${index + 1}`;
    const errors = issues
      .filter(({ severity }) => severity === 'error')
      .map(({ path, message }) => `${path}: ${message}`);
    if (seen.has(name)) errors.push('listed twice; ids must differ');
    seen.add(name);
    return errors.map((error) => `${name}: ${error}`);
  });
  if (problems.length === 0) return rows as Row[];
  const isOriginal = rows.some((row) => typeof row === 'object' && row !== null && 'kvs_stream_name' in row);
  throw new KvsInferError('CAMERA_INVALID', problems.join('; '), {
    hint: isOriginal
      ? 'nothing was written; the file of the replaced deployment goes in with "kvs-infer camera import"'
      : 'nothing was written; "kvs-infer camera check" lists the same, with warnings',
  });
}

/** @param next what a row becomes; given the stored one, so that a caller can keep what it does not speak of. */
export async function planChanges(
  { clients, tables }: Stage,
  rows: readonly Row[],
  next: (row: Row, before: Row | null) => Row = (row) => row,
): Promise<Planned[]> {
  const { readCameraRow } = await import('../aws/camera-row.ts');
  return inParallel(rows, parallelWritesMax, async (given) => {
    const before = (await readCameraRow(clients, tables.cameras, given.cameraId)) as Row | null;
    const row = next(given, before);
    const attributes = before === null ? [] : attributesThatDiffer(before, row);
    const change = before === null ? 'new' : attributes.length === 0 ? 'unchanged' : 'changed';
    return { row, before, change: { cameraId: row.cameraId, change, attributes, written: false, problem: null } };
  });
}

/** Writes what is not unchanged. Sets `process.exitCode` when a row could not be. */
export async function writeChanges({ clients, tables }: Stage, planned: readonly Planned[]): Promise<void> {
  const { replaceCameraRow } = await import('../aws/camera-row.ts');
  const wanted = planned.filter(({ change }) => change.change !== 'unchanged');
  const bar = new LateBar('{bar} {value}/{total} rows written', wanted.length);
  let done = 0;
  await inParallel(wanted, parallelWritesMax, async ({ row, before, change }) => {
    try {
      change.written = await replaceCameraRow(clients, tables.cameras, row, before);
      if (!change.written) change.problem = 'CAMERA_CHANGED: somebody else has changed it meanwhile (run this again)';
    } catch (error) {
      change.problem = formatError(error).replace(/^kvs-infer: /, '');
    }
    done += 1;
    bar.update(done);
  }).finally(() => bar.stop());
  const failed = wanted.filter(({ change }) => change.problem !== null);
  if (failed.length === 0) return;
  process.exitCode = 1;
  const ids = failed.map(({ change }) => change.cameraId).join(', ');
  const error = new KvsInferError(
    'ROWS_NOT_WRITTEN',
    `${failed.length} of ${wanted.length} rows are not written: ${ids}`,
    {
      hint: 'the reason is beside each; the others are written, and the same command again writes what is left',
    },
  );
  console.error(formatError(error));
}

/** The difference, or after the writing what became of it. */
export function describeChanges(changes: readonly RowChange[]): string[] {
  return changes.flatMap(({ cameraId, change, attributes, problem }) => [
    `${cameraId}: ${styledChange(change)}`,
    ...attributes.map((line) => `  ${line}`),
    ...(problem === null ? [] : [`  not written: ${problem}`]),
  ]);
}

/** How many rows a writing would touch. */
export function countToWrite(planned: readonly Planned[]): number {
  return planned.filter(({ change }) => change.change !== 'unchanged').length;
}

function styledChange(change: RowChange['change']): string {
  const styles = { new: 'green', changed: 'yellow', unchanged: 'gray' } as const;
  return styleText(styles[change], change);
}

function attributesThatDiffer(before: Record<string, unknown>, after: Record<string, unknown>): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .filter((name) => canonicalJson(before[name]) !== canonicalJson(after[name]))
    .map((name) => `${name}: ${short(before[name])} → ${short(after[name])}`);
}

/** A value as a difference shows it: enough to know it by. */
export function short(value: unknown): string {
  const text = value === undefined ? 'not set' : JSON.stringify(value);
  return text.length > shownMax ? `${text.slice(0, shownMax - 1)}…` : text;
}
