import { expect, it } from 'vitest';
import { refusingDiskFull, tellOfFullDisk } from './disk-full.ts';

it('tells once when a disk is full and once when there is room again, where it was told to', async () => {
  const told: string[] = [];
  tellOfFullDisk((line) => told.push(line));
  const full = async () => {
    throw Object.assign(new Error('write failed'), { code: 'ENOSPC' });
  };
  for (let attempt = 0; attempt < 3; attempt++) {
    await expect(refusingDiskFull('DynamoDB', full)).rejects.toMatchObject({
      status: 507,
      code: 'InsufficientStorage',
    });
  }
  expect(await refusingDiskFull('DynamoDB', async () => 'stored')).toBe('stored');
  expect(told).toEqual([
    "kvs-infer local cloud: LOCAL_DISK_FULL: DynamoDB cannot store requests (make room on the data folder's disk)",
    'kvs-infer local cloud: DynamoDB stores requests again',
  ]);
});
