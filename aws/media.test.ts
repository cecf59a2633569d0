/** Opening GetMedia over real sockets: what is refused or does not answer has its own name and says whether to try again. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateStreamCommand } from '@aws-sdk/client-kinesis-video';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KvsInferError } from '../core/errors.ts';
import { NetworkPath } from '../local/http/network-path.test-factory.ts';
import { type MediaRig, startMediaRig } from '../local/kinesisvideo/media-rig.test-factory.ts';
import { type AwsClients, awsClients } from './clients.ts';
import { kinesisVideoMedia, type MediaSource } from './media.ts';

let rig: MediaRig;
let clients: AwsClients;
let media: MediaSource;
beforeEach(async () => {
  process.env.AWS_ACCESS_KEY_ID ??= 'local';
  process.env.AWS_SECRET_ACCESS_KEY ??= 'local';
  rig = await startMediaRig();
  clients = awsClients({ region: rig.region, endpoint: rig.endpoint });
  media = kinesisVideoMedia(clients);
  await rig.control.send(new CreateStreamCommand({ StreamName: 'dock-1', DataRetentionInHours: 1 }));
});
afterEach(async () => {
  clients.destroy();
  await rig.close();
});

async function refusal(streamName = 'dock-1'): Promise<KvsInferError> {
  try {
    const body = await media.open(streamName, { at: 'now' }, new AbortController().signal);
    body.close();
  } catch (error) {
    if (error instanceof KvsInferError) return error;
  }
  throw new Error('expected a KvsInferError');
}

const injected = (status: number, code: string, operation = 'GetMedia') =>
  rig.faults.inject((call) => call.operation === operation, { status, code, message: 'injected' }, 1);

test.each([
  [503, 'ServiceUnavailableException', 'AWS_UNAVAILABLE', true],
  [500, 'InternalFailure', 'AWS_UNAVAILABLE', true],
  [400, 'ClientLimitExceededException', 'AWS_THROTTLED', true],
  [429, 'Unheard', 'AWS_THROTTLED', true],
  [400, 'ConnectionLimitExceededException', 'STREAM_CONNECTION_LIMIT', true],
  [403, 'NotAuthorizedException', 'STREAM_ACCESS_DENIED', false],
  [404, 'ResourceNotFoundException', 'STREAM_NOT_FOUND', false],
  [400, 'InvalidArgumentException', 'AWS_REFUSED', false],
])('%i %s is %s', async (status, code, ours, retryable) => {
  injected(status, code);
  expect(await refusal()).toMatchObject({ code: ours, retryable });
  // The next one opens: nothing of the refusal is kept.
  (await media.open('dock-1', { at: 'now' }, new AbortController().signal)).close();
});

test('a fragment that KVS refuses to go on from is gone, and says where reading goes on', async () => {
  injected(400, 'InvalidArgumentException');
  const start = { at: 'after', fragmentNumber: '12' } as const;
  await expect(media.open('dock-1', start, new AbortController().signal)).rejects.toMatchObject({
    ...{ code: 'STREAM_FRAGMENT_GONE', retryable: true },
    hint: expect.stringContaining('live edge'),
  });
});

test('a stream that does not exist is told by GetDataEndpoint already', async () => {
  expect(await refusal('dock-9')).toMatchObject({ code: 'STREAM_NOT_FOUND', retryable: false });
});

test('a host name that does not resolve is unreachable, not refused', async () => {
  rig.advertise('https://kinesisvideo.invalid.amazonaws.com');
  const error = await refusal();
  expect(error).toMatchObject({ code: 'STREAM_UNREACHABLE', retryable: true });
  expect(error.message).toMatch(/ENOTFOUND|EAI_AGAIN/);
  expect(error.hint).toContain('DNS');
});

test('an endpoint is asked for once, kept when calls are too many, and asked for anew after it refused the connection', async () => {
  let asked = 0;
  rig.faults.inject(
    ({ operation }) => {
      if (operation === 'GetDataEndpoint') asked += 1;
      return false;
    },
    { status: 500, code: '', message: '' },
  );
  const [first, second] = [new NetworkPath(rig.endpoint), new NetworkPath(rig.endpoint)];
  await first.open();
  await second.open();
  rig.advertise(first.url);
  for (let call = 0; call < 3; call += 1) {
    (await media.open('dock-1', { at: 'now' }, new AbortController().signal)).close();
  }
  // Too many calls or connections are no reason for yet another call.
  for (const code of ['ClientLimitExceededException', 'ConnectionLimitExceededException']) {
    const heal = injected(400, code);
    await refusal();
    heal();
  }
  (await media.open('dock-1', { at: 'now' }, new AbortController().signal)).close();
  expect(asked).toBe(1);
  rig.advertise(second.url);
  await first.close();
  const error = await refusal();
  expect(error).toMatchObject({ code: 'STREAM_UNREACHABLE', retryable: true });
  expect(error.message).toContain('ECONNREFUSED');
  (await media.open('dock-1', { at: 'now' }, new AbortController().signal)).close();
  expect(asked).toBe(2);
  await second.close();
});

test('no call goes to a data endpoint that is neither of AWS nor of the machine that stands for it', async () => {
  const hits: string[] = [];
  const elsewhere = createServer((request, response) => {
    hits.push(request.url ?? '');
    response.end();
  });
  // Another name of this machine is a host that nobody configured: what came to it would be recorded.
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  const { port } = elsewhere.address() as AddressInfo;
  const endpoints = [
    `http://localhost:${port}`,
    `http://127.0.0.2:${port}`,
    `http://x.amazonaws.com@localhost:${port}`,
    `http://localhost:${port}/x.amazonaws.com`,
    'http://169.254.169.254',
    'http://169.254.170.2',
    'http://[fd00:ec2::254]',
    'http://kinesisvideo.eu-west-1.amazonaws.com',
    'https://kinesisvideo.eu-west-1.amazonaws.com.example.org',
    'https://evilamazonaws.com',
    'file:///etc/passwd',
    'nonsense',
  ];
  for (const [index, endpoint] of endpoints.entries()) {
    rig.advertise(endpoint);
    // Each of its own: a stream is asked five times a second.
    await rig.control.send(new CreateStreamCommand({ StreamName: `s-${index}`, DataRetentionInHours: 1 }));
    const error = await refusal(`s-${index}`);
    expect(error, endpoint).toMatchObject({ code: 'AWS_FAILED', retryable: true });
    expect(error.message).toContain('which is no host of AWS');
  }
  expect(hits).toEqual([]);
  rig.advertise(rig.endpoint);
  (await media.open('dock-1', { at: 'now' }, new AbortController().signal)).close();
  await new Promise((resolve) => elsewhere.close(resolve));
});
