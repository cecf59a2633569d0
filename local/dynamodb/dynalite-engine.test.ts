/** The store lets go of what a call has read: an iterator that stays open keeps every version of every item from then on. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import v8 from 'node:v8';
import vm from 'node:vm';
import { expect, test } from 'vitest';
import { DynaliteEngine, type Input } from './dynalite-engine.ts';

const turnsMax = 1_000;
const key = ['fleet', 'cameraId'];

async function openThings(folder: string | null) {
  const engine = await DynaliteEngine.open(folder, 'eu-west-1', '123456789012');
  await engine.administer('CreateTable', {
    TableName: 'things',
    AttributeDefinitions: key.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
    KeySchema: key.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
    BillingMode: 'PAY_PER_REQUEST',
  });
  return engine;
}

const calls: [string, Input][] = [
  ['Query', { KeyConditionExpression: 'fleet = :f', ExpressionAttributeValues: { ':f': { S: 'a' } } }],
  ['Query', { KeyConditionExpression: 'fleet = :f', ExpressionAttributeValues: { ':f': { S: 'a' } }, Limit: 1 }],
  ['Query', { KeyConditionExpression: 'fleet = :f', ExpressionAttributeValues: { ':f': { S: 'nobody' } } }],
  ['Scan', {}],
  ['Scan', { Limit: 1 }],
];

test.each(['memory', 'disk'])('no query or scan leaves an iterator of the store open, in %s', async (where) => {
  const folder = where === 'disk' ? await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-dynalite-')) : null;
  const engine = await openThings(folder);
  for (let index = 0; index < 40; index += 1) {
    const Item = { fleet: { S: index % 2 === 0 ? 'a' : 'b' }, cameraId: { S: `camera-${index}` } };
    await engine.run('PutItem', { TableName: 'things', Item });
  }
  const { db } = engine.store;
  let [opened, closed] = [0, 0];
  for (const name of ['keys', 'values'] as const) {
    const open = db[name].bind(db);
    db[name] = (range) => {
      const iterator = open(range);
      const close = iterator.close.bind(iterator);
      opened += 1;
      iterator.close = () => {
        closed += 1;
        return close();
      };
      return iterator;
    };
  }
  for (const [operation, input] of calls) await engine.run(operation, { TableName: 'things', ...input });
  for (let turn = 0; turn < turnsMax && closed < opened; turn += 1) await new Promise(setImmediate);
  expect(opened).toBeGreaterThanOrEqual(calls.length);
  expect(closed).toBe(opened);
  await engine.close();
  if (folder !== null) await rm(folder, { recursive: true });
});

test('an item in memory holds its own bytes and not those of whatever was read and written beside it', async () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  const engine = await openThings(null);
  const put = (index: number) =>
    engine.run('PutItem', { TableName: 'things', Item: { fleet: { S: 'a' }, cameraId: { S: `camera-${index}` } } });
  await put(0);
  collect();
  const before = process.memoryUsage().arrayBuffers;
  for (let index = 1; index <= 1_000; index += 1) {
    await put(index);
    // A slab's worth of traffic.
    for (let used = 0; used < Buffer.poolSize; used += 2_048) Buffer.from('x'.repeat(2_048));
  }
  collect();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024);
  await engine.close();
});
