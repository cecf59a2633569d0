/**
 * `kvs-infer simulate`: what a coming week will cost and what will be missed, before a schedule is saved: the control
 * loop's own decisions against a modelled cloud in virtual time, beside what teams would run instead.
 * Contract (scripts rely on it): `--json` prints `{ scheduledCameraSeconds, inferredCameraSeconds, coverage,
 * blindSecondsByCause, instanceHours, costUsd, readyBy, baselines: { alwaysOn, scheduledActions, ecsTargetTracking } }`.
 */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { systemClock } from '../core/clock.ts';
import { defaultPolicy, workersPerFleetMax } from '../core/control/policy.ts';
import { instanceHourUsd } from '../core/cost/forecast.ts';
import { KvsInferError } from '../core/errors.ts';
import { defaultSettings } from '../core/simulation/settings.ts';
import { type AwsOptions, withAwsOptions } from './aws-options.ts';
import { readCameraFile } from './camera-file.ts';
import {
  forecastDaysMax,
  numberIn,
  priceRegion,
  pricesFrom,
  regionOption,
  registeredRows,
  usableCameras,
} from './cameras-to-forecast.ts';
import { LateBar } from './late-bar.ts';
import { parseInstant } from './schedule.ts';
import { weekPage } from './simulation/picture.ts';
import { weekText } from './simulation/report.ts';
import { playWeek } from './simulation/week.ts';

type SimulateOptions = AwsOptions & {
  stage?: string;
  from?: string;
  days: number;
  seed: string;
  instanceType: string;
  inferencesPerSecond: number;
  maxWorkers: number;
  silentShare: number;
  spotShare: number;
  spotInterruptions: number;
  shortages: number;
  prices?: string;
  html?: string;
  json?: true;
};

export function simulateCommand(program: Command): void {
  const command = program
    .command('simulate')
    .description('play a coming week of the cameras: what it costs, what is missed, and what the other ways would be')
    .argument('[cameras.yaml]', 'YAML or JSON file with camera rows')
    .option('--stage <stage>', 'the cameras of the registry of this stage instead of a file')
    .option('--from <ISO>', 'first instant (default: now)')
    .option('--days <days>', 'length', numberIn(1 / 24, forecastDaysMax), 7)
    .option('--seed <seed>', 'of everything that happens by chance; the same seed replays exactly', '1')
    .option(...regionOption)
    .option('--instance-type <type>', 'GPU instance type', 'g4dn.xlarge')
    .option(
      '--inferences-per-second <n>',
      'what one worker does',
      numberIn(0.1, 100_000),
      defaultSettings.workerInferencesPerSecond,
    )
    .option('--max-workers <n>', 'of each fleet', numberIn(0, workersPerFleetMax), defaultPolicy.maxWorkers)
    .option(
      '--silent-share <share>',
      'of camera time without media, 0..0.5',
      numberIn(0, 0.5),
      defaultSettings.silentShare,
    )
    .option('--spot-share <share>', 'of the instances that are Spot, 0..1', numberIn(0, 1), defaultSettings.spotShare)
    .option(
      '--spot-interruptions <rate>',
      'per Spot instance and hour',
      numberIn(0, 10),
      defaultSettings.spotInterruptionsPerHour,
    )
    .option('--shortages <n>', 'spells a week without GPU capacity', numberIn(0, 100), defaultSettings.shortagesPerWeek)
    .option('--prices <file>', 'JSON with prices that win over the table: { asOf, source, regions }')
    .option('--html <file>', 'write the picture of the week: demand, GPUs, blind time')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nExamples:\n  $ kvs-infer simulate cameras.yaml --from 2026-12-21T00:00:00Z --days 7 --html week.html' +
        '\n  $ kvs-infer simulate --stage production --silent-share 0.08 --json',
    )
    .action(simulateAction);
  withAwsOptions(command, ['--region']);
}

async function simulateAction(file: string | undefined, options: SimulateOptions): Promise<void> {
  const fromMs = options.from === undefined ? systemClock.nowMs() : parseInstant('--from', options.from);
  const { onDemandUsd, spotUsd } = instanceHourUsd(
    await pricesFrom(options.prices),
    priceRegion(options.region),
    options.instanceType,
  );
  const { cameras, skipped } = usableCameras(await rowsOf(file, options));
  if (cameras.length === 0) {
    throw new KvsInferError('CAMERAS_MISSING', `none of ${skipped.length} rows can be used: ${skipped[0]?.reason}`, {
      hint: 'run "kvs-infer camera check" on the file',
    });
  }
  const question = {
    ...{ cameras, skipped, fromMs, toMs: fromMs + Math.round(options.days * 86_400_000), seed: options.seed },
    policy: {
      ...defaultPolicy,
      maxWorkers: options.maxWorkers,
      minWorkers: Math.min(defaultPolicy.minWorkers, options.maxWorkers),
      defaultInferencesPerSecond: options.inferencesPerSecond,
    },
    settings: {
      ...defaultSettings,
      workerInferencesPerSecond: options.inferencesPerSecond,
      silentShare: options.silentShare,
      spotShare: options.spotShare,
      spotInterruptionsPerHour: options.spotInterruptions,
      shortagesPerWeek: options.shortages,
    },
    // Without a Spot price the bill is never too low.
    prices: { onDemandUsd, spotUsd: spotUsd ?? onDemandUsd },
  };
  const bar = new LateBar('{bar} {percentage}% of four ways to run the fleet played', 100);
  const { week, picture } = await playWeek(question, (share) => bar.update(Math.floor(share * 100))).finally(() =>
    bar.stop(),
  );
  if (options.html !== undefined) await writePage(options.html, weekPage(week, picture));
  if (options.json) console.log(JSON.stringify(week, null, 2));
  else console.log(weekText(week, { isSpotPriceKnown: spotUsd !== null, page: options.html ?? null }));
}

async function rowsOf(file: string | undefined, options: SimulateOptions): Promise<unknown[]> {
  const { stage } = options;
  if (file !== undefined && stage === undefined) return readCameraFile(file);
  if (stage === undefined || file !== undefined) {
    throw new KvsInferError(
      'CAMERAS_NOT_CHOSEN',
      file === undefined ? 'no cameras were given' : 'a file and a stage were given',
      { hint: 'give either a YAML or JSON file with camera rows, or --stage' },
    );
  }
  const rows = await registeredRows(options);
  if (rows.length > 0) return rows;
  throw new KvsInferError('CAMERAS_MISSING', `the registry of stage ${stage} is empty`, {
    hint: 'add a camera row, or give a file',
  });
}

async function writePage(path: string, page: string): Promise<void> {
  try {
    await writeFile(path, page);
  } catch (cause) {
    throw new KvsInferError(
      'OUTPUT_UNWRITABLE',
      `cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { hint: 'give --html the path of a file in a folder that exists', cause },
    );
  }
}
