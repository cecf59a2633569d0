/**
 * `kvs-infer cost`: the estimate of the deployment that this one replaces, and beside it what the cameras' own schedules
 * will cost, on demand and on Spot. Contract: `--json` prints `{ original, forecast }`, with the source, the date and the
 * unit price of every figure; forecast is null when no cameras were given.
 */
import { type Command, Option } from 'commander';
import { systemClock } from '../core/clock.ts';
import { defaultPolicy, workersPerFleetMax } from '../core/control/policy.ts';
import { type Bill, billOf } from '../core/cost/bill.ts';
import { type Forecast, forecast, type NetworkMode, networkModes } from '../core/cost/forecast.ts';
import { originalBitrateMbps, originalDeployment, originalTotalUsd } from '../core/cost/original-deployment.ts';
import type { PriceTable } from '../core/cost/price-table.ts';
import { type AwsOptions, withAwsOptions } from './aws-options.ts';
import { readCameraFile } from './camera-file.ts';
import {
  forecastDaysMax,
  numberIn,
  priceRegion,
  pricesFrom,
  regionOption,
  registeredRows,
  type SkippedRow,
  usableCameras,
} from './cameras-to-forecast.ts';
import { forecastText, originalText } from './cost-text.ts';
import { parseInstant } from './schedule.ts';

const originalPricesRegion = 'us-east-1';

type CostOptions = AwsOptions & {
  cameras?: string;
  stage?: string;
  from?: string;
  days: number;
  instanceType: string;
  network: NetworkMode;
  bitrateMbps: number;
  inferencesPerSecond: number;
  maxWorkers: number;
  prices?: string;
  json?: true;
};

export type OriginalCost = { publishedTotalUsd: number; publishedUsd: Record<string, number>; bills: Bill[] };
export type CamerasCost = Forecast & {
  from: string;
  to: string;
  cameras: number;
  skipped: SkippedRow[];
  instanceType: string;
  network: NetworkMode;
};

export function costCommand(program: Command): void {
  const command = program
    .command('cost')
    .description('what the replaced deployment was estimated at, and what the registered schedules will cost')
    .option('--cameras <file>', 'YAML or JSON file with camera rows: forecast their schedules')
    .option('--stage <stage>', 'forecast the schedules of the registry of this stage')
    .option('--from <ISO>', 'first instant of the forecast (default: now)')
    .option('--days <days>', 'length of the forecast', numberIn(1, forecastDaysMax), 30)
    .option(...regionOption)
    .option('--instance-type <type>', 'GPU instance type', 'g4dn.xlarge')
    .addOption(new Option('--network <mode>', 'how the workers reach AWS').choices(networkModes).default('nat'))
    .option('--bitrate-mbps <n>', 'video of one camera, Mbit/s', numberIn(0.01, 100), originalBitrateMbps)
    .option(
      '--inferences-per-second <n>',
      'what one worker does',
      numberIn(0.1, 100_000),
      defaultPolicy.defaultInferencesPerSecond,
    )
    .option('--max-workers <n>', 'never more workers', numberIn(0, workersPerFleetMax), defaultPolicy.maxWorkers)
    .option('--prices <file>', 'JSON with prices that win over the table: { asOf, source, regions }')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nExamples:\n  $ kvs-infer cost\n  $ kvs-infer cost --cameras cameras.yaml --days 7 --network endpoints --json',
    )
    .action(async (options: CostOptions) => {
      const table = await pricesFrom(options.prices);
      const original = originalCost(table, priceRegion(options.region));
      const rows = await cameraRows(options);
      const future = rows === null ? null : camerasCost(rows, options, table);
      if (options.json) console.log(JSON.stringify({ original, forecast: future }, null, 2));
      else console.log([originalText(original), forecastText(future)].join('\n\n'));
    });
  withAwsOptions(command, ['--region']);
}

/** In the region asked for, and in the one whose prices its figures are. */
function originalCost(table: PriceTable, region: string): OriginalCost {
  const regions = [...new Set([originalPricesRegion, region])];
  return {
    publishedTotalUsd: originalTotalUsd,
    publishedUsd: Object.fromEntries(originalDeployment.map((line) => [line.name, line.publishedUsd])),
    bills: regions.map((name) => billOf(originalDeployment, table, name)),
  };
}

function camerasCost(rows: readonly unknown[], options: CostOptions, table: PriceTable): CamerasCost {
  const { cameras, skipped } = usableCameras(rows);
  const fromMs = options.from === undefined ? systemClock.nowMs() : parseInstant('--from', options.from);
  const toMs = fromMs + options.days * 86_400_000;
  const { instanceType, network, bitrateMbps } = options;
  const region = priceRegion(options.region);
  const policy = {
    ...defaultPolicy,
    maxWorkers: options.maxWorkers,
    defaultInferencesPerSecond: options.inferencesPerSecond,
  };
  const input = { cameras, policy, fromMs, toMs, region, instanceType, networkMode: network, bitrateMbps };
  return {
    ...forecast(input, table),
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    cameras: cameras.length,
    skipped,
    instanceType,
    network,
  };
}

/** @returns null when neither a file nor a stage was given. */
function cameraRows(options: CostOptions): Promise<unknown[]> | null {
  if (options.cameras !== undefined) return readCameraFile(options.cameras);
  return options.stage === undefined ? null : registeredRows(options);
}
