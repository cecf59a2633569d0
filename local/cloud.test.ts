import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SteppedClock } from './clock.ts';
import { type LocalCloud, type LocalCloudOptions, startLocalCloud } from './cloud.ts';
import { inProcessRunner } from './compute/in-process-runner.ts';

let folder: string;
let open: LocalCloud[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvs-infer-cloud-'));
  open = [];
});
afterEach(async () => {
  await Promise.all(open.map((cloud) => cloud.close()));
  await rm(folder, { recursive: true });
});

async function start(options: Partial<LocalCloudOptions> = {}): Promise<LocalCloud> {
  const cloud = await startLocalCloud({
    port: 0,
    portSearch: false,
    dataFolder: folder,
    clock: new SteppedClock(Date.UTC(2026, 10, 23)),
    region: 'eu-west-1',
    accountId: '123456789012',
    compute: { runner: inProcessRunner(async () => 0) },
    ...options,
  });
  open.push(cloud);
  return cloud;
}
const fleet = { fleet: 'default', min: 0, max: 3, taskEnvironment: {} };
const lockOf = (pid: number) => writeFile(join(folder, 'lock.json'), JSON.stringify({ pid, startedAt: 'then' }));

describe('a stage', () => {
  it('has the seven tables with their keys, streams and TTL, a stream and a bucket', async () => {
    const { dynamo, kinesis, s3, createStageResources } = await start();
    const { names, fleets } = await createStageResources({ stage: 'dev', fleets: [fleet] });
    const keys: Record<string, string> = {};
    for (const [table, TableName] of Object.entries(names.tables)) {
      const { Table } = (await dynamo.call('DescribeTable', { TableName })) as {
        Table: { KeySchema: { AttributeName: string }[]; StreamSpecification?: { StreamViewType: string } };
      };
      const { TimeToLiveDescription: ttl } = (await dynamo.call('DescribeTimeToLive', { TableName })) as {
        TimeToLiveDescription: { AttributeName?: string };
      };
      const schema = Table.KeySchema.map(({ AttributeName }) => AttributeName).join(' / ');
      keys[table] = [schema, Table.StreamSpecification?.StreamViewType, ttl.AttributeName].filter(Boolean).join(', ');
    }
    expect(keys).toEqual({
      cameras: 'cameraId, NEW_AND_OLD_IMAGES',
      cameraStates: 'fleet / cameraId',
      workers: 'fleet / workerId, expiresAt',
      fleets: 'fleet',
      decisions: 'fleet / at, expiresAt',
      detections: 'cameraId / at#trackId, expiresAt',
      ledger: 'cameraId / hour, expiresAt',
    });
    expect(kinesis.statistics(names.resultStream)).toMatchObject({ recordsPut: 0 });
    expect(s3.objects(names.resultBucket)).toEqual([]);
    expect(fleets[0]?.service).toBe('kvs-infer-dev-default-service');
  });

  it('tells what each of its stores keeps', async () => {
    const { dynamo, createStageResources, context, held } = await start({ dataFolder: null });
    const { names } = await createStageResources({ stage: 'dev', fleets: [fleet] });
    const Item = { cameraId: { S: 'dock-1' }, note: { S: 'x'.repeat(5_000) } };
    const before = Object.fromEntries((await held()).map(({ store, ...kept }) => [store, kept]));
    await dynamo.call('PutItem', { TableName: names.tables.cameras, Item });
    context.putMetric('AWS/Lambda', 'Errors', { FunctionName: 'f' }, 1);
    const grown = (await held()).flatMap(({ store, items, bytes }) => {
      const { items: itemsBefore = 0, bytes: bytesBefore = 0 } = before[store] ?? {};
      return items > itemsBefore && bytes > bytesBefore ? [store] : [];
    });
    expect(grown.sort()).toEqual(['cloudwatch: datapoints', 'tables: items', 'tables: stream records']);
    expect(Object.keys(before).sort()).toEqual([
      'cloudwatch: datapoints',
      'compute: tasks, instances, activities',
      'kinesis: records',
      'lambda: dead letters',
      'lambda: events under way or waiting',
      's3: names of objects',
      'tables: items',
      'tables: stream records',
      'tables: transaction tokens',
      'tables: when items expire',
      'video: fragments',
    ]);
  });

  it('is completed where an earlier start was cut short', async () => {
    const { dynamo, createStageResources } = await start({ dataFolder: null });
    await dynamo.call('CreateTable', {
      TableName: 'kvs-infer-dev-cameras',
      AttributeDefinitions: [{ AttributeName: 'cameraId', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'cameraId', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    });
    const { names } = await createStageResources({ stage: 'dev', fleets: [] });
    const { Table } = await dynamo.call('DescribeTable', { TableName: names.tables.cameras });
    expect(Table).toMatchObject({ StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' } });
  });

  it('keeps its data over a restart, and starts over when asked to', async () => {
    const first = await start();
    const { names } = await first.createStageResources({ stage: 'dev', fleets: [fleet] });
    const TableName = names.tables.cameras;
    await first.dynamo.call('PutItem', { TableName, Item: { cameraId: { S: 'dock-1' } } });
    await first.close();

    const second = await start();
    await second.createStageResources({ stage: 'dev', fleets: [fleet] });
    expect((await second.dynamo.call('Scan', { TableName })).Count).toBe(1);
    await second.close();

    const third = await start({ fresh: true });
    await third.createStageResources({ stage: 'dev', fleets: [fleet] });
    expect((await third.dynamo.call('Scan', { TableName })).Count).toBe(0);
  });
});

describe('a second start', () => {
  it('is told that the data folder is in use', async () => {
    await start();
    await expect(start()).rejects.toMatchObject({ code: 'LOCAL_STATE_IN_USE' });
  });

  it('recovers the lock of a process that is gone, or that was cut short', async () => {
    const gone = 2 ** 22 + 1;
    await lockOf(gone);
    await (await start()).close();
    await writeFile(join(folder, 'lock.json'), '{"pid":');
    await (await start()).close();
    // The same process id, but another process: ids are used again.
    await writeFile(
      join(folder, 'lock.json'),
      JSON.stringify({ pid: process.pid, startTicks: '1', startedAt: 'then' }),
    );
    const cloud = await start();
    expect(JSON.parse(await readFile(join(folder, 'lock.json'), 'utf8')).pid).toBe(process.pid);
    await cloud.close();
    await expect(readFile(join(folder, 'lock.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is told that the port is busy, and leaves nothing behind', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expect(start({ port })).rejects.toMatchObject({ code: 'PORT_BUSY' });
    const found = await start({ port, portSearch: true });
    expect(found.port).toBeGreaterThan(port);
    other.close();
  });
});
