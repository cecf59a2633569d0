/**
 * `kvs-infer camera show`: what a camera does now and how well it was watched in the last days, from its state and the
 * blind-time ledger. Contract: `--json` prints one document `{ cameraId, fleet, state, coverage }`; `state` is null while
 * no run has judged the row yet.
 */
import type { Command } from 'commander';
import { type Coverage, type CoverageLine, coverageOf } from '../core/control/coverage.ts';
import { type CameraView, cameraView } from '../core/views/camera-view.ts';
import { onStage, rowOf, type Stage, type StageOptions, withStageOptions } from './stage.ts';
import { numbersAfterTheFirst, textTable } from './text-table.ts';
import { showOrWatch, type WatchOptions, withWatchOptions } from './watch.ts';

type ShownCamera = { cameraId: string; fleet: string; state: CameraView | null; coverage: Coverage };

const dayMs = 86_400_000;
const daysDefault = 7;
/** Missed windows that are printed; all of them are in the JSON. */
const missedMax = 10;

export function cameraShowCommand(camera: Command): void {
  withWatchOptions(
    withStageOptions(
      camera
        .command('show')
        .description('show what a camera does and how well it was watched in the last week')
        .argument('<cameraId>', 'id of a registered camera'),
    ),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  $ kvs-infer camera show dock-1 --stage production\n  $ kvs-infer camera show gate --stage local --watch',
    )
    .action((cameraId: string, options: StageOptions & WatchOptions) =>
      onStage(options, (stage) =>
        showOrWatch<ShownCamera>(options, {
          read: () => readCamera(stage, cameraId),
          describe: ({ fleet, state, coverage }) =>
            [describeState(cameraId, fleet, state), '', describeCoverage(coverage)].join('\n'),
          facts: ({ state }) =>
            new Map([
              [`camera ${cameraId}`, state === null ? 'not judged yet' : `${state.phase}: ${state.reason}`],
              ['worker', state?.worker ?? 'none'],
              ['issues', issueLines(state).join('; ') || 'none'],
            ]),
          gone: 'is gone',
        }),
      ),
    );
}

async function readCamera(stage: Stage, cameraId: string): Promise<ShownCamera> {
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
  return { cameraId, fleet, state: state === null ? null : cameraView(state), coverage };
}

function issueLines(state: CameraView | null): string[] {
  return (state?.issues ?? []).map(
    ({ severity, path, message }) => `${severity}: ${path === '' ? '' : `${path}: `}${message}`,
  );
}

function describeState(cameraId: string, fleet: string, view: CameraView | null): string {
  const head = `${cameraId}, fleet ${fleet}`;
  if (view === null) return `${head}\nno state yet: the control loop has not judged its row`;
  return [
    `${head}, stream ${view.streamName ?? '?'}`,
    `${view.phase} since ${view.since}: ${view.reason}`,
    ...(view.rowTraceId === null
      ? []
      : [`trace of its row ${view.rowTraceId}, of its worker’s order ${view.watchTraceId ?? 'none yet'}`]),
    `worker ${view.worker ?? 'none'}, epoch ${view.epoch}; last media ${view.lastMediaAt ?? 'never'}, last inference ${view.lastInferenceAt ?? 'never'}`,
    ...issueLines(view),
  ].join('\n');
}

function describeCoverage({ days, total, readyBy }: Coverage): string {
  if (days.length === 0) return `nothing was scheduled in the last ${daysDefault} days`;
  const cells = (day: string, line: CoverageLine) => [
    ...[day, `${line.scheduledSeconds} s`, `${line.inferredSeconds} s`],
    line.coverage === null ? '-' : `${(100 * line.coverage).toFixed(2)} %`,
    Object.entries(line.blindSeconds)
      .map(([cause, seconds]) => `${cause} ${seconds} s`)
      .join(', '),
  ];
  const columns = numbersAfterTheFirst(['day (UTC)', 'scheduled', 'inferred', 'coverage']);
  const rows = [...days.map((line) => cells(line.day, line)), cells('all', total)];
  const missed = readyBy.missed.slice(-missedMax).map(({ start, latenessMs, cause }) => {
    return `  missed ${start}: ready ${(latenessMs / 1_000).toFixed(1)} s late (${cause ?? 'unknown'})`;
  });
  return [
    textTable([...columns, { head: 'blind' }], rows),
    `windows: ${readyBy.windows}, ready in time: ${readyBy.hit}`,
    ...missed,
  ].join('\n');
}
