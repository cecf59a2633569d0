/**
 * How much memory, how many threads and file handles each process has, over the run; the slope of its memory is in
 * memory-slope.ts. Invariant: a process that lived too briefly has no slope, not a slope of 0.
 */
import { readdirSync } from 'node:fs';
import { systemClock } from '../../core/clock.ts';
import type { ChaosWorld } from './chaos-world.ts';
import { type MemorySlope, memorySlope } from './memory-slope.ts';
import { memoryOf } from './worker-processes.ts';

const sampleEveryMs = 10_000;

type Sample = { atMs: number; rssBytes: number; threads: number; handles: number };

export type MemoryUse = {
  process: string;
  livedSeconds: number;
  rssMegabytes: { first: number; last: number; max: number };
  threads: { min: number; max: number };
  handles: { min: number; max: number };
  /** Null when it lived too briefly. */
  slope: MemorySlope | null;
};

export class MemoryLog {
  readonly #samples = new Map<string, Sample[]>();
  readonly #cancel: () => void;

  constructor(world: ChaosWorld) {
    let isStopped = false;
    let cancelTimer = () => {};
    const look = () => {
      this.#look('control and local cloud', process.pid);
      for (const { taskId, pid } of world.liveTasks())
        if (pid !== null) this.#look(`worker ${taskId.slice(0, 6)}`, pid);
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

  uses(): MemoryUse[] {
    return [...this.#samples].map(([process, samples]) => useOf(process, samples));
  }

  #look(name: string, pid: number): void {
    const memory = memoryOf(pid);
    if (memory === null) return;
    const samples = this.#samples.get(name) ?? [];
    this.#samples.set(name, samples);
    samples.push({ atMs: systemClock.monotonicMs(), ...memory, handles: handlesOf(pid) });
  }
}

function handlesOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

function useOf(process: string, samples: readonly Sample[]): MemoryUse {
  const rss = samples.map(({ rssBytes }) => rssBytes / 1024 / 1024);
  const range = (values: number[]) => ({ min: Math.min(...values), max: Math.max(...values) });
  const firstMs = samples[0]?.atMs ?? 0;
  return {
    process,
    livedSeconds: ((samples.at(-1)?.atMs ?? 0) - firstMs) / 1_000,
    rssMegabytes: { first: rss[0] ?? 0, last: rss.at(-1) ?? 0, max: Math.max(...rss) },
    threads: range(samples.map(({ threads }) => threads)),
    handles: range(samples.map(({ handles }) => handles)),
    slope: memorySlope(samples.map(({ atMs, rssBytes }) => ({ atMs, megabytes: rssBytes / 1024 / 1024 }))),
  };
}
