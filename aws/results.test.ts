/**
 * Results through the real SDK against the local cloud, looked at where the request leaves the SDK: the local S3 answers
 * AES256 for every object, so that an answer proves nothing of what was asked.
 */
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SteppedClock } from '../local/clock.ts';
import { type LocalCloud, startLocalCloud } from '../local/cloud.ts';
import { inProcessRunner } from '../local/compute/in-process-runner.ts';
import { type AwsClients, awsClients } from './clients.ts';
import { awsResultStore } from './results.ts';

type Sent = { operation: string; method: string; headers: Record<string, string>; path: string };

let cloud: LocalCloud;
let clients: AwsClients;
let bucket: string;
const sent: Sent[] = [];

beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID ??= 'local';
  process.env.AWS_SECRET_ACCESS_KEY ??= 'local';
  cloud = await startLocalCloud({
    ...{ port: 0, portSearch: false, dataFolder: null, region: 'eu-west-1', accountId: '000000000000', log: () => {} },
    clock: new SteppedClock(Date.UTC(2026, 10, 24, 8)),
    compute: { runner: inProcessRunner(async () => {}) },
  });
  const { names } = await cloud.createStageResources({ stage: 'test', fleets: [] });
  bucket = names.resultBucket;
  clients = awsClients({ region: 'eu-west-1', endpoint: cloud.endpoint });
  clients.s3.middlewareStack.add(
    (next, { commandName = '' }) =>
      (args) => {
        const { method, headers, path } = args.request as Omit<Sent, 'operation'>;
        sent.push({ operation: commandName, method, headers, path });
        return next(args);
      },
    // The last step: what follows is the wire.
    { step: 'deserialize', priority: 'low', name: 'what-was-sent' },
  );
});
afterAll(async () => {
  clients.destroy();
  await cloud.close();
});

test('every picture and the JSON beside it ask S3 to encrypt them with AES256', async () => {
  const { putObject } = awsResultStore(clients, { bucket });
  const key = 'snapshots/dock-1/2026/11/24/080000000-1-2-0';
  await putObject?.(`${key}.jpg`, Buffer.from([0xff, 0xd8, 0xff, 0xd9]), 'image/jpeg');
  await putObject?.(`${key}.json`, Buffer.from('{}'), 'application/json');
  const puts = sent.filter(({ operation }) => operation === 'PutObjectCommand');
  expect(puts.map(({ method, path }) => `${method} ${path.slice(-5)}`)).toEqual(['PUT 0.jpg', 'PUT .json']);
  for (const { headers } of puts) expect(headers).toMatchObject({ 'x-amz-server-side-encryption': 'AES256' });
  expect(puts.map(({ headers }) => headers['content-type'])).toEqual(['image/jpeg', 'application/json']);
  const { Contents = [] } = await clients.s3.send(new ListObjectsV2Command({ Bucket: bucket }));
  expect(Contents.map(({ Key }) => Key)).toEqual([`${key}.jpg`, `${key}.json`]);
});

test('whoever is denied is told so by name, with the place', async () => {
  const { putObject } = awsResultStore(clients, { bucket });
  const heal = cloud.context.faults.inject(({ operation }) => operation === 'PutObject', {
    ...{ status: 403, code: 'AccessDenied', message: 'Access Denied' },
  });
  await expect(putObject?.('snapshots/x.jpg', Buffer.from('x'), 'image/jpeg')).rejects.toMatchObject({
    ...{
      code: 'AWS_ACCESS_DENIED',
      retryable: false,
      message: expect.stringContaining(`s3://${bucket}/snapshots/x.jpg`),
    },
  });
  heal();
});
