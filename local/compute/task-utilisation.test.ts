/** Percent of what is reserved, from what the kernel counts of a process. */
import { describe, expect, it } from 'vitest';
import { type ProcessUsage, TaskUtilisation, usageOfProcess } from './task-utilisation.ts';

const mib = 1024 * 1024;
const task = (taskId: string, pid: number | null) => ({
  ...{ taskId, pid, service: 'docks' },
  reserved: { cpuUnits: 2_048, memoryMib: 1_000 },
});

describe('utilisation of tasks', () => {
  it('is CPU time since the look before, in percent of the reserved vCPUs, and memory of the reserved MiB', () => {
    const usages = new Map<number, ProcessUsage>([[1, { cpuMs: 5_000, memoryBytes: 250 * mib }]]);
    const utilisation = new TaskUtilisation((pid) => usages.get(pid) ?? null);
    const of = { taskId: 'a', service: 'docks' };
    expect(utilisation.measure([task('a', 1)], 10_000)).toEqual([{ ...of, cpuPercent: null, memoryPercent: 25 }]);
    usages.set(1, { cpuMs: 5_000 + 90_000, memoryBytes: 950 * mib });
    expect(utilisation.measure([task('a', 1)], 70_000)).toEqual([{ ...of, cpuPercent: 75, memoryPercent: 95 }]);
  });

  it('has nothing of a task that is no process, or that has ended, and begins anew with the next', () => {
    const usages = new Map<number, ProcessUsage>([[1, { cpuMs: 0, memoryBytes: mib }]]);
    const utilisation = new TaskUtilisation((pid) => usages.get(pid) ?? null);
    const looks = [
      utilisation.measure([task('a', 1), task('in this process', null), task('ended', 2)], 0),
      utilisation.measure([], 60_000),
      utilisation.measure([task('a', 1)], 120_000),
    ];
    expect(looks.map((look) => look.map(({ taskId, cpuPercent }) => [taskId, cpuPercent]))).toEqual([
      [['a', null]],
      [],
      [['a', null]],
    ]);
  });

  it.skipIf(process.platform !== 'linux')('reads what Linux counts of a process', () => {
    const before = process.cpuUsage();
    const usage = usageOfProcess(process.pid);
    const after = process.cpuUsage();
    // Counted in hundredths of a second.
    expect(usage?.cpuMs).toBeGreaterThanOrEqual((before.user + before.system) / 1_000 - 20);
    expect(usage?.cpuMs).toBeLessThanOrEqual((after.user + after.system) / 1_000 + 20);
    expect(usage?.memoryBytes).toBeGreaterThan(20 * mib);
    expect(usageOfProcess(2 ** 22 + 1)).toBeNull();
  });
});
