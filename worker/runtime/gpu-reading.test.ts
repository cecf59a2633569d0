/** What the GPU says of itself is read as it is, and a tool that is missing or lies costs the reading alone. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { GpuWatch, parseGpuReading } from './gpu-reading.ts';

test('memory in bytes and load as a share, of the first GPU', () => {
  expect(parseGpuReading('1234, 15360, 71\n9, 15360, 0\n')).toEqual({
    memoryUsedBytes: 1234 * 2 ** 20,
    memoryTotalBytes: 15360 * 2 ** 20,
    loadRatio: 0.71,
  });
});

test('anything else is no reading, and never throws', () => {
  for (const text of ['', '\n', '[N/A], 15360, 3', '1, 2', 'NVIDIA-SMI has failed because']) {
    expect(parseGpuReading(text)).toBeNull();
  }
  fc.assert(fc.property(fc.string(), (text) => void parseGpuReading(text)));
});

test('a tool that is missing is told once, one that is there is believed', async () => {
  const missing = await new Promise<string>((resolve) => {
    const watch = new GpuWatch(
      systemClock,
      (reason) => {
        watch.stop();
        resolve(reason);
      },
      '/nowhere/nvidia-smi',
    );
  });
  expect(missing).toContain('ENOENT');

  const folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-gpu-'));
  const tool = path.join(folder, 'nvidia-smi');
  await writeFile(tool, '#!/bin/sh\necho "100, 200, 50"\n');
  await chmod(tool, 0o755);
  const told: string[] = [];
  let firstRead = () => {};
  const read = new Promise<void>((resolve) => {
    firstRead = resolve;
  });
  // The next reading is asked for once this one is there.
  const watch = new GpuWatch(
    {
      ...systemClock,
      setTimer: () => {
        firstRead();
        return () => {};
      },
    },
    (reason) => told.push(reason),
    tool,
  );
  await read;
  watch.stop();
  expect(watch.reading).toEqual({ memoryUsedBytes: 100 * 2 ** 20, memoryTotalBytes: 200 * 2 ** 20, loadRatio: 0.5 });
  expect(told).toEqual([]);
  await rm(folder, { recursive: true });
});
