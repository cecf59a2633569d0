/**
 * `kvs-infer camera put|remove`: rows of a stage's registry, written from files or taken out. `put` judges every row first,
 * shows what would change, asks at a terminal, and writes nothing when one of them is wrong.
 * Contract: `--json` prints one document; `--dry-run` writes nothing; without a terminal nobody is asked; exit code 1 when a
 * row is wrong, could not be written, or was changed by somebody else meanwhile.
 */
import type { Command } from 'commander';
import { KvsInferError } from '../core/errors.ts';
import { readCameraFile } from './camera-file.ts';
import { type ConfirmOptions, isConfirmed, isInteractive, withConfirmOption } from './confirm.ts';
import { judged, planChanges } from './row-changes.ts';
import { onStage, rowOf, type Stage, type StageOptions, withStageOptions } from './stage.ts';
import { type WriteOptions, writeRows } from './write-rows.ts';

type PutOptions = StageOptions & WriteOptions;

export function cameraRowCommands(camera: Command): void {
  withConfirmOption(
    withStageOptions(
      camera
        .command('put')
        .description('register cameras, or replace their rows, and show what changes')
        .argument('<cameras.yaml...>', 'YAML or JSON files: one row, a list, or { cameras: [rows] }'),
    ).option('--dry-run', 'show what would change, and write nothing'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  $ kvs-infer camera put cameras.yaml --stage production --dry-run' +
        '\n  $ kvs-infer camera put dock-1.yaml dock-2.yaml --stage production --yes',
    )
    .action((files: string[], options: PutOptions) => onStage(options, (stage) => put(stage, files, options)));

  withConfirmOption(
    withStageOptions(
      camera
        .command('remove')
        .description('take cameras out of the registry; their workers let go of them')
        .argument('<cameraId...>', 'ids of registered cameras'),
    ),
  )
    .addHelpText('after', '\nExample:\n  $ kvs-infer camera remove dock-1 dock-2 --stage production')
    .action((cameraIds: string[], options: StageOptions & ConfirmOptions) =>
      onStage(options, (stage) => remove(stage, [...new Set(cameraIds)], options)),
    );
}

async function put(stage: Stage, files: readonly string[], options: PutOptions): Promise<void> {
  const rows = judged((await Promise.all(files.map(readCameraFile))).flat());
  const planned = await planChanges(stage, rows);
  await writeRows(stage, planned, options, { needsYes: false });
  if (options.json)
    console.log(
      JSON.stringify(
        planned.map(({ change }) => change),
        null,
        2,
      ),
    );
}

async function remove(stage: Stage, cameraIds: string[], options: StageOptions & ConfirmOptions): Promise<void> {
  // All of them first: a mistyped id removes nothing.
  const rows = await Promise.all(cameraIds.map((cameraId) => rowOf(stage, cameraId)));
  const count = rows.length === 1 ? '1 camera' : `${rows.length} cameras`;
  if (options.yes === undefined && isInteractive()) {
    const question = `Remove ${count} from stage ${stage.stage}: ${cameraIds.join(', ')}?`;
    if (!(await isConfirmed(question))) {
      console.log(options.json ? JSON.stringify({ removed: [] }) : 'nothing is removed');
      return;
    }
  }
  const { deleteCameraRow } = await import('../aws/camera-row.ts');
  const removed: string[] = [];
  for (const row of rows) {
    if (await deleteCameraRow(stage.clients, stage.tables.cameras, row)) removed.push(String(row.cameraId));
  }
  const words = `${removed.length === 1 ? '1 camera is' : `${removed.length} cameras are`} removed`;
  console.log(options.json ? JSON.stringify({ removed }) : words);
  const left = cameraIds.filter((cameraId) => !removed.includes(cameraId));
  if (left.length === 0) return;
  throw new KvsInferError('CAMERA_CHANGED', `somebody else has changed ${left.join(', ')} meanwhile`, {
    hint: 'it stays; look at it with "camera show" and try again',
  });
}
