/**
 * `kvs-infer status`: a stage at one glance: is everything watched, how large are the fleets and why, what did today cost,
 * and what should somebody look at (alarms that ring, cameras that do not get what they ask for). Contract: exit code 0 when
 * the stage could be read, whatever it says, also that its alarms cannot be read; `--json` prints one document; `--watch`
 * looks again every few seconds until Ctrl-C.
 */
import { styleText } from 'node:util';
import type { Command } from 'commander';
import { formatError, KvsInferError } from '../core/errors.ts';
import { type CameraPhase, cameraPhases } from '../core/fleet-state.ts';
import { type AlarmReport, alarmReport } from '../core/views/alarm-view.ts';
import { type CameraView, cameraView } from '../core/views/camera-view.ts';
import { type FleetView, fleetView } from '../core/views/fleet-view.ts';
import { styledPhase } from './phase-style.ts';
import { onStage, type Stage, type StageOptions, withStageOptions } from './stage.ts';
import { showOrWatch, type WatchOptions, withWatchOptions } from './watch.ts';

/** Cameras that are named; the others are counted. */
const camerasNamedMax = 10;
/** Phases in which a camera gets what its row asks for. */
const contentPhases: ReadonlySet<CameraPhase> = new Set(['running', 'off-schedule', 'warming', 'disabled']);

type Status = { stage: string; at: string; alarms: AlarmReport; fleets: FleetView[]; needAttention: CameraView[] };

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
          gone: (about) => (about.startsWith('alarm') ? 'is over' : 'gets what its row asks for'),
        }),
      ),
    );
}

function factsOf({ alarms, fleets, needAttention }: Status): ReadonlyMap<string, string> {
  return new Map(
    [
      ...(alarms.unreadable === null ? [] : [['alarms', `cannot be read: ${alarms.unreadable}`] as const]),
      ...alarms.ringing.map(
        ({ alarm, since, meaning, action }) =>
          [`alarm ${alarm}`, `rings since ${since}: ${meaning} ${action}`] as const,
      ),
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
  const alarms = await readReport(
    clients,
    stage,
    items.map(({ fleet }) => fleet),
  );
  const needAttention = read.flatMap(({ cameras }) => cameras.filter(({ phase }) => !contentPhases.has(phase)));
  return {
    stage,
    at: new Date().toISOString(),
    alarms,
    fleets: read.map(fleetView),
    needAttention: needAttention.map(cameraView),
  };
}

/** Whoever may not read alarms is told so, and sees the rest. */
async function readReport(clients: Stage['clients'], stage: string, fleets: string[]): Promise<AlarmReport> {
  const { readAlarms } = await import('../aws/alarms.ts');
  try {
    return alarmReport(await readAlarms(clients, stage, fleets));
  } catch (error) {
    if (!(error instanceof KvsInferError)) throw error;
    return { ringing: [], unreadable: formatError(error).replace(/^kvs-infer: /, '') };
  }
}

export function describeStatus({ stage, at, alarms, fleets, needAttention }: Status): string {
  if (fleets.length === 0) {
    return [`stage ${stage}, ${at}: the control loop has not run yet`, ...describeAlarms(alarms)].join('\n');
  }
  const named = needAttention.slice(0, camerasNamedMax);
  const more = needAttention.length - named.length;
  return [
    `stage ${stage}, ${at}`,
    ...describeAlarms(alarms),
    ...fleets.flatMap(describeFleet),
    needAttention.length === 0 ? 'every camera gets what its row asks for' : 'cameras to look at:',
    ...named.map(({ cameraId, phase, reason }) => `  ${cameraId}: ${styledPhase(phase)}: ${reason}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ].join('\n');
}

function describeAlarms({ ringing, unreadable }: AlarmReport): string[] {
  if (unreadable !== null) return [`the alarms cannot be read: ${unreadable}`];
  if (ringing.length === 0) return ['no alarm rings'];
  return [
    'alarms that ring:',
    ...ringing.map(
      ({ alarm, since, meaning, action }) =>
        `  ${styleText('red', alarm)}${since === null ? '' : ` since ${since}`}: ${meaning} ${action}`,
    ),
  ];
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
