/** CI's audit of what is deployed, by the real npm against a registry whose answers are known. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';

const script = new URL('../.ci/audit.mjs', import.meta.url).pathname;
const advisoryId = 'GHSA-abcd-1234-wxyz';
let folder: string;
let server: Server;
let severity: string | null;
let asked: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'audit-'));
  severity = 'high';
  asked = [];
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (request.method === 'POST') {
      asked.push((request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString());
      if (severity === null) return response.writeHead(405).end();
      const facts = { id: 1, title: 'it runs what it reads', severity, vulnerable_versions: '<2.0.0' };
      const advisory = { ...facts, url: `https://github.com/advisories/${advisoryId}` };
      return response.end(JSON.stringify(severity === 'none' ? {} : { deployed: [advisory] }));
    }
    const version = { name: 'deployed', version: '1.0.0' };
    response.end(
      JSON.stringify({ name: 'deployed', versions: { '1.0.0': version }, 'dist-tags': { latest: '1.0.0' } }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const project = {
    name: 'p',
    version: '1.0.0',
    dependencies: { deployed: '1.0.0' },
    devDependencies: { tool: '1.0.0' },
  };
  const locked = (name: string) => ({
    version: '1.0.0',
    resolved: `https://registry.npmjs.org/${name}/-/${name}-1.0.0.tgz`,
  });
  await writeFile(join(folder, 'package.json'), JSON.stringify(project));
  const packages = {
    '': project,
    'node_modules/deployed': locked('deployed'),
    'node_modules/tool': { ...locked('tool'), dev: true },
  };
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify({ ...project, lockfileVersion: 3, packages }));
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

async function audit(accepted: object[] = [], port = (server.address() as AddressInfo).port) {
  const list = join(folder, 'accepted.json');
  // npm keeps what it knows of an advisory: each run begins with nothing.
  const cache = await mkdtemp(join(folder, 'cache-'));
  await writeFile(list, JSON.stringify(accepted));
  const env = {
    ...process.env,
    npm_config_registry: `http://127.0.0.1:${port}/`,
    npm_config_cache: cache,
  };
  const child = spawn(process.execPath, [script, list], { cwd: folder, env });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  child.stderr.on('data', (chunk) => {
    text += chunk;
  });
  return new Promise<{ code: number | null; text: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, text })),
  );
}

it('a high fault fails, a moderate one is told, none is well; tools of the developers are not asked for', async () => {
  expect(await audit()).toMatchObject({
    code: 1,
    text: expect.stringContaining(`FAILED: high ${advisoryId} in deployed`),
  });
  severity = 'moderate';
  expect(await audit()).toMatchObject({ code: 0, text: expect.stringContaining(`known: moderate ${advisoryId}`) });
  severity = 'none';
  expect(await audit()).toMatchObject({ code: 0, text: expect.stringContaining('ok: ') });
  expect(asked.map((text) => Object.keys(JSON.parse(text)))).toEqual([['deployed'], ['deployed'], ['deployed']]);
});

it('an accepted fault passes until its day, and not without a reason', async () => {
  const entry = { advisory: advisoryId, reason: 'the function that it names is never called', until: '2999-01-01' };
  expect(await audit([entry])).toMatchObject({
    code: 0,
    text: expect.stringContaining(`accepted: high ${advisoryId}`),
  });
  const over = await audit([{ ...entry, until: '2020-01-01' }]);
  expect(over).toMatchObject({ code: 1, text: expect.stringContaining('was accepted until 2020-01-01') });
  expect((await audit([{ ...entry, reason: 'no' }])).code).toBe(1);
});

it('a registry that answers no audit, or that is not there, is told and fails nothing', async () => {
  severity = null;
  expect(await audit()).toMatchObject({ code: 0, text: expect.stringMatching(/^not asked: .*405/) });
  expect(await audit([], 9)).toMatchObject({ code: 0, text: expect.stringMatching(/^not asked: /) });
});
