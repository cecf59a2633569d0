import { request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiStage, startApiStage } from '../../functions/api/api-stage.test-factory.ts';
import { completeDeps } from '../../functions/handler-deps.ts';
import { buildSite, siteFolder } from '../../web/build-site.ts';
import { type DashboardServer, startDashboardServer } from './dashboard-server.ts';

let stage: ApiStage;
let dashboard: DashboardServer;
let base: string;
beforeAll(async () => {
  [stage] = await Promise.all([startApiStage(), buildSite()]);
  const deps = completeDeps(stage.deps, 'test');
  dashboard = await startDashboardServer({ deps, siteFolder, port: 0, portSearch: false });
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
  expect(page.headers.get('cache-control')).toBe('no-cache');
  const [script] = /assets\/[^"]+\.js/.exec(await page.text()) ?? [];
  const asset = await fetch(`${base}/${script}`);
  expect(asset.headers.get('content-type')).toContain('javascript');
  expect(asset.headers.get('cache-control')).toContain('immutable');
  expect((await fetch(`${base}/assets/gone.js`)).status).toBe(404);
  expect((await fetch(`${base}/cameras/dock-1`)).headers.get('content-type')).toContain('text/html');
  expect(await (await fetch(`${base}/config.json`)).json()).toEqual({
    ...{ stage: 'test', region: 'ap-southeast-1', signIn: null },
  });
  expect((await fetch(`${base}/api/cameras`)).status).toBe(401);
  const authorization = `Bearer ${dashboard.token}`;
  const cameras = await fetch(`${base}/api/cameras`, { headers: { authorization } });
  expect(await cameras.json()).toMatchObject({ cameras: [{ cameraId: 'dock-1' }] });
});

it('streams events, and plays a change of schedules off the thread that serves', async () => {
  const authorization = `Bearer ${dashboard.token}`;
  const leave = new AbortController();
  const stream = await fetch(`${base}/api/events`, {
    ...{ headers: { authorization, accept: 'text/event-stream' }, signal: leave.signal },
  });
  expect(stream.headers.get('content-type')).toContain('text/event-stream');
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ''; !text.includes('phase/dock-1'); ) text += (await reader?.read())?.value;
  const row = {
    cameraId: 'dock-1',
    streamName: 's',
    schedule: { timeZone: 'UTC', windows: [{ start: '08:00', end: '10:00' }] },
  };
  const simulation = await fetch(`${base}/api/simulate`, {
    ...{ method: 'POST', headers: { authorization, 'content-type': 'application/json' } },
    body: JSON.stringify({ rows: [row], days: 1 }),
  });
  const { played, calendar } = (await simulation.json()) as { played: object; calendar: object };
  expect(calendar).toMatchObject({ before: { cameraHours: 24 }, after: { cameraHours: 2 } });
  expect(played).toMatchObject({ before: { readyBy: { windows: 0 } }, after: { readyBy: { windows: 1 } } });
  leave.abort();
});

it('makes another token at each start, and keeps it out of what browsers send', async () => {
  const { deps } = stage;
  const other = await startDashboardServer({
    deps: completeDeps(deps, 'test'),
    siteFolder,
    port: 0,
    portSearch: false,
  });
  expect(other.token).not.toBe(dashboard.token);
  expect(new URL(other.url).search).toBe('');
  await other.close();
});

it('refuses a page from elsewhere, a rebound name, and paths that leave the folder', async () => {
  const { port } = new URL(base);
  const asked = (headers: Record<string, string>, path = '/') =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, headers }, async (answer) => {
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(await answer.toArray()).toString() });
      });
      sent.on('error', reject).end();
    });
  expect((await asked({ host: `127.0.0.1:${port}` })).status).toBe(200);
  expect((await asked({ host: 'evil.example.com' })).status).toBe(403);
  expect((await asked({ host: `127.0.0.1:${port}`, origin: 'https://evil.example.com' })).status).toBe(403);
  for (const path of [
    '/../package.json',
    '/..%2fpackage.json',
    '/%2e%2e/package.json',
    '/assets/..%2f..%2f..%2fpackage.json',
  ]) {
    // The one page, or nothing; never the file.
    expect((await asked({ host: `127.0.0.1:${port}` }, path)).text, path).not.toContain('"dependencies"');
  }
});
