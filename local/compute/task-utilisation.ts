/**
 * How much of its CPU and memory each task uses, as ECS reports it of a service: what the kernel counts of the task's process,
 * in percent of what its task definition reserves. A container's account has the processes under it too; a worker has none.
 * Invariant: only what was measured is told. A task that is no process has no figure, nor has any on a system without /proc.
 */
import { readFileSync } from 'node:fs';

/** USER_HZ: what Linux counts CPU time in towards programs, on every architecture that Node runs on. */
const ticksPerSecond = 100;
/** ECS: 1,024 units are one vCPU. */
const unitsPerVcpu = 1_024;
const bytesPerMib = 1024 * 1024;
/** Places in /proc/<pid>/stat behind the name: user and system time, of the process itself and of children it waited for. */
const cpuTimePlaces = [11, 12, 13, 14];

export type ProcessUsage = { cpuMs: number; memoryBytes: number };
export type MeasurableTask = { taskId: string; service: string; pid: number | null; reserved: Reservation };
export type Reservation = { cpuUnits: number; memoryMib: number };
/** `cpuPercent`: since the look before; null at a task's first. */
export type Utilisation = { taskId: string; service: string; cpuPercent: number | null; memoryPercent: number };

export class TaskUtilisation {
  readonly #read: (pid: number) => ProcessUsage | null;
  #before = new Map<string, { cpuMs: number; atMs: number }>();

  constructor(read = usageOfProcess) {
    this.#read = read;
  }

  /** @param atMs monotonic. */
  measure(tasks: readonly MeasurableTask[], atMs: number): Utilisation[] {
    const seen = new Map<string, { cpuMs: number; atMs: number }>();
    const measured = tasks.flatMap(({ taskId, service, pid, reserved }): Utilisation[] => {
      const usage = pid === null ? null : this.#read(pid);
      if (usage === null) return [];
      const { cpuMs, memoryBytes } = usage;
      seen.set(taskId, { cpuMs, atMs });
      const before = this.#before.get(taskId);
      const reservedMs = before === undefined ? 0 : (atMs - before.atMs) * (reserved.cpuUnits / unitsPerVcpu);
      return [
        {
          ...{ taskId, service },
          cpuPercent: before === undefined || reservedMs <= 0 ? null : (100 * (cpuMs - before.cpuMs)) / reservedMs,
          memoryPercent: (100 * memoryBytes) / (reserved.memoryMib * bytesPerMib),
        },
      ];
    });
    this.#before = seen;
    return measured;
  }
}

/** @returns null where there is no such process (any more), or no /proc. */
export function usageOfProcess(pid: number): ProcessUsage | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const memoryKib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    // What has ended and was not buried yet has no memory.
    if (memoryKib === undefined) return null;
    // The name stands in parentheses and may itself have spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = cpuTimePlaces.reduce((sum, place) => sum + Number(fields[place]), 0);
    return { cpuMs: (1_000 * ticks) / ticksPerSecond, memoryBytes: 1_024 * Number(memoryKib) };
  } catch {
    return null;
  }
}
