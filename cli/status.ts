/**
 * `kvs-infer status`: a stage at one glance: is everything watched, how large are the fleets and why, what did today cost,
 * and what should somebody look at. Contract: exit code 0 when the stage could be read, whatever it says; `--json` prints
 * one document; `--watch` looks again every few seconds until Ctrl-C.
 */
import type { Command } from 'commander';
import { type CameraPhase, cameraPhases } from '../core/fleet-state.ts';
import { type CameraView, cameraView } from '../core/views/camera-view.ts';
import { type FleetView, fleetView } from '../core/views/fleet-view.ts';
import { styledPhase } from './phase-style.ts';
import { onStage, type Stage, type StageOptions, withStageOptions } from './stage.ts';
import { showOrWatch, type WatchOptions, withWatchOptions } from './watch.ts';

/** Cameras that are named; the others are counted. */
const camerasNamedMax = 10;
/** Phases in which a camera gets what its row asks for. */
const contentPhases: ReadonlySet<CameraPhase> = new Set(['running', 'off-schedule', 'warming', 'disabled']);

type Status = { stage: string; at: string; fleets: FleetView[]; needAttention: CameraView[] };

export function statusCommand(program: Command): void {
  withWatchOptions(
    withStageOptions(program.command('status').description('a stage at one glance: cameras, fleets, cost, problems')),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  $ kvs-infer status --stage production --watch\n  $ kvs-infer status --stage local --json',
    )
    .action((options: StageOptions & WatchOptions) =>
      onStage(options, (stage) =>
        showOrWatch<Status>(options, {
          read: () => readStatus(stage),
          describe: describeStatus,
          facts: factsOf,
          gone: 'gets what its row asks for',
        }),
      ),
    );
}

function factsOf({ fleets, needAttention }: Status): ReadonlyMap<string, string> {
  return new Map(
    [
      ...fleets.map((view) => [`fleet ${view.fleet}`, describeFleet(view).join(';').replaceAll(/; +/g, '; ')] as const),
      ...needAttention.map(({ cameraId, phase, reason }) => [`camera ${cameraId}`, `${phase}: ${reason}`] as const),
    ].map(([about, fact]) => [about, fact.replace(`${about}: `, '')]),
  );
}

async function readStatus({ clients, tables, stage }: Stage): Promise<Status> {
  const [{ listFleets }, { readWorkers }, { readCameraStates }, { readDecisions }] = await Promise.all([
    import('../aws/fleet-list.ts'),
    import('../aws/workers.ts'),
    import('../aws/camera-states.ts'),
    import('../aws/decisions.ts'),
  ]);
  const items = await listFleets(clients, tables.fleets);
  const read = await Promise.all(
    items.map(async (item) => {
      const [workers, cameras, decisions] = await Promise.all([
        readWorkers(clients, tables.workers, item.fleet),
        readCameraStates(clients, tables.cameraStates, item.fleet),
        readDecisions(clients, tables.decisions, item.fleet, { limit: 1 }),
      ]);
      return { item, workers, cameras, decisions };
    }),
  );
  const needAttention = read.flatMap(({ cameras }) => cameras.filter(({ phase }) => !contentPhases.has(phase)));
  return {
    stage,
    at: new Date().toISOString(),
    fleets: read.map(fleetView),
    needAttention: needAttention.map(cameraView),
  };
}

export function describeStatus({ stage, at, fleets, needAttention }: Status): string {
  if (fleets.length === 0) return `stage ${stage}, ${at}: the control loop has not run yet`;
  const named = needAttention.slice(0, camerasNamedMax);
  const more = needAttention.length - named.length;
  return [
    `stage ${stage}, ${at}`,
    ...fleets.flatMap(describeFleet),
    needAttention.length === 0 ? 'every camera gets what its row asks for' : 'cameras to look at:',
    ...named.map(({ cameraId, phase, reason }) => `  ${cameraId}: ${styledPhase(phase)}: ${reason}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ].join('\n');
}

function describeFleet({ fleet, cameras, workers, days, latestDecision, pause: paused }: FleetView): string[] {
  const counts = cameraPhases.flatMap((phase) => {
    const count = cameras.byPhase[phase] ?? 0;
    return count === 0 ? [] : [`${count} ${phase}`];
  });
  const today = days.at(-1);
  const onTime =
    today === undefined || today.windows === 0 ? '' : `, ${today.windowsHit} of ${today.windows} windows ready in time`;
  return [
    `fleet ${fleet}: ${counts.length === 0 ? 'no camera' : counts.join(', ')}; ${workers.length} worker${workers.length === 1 ? '' : 's'}`,
    ...(paused === null ? [] : [`  paused until ${paused.until}`]),
    ...(today === undefined ? [] : [`  today ${today.usd.toFixed(2)} USD of GPUs${onTime}`]),
    ...(latestDecision === null ? [] : [`  ${latestDecision.reason}`]),
    ...(latestDecision?.problems ?? []).map((problem) => `  problem: ${problem}`),
  ];
}
