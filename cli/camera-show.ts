/**
 * `kvs-infer camera show`: what a camera does now and how well it was watched in the last days, from its state and the
 * blind-time ledger. Contract: `--json` prints one document `{ cameraId, fleet, state, coverage }`; `state` is null while
 * no run has judged the row yet.
 */
import Table from 'cli-table3';
import type { Command } from 'commander';
import { type Coverage, type CoverageLine, coverageOf } from '../core/control/coverage.ts';
import { type CameraView, cameraView } from '../core/views/camera-view.ts';
import { onStage, rowOf, type StageOptions, withStageOptions } from './stage.ts';

const dayMs = 86_400_000;
const daysDefault = 7;
/** Missed windows that are printed; all of them are in the JSON. */
const missedMax = 10;

export function cameraShowCommand(camera: Command): void {
  withStageOptions(
    camera
      .command('show')
      .description('show what a camera does and how well it was watched in the last week')
      .argument('<cameraId>', 'id of a registered camera'),
  )
    .addHelpText('after', '\nExample:\n  $ kvs-infer camera show dock-1 --stage production')
    .action((cameraId: string, options: StageOptions) =>
      onStage(options, async (stage) => {
        const { clients, tables } = stage;
        const row = await rowOf(stage, cameraId);
        const { readCameraState } = await import('../aws/camera-states.ts');
        const { readLedger } = await import('../aws/ledger.ts');
        const fleet = typeof row.fleet === 'string' ? row.fleet : 'default';
        const nowMs = Date.now();
        const [state, ledger] = await Promise.all([
          readCameraState(clients, tables.cameraStates, fleet, cameraId),
          readLedger(clients, tables.ledger, cameraId, nowMs - daysDefault * dayMs, nowMs),
        ]);
        const coverage = coverageOf(ledger.hours, ledger.windows);
        const view = state === null ? null : cameraView(state);
        console.log(
          options.json
            ? JSON.stringify({ cameraId, fleet, state: view, coverage }, null, 2)
            : [describeState(cameraId, fleet, view), '', describeCoverage(coverage)].join('\n'),
        );
      }),
    );
}

function describeState(cameraId: string, fleet: string, view: CameraView | null): string {
  const head = `${cameraId}, fleet ${fleet}`;
  if (view === null) return `${head}\nno state yet: the control loop has not judged its row`;
  return [
    `${head}, stream ${view.streamName ?? '?'}`,
    `${view.phase} since ${view.since}: ${view.reason}`,
    `worker ${view.worker ?? 'none'}, epoch ${view.epoch}; last media ${view.lastMediaAt ?? 'never'}, last inference ${view.lastInferenceAt ?? 'never'}`,
    ...view.issues.map(({ severity, path, message }) => `${severity}: ${path === '' ? '' : `${path}: `}${message}`),
  ].join('\n');
}

function describeCoverage({ days, total, readyBy }: Coverage): string {
  if (days.length === 0) return `nothing was scheduled in the last ${daysDefault} days`;
  const table = new Table({
    head: ['day (UTC)', 'scheduled', 'inferred', 'coverage', 'blind'],
    style: { head: [], border: [], compact: true },
  });
  const cells = (day: string, line: CoverageLine) => [
    ...[day, `${line.scheduledSeconds} s`, `${line.inferredSeconds} s`],
    line.coverage === null ? '-' : `${(100 * line.coverage).toFixed(2)} %`,
    Object.entries(line.blindSeconds)
      .map(([cause, seconds]) => `${cause} ${seconds} s`)
      .join(', '),
  ];
  for (const line of days) table.push(cells(line.day, line));
  table.push(cells('all', total));
  const missed = readyBy.missed.slice(-missedMax).map(({ start, latenessMs, cause }) => {
    return `  missed ${start}: ready ${(latenessMs / 1_000).toFixed(1)} s late (${cause ?? 'unknown'})`;
  });
  return [table.toString(), `windows: ${readyBy.windows}, ready in time: ${readyBy.hit}`, ...missed].join('\n');
}
