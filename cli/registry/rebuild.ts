/**
 * `kvs-infer camera rebuild`: gives every row of the registry its state again, and retires states without a row. For a
 * table `camera-states` that was lost or set back: the registry's stream tells of changes alone.
 * Contract: it shows what it would do and does it only with `--yes`; what is right is left alone; cameras that workers
 * watch go on.
 */
import type { Command } from 'commander';
import { KvsInferError } from '../../core/errors.ts';
import { type StateRepair, stateRepairs } from '../../core/rebuild-states.ts';
import { LateBar } from '../late-bar.ts';
import { onStage, type Stage, type StageOptions, withStageOptions } from '../stage.ts';

type RebuildOptions = StageOptions & { dryRun?: true; yes?: true; newStream?: true; fleets?: string };

const verbs = { create: 'gets a state', judge: 'is judged again', retire: 'is retired' } as const;

export function cameraRebuildCommand(camera: Command): void {
  withStageOptions(
    camera.command('rebuild').description('make camera states anew from the registry, where they are missing or wrong'),
  )
    .option('--dry-run', 'show what would be done, and do nothing')
    .option('--yes', 'do what was shown')
    .option('--new-stream', 'the table cameras was made anew, and its stream with it')
    .option('--fleets <names>', 'fleets of the deployment, by commas, first one first; those of the table fleets else')
    .addHelpText('after', '\nExample:\n  $ kvs-infer camera rebuild --stage production --dry-run')
    .action((options: RebuildOptions) =>
      onStage(options, async (stage) => {
        const { repairs, unchanged } = await plan(stage, options.fleets);
        const isWriting = options.yes === true && options.dryRun !== true;
        const overtaken = isWriting ? await repair(stage, repairs) : [];
        if (isWriting && options.newStream === true) await forgetSequences(stage, options.fleets);
        const lines = repairs.map(({ kind, cameraId, fleet, why }) => ({ cameraId, fleet, repair: kind, why }));
        console.log(
          options.json
            ? JSON.stringify({ unchanged, written: isWriting, repairs: lines, overtaken }, null, 2)
            : [
                ...lines.map((line) => `${line.cameraId}: ${verbs[line.repair]}: ${line.why}`),
                `${repairs.length} to repair, ${unchanged} right`,
              ].join('\n'),
        );
        if (!isWriting && options.dryRun !== true && repairs.length > 0) {
          throw new KvsInferError('RESTORE_UNCONFIRMED', `${repairs.length} states would be written, and none was`, {
            hint: 'add --yes to write them, or --dry-run to look alone',
          });
        }
        if (overtaken.length > 0) {
          throw new KvsInferError('RESTORE_INCOMPLETE', `changed meanwhile, and kept: ${overtaken.join(', ')}`, {
            hint: 'run it again to see what is left',
          });
        }
      }),
    );
}

/** States before rows: a row is never older than the state that it is compared with. */
async function plan(stage: Stage, given: string | undefined) {
  const { clients, tables } = stage;
  const { listCameraRows } = await import('../../aws/camera-registry.ts');
  const { beforeAllEvents } = await import('../../aws/rebuild.ts');
  const { readWorkers } = await import('../../aws/workers.ts');
  const fleets = await fleetsOf(stage, given);
  const states = await statesOf(stage, fleets);
  const workers = (await Promise.all(fleets.map((fleet) => readWorkers(clients, tables.workers, fleet)))).flat();
  const rows = await listCameraRows(clients, tables.cameras);
  return stateRepairs({ rows, states, workers, fleets, nowMs: Date.now(), beforeAllEvents });
}

async function fleetsOf({ clients, tables }: Stage, given: string | undefined): Promise<string[]> {
  if (given !== undefined) return given.split(',').map((name) => name.trim());
  const { listFleets } = await import('../../aws/fleet-list.ts');
  const known = (await listFleets(clients, tables.fleets)).map(({ fleet }) => fleet);
  return known.length === 0 || known.includes('default') ? [...new Set(['default', ...known])] : known;
}

async function statesOf({ clients, tables }: Stage, fleets: readonly string[]) {
  const { readCameraStates } = await import('../../aws/camera-states.ts');
  return (await Promise.all(fleets.map((fleet) => readCameraStates(clients, tables.cameraStates, fleet)))).flat();
}

/** @returns ids of the cameras whose repair was overtaken. */
async function repair({ clients, tables }: Stage, repairs: readonly StateRepair[]): Promise<string[]> {
  const { inParallel, parallelWritesMax } = await import('../../aws/parallel.ts');
  const { repairState } = await import('../../aws/rebuild.ts');
  const bar = new LateBar('{bar} {value}/{total} states written', repairs.length);
  let done = 0;
  try {
    const overtaken = await inParallel(repairs, parallelWritesMax, async (one) => {
      const happened = await repairState(clients, tables, one, Date.now());
      done += 1;
      bar.update(done);
      return happened ? [] : [one.cameraId];
    });
    return overtaken.flat();
  } finally {
    bar.stop();
  }
}

async function forgetSequences(stage: Stage, given: string | undefined): Promise<void> {
  const { inParallel, parallelWritesMax } = await import('../../aws/parallel.ts');
  const { beforeAllEvents, forgetSequence } = await import('../../aws/rebuild.ts');
  const states = await statesOf(stage, await fleetsOf(stage, given));
  const later = states.filter(({ rowSequenceNumber }) => rowSequenceNumber !== beforeAllEvents);
  await inParallel(later, parallelWritesMax, (seen) => forgetSequence(stage.clients, stage.tables.cameraStates, seen));
}
