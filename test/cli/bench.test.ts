/** The benchmarks still work: each runs once. Their figures are never judged here, and mean nothing on a busy machine. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { RunReport } from '../../bench/report.ts';
import { commandEnvironment, type Ended } from './kvs-infer.ts';

/** All benchmarks once: a minute on an idle machine, most of it real seconds; measured: 217 s beside ten busy processes. */
const RUN_MAX_MS = 600_000;

function bench(...words: string[]): Promise<Ended> {
  const program = fileURLToPath(new URL('../../bench/run.ts', import.meta.url));
  return new Promise((resolve) => {
    const options = { env: commandEnvironment(), timeout: RUN_MAX_MS };
    execFile(process.execPath, [program, ...words], options, (error, stdout, stderr) =>
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1, stdout, stderr }),
    );
  });
}

describe.concurrent('npm run bench', () => {
  it('runs every benchmark, each with figures or with the reason why it has none', {
    timeout: RUN_MAX_MS,
  }, async () => {
    const { exitCode, stdout } = await bench('--quick', '--json');
    const { benchmarks, machine, commit } = JSON.parse(stdout) as RunReport;
    expect(benchmarks.map(({ failure }) => failure).filter((failure) => failure !== null)).toEqual([]);
    expect(exitCode).toBe(0);
    for (const { name, claim, figures, skipped } of benchmarks) {
      expect(claim, name).not.toBe('');
      expect(figures.length + skipped.length, name).toBeGreaterThan(0);
      for (const { median, min, max } of figures) expect(min >= 0 && min <= median && median <= max, name).toBe(true);
    }
    expect(machine.cores).toBeGreaterThan(0);
    expect(commit).not.toBe('');
  });

  it.each([[['nonsense']], [['--nonsense']], [['--quick', '--record']]])('%j is wrong usage', async (words) => {
    const { exitCode, stdout, stderr } = await bench(...words);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^bench: USAGE: .+ \(.+\)\n$/);
  });
});
