import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { decode as decodeCbor, encode as encodeCbor } from 'cborg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Faults, type LocalRequest, type LocalService } from '../service.ts';
import { AwsError } from './aws-error.ts';
import { type HttpFront, startHttpFront } from './front.ts';
import { sendJson } from './respond.ts';

type Handler = (request: LocalRequest) => Promise<unknown>;

let front: HttpFront;
let faults: Faults;
let logged: string[];
let handler: Handler;

beforeEach(async () => {
  faults = new Faults();
  logged = [];
  handler = async () => ({});
  front = await startHttpFront({ port: 0, portSearch: false, faults, log: (line) => logged.push(line) });
  const service: LocalService = {
    scopes: ['dynamodb', 's3', 'autoscaling', 'monitoring', 'ec2', 'ecs', 'kinesisvideo'],
    handle: async (request, response) => sendJson(response, await handler(request)),
    close: async () => {},
  };
  front.register(service);
});
afterEach(() => front.close());

function signedFor(scope: string): Record<string, string> {
  return {
    authorization: `AWS4-HMAC-SHA256 Credential=local/20261123/us-east-1/${scope}/aws4_request, SignedHeaders=host, Signature=0`,
  };
}
const call = (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${front.port}${path}`, init);
const describeRequest: Handler = async (request) => ({
  scope: request.scope,
  operation: request.operation,
  protocol: request.protocol,
  path: request.path,
  body: (await request.body()).toString(),
});

describe('routing', () => {
  it('reads scope and operation of each protocol', async () => {
    handler = describeRequest;
    const json = await call('/', {
      method: 'POST',
      headers: {
        ...signedFor('dynamodb'),
        'x-amz-target': 'DynamoDB_20120810.GetItem',
        'content-type': 'application/x-amz-json-1.0',
      },
      body: '{}',
    });
    expect(await json.json()).toMatchObject({ scope: 'dynamodb', operation: 'GetItem', protocol: 'json' });
    const form = await call('/', {
      method: 'POST',
      headers: signedFor('autoscaling'),
      body: new URLSearchParams({ Action: 'SetDesiredCapacity' }),
    });
    expect(await form.json()).toMatchObject({
      operation: 'SetDesiredCapacity',
      protocol: 'query',
      body: 'Action=SetDesiredCapacity',
    });
    const rpc = await call('/service/GraniteServiceVersion20100801/operation/PutMetricData', {
      method: 'POST',
      headers: { ...signedFor('monitoring'), 'smithy-protocol': 'rpc-v2-cbor' },
    });
    expect(await rpc.json()).toMatchObject({ operation: 'PutMetricData', protocol: 'cbor' });
    const presigned = await call('/bucket/key?X-Amz-Credential=local%2F20261123%2Fus-east-1%2Fs3%2Faws4_request');
    expect(await presigned.json()).toMatchObject({ scope: 's3', protocol: 'rest-xml', path: '/bucket/key' });
    const agent = await call('/ecs-agent/task-1/task-protection/v1/state');
    expect(await agent.json()).toMatchObject({ scope: 'ecs' });
  });

  it('removes gzip and aws-chunked framing from bodies', async () => {
    handler = describeRequest;
    const zipped = await call('/', {
      method: 'POST',
      headers: {
        ...signedFor('monitoring'),
        'content-encoding': 'gzip',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: gzipSync('Action=PutMetricData'),
    });
    expect(await zipped.json()).toMatchObject({ operation: 'PutMetricData' });
    const chunked = await call('/b/k', {
      method: 'PUT',
      headers: { ...signedFor('s3'), 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' },
      body: '5\r\nhello\r\n6;chunk-signature=00\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n',
    });
    expect(await chunked.json()).toMatchObject({ body: 'hello world' });
  });
});

describe('errors', () => {
  it('renders an AwsError in the protocol of the request', async () => {
    handler = async () => {
      throw new AwsError(400, 'ValidationException', 'wrong <thing>', { Extra: 1 });
    };
    const json = await call('/', { method: 'POST', headers: { ...signedFor('dynamodb'), 'x-amz-target': 'X.Y' } });
    expect([json.status, await json.json()]).toEqual([
      400,
      { __type: 'ValidationException', message: 'wrong <thing>', Extra: 1 },
    ]);
    const xml = await call('/bucket', { headers: signedFor('s3') });
    expect(await xml.text()).toContain('<Code>ValidationException</Code><Message>wrong &lt;thing&gt;</Message>');
    const query = await call('/?Action=A', { headers: signedFor('autoscaling') });
    expect(await query.text()).toContain('<ErrorResponse><Error><Type>Sender</Type><Code>ValidationException</Code>');
    const ec2 = await call('/?Action=A', { headers: signedFor('ec2') });
    expect(await ec2.text()).toContain('<Response><Errors><Error><Code>ValidationException</Code>');
    const cbor = await call('/service/S/operation/O', {
      method: 'POST',
      headers: signedFor('monitoring'),
      body: encodeCbor({}),
    });
    expect(decodeCbor(new Uint8Array(await cbor.arrayBuffer()))).toMatchObject({
      __type: 'ValidationException',
      Extra: 1,
    });
    expect(logged).toEqual([]);
  });

  it('answers 500 and says why on stderr when a service breaks, and lives on', async () => {
    handler = async () => {
      throw new TypeError('surprise');
    };
    const broken = await call('/', { method: 'POST', headers: { ...signedFor('dynamodb'), 'x-amz-target': 'X.Put' } });
    expect([broken.status, ((await broken.json()) as { __type: string }).__type]).toEqual([500, 'InternalFailure']);
    expect(logged[0]).toContain('500 InternalFailure: dynamodb Put: TypeError: surprise');
    handler = async () => ({ fine: true });
    expect(await (await call('/bucket', { headers: signedFor('s3') })).json()).toEqual({ fine: true });
  });

  it('refuses the unsigned, the unknown, the foreign and the oversized', async () => {
    expect((await call('/bucket')).status).toBe(403);
    expect(await (await call('/', { headers: signedFor('lightsail') })).text()).toContain('no service');
    expect((await call('/bucket', { headers: { ...signedFor('s3'), origin: 'https://evil.example' } })).status).toBe(
      403,
    );
    handler = async (request) => request.body(10);
    expect((await call('/b/k', { method: 'PUT', headers: signedFor('s3'), body: 'x'.repeat(11) })).status).toBe(413);
  });

  it('stops reading a body past the limit, and still says why', async () => {
    const socket = connect(front.port, '127.0.0.1');
    const headers = `x-amz-target: X.Y\r\nauthorization: ${signedFor('dynamodb').authorization}\r\ncontent-length: 999999999`;
    socket.write(`POST / HTTP/1.1\r\nhost: localhost\r\n${headers}\r\n\r\n`);
    socket.write(Buffer.alloc(17 * 1024 * 1024));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 413.*connection: close/is);
    socket.destroy();
  });

  it('survives bytes that are not HTTP', async () => {
    const socket = connect(front.port, '127.0.0.1');
    socket.end('\u0016\u0003\u0001 nonsense\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    expect((await call('/bucket', { headers: signedFor('s3') })).status).toBe(200);
  });
});

describe('faults', () => {
  it('fails the calls that a rule matches, by operation and resource, as often as it says', async () => {
    const putItem = () =>
      call('/', {
        method: 'POST',
        headers: {
          ...signedFor('dynamodb'),
          'x-amz-target': 'DynamoDB_20120810.PutItem',
          'content-type': 'application/x-amz-json-1.0',
        },
        body: JSON.stringify({ TableName: 'cameras' }),
      });
    faults.inject(
      ({ service, operation, resource }) => service === 'dynamodb' && operation === 'PutItem' && resource === 'cameras',
      { status: 400, code: 'ProvisionedThroughputExceededException', message: 'slow down' },
      1,
    );
    faults.inject(({ operation }) => operation === 'PutObject', { status: 503, code: 'SlowDown', message: 'busy' });
    expect(((await (await putItem()).json()) as { __type: string }).__type).toBe(
      'ProvisionedThroughputExceededException',
    );
    expect((await putItem()).status).toBe(200);
    expect(await (await call('/b/k', { method: 'PUT', headers: signedFor('s3'), body: 'x' })).text()).toContain(
      '<Code>SlowDown</Code>',
    );
  });
});

describe('broken routes', () => {
  it('cuts off one caller as a network does, by a reset or by silence, and nobody else', async () => {
    const getItem = (accessKeyId: string, signal: AbortSignal | null = null) =>
      call('/', {
        ...{ method: 'POST', body: '{}', signal },
        headers: {
          authorization: signedFor('dynamodb').authorization?.replace('local', accessKeyId) ?? '',
          'x-amz-target': 'DynamoDB_20120810.GetItem',
          'content-type': 'application/x-amz-json-1.0',
        },
      });
    const cut = (network: 'reset' | 'silent') =>
      faults.inject(({ caller }) => caller === 'worker-1', { status: 0, code: '', message: '', network });
    const heal = cut('reset');
    await expect(getItem('worker-1')).rejects.toThrow('fetch failed');
    expect((await getItem('worker-2')).status).toBe(200);
    heal();
    cut('silent');
    const patience = new AbortController();
    const unanswered = getItem('worker-1', patience.signal);
    expect((await getItem('worker-2')).status).toBe(200);
    patience.abort();
    await expect(unanswered).rejects.toThrow('aborted');
  });
});

describe('port', () => {
  it('names a busy port, and finds the next free one when it may search', async () => {
    await expect(startHttpFront({ port: front.port, portSearch: false, faults })).rejects.toMatchObject({
      code: 'PORT_BUSY',
    });
    const second = await startHttpFront({ port: front.port, portSearch: true, faults });
    expect(second.port).toBeGreaterThan(front.port);
    await second.close();
  });

  it('listens on loopback only', async () => {
    const elsewhere = createServer();
    elsewhere.listen(front.port, '127.0.0.2');
    await once(elsewhere, 'listening');
    elsewhere.close();
  });
});
