/**
 * `kvs-infer restore`: a backup back into a stage. It shows row by row what would change and writes only with `--yes`.
 * Contract: nothing is removed; a row that somebody changed after it was compared keeps that change and is reported, exit
 * code 1; `--only-missing` leaves every row alone that is there. Restoring twice is restoring once.
 */
import { readFile, stat } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Item, RegistryTable } from '../../aws/registry-items.ts';
import { KvsInferError } from '../../core/errors.ts';
import { LateBar } from '../late-bar.ts';
import { short } from '../row-changes.ts';
import { onStage, type Stage, type StageOptions, withStageOptions } from '../stage.ts';
import { type Backup, backupBytesMax, decodeBackup, sameItem } from './backup-file.ts';

type RestoreOptions = StageOptions & { dryRun?: true; yes?: true; onlyMissing?: true; otherStage?: true };
type Untouched = 'unchanged' | 'kept' | 'only in the stage' | 'changed meanwhile' | 'of a later version';
type Outcome = 'new' | 'changed' | Untouched;
type Line = { table: RegistryTable; key: string; outcome: Outcome; attributes: string[] };
type Planned = Line & { item: Item; before: Item | null };

const keys: Readonly<Record<RegistryTable, string>> = { cameras: 'cameraId', fleets: 'fleet' };

export function restoreCommand(program: Command): void {
  withStageOptions(
    program
      .command('restore')
      .description('bring a backup back into a stage, after showing what changes')
      .argument('<file>', 'file of kvs-infer backup'),
  )
    .option('--dry-run', 'show what would change, and write nothing')
    .option('--yes', 'write what was shown')
    .option('--only-missing', 'leave rows alone that are there')
    .option('--other-stage', 'the backup may be of another stage')
    .addHelpText('after', '\nExample:\n  $ kvs-infer restore registry.ndjson --stage production --dry-run')
    .action((file: string, options: RestoreOptions) =>
      onStage(options, async (stage) => {
        const backup = await readBackup(file);
        if (backup.stage !== stage.stage && options.otherStage !== true) {
          throw new KvsInferError(
            'BACKUP_OTHER_STAGE',
            `${file}: expected a backup of stage "${stage.stage}", got one of "${backup.stage}"`,
            { hint: 'check --stage, or add --other-stage to copy it on purpose' },
          );
        }
        const plan = await compare(stage, backup, options.onlyMissing === true);
        const isWriting = options.yes === true && options.dryRun !== true;
        const lines = isWriting ? await write(stage, plan) : plan;
        const report = lines.map(({ table, key, outcome, attributes }): Line => ({ table, key, outcome, attributes }));
        const { takenAt } = backup;
        console.log(
          options.json
            ? JSON.stringify({ takenAt, written: isWriting, lines: report }, null, 2)
            : described(report, backup),
        );
        finish(report, isWriting, options.dryRun === true);
      }),
    );
}

