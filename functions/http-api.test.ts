/** Who may ask the API, what it says of itself, and what it tells when something fails. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiStage, startApiStage } from './api/api-stage.test-factory.ts';
import { buildApi } from './api/app.ts';
import { viewer } from './api/gateway-event.test-factory.ts';
import { identifyByToken } from './api/principal.ts';
import { completeDeps } from './handler-deps.ts';

let stage: ApiStage;
beforeAll(async () => {
  stage = await startApiStage();
});
afterAll(() => stage?.close());
const ask = (...request: Parameters<ApiStage['ask']>) => stage.ask(...request);

describe('who asks', () => {
  it('is told 401 on every route without claims, and a viewer changes nothing', async () => {
    const api = buildApi(completeDeps(stage.deps, 'test'), { identify: () => null });
    const routes = api.routes.filter(({ method, path }) => method !== 'ALL' && path.startsWith('/api/'));
    expect(routes.length).toBeGreaterThan(14);
    for (const { method, path } of routes) {
      const concrete = path.replace(/:\w+/g, 'dock-1');
      const nobody = await ask(method, concrete, { claims: null, ...(/^P/.test(method) ? { body: {} } : {}) });
      expect(nobody, `${method} ${path}`).toMatchObject({ status: 401, body: { title: 'No valid token' } });
      if (method === 'GET') continue;
      const asViewer = await ask(method, concrete, { claims: viewer, body: {} });
      expect(asViewer, `${method} ${path}`).toMatchObject({ status: 403 });
    }
    expect((await ask('GET', '/api/cameras', { claims: viewer })).status).toBe(200);
  });

  it('is on a laptop whoever knows the token', async () => {
    const api = buildApi(completeDeps(stage.deps, 'test'), { identify: identifyByToken('secret') });
    const get = (authorization?: string) =>
      api.request('/api/fleets', { headers: authorization === undefined ? {} : { authorization } });
    expect((await get()).status).toBe(401);
    expect((await get('Bearer wrong')).status).toBe(401);
    expect((await get('Bearer secret')).status).toBe(200);
  });
});

it('describes itself, and says what is not there', async () => {
  const { body } = await ask('GET', '/api/openapi.json');
  expect(body.openapi).toBe('3.1.0');
  expect(Object.keys(body.paths)).toContain('/api/cameras/{cameraId}');
  expect(Object.keys(body.components.schemas)).toEqual(expect.arrayContaining(['CameraRow', 'Problem', 'Track']));
  expect(await ask('GET', '/api/nothing')).toMatchObject({
    status: 404,
    body: { detail: expect.stringContaining('/api/nothing') },
  });
});

it('tells a caller that AWS is throttling, and nothing of what failed inside', async () => {
  const slow = { status: 400, code: 'ProvisionedThroughputExceededException', message: 'slow down' };
  const stop = stage.cloud.context.faults.inject(({ operation }) => operation === 'Query', slow);
  expect(await ask('GET', '/api/cameras')).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
  stop();
  const broken = { status: 400, code: 'ValidationException', message: 'secret table name' };
  const mend = stage.cloud.context.faults.inject(({ operation }) => operation === 'Query', broken);
  const failed = await ask('GET', '/api/cameras');
  expect(failed.status).toBe(500);
  expect(JSON.stringify(failed.body)).not.toContain('secret table name');
  mend();
});
