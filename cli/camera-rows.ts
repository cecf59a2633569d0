/**
 * `kvs-infer camera list|put|remove`: the rows of a stage's registry, from a terminal. `put` judges every row of its files
 * first, shows what would change, and writes nothing when one of them is wrong.
 * Contract: `--json` prints one document; `--dry-run` writes nothing; exit code 1 when a row is wrong or was changed by
 * somebody else meanwhile.
 */
import Table from 'cli-table3';
import type { Command } from 'commander';
import { canonicalJson } from '../core/canonical-json.ts';
import { KvsInferError } from '../core/errors.ts';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import { type CameraView, cameraView } from '../core/views/camera-view.ts';
import { readCameraFile } from './camera-file.ts';
import { onStage, rowOf, type Stage, type StageOptions, withStageOptions } from './stage.ts';

type Row = Record<string, unknown> & { cameraId: string };
type Change = { cameraId: string; change: 'new' | 'changed' | 'unchanged'; attributes: string[] };

export function cameraRowCommands(camera: Command): void {
  withStageOptions(camera.command('list').description('list the registered cameras with their phases'))
    .option('--phase <phase>', 'only cameras in this phase')
    .addHelpText('after', '\nExample:\n  $ kvs-infer camera list --stage production --phase waiting-capacity')
    .action((options: StageOptions & { phase?: string }) =>
      onStage(options, async (stage) => {
        const cameras = (await listCameras(stage)).filter(
          ({ phase }) => options.phase === undefined || phase === options.phase,
        );
        console.log(options.json ? JSON.stringify(cameras, null, 2) : describeCameras(cameras));
      }),
    );

  withStageOptions(
    camera
      .command('put')
      .description('register cameras, or replace their rows, and show what changes')
      .argument('<cameras.yaml...>', 'YAML or JSON files: one row, a list, or { cameras: [rows] }'),
  )
    .option('--dry-run', 'show what would change, and write nothing')
    .addHelpText('after', '\nExample:\n  $ kvs-infer camera put cameras.yaml --stage production --dry-run')
    .action((files: string[], options: StageOptions & { dryRun?: true }) =>
      onStage(options, async (stage) => {
        const rows = judged((await Promise.all(files.map(readCameraFile))).flat());
        const changes = await put(stage, rows, options.dryRun === true);
        console.log(
          options.json ? JSON.stringify(changes, null, 2) : describeChanges(changes, options.dryRun === true),
        );
      }),
    );

  withStageOptions(
    camera
      .command('remove')
      .description('remove cameras from the registry; their workers let them go within a minute')
      .argument('<cameraId...>', 'ids of registered cameras'),
  )
    .addHelpText('after', '\nExample:\n  $ kvs-infer camera remove dock-1 dock-2 --stage production')
    .action((cameraIds: string[], options: StageOptions) =>
      onStage(options, async (stage) => {
        // All of them are there before the first is removed: a typing error leaves everything as it was.
        const rows = await Promise.all(cameraIds.map((cameraId) => rowOf(stage, cameraId)));
        const { deleteCameraRow } = await import('../aws/camera-row.ts');
        for (const row of rows) {
          if (!(await deleteCameraRow(stage.clients, stage.tables.cameras, row)))
            throw changedMeanwhile(String(row.cameraId));
        }
        const words = `${rows.length === 1 ? '1 camera is' : `${rows.length} cameras are`} removed`;
        console.log(options.json ? JSON.stringify({ removed: cameraIds }) : words);
      }),
    );
}

