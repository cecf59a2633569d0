/**
 * A folder that stands for an instance: the metrics part of the boot script is installed into it by a real bash, and what it
 * installed runs as the timer would run it. `nvidia-smi` and `aws` are stand-ins that answer with what a test says.
 * Invariant: nothing outside the folder is written.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type GpuMetricsSettings, gpuMetricsScript } from './gpu-metrics.ts';

export type GpuInstance = Awaited<ReturnType<typeof gpuInstance>>;

export async function gpuInstance() {
  const root = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-gpu-'));
  const programs = path.join(root, 'programs');
  await mkdir(programs);
  const run = (file: string, parameters: string[]): Promise<{ code: number; stdout: string }> =>
    new Promise((resolve) => {
      const env = { PATH: `${programs}:/usr/bin:/bin` };
      execFile(file, parameters, { env, timeout: 20_000 }, (error, stdout) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout });
      });
    });
  return {
    /** @param body a line of bash. */
    async program(name: string, body: string): Promise<void> {
      await writeFile(path.join(programs, name), `#!/bin/bash\n${body}\n`);
      await chmod(path.join(programs, name), 0o755);
    },
    install: (settings: GpuMetricsSettings) =>
      run('/bin/bash', ['-c', `root='${root}'; say() { echo "say $*"; }\n${gpuMetricsScript(settings)}`]),
    /** What the timer starts. */
    report: () => run(path.join(root, 'usr/local/bin/kvs-infer-gpu-metrics'), []),
    file: (name: string) => path.join(root, name),
    read: (name: string) => readFile(path.join(root, name), 'utf8'),
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

/** An `aws` that only tells how it was called, a word a line. */
export const awsThatTells = 'printf "%s\\n" "$@"';

/** @returns the words of its only call. */
export function callOf(stdout: string): { words: string[]; metricData: { MetricName: string; Value: number }[] } {
  const words = stdout.trimEnd().split('\n');
  return { words, metricData: JSON.parse(words.at(-1) ?? '') };
}
