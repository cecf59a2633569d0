/**
 * Real worker processes, each with a name of its own towards the cloud (its access key is its task id) and with levers for
 * its clock and memory. It remembers every process id, so that an orphan is found after the run.
 * Invariant: a worker that no lever was pulled for runs as under `npm start`.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { processRunner } from '../../local/compute/process-runner.ts';
import type { TaskRunner } from '../../local/compute/task-runner.ts';
import { collectsEveryMs } from './own-heap.ts';

const repositoryRoot = new URL('../../', import.meta.url).pathname;
const leversModule = new URL('./worker-levers.ts', import.meta.url).href;
/** V8 dies at this instead of filling the machine when memory is exhausted on purpose; a worker here needs a fifth of it. */
const heapMegabytesMax = 512;

export type Levers = { aheadMs?: number; frozenAtMs?: number; isGreedy?: boolean; collectsEveryMs?: number };

export class WorkerProcesses {
  readonly runner: TaskRunner;
  /** Of all workers that ever ran, by task id. */
  readonly pids = new Map<string, number>();
  readonly #folder: string;

  /** @param levers pulled for every worker before it starts. */
  constructor(folder: string, levers: Levers | null = null) {
    this.#folder = folder;
    const real = processRunner({ cwd: repositoryRoot, onLog: () => {} });
    this.runner = {
      start: async (launch) => {
        const { taskId, environment } = launch;
        if (levers !== null) this.pull(taskId, levers);
        const task = await real.start({
          ...launch,
          environment: {
            ...environment,
            AWS_ACCESS_KEY_ID: taskId,
            NODE_OPTIONS: `--max-old-space-size=${heapMegabytesMax} --import ${leversModule}`,
            CHAOS_LEVERS_FILE: this.#leversFile(taskId),
          },
        });
        if (task.pid !== null) this.pids.set(taskId, task.pid);
        return task;
      },
      close: () => real.close(),
    };
  }

  pull(taskId: string, levers: Levers): void {
    writeFileSync(this.#leversFile(taskId), JSON.stringify(levers));
  }

  /** What V8 has compiled in all threads of a worker that collects its garbage; 0 before it has. */
  compiledCodeBytes(taskId: string): number {
    const begins = `${path.basename(this.#leversFile(taskId))}.code-`;
    const told = readdirSync(this.#folder).filter((name) => name.startsWith(begins) && !name.endsWith('.new'));
    return told.reduce((sum, name) => {
      const file = path.join(this.#folder, name);
      const hasEnded = systemClock.nowMs() - statSync(file).mtimeMs > 3 * collectsEveryMs;
      return hasEnded ? sum : sum + Number(readFileSync(file, 'utf8'));
    }, 0);
  }

  /** Task ids whose process still exists. */
  living(): string[] {
    return [...this.pids].filter(([, pid]) => memoryOf(pid) !== null).map(([taskId]) => taskId);
  }

  #leversFile(taskId: string): string {
    return path.join(this.#folder, `levers-${taskId}.json`);
  }
}

/** What the kernel says of a process; null when there is none (any more), or only its remains. */
export function memoryOf(pid: number): { rssBytes: number; threads: number } | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    if (/^State:\s+[ZX]/m.test(status)) return null;
    const number = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    return { rssBytes: number('VmRSS') * 1_024, threads: number('Threads') };
  } catch {
    return null;
  }
}
