/**
 * How much memory, how many threads and file handles each process has, over the run, and how fast they grow (slope.ts).
 * Invariant: a process that lived too briefly has no slope, not a slope of 0.
 */
import { readdirSync } from 'node:fs';
import { systemClock } from '../../core/clock.ts';
import type { ChaosWorld } from './chaos-world.ts';
import { compiledCodeBytes } from './own-heap.ts';
import { type Slope, slopeOf } from './slope.ts';
import { memoryOf } from './worker-processes.ts';

const sampleEveryMs = 10_000;

const megabyte = 1024 * 1024;

/** `codeMegabytes`: of the resident ones; 0 where the process does not tell. */
type Sample = { atMs: number; rssMegabytes: number; codeMegabytes: number; threads: number; handles: number };
type Course = { first: number; last: number; min: number; max: number; slope: Slope | null };

export type ProcessUse = {
  process: string;
  kind: 'control' | 'worker';
  livedSeconds: number;
  /** Whether it was there at the last look. */
  isAlive: boolean;
  /** Resident, less compiled code: that ends with the program's size. */
  otherMegabytes: Course;
} & Record<'rssMegabytes' | 'codeMegabytes' | 'threads' | 'handles', Course>;

export class ProcessLog {
  readonly #samples = new Map<string, { kind: ProcessUse['kind']; samples: Sample[] }>();
  #lookedAtMs = 0;
  readonly #cancel: () => void;

  constructor(world: ChaosWorld) {
    let isStopped = false;
    let cancelTimer = () => {};
    const look = () => {
      this.#lookedAtMs = systemClock.monotonicMs();
      this.#look('control and local cloud', 'control', process.pid, compiledCodeBytes());
      for (const { taskId, pid } of world.liveTasks())
        if (pid !== null)
          this.#look(`worker ${taskId.slice(0, 6)}`, 'worker', pid, world.workers.compiledCodeBytes(taskId));
      if (!isStopped) cancelTimer = systemClock.setTimer(sampleEveryMs, look);
    };
    look();
    this.#cancel = () => {
      isStopped = true;
      cancelTimer();
    };
  }

  stop(): void {
    this.#cancel();
  }

  uses(): ProcessUse[] {
    return [...this.#samples].map(([process, { kind, samples }]) => {
      const [firstMs, lastMs] = [samples[0]?.atMs ?? 0, samples.at(-1)?.atMs ?? 0];
      return {
        ...{ process, kind, livedSeconds: (lastMs - firstMs) / 1_000, isAlive: lastMs >= this.#lookedAtMs },
        rssMegabytes: courseOf(samples, ({ rssMegabytes }) => rssMegabytes),
        codeMegabytes: courseOf(samples, ({ codeMegabytes }) => codeMegabytes),
        otherMegabytes: courseOf(samples, ({ rssMegabytes, codeMegabytes }) => rssMegabytes - codeMegabytes),
        threads: courseOf(samples, ({ threads }) => threads),
        handles: courseOf(samples, ({ handles }) => handles),
      };
    });
  }

  #look(name: string, kind: ProcessUse['kind'], pid: number, codeBytes: number): void {
    const memory = memoryOf(pid);
    if (memory === null) return;
    const known = this.#samples.get(name) ?? { kind, samples: [] };
    this.#samples.set(name, known);
    const { rssBytes, threads } = memory;
    known.samples.push({
      ...{ atMs: this.#lookedAtMs, rssMegabytes: rssBytes / megabyte, codeMegabytes: codeBytes / megabyte },
      ...{ threads, handles: handlesOf(pid) },
    });
  }
}

function handlesOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

function courseOf(samples: readonly Sample[], of: (sample: Sample) => number): Course {
  const values = samples.map(of);
  return {
    ...{ first: values[0] ?? 0, last: values.at(-1) ?? 0, min: Math.min(...values), max: Math.max(...values) },
    slope: slopeOf(samples.map((sample) => ({ atMs: sample.atMs, value: of(sample) }))),
  };
}
