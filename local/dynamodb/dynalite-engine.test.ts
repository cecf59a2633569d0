/** The store lets go of what a call has read: an iterator that stays open keeps every version of every item from then on. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { DynaliteEngine, type Input } from './dynalite-engine.ts';

const turnsMax = 1_000;
const calls: [string, Input][] = [
  ['Query', { KeyConditionExpression: 'fleet = :f', ExpressionAttributeValues: { ':f': { S: 'a' } } }],
  ['Query', { KeyConditionExpression: 'fleet = :f', ExpressionAttributeValues: { ':f': { S: 'a' } }, Limit: 1 }],
  ['Query', { KeyConditionExpression: 'fleet = :f', ExpressionAttributeValues: { ':f': { S: 'nobody' } } }],
  ['Scan', {}],
  ['Scan', { Limit: 1 }],
];

test.each(['memory', 'disk'])('no query or scan leaves an iterator of the store open, in %s', async (where) => {
  const folder = where === 'disk' ? await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-dynalite-')) : null;
  const engine = await DynaliteEngine.open(folder, 'eu-west-1', '123456789012');
  const key = ['fleet', 'cameraId'];
  await engine.administer('CreateTable', {
    TableName: 'things',
    AttributeDefinitions: key.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
    KeySchema: key.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
    BillingMode: 'PAY_PER_REQUEST',
  });
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