/** Of all fleets that rows name, by id; a row that no run has judged yet is there too. */
async function listCameras({ clients, tables }: Stage): Promise<(CameraView | UnjudgedCamera)[]> {
  const { listCameraRows } = await import('../aws/camera-registry.ts');
  const { readCameraStates } = await import('../aws/camera-states.ts');
  const rows = await listCameraRows(clients, tables.cameras);
  const fleetOf = (row: Record<string, unknown>) => (typeof row.fleet === 'string' ? row.fleet : 'default');
  const fleets = [...new Set(['default', ...rows.map(fleetOf)])];
  const states = (
    await Promise.all(fleets.map((fleet) => readCameraStates(clients, tables.cameraStates, fleet)))
  ).flat();
  const known = new Set(states.map(({ cameraId }) => cameraId));
  const unjudged = rows
    .filter(({ cameraId }) => !known.has(String(cameraId)))
    .map((row): UnjudgedCamera => {
      const phase = 'unjudged' as const;
      return {
        cameraId: String(row.cameraId),
        fleet: fleetOf(row),
        phase,
        reason: 'no run has seen its row yet',
        since: null,
      };
    });
  return [...states.map(cameraView), ...unjudged].sort((a, b) => (a.cameraId < b.cameraId ? -1 : 1));
}

type UnjudgedCamera = { cameraId: string; fleet: string; phase: 'unjudged'; reason: string; since: null };

function describeCameras(cameras: readonly (CameraView | UnjudgedCamera)[]): string {
  if (cameras.length === 0) return 'no camera';
  const table = new Table({
    head: ['camera', 'fleet', 'phase', 'since', 'why'],
    style: { head: [], border: [], compact: true },
    wordWrap: true,
    colWidths: [null, null, null, null, Math.max(20, (process.stdout.columns ?? 120) - 78)],
  });
  for (const { cameraId, fleet, phase, since, reason } of cameras)
    table.push([cameraId, fleet, phase, since ?? '', reason]);
  return table.toString();
}

/** @throws KvsInferError CAMERA_INVALID naming every row that is wrong. */
function judged(rows: readonly unknown[]): Row[] {
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
  throw new KvsInferError('CAMERA_INVALID', problems.join('; '), {
    hint: 'nothing was written; "kvs-infer camera check" lists the same, with warnings',
  });
}

async function put({ clients, tables }: Stage, rows: readonly Row[], isDryRun: boolean): Promise<Change[]> {
  const { readCameraRow, replaceCameraRow } = await import('../aws/camera-row.ts');
  const stored = await Promise.all(rows.map(({ cameraId }) => readCameraRow(clients, tables.cameras, cameraId)));
  const changes: Change[] = [];
  for (const [index, row] of rows.entries()) {
    const before = stored[index] ?? null;
    const attributes = attributesThatDiffer(before ?? {}, row);
    const change = before === null ? 'new' : attributes.length === 0 ? 'unchanged' : 'changed';
    changes.push({ cameraId: row.cameraId, change, attributes });
    if (isDryRun || change === 'unchanged') continue;
    if (!(await replaceCameraRow(clients, tables.cameras, row, before))) throw changedMeanwhile(row.cameraId);
  }
  return changes;
}

function attributesThatDiffer(before: Record<string, unknown>, after: Record<string, unknown>): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .filter((name) => canonicalJson(before[name]) !== canonicalJson(after[name]))
    .map((name) => `${name}: ${short(before[name])} → ${short(after[name])}`);
}

function short(value: unknown): string {
  const text = value === undefined ? 'not set' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function describeChanges(changes: readonly Change[], isDryRun: boolean): string {
  const lines = changes.flatMap(({ cameraId, change, attributes }) =>
    change === 'changed'
      ? [`${cameraId}: changed`, ...attributes.map((line) => `  ${line}`)]
      : [`${cameraId}: ${change}`],
  );
  const written = changes.filter(({ change }) => change !== 'unchanged').length;
  return [...lines, isDryRun ? `${written} would be written` : `${written} written`].join('\n');
}

function changedMeanwhile(cameraId: string): KvsInferError {
  return new KvsInferError('CAMERA_CHANGED', `somebody else has changed "${cameraId}" meanwhile`, {
    hint: 'look at it with "camera show" and try again; what was written before it stays',
  });
}
