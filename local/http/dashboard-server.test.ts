import { request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiStage, startApiStage } from '../../functions/api/api-stage.test-factory.ts';
import { completeDeps } from '../../functions/handler-deps.ts';
import { type DashboardServer, startDashboardServer } from './dashboard-server.ts';

let stage: ApiStage;
let dashboard: DashboardServer;
let base: string;
beforeAll(async () => {
  stage = await startApiStage();
  const deps = completeDeps(stage.deps, 'test');
  const webFolder = new URL('../../web', import.meta.url).pathname;
  dashboard = await startDashboardServer({ deps, webFolder, port: 0, portSearch: false });
  base = new URL(dashboard.url).origin;
});
afterAll(async () => {
  await dashboard?.close();
  await stage?.close();
});

it('serves the page to everybody on this machine, and the API to who has the token', async () => {
  const page = await fetch(dashboard.url);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
  expect((await fetch(`${base}/style.css`)).headers.get('content-type')).toContain('text/css');
  expect((await fetch(`${base}/api/cameras`)).status).toBe(401);
  const authorization = `Bearer ${dashboard.token}`;
  const cameras = await fetch(`${base}/api/cameras`, { headers: { authorization } });
  expect(await cameras.json()).toMatchObject({ cameras: [{ cameraId: 'dock-1' }] });
});

it('makes another token at each start, and keeps it out of what browsers send', async () => {
  const { deps } = stage;
  const webFolder = new URL('../../web', import.meta.url).pathname;
  const other = await startDashboardServer({ deps: completeDeps(deps, 'test'), webFolder, port: 0, portSearch: false });
  expect(other.token).not.toBe(dashboard.token);
  expect(new URL(other.url).search).toBe('');
  await other.close();
});

it('refuses a page from elsewhere, a rebound name, and paths that leave the folder', async () => {
  const { port } = new URL(base);
  const asked = (headers: Record<string, string>, path = '/') =>
    new Promise<number>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      sent.on('error', reject).end();
    });
  expect(await asked({ host: `127.0.0.1:${port}` })).toBe(200);
  expect(await asked({ host: 'evil.example.com' })).toBe(403);
  expect(await asked({ host: `127.0.0.1:${port}`, origin: 'https://evil.example.com' })).toBe(403);
  for (const path of ['/../package.json', '/..%2fpackage.json', '/%2e%2e/package.json']) {
    expect(await asked({ host: `127.0.0.1:${port}` }, path), path).toBe(404);
  }
});