async function readBackup(file: string): Promise<Backup> {
  try {
    const { size } = await stat(file);
    if (size > backupBytesMax) throw new Error(`it has ${size} bytes, of at most ${backupBytesMax}`);
    return decodeBackup(await readFile(file, 'utf8'), file);
  } catch (cause) {
    if (cause instanceof KvsInferError) throw cause;
    throw new KvsInferError(
      'BACKUP_UNUSABLE',
      `${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { hint: 'give a file of "kvs-infer backup"', cause },
    );
  }
}

async function compare({ clients, tables }: Stage, backup: Backup, onlyMissing: boolean): Promise<Planned[]> {
  const { readRegistryItems } = await import('../../aws/registry-items.ts');
  const planned: Planned[] = [];
  for (const table of ['fleets', 'cameras'] as const) {
    const key = keys[table];
    const stored = new Map(
      (await readRegistryItems(clients, table, tables[table])).map((item) => [item[key]?.S ?? '', item]),
    );
    for (const item of backup.items[table]) {
      const name = item[key]?.S ?? '';
      const before = stored.get(name) ?? null;
      stored.delete(name);
      // Of a fleet only what the backup names is brought back.
      const compared = before === null || table === 'cameras' ? before : pick(before, Object.keys(item));
      const attributes = compared === null ? [] : differing(compared, item);
      const isSame = compared !== null && sameItem(compared, item);
      const outcome = compared === null ? 'new' : isSame ? 'unchanged' : onlyMissing ? 'kept' : 'changed';
      planned.push({ table, key: name, outcome, attributes, item, before });
    }
    for (const [name, item] of stored) {
      planned.push({ table, key: name, outcome: 'only in the stage', attributes: [], item, before: item });
    }
  }
  return planned;
}

async function write({ clients, tables }: Stage, plan: readonly Planned[]): Promise<Planned[]> {
  const { writeRegistryItem } = await import('../../aws/registry-items.ts');
  const { inParallel, parallelWritesMax } = await import('../../aws/parallel.ts');
  const isWritten = ({ outcome }: Planned) => outcome === 'new' || outcome === 'changed';
  const bar = new LateBar('{bar} {value}/{total} items written', plan.filter(isWritten).length);
  let done = 0;
  try {
    return await inParallel(plan, parallelWritesMax, async (planned) => {
      if (!isWritten(planned)) return planned;
      const { table, item, before } = planned;
      const happened = await writeRegistryItem(clients, table, tables[table], item, before).catch((error: unknown) => {
        if (error instanceof KvsInferError && error.code === 'ITEM_VERSION_LATER') return null;
        throw error;
      });
      done += 1;
      bar.update(done);
      if (happened === true) return planned;
      return { ...planned, outcome: happened === null ? 'of a later version' : 'changed meanwhile' };
    });
  } finally {
    bar.stop();
  }
}

function pick(item: Item, names: readonly string[]): Item {
  return Object.fromEntries(Object.entries(item).filter(([name]) => names.includes(name)));
}

function differing(before: Item, after: Item): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    const [old, fresh] = [before[name], after[name]];
    if (old !== undefined && fresh !== undefined && sameItem({ name: old }, { name: fresh })) return [];
    return [`${name}: ${shown(old)} → ${shown(fresh)}`];
  });
}

/** Without its type, which both sides mostly share. */
function shown(value: Item[string] | undefined): string {
  return short(value && Object.values(value)[0]);
}

function described(lines: readonly Line[], { stage, takenAt }: Backup): string {
  const shown = lines.flatMap(({ table, key, outcome, attributes }) =>
    outcome === 'unchanged'
      ? []
      : [`${table === 'fleets' ? `fleet ${key}` : key}: ${outcome}`, ...attributes.map((line) => `  ${line}`)],
  );
  const counts = new Map<Outcome, number>();
  for (const { outcome } of lines) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const sum = [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
  return [`backup of stage ${stage}, ${takenAt}`, ...shown, sum === '' ? 'nothing in it' : sum].join('\n');
}

/** @throws KvsInferError RESTORE_UNCONFIRMED, RESTORE_INCOMPLETE */
function finish(lines: readonly Line[], isWriting: boolean, isDryRun: boolean): void {
  const count = (wanted: Outcome) => lines.filter(({ outcome }) => outcome === wanted).length;
  const pending = count('new') + count('changed');
  if (!isWriting && !isDryRun && pending > 0) {
    throw new KvsInferError('RESTORE_UNCONFIRMED', `${pending} items would be written, and none was`, {
      hint: 'add --yes to write them, or --dry-run to look alone',
    });
  }
  const later = count('of a later version');
  if (later > 0) {
    const what = `${later} items are of a later version than this command knows, and were kept`;
    throw new KvsInferError('RESTORE_INCOMPLETE', what, {
      hint: 'restore with the kvs-infer of the release that runs',
    });
  }
  const lost = count('changed meanwhile');
  if (lost > 0) {
    throw new KvsInferError('RESTORE_INCOMPLETE', `${lost} items were changed by somebody else meanwhile, and kept`, {
      hint: 'run it again to see what differs now',
    });
  }
}
