/**
 * `kvs-infer backup`: what people typed into a stage, in one file: camera rows, and the policies and orders of fleets.
 * Contract: the file is whole or not there; two backups of the same registry differ in their first line alone.
 */
import { rename, rm, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { KvsInferError } from '../../core/errors.ts';
import { LateBar } from '../late-bar.ts';
import { onStage, type StageOptions, withStageOptions } from '../stage.ts';
import { encodeBackup } from './backup-file.ts';

type BackupOptions = StageOptions & { out: string; camerasTable?: string };

export function backupCommand(program: Command): void {
  withStageOptions(
    program
      .command('backup')
      .description('write the camera registry and the policies and orders of fleets into one file')
      .requiredOption('--out <file>', 'file to write; replaced when it is there'),
  )
    .option('--cameras-table <table>', 'read rows from this table: one that point-in-time recovery made')
    .addHelpText('after', '\nExample:\n  $ kvs-infer backup --stage production --out registry.ndjson')
    .action((options: BackupOptions) =>
      onStage(options, async ({ clients, tables, stage }) => {
        const { readRegistryItems } = await import('../../aws/registry-items.ts');
        const bar = new LateBar('{value} rows read', 0);
        const cameras = await readRegistryItems(clients, 'cameras', options.camerasTable ?? tables.cameras, (count) =>
          bar.update(count),
        ).finally(() => bar.stop());
        const fleets = await readRegistryItems(clients, 'fleets', tables.fleets);
        const takenAt = new Date().toISOString();
        await writeWhole(
          options.out,
          encodeBackup({ stage, region: clients.region, takenAt, items: { cameras, fleets } }),
        );
        const report = { file: options.out, stage, takenAt, cameras: cameras.length, fleets: fleets.length };
        console.log(
          options.json
            ? JSON.stringify(report, null, 2)
            : `${options.out}: ${cameras.length} camera rows, ${fleets.length} fleets with a policy or an order`,
        );
      }),
    );
}

/** @throws KvsInferError OUTPUT_UNWRITABLE */
async function writeWhole(path: string, text: string): Promise<void> {
  const unfinished = `${path}.unfinished`;
  try {
    // Rows may name streams and places that are nobody else's business.
    await writeFile(unfinished, text, { mode: 0o600 });
    await rename(unfinished, path);
  } catch (cause) {
    await rm(unfinished, { force: true }).catch(() => {});
    throw new KvsInferError('OUTPUT_UNWRITABLE', `${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      hint: 'make room, or give another path with --out',
      cause,
    });
  }
}
