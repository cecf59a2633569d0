/** Events, requests and settings that nobody should send: each ends in an answer, and none of them tells a secret. */
import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KvsInferError } from '../core/errors.ts';
import { hostileObject, hostileRow, hostileValue } from '../core/hostile-values.test-factory.ts';
import { SeededRandom } from '../core/seeded-random.ts';
import { parseTextPattern } from '../core/text-rules.ts';
import { type ApiStage, startApiStage } from './api/api-stage.test-factory.ts';
import { buildApi } from './api/app.ts';
import { identifyByToken } from './api/principal.ts';
import { buildCameraChangedHandler } from './camera-changed.ts';
import { buildCapacityChangedHandler } from './capacity-changed.ts';
import { completeDeps } from './handler-deps.ts';
import { buildReconcileHandler } from './reconcile.ts';

const context = { functionName: 'test', awsRequestId: 'r' } as Context;
const secrets = { token: 'marked-token-5f2c', key: 'marked-secret-key-77ab', session: 'marked-session-91dd' };
let stage: ApiStage;
beforeAll(async () => {
  stage = await startApiStage();
  const fleets = [{ fleet: 'default', min: 0, max: 3, taskEnvironment: {} }];
  await stage.cloud.createStageResources({ stage: 'test', fleets });
});
afterAll(() => stage?.close());

it('any event of EventBridge is answered', async () => {
  const handle = buildCapacityChangedHandler(stage.deps);
  const { eventSource } = stage.names;
  for (let seed = 0; seed < 150; seed += 1) {
    const random = new SeededRandom(seed);
    const event = {
      ...{ version: '0', id: 'e', account: '123456789012', region: 'ap-southeast-1', resources: [] },
      source: random.pick<unknown>([eventSource, 'aws.ecs', 'aws.ec2', 'aws.autoscaling', 'aws.other', null]),
      'detail-type': random.pick<unknown>([
        ...['Worker Ready', 'Worker Drained', 'ECS Task State Change', 'EC2 Spot Instance Interruption Warning', 7],
      ]),
      time: random.pick<unknown>(['2026-11-24T12:00:00Z', 'never', 7, null]),
      detail: random.chance(0.3)
        ? hostileValue(random)
        : {
            ...hostileObject(random),
            ...{ clusterArn: `arn/${stage.names.cluster}`, lastStatus: 'STOPPED', taskArn: hostileValue(random, 0) },
            ...{ fleet: random.pick<unknown>(['default', 7]), workerId: hostileValue(random, 0) },
            ...{ group: 'service:kvs-infer-test-default-service', 'instance-id': hostileValue(random, 0) },
          },
    };
    await expect(handle(event as never, context), `seed ${seed}`).resolves.toBeInstanceOf(Array);
  }
}, 120_000);

it('any event of the scheduler is a minute like any other', async () => {
  const handle = buildReconcileHandler(stage.deps);
  for (let seed = 0; seed < 40; seed += 1) {
    const event = hostileValue(new SeededRandom(seed));
    expect(await handle(event, context), `seed ${seed}`).toMatchObject([{ fleet: 'default', outcome: 'done' }]);
  }
}, 120_000);

it.each(['(a+)+$', '(a|aa)+$', '(.*a){25}', '([a-z]+)*\\d', '^(([a-z])+.)+[A-Z]([a-z])+$'])(
  'a row with the pattern %s is judged by the API and read with in no time that grows without end',
  async (pattern) => {
    const fromMs = performance.now();
    const body = { streamName: 'dock', text: { enabled: true, pattern } };
    const answer = await stage.ask('PUT', '/api/cameras/slow', { body, headers: { 'if-none-match': '*' } });
    expect([201, 200, 412, 422]).toContain(answer.status);
    const parsed = parseTextPattern(pattern);
    // A backtracking engine takes longer than the universe for this.
    if ('matches' in parsed) expect(typeof parsed.matches(`${'a'.repeat(5_000)}!`)).toBe('boolean');
    expect(performance.now() - fromMs).toBeLessThan(5_000);
  },
);

it('any record of the registry’s stream is acknowledged', async () => {
  const handle = buildCameraChangedHandler(stage.deps);
  const attribute = (random: SeededRandom, depth: number): unknown => {
    const value = hostileValue(random, 0);
    const kind = random.pick(depth > 0 ? ['S', 'N', 'BOOL', 'NULL', 'B', 'SS', 'NS', 'L', 'M', 'X', ''] : ['S', 'N']);
    if (kind === 'L') return { L: [attribute(random, depth - 1)] };
    if (kind === 'M') return { M: Object.fromEntries([['__proto__', attribute(random, depth - 1)]]) };
    if (kind === 'SS' || kind === 'NS') return { [kind]: ['1', 'x'] };
    return kind === '' ? value : { [kind]: kind === 'S' || kind === 'N' ? String(value) : value };
  };
  const Records = Array.from({ length: 200 }, (_, seed) => {
    const random = new SeededRandom(seed);
    const row = Object.fromEntries(
      ['fleet', 'streamName', 'schedule', 'detect', '__proto__', 'regions', 'constructor'].map((name) => [
        name,
        attribute(random, 3),
      ]),
    );
    const cameraId = { S: random.pick(['a', 'b', '../../x', '<b>', 'x'.repeat(1_000)]) };
    return {
      ...{ eventID: `${seed}`, eventName: random.pick(['INSERT', 'MODIFY', 'REMOVE', 'OTHER']) },
      eventSource: 'aws:dynamodb',
      dynamodb: {
        Keys: random.chance(0.05) ? hostileValue(random) : { cameraId },
        SequenceNumber: `${seed + 1}`,
        ...(random.chance(0.8) ? { NewImage: { ...row, cameraId } } : {}),
        ...(random.chance(0.5) ? { OldImage: { ...row, cameraId } } : {}),
      },
    };
  });
  expect(await handle({ Records } as never, context)).toEqual({ batchItemFailures: [] });
}, 120_000);

