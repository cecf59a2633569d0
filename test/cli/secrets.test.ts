/**
 * AWS answers a signature that it refuses with the request that it read, session token included. What a command or a worker
 * then writes, to either stream, in words or as JSON, has none of it. Both run as processes of their own.
 */
import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { commandEnvironment, kvsInfer, temporaryFolder } from './kvs-infer.ts';

const secrets = { session: 'marked-session-91dd', key: 'marked-key-77c3', signed: 'marked-signed-4f2e' };
const folder = temporaryFolder();
let server: Server;
let refused = 0;
let environment: Record<string, string>;

beforeAll(async () => {
  server = createServer((request, response) => {
    refused += 1;
    request.resume();
    const sent = Object.entries(request.headers).map(([name, value]) => `${name}:${value}`);
    // As AWS words it, with a presigned link that is quoted back.
    const message = `The request signature we calculated does not match the signature you provided.
The Canonical String for this request should have been
'POST
/

${sent.join('\n')}
'
https://bucket.s3.amazonaws.com/key?X-Amz-Signature=${secrets.signed}&X-Amz-Security-Token=${secrets.session}`;
    response.writeHead(403, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ __type: 'InvalidSignatureException', message }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  environment = {
    ...{ AWS_REGION: 'ap-southeast-1', AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    ...{ AWS_ACCESS_KEY_ID: 'AKIAMARKED', AWS_SECRET_ACCESS_KEY: secrets.key, AWS_SESSION_TOKEN: secrets.session },
    ...{ KVS_INFER_STAGE: 'test', KVS_INFER_ACCOUNT_ID: '123456789012' },
  };
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function expectNoSecret(what: string, text: string) {
  for (const [name, secret] of Object.entries(secrets))
    expect(text.includes(secret), `${name} in ${what}: ${text}`).toBe(false);
}

const commands = [
  'camera list',
  'camera show dock-1',
  'fleet show',
  'status',
  'plan explain',
  'trace 1-69256f2a-000000000000000000000000',
];
it.each(commands)(
  'kvs-infer %s, refused: neither stream tells a secret, in words or as JSON',
  async (command) => {
    const before = refused;
    for (const more of [[], ['--json']]) {
      const { exitCode, stdout, stderr } = await kvsInfer([...command.split(' '), ...more], undefined, environment);
      expectNoSecret(command, `${stdout}\n${stderr}`);
      expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/^kvs-infer: AWS_/)]);
    }
    expect(refused).toBeGreaterThan(before);
  },
  120_000,
);

it('a worker whose heartbeats are refused: its log names the refusal and no secret', async () => {
  const main = fileURLToPath(new URL('../../worker/main.ts', import.meta.url));
  const env = {
    ...{ ...commandEnvironment(folder.path('cache')), ...environment, KVS_INFER_FLEET: 'default', HTTP_PORT: '0' },
    ...{ LOG_LEVEL: 'DEBUG', MODELS_FOLDER: folder.path('models') },
  };
  const said = await new Promise<string>((resolve) => {
    execFile(process.execPath, [main], { env, timeout: 60_000 }, (_error, stdout, stderr) =>
      resolve(`${stdout}${stderr}`),
    );
  });
  expect(said).toContain('heartbeat failed');
  expect(said).toContain('The request signature we calculated does not match');
  expectNoSecret('the worker’s log', said);
}, 120_000);
