/**
 * How full and how busy the GPU is, from `nvidia-smi`, which the NVIDIA runtime puts into a container that asks for
 * `utility`. Invariant: only a worker that runs on a GPU asks; a tool that is missing or hangs costs the reading, never
 * the worker, and is told once.
 */
import { execFile } from 'node:child_process';
import type { Clock } from '../../core/clock.ts';

export type GpuReading = { memoryUsedBytes: number; memoryTotalBytes: number; loadRatio: number };

const readEveryMs = 15_000;
const readTimeoutMs = 5_000;
const query = ['--query-gpu=memory.used,memory.total,utilization.gpu', '--format=csv,noheader,nounits'];

/** @param text of `nvidia-smi` with the query above: MiB, MiB, percent, a line per GPU. @returns the first GPU's, or null. */
export function parseGpuReading(text: string): GpuReading | null {
  const [used, total, load] = (text.split('\n')[0] ?? '').split(',').map((part) => Number.parseFloat(part));
  if (used === undefined || total === undefined || load === undefined) return null;
  if (![used, total, load].every(Number.isFinite) || total <= 0) return null;
  return { memoryUsedBytes: used * 2 ** 20, memoryTotalBytes: total * 2 ** 20, loadRatio: load / 100 };
}

export class GpuWatch {
  readonly #clock: Clock;
  readonly #onUnreadable: (reason: string) => void;
  readonly #command: string;
  #cancel = () => {};
  #isStopped = false;
  #isTold = false;
  /** Newest; null before the first and while it cannot be read. */
  reading: GpuReading | null = null;

  constructor(clock: Clock, onUnreadable: (reason: string) => void, command = 'nvidia-smi') {
    this.#clock = clock;
    this.#onUnreadable = onUnreadable;
    this.#command = command;
    void this.#read();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  async #read(): Promise<void> {
    const answer = await new Promise<string | Error>((resolve) => {
      execFile(this.#command, query, { timeout: readTimeoutMs }, (error, stdout) => resolve(error ?? stdout));
    });
    if (this.#isStopped) return;
    this.reading = typeof answer === 'string' ? parseGpuReading(answer) : null;
    if (this.reading === null && !this.#isTold) {
      this.#isTold = true;
      this.#onUnreadable(answer instanceof Error ? answer.message : `${this.#command} answered ${answer.slice(0, 80)}`);
    }
    this.#cancel = this.#clock.setTimer(readEveryMs, () => void this.#read());
  }
}