it('any request is answered with no fault of ours, as JSON that no browser takes for a page', async () => {
  const api = buildApi(completeDeps(stage.deps, 'test'), { identify: identifyByToken(secrets.token) });
  const paths = [
    ...new Set(
      api.routes.filter(({ method, path }) => method !== 'ALL' && path.startsWith('/api/')).map(({ path }) => path),
    ),
  ].filter((path) => !path.includes('events'));
  const parts = ['dock-1', 'default', '..%2f..%2fx', '%00', '<script>', 'x'.repeat(500), '__proto__', '%E0%A4%A'];
  for (let seed = 0; seed < 300; seed += 1) {
    const random = new SeededRandom(seed);
    const path = random.pick(paths).replace(/:\w+/g, () => random.pick(parts));
    const query = random.chance(0.5)
      ? ''
      : `?${['from', 'to', 'limit', 'after', 'fleet', '__proto__', 'days'].map((name) => `${name}=${encodeURIComponent(String(random.pick(['', '-1', '1e9', 'NaN', '2026-11-24T12:00:00Z', '9'.repeat(400), '\u0000'])))}`).join('&')}`;
    const method = random.pick(['GET', 'PUT', 'POST', 'DELETE', 'PATCH']);
    const body = random.pick<() => string>([
      () => '{',
      () => '['.repeat(50_000),
      () => JSON.stringify(hostileRow(random), (_, value) => (typeof value === 'bigint' ? String(value) : value)) ?? '',
      () => JSON.stringify(hostileObject(random), (_, value) => (typeof value === 'bigint' ? String(value) : value)),
      () => `"${'x'.repeat(300_000)}"`,
    ])();
    const answer = await api.request(`${path}${query}`, {
      method,
      headers: {
        authorization: `Bearer ${secrets.token}`,
        'content-type': random.pick(['application/json', 'text/html', 'multipart/form-data']),
        ...(random.chance(0.5) ? { 'if-none-match': '*' } : { 'if-match': '"<x>"' }),
      },
      ...(method === 'GET' ? {} : { body }),
    });
    const text = await answer.text();
    expect(answer.status, `seed ${seed}: ${method} ${path}${query}: ${text.slice(0, 300)}`).toBeLessThan(500);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    if (text !== '') expect(answer.headers.get('content-type')).toMatch(/json/);
    expect(text).not.toContain(secrets.token);
  }
  expect(({} as Record<string, unknown>).enabled).toBeUndefined();
}, 120_000);

it('no log tells a token, a key or a signed link', async () => {
  const said: string[] = [];
  const written = (['stdout', 'stderr'] as const).map((name) => process[name].write);
  const methods = ['log', 'info', 'warn', 'error', 'debug'] as const;
  const before = methods.map((name) => console[name]);
  const set = { AWS_SECRET_ACCESS_KEY: process.env.AWS_SECRET_ACCESS_KEY, LOG_LEVEL: process.env.LOG_LEVEL };
  process.env.AWS_SECRET_ACCESS_KEY = secrets.key;
  process.env.AWS_SESSION_TOKEN = secrets.session;
  const hear = (...words: unknown[]) => {
    said.push(words.map((word) => (typeof word === 'string' ? word : JSON.stringify(word))).join(' '));
    return true;
  };
  for (const name of methods) console[name] = hear;
  process.stdout.write = hear as never;
  process.stderr.write = hear as never;
  try {
    const environment = { ...stage.deps.environment, logLevel: 'DEBUG' };
    const deps = completeDeps({ ...stage.deps, environment } as never, 'test');
    const api = buildApi(deps, { identify: identifyByToken(secrets.token) });
    const headers = {
      authorization: `Bearer ${secrets.token}`,
      'content-type': 'application/json',
      'if-none-match': '*',
    };
    const row = JSON.stringify({ streamName: 'secret' });
    await api.request('/api/cameras/secret?token=marked-token-5f2c', { method: 'PUT', headers, body: row });
    await api.request('/api/cameras/dock-1/snapshot', { headers });
    const broken = { status: 400, code: 'ValidationException', message: 'broken' };
    const mend = stage.cloud.context.faults.inject(({ operation }) => operation === 'Query', broken);
    await api.request('/api/cameras', { headers });
    mend();
    deps.telemetry.logger.error('a failure', { failure: new KvsInferError('X', 'y', { hint: 'z' }).message });
  } finally {
    for (const [index, name] of methods.entries()) console[name] = before[index] as never;
    process.stdout.write = written[0] as never;
    process.stderr.write = written[1] as never;
    for (const [name, value] of Object.entries(set)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    delete process.env.AWS_SESSION_TOKEN;
  }
  const all = said.join('\n');
  expect(all).toContain('a failure');
  for (const secret of Object.values(secrets)) expect(all).not.toContain(secret);
  expect(all).not.toMatch(/X-Amz-(Signature|Security-Token)|Bearer \S/i);
});
