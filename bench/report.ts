/**
 * What a bench run says: where and when it was taken, and its figures as a table for people or one JSON document.
 * Invariant: a record names commit, machine and load, so that nobody takes a figure from a busy machine for a claim, and
 * never the machine's own name: its processor and cores say what matters.
 */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BenchmarkResult, Figure } from './benchmark.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const runsFolder = new URL('runs/', import.meta.url);
/** From here on another process takes a noticeable share of the time. */
const IDLE_LOAD_MAX = 1;

export type RunReport = {
  date: string;
  commit: string;
  /** Tracked files differ from the commit. */
  treeIsDirty: boolean;
  machine: { cpu: string; cores: number; memoryGiB: number; platform: string; node: string };
  /** Average number of runnable processes in the minute before the run and in its last minute. */
  load: { before: number; after: number };
  benchmarks: BenchmarkResult[];
};

export type Circumstances = Omit<RunReport, 'benchmarks' | 'load'> & { loadBefore: number };

export async function circumstances(now: Date): Promise<Circumstances> {
  return {
    date: now.toISOString(),
    commit: await git('rev-parse', '--short', 'HEAD').catch(() => 'unknown'),
    treeIsDirty: (await git('status', '--porcelain', '--untracked-files=no').catch(() => 'unknown')) !== '',
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
    },
    loadBefore: currentLoad(),
  };
}

export function report({ loadBefore, ...where }: Circumstances, benchmarks: BenchmarkResult[]): RunReport {
  return { ...where, load: { before: loadBefore, after: currentLoad() }, benchmarks };
}

/** Every run's value in `raw.json`, the table in `summary.md`. @returns the folder's path from the root of the repository. */
export async function record(run: RunReport): Promise<string> {
  const { cpu, cores } = run.machine;
  const machine = `${cpu.toLowerCase().replace(/[^a-z0-9]+/g, '-')}-${cores}-cores`;
  const name = `${run.date.slice(0, 10)}-${machine}-${run.commit}`;
  const folder = new URL(`${name}/`, runsFolder);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL('raw.json', folder), `${JSON.stringify(run)}\n`);
  await writeFile(new URL('summary.md', folder), `# ${run.date}\n\n\`\`\`\n${describeRun(run)}\n\`\`\`\n`);
  return `bench/runs/${name}/`;
}

export function describeRun(run: RunReport): string {
  const { machine, load, benchmarks } = run;
  const columns = alignedColumns(benchmarks.flatMap(({ figures }) => figures));
  const sections = benchmarks.map(({ name, claim, figures, skipped, failure }) =>
    [
      `${name}: ${claim}`,
      ...figures.map((figure) => columns.line(figure)),
      ...skipped.map((reason) => `  skipped: ${reason}`),
      ...(failure === null ? [] : [`  broke: ${failure}`]),
    ].join('\n'),
  );
  const busy =
    load.before < IDLE_LOAD_MAX
      ? []
      : [`The machine was busy when this began (load ${load.before}): expect less than it can do.`];
  const where = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}, Node ${machine.node}`,
    `commit ${run.commit}${run.treeIsDirty ? ' with changes' : ''}, load ${load.before} before and ${load.after} after`,
    ...busy,
  ].join('\n');
  return [columns.header, ...sections, where].join('\n\n');
}

/** One set of widths for all benchmarks, so that figures stand under each other. */
function alignedColumns(figures: readonly Figure[]): { header: string; line: (figure: Figure) => string } {
  const shown = (value: number) => value.toLocaleString('en', { maximumSignificantDigits: 4 });
  const cells = ({ what, median, min, max, unit, goal }: Figure) => {
    const verdict = goal === undefined ? '' : `${goal.met ? 'met' : 'MISSED'}: ${goal.text}`;
    return [`  ${what}`, shown(median), shown(min), shown(max), unit, verdict];
  };
  const head = ['', 'median', 'min', 'max', 'unit', ''];
  const rows = [head, ...figures.map(cells)];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isNumber = (column: number) => column >= 1 && column <= 3;
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return { header: line(head), line: (figure) => line(cells(figure)) };
}

function currentLoad(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

async function git(...words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('git', words, { cwd: root });
  return stdout.trim();
}
