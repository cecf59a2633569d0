/**
 * `npm run bench [-- name…]`: runs the named benchmarks, or all that do not take minutes, one after the other, and prints their
 * figures.
 * `--json` prints one document instead of the table; `--record` also keeps raw data and table in bench/runs; `--quick` takes one run each,
 * to see that they work. Progress goes to stderr.
 * Contract: exit code 0 whatever the figures are, 1 when a benchmark broke, 2 for a name that does not exist.
 */
import { parseArgs } from 'node:util';
import { formatError } from '../core/errors.ts';
import { type Benchmark, type BenchmarkResult, runBenchmark } from './benchmark.ts';
import { calendar } from './calendar.ts';
import { cameraRows } from './camera-rows.ts';
import { camerasSustained } from './cameras-sustained.ts';
import { costPerCamera } from './cost-per-camera.ts';
import { dashboard } from './dashboard.ts';
import { decode } from './decode.ts';
import { decodeOverload } from './decode-overload.ts';
import { demux } from './demux.ts';
import { detector } from './detector.ts';
import { fuzzInputs } from './fuzz-inputs.ts';
import { fuzzMedia } from './fuzz-media.ts';
import { localCloud } from './local-cloud.ts';
import { motionGate } from './motion-gate.ts';
import { nmsAndTracker } from './nms-and-tracker.ts';
import { overload } from './overload.ts';
import { planAndAssign } from './plan-and-assign.ts';
import { reconcile } from './reconcile.ts';
import { circumstances, describeRun, record, report } from './report.ts';
import { rowsAtOnce } from './rows-at-once.ts';
import { simulation } from './simulation.ts';
import { simulationHundred, simulationScale } from './simulation-scale.ts';
import { text } from './text.ts';
import { textOfTracks } from './text-of-tracks.ts';
import { tracking } from './tracking.ts';

const benchmarks: readonly Benchmark[] = [
  demux,
  costPerCamera,
  camerasSustained,
  overload,
  decodeOverload,
  decode,
  detector,
  nmsAndTracker,
  dashboard,
  tracking,
  text,
  textOfTracks,
  motionGate,
  cameraRows,
  calendar,
  planAndAssign,
  reconcile,
  rowsAtOnce,
  simulation,
  simulationScale,
  simulationHundred,
  localCloud,
  fuzzMedia,
  fuzzInputs,
];

async function main(): Promise<void> {
  const { chosen, json, isRecorded, isQuick } = parseCommandLine();
  const where = await circumstances(new Date());
  const results: BenchmarkResult[] = [];
  for (const [index, benchmark] of chosen.entries()) {
    process.stderr.write(`[${index + 1}/${chosen.length}] ${benchmark.name} …`);
    const result = await runBenchmark(benchmark, isQuick);
    process.stderr.write(` ${(result.tookMs / 1000).toFixed(1)} s${result.failure === null ? '' : ', broke'}\n`);
    results.push(result);
  }
  const run = report(where, results);
  if (results.some(({ failure }) => failure !== null)) process.exitCode = 1;
  console.log(json ? JSON.stringify(run, null, 2) : describeRun(run));
  if (isRecorded) process.stderr.write(`recorded in ${await record(run)}\n`);
}

type CommandLine = { chosen: readonly Benchmark[]; json: boolean; isRecorded: boolean; isQuick: boolean };

function parseCommandLine(): CommandLine {
  const names = benchmarks.map(({ name }) => name).join(', ');
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { json: { type: 'boolean' }, record: { type: 'boolean' }, quick: { type: 'boolean' } },
    });
    const { json = false, record: isRecorded = false, quick: isQuick = false } = values;
    if (isRecorded && isQuick) throw new Error('a quick run is no record');
    const unknown = positionals.filter((wanted) => !benchmarks.some(({ name }) => name === wanted));
    if (unknown.length > 0) throw new Error(`no benchmark ${unknown.join(', ')}`);
    const chosen = benchmarks.filter(({ name, isRunByNameAlone = false }) =>
      positionals.length === 0 ? !isRunByNameAlone : positionals.includes(name),
    );
    return { chosen, json, isRecorded, isQuick };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(`bench: USAGE: ${message} (npm run bench -- [--json] [--record | --quick] [${names}])`);
    process.exit(2);
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write('\n');
  console.error(formatError(error));
  if (error instanceof Error) console.error(error.stack);
  process.exitCode = 1;
}
