/**
 * `kvs-infer camera list`: every registered camera with its phase and why. Contract: `--json` prints one document, a list
 * by id; a row that no run of the control loop has judged yet is there too, as `unjudged`.
 */
import { type Command, Option } from 'commander';
import { cameraPhases } from '../core/fleet-state.ts';
import { type CameraView, cameraView } from '../core/views/camera-view.ts';
import { styledPhase } from './phase-style.ts';
import { onStage, type Stage, type StageOptions, withStageOptions } from './stage.ts';
import { textTable } from './text-table.ts';
import { showOrWatch, type WatchOptions, withWatchOptions } from './watch.ts';

type UnjudgedCamera = { cameraId: string; fleet: string; phase: 'unjudged'; reason: string; since: null };
type ListedCamera = CameraView | UnjudgedCamera;

export function cameraListCommand(camera: Command): void {
  withWatchOptions(
    withStageOptions(camera.command('list').description('list the registered cameras with their phases')),
  )
    .addOption(new Option('--phase <phase>', 'only cameras in this phase').choices([...cameraPhases, 'unjudged']))
    .addHelpText(
      'after',
      '\nExamples:\n  $ kvs-infer camera list --stage production --phase waiting-capacity' +
        '\n  $ kvs-infer camera list --stage local --watch',
    )
    .action((options: StageOptions & WatchOptions & { phase?: string }) =>
      onStage(options, (stage) =>
        showOrWatch<ListedCamera[]>(options, {
          read: async () =>
            (await listCameras(stage)).filter(({ phase }) => options.phase === undefined || phase === options.phase),
          describe: describeCameras,
          facts: (cameras) =>
            new Map(cameras.map(({ cameraId, phase, reason }) => [`camera ${cameraId}`, `${phase}: ${reason}`])),
          gone: options.phase === undefined ? 'is no longer registered' : `is no longer ${options.phase}`,
        }),
      ),
    );
}

/** Of all fleets that rows name, by id; a row that no run has judged yet is there too. */
async function listCameras({ clients, tables }: Stage): Promise<ListedCamera[]> {
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
      const common = { cameraId: String(row.cameraId), fleet: fleetOf(row), since: null };
      return { ...common, phase: 'unjudged', reason: 'no run has seen its row yet' };
    });
  return [...states.map(cameraView), ...unjudged].sort((a, b) => (a.cameraId < b.cameraId ? -1 : 1));
}

function describeCameras(cameras: readonly ListedCamera[]): string {
  if (cameras.length === 0) return 'no camera (register one: kvs-infer camera put cameras.yaml)';
  const [id, fleet, phase] = ['camera', 'fleet', 'phase'].map((head) => ({ head, keep: true as const }));
  const rows = cameras.map((camera) => [
    ...[camera.cameraId, camera.fleet, styledPhase(camera.phase)],
    ...[camera.since?.replace(/\.\d+Z$/, 'Z') ?? '', camera.reason],
  ]);
  return textTable([...[id, fleet, phase].flatMap((column) => column ?? []), { head: 'since' }, { head: 'why' }], rows);
}
