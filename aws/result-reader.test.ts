/** The consumer of `npm start`, against the local cloud on a stepped clock. */
import { PutRecordCommand } from '@aws-sdk/client-kinesis';
import { afterEach, expect, test } from 'vitest';
import { SteppedClock } from '../local/clock.ts';
import { type LocalCloud, startLocalCloud } from '../local/cloud.ts';
import { inProcessRunner } from '../local/compute/in-process-runner.ts';
import { type AwsClients, awsClients } from './clients.ts';
import { ResultStreamReader } from './result-reader.ts';

const region = 'eu-west-1';
let cloud: LocalCloud;
let clients: AwsClients;
afterEach(async () => {
  clients.destroy();
  await cloud.close();
});

test('each record is handed on once, also after a sleep that outlasts the shard iterator', async () => {
  process.env.AWS_ACCESS_KEY_ID ??= 'local';
  process.env.AWS_SECRET_ACCESS_KEY ??= 'local';
  const clock = new SteppedClock(Date.UTC(2026, 10, 24));
  cloud = await startLocalCloud({
    ...{ port: 0, portSearch: false, dataFolder: null, clock, region, accountId: '000000000000' },
    compute: { runner: inProcessRunner(async () => {}) },
  });
  clients = awsClients({ region, endpoint: cloud.endpoint });
  await cloud.kinesis.createStream('results', 1);
  const put = (text: string) =>
    clients.kinesis.send(
      new PutRecordCommand({ StreamName: 'results', PartitionKey: 'dock-1', Data: Buffer.from(text) }),
    );
  const reader = new ResultStreamReader(clients, 'results');
  await put('"before"');
  await reader.open();
  await put('1');
  await put('not JSON');
  expect(await reader.read()).toEqual([1]);
  await put('2');
  await clock.step(360_000);
  await put('3');
  expect(await reader.read()).toEqual([2, 3]);
  expect(await reader.read()).toEqual([]);
  expect(reader).toMatchObject({ records: 4, unreadable: 1 });
});
