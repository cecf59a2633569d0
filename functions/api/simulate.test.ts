/** What a change would cost and miss, what all schedules cost, and the verdicts, on the tables of the local cloud. */
import { DeleteCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveVerdict } from '../../aws/camera-states.ts';
import { camera, noonMs } from '../../core/control/fleet-factories.ts';
import type { SteppedClock } from '../../local/clock.ts';
import { completeDeps } from '../handler-deps.ts';
import { type ApiStage, startApiStage } from './api-stage.test-factory.ts';
import { buildApi } from './app.ts';
import { operator, viewer } from './gateway-event.test-factory.ts';

let stage: ApiStage;
beforeAll(async () => {
  stage = await startApiStage();
  const { cameraStates } = stage.names.tables;
  const hours = { timeZone: 'UTC', windows: [{ start: '08:00', end: '18:00' }] };
  const gate = camera('gate', { schedule: hours });
  const issues = [{ severity: 'warning' as const, path: 'colour', message: 'is not known' }];
  const errors = [{ severity: 'error' as const, path: 'detect.fps', message: 'expected 0.1 to 30, got 99' }];
  const verdict = { fleet: 'default', sequenceNumber: '2' };
  await saveVerdict(stage.clients, cameraStates, { ...verdict, cameraId: 'gate', camera: gate, issues }, noonMs);
  await saveVerdict(
    stage.clients,
    cameraStates,
    { ...verdict, cameraId: 'typo', camera: null, issues: errors },
    noonMs,
  );
});
afterAll(() => stage?.close());

const row = (windows: { start: string; end: string }[], cameraId = 'gate') => ({
  ...{ cameraId, streamName: `s-${cameraId}`, schedule: { timeZone: 'UTC', windows } },
});
let askers = 0;
/** Time stands still here, and nobody may ask so much at once: somebody else each time. */
const simulate = (body: unknown) => {
  askers += 1;
  return stage.ask('POST', '/api/simulate', { body, claims: { ...operator, email: `operator-${askers}@example.com` } });
};

describe('a simulation', () => {
  it('says what the coming days cost and miss before a row is saved, and writes nothing', async () => {
    const remove = ['dock-1'];
    const { status, body } = await simulate({ rows: [row([{ start: '08:00', end: '10:00' }])], remove, days: 2 });
    expect(status).toBe(200);
    expect(body.changes).toEqual([
      { cameraId: 'gate', change: 'changed', scheduledHoursBefore: 20, scheduledHoursAfter: 4 },
      { cameraId: 'dock-1', change: 'removed', scheduledHoursBefore: 48, scheduledHoursAfter: 0 },
    ]);
    const { calendar, played } = body;
    expect(calendar.before).toMatchObject({ cameras: 2, cameraHours: 68, instanceHours: 48, peakInstances: 1 });
    expect(calendar.after).toMatchObject({ cameras: 1, cameraHours: 4 });
    expect(calendar.before.costUsd).toBeCloseTo(48 * body.usdPerInstanceHour, 6);
    expect(played.before.scheduledCameraSeconds).toBe(68 * 3_600);
    expect(played.after.scheduledCameraSeconds).toBe(4 * 3_600);
    expect(played.after.costUsd).toBeLessThan(played.before.costUsd / 4);
    expect(played.after.readyBy.windows).toBe(2);
    expect(played.instances.before.length).toBe(played.instances.after.length);
    expect(body.notSimulated).toEqual([]);
    const again = await simulate({ rows: [row([{ start: '08:00', end: '10:00' }])], remove, days: 2 });
    expect(again.body).toEqual(body);
    const cameras = (await stage.ask('GET', '/api/cameras')).body.cameras;
    expect(cameras.map(({ cameraId }: { cameraId: string }) => cameraId)).toEqual(['dock-1', 'gate', 'typo']);
  });

  it('names the field of the row that is wrong, and what is not to be had', async () => {
    const wrong = { ...row([]), detect: { fps: 99 } };
    expect(await simulate({ rows: [row([], 'a'), wrong] })).toMatchObject({
      status: 422,
      body: { issues: [{ path: 'rows.1.detect.fps' }] },
    });
    const twice = await simulate({ rows: [row([]), { ...row([]), fleet: 'north' }] });
    expect(twice.body.issues.map(({ path }: { path: string }) => path)).toEqual(['rows.1.fleet', 'rows.1.cameraId']);
    expect((await simulate({ remove: ['nobody'] })).body.detail).toContain('nobody');
    expect((await simulate({})).status).toBe(422);
    expect((await simulate({ rows: [row([])], days: 99 })).body.issues).toMatchObject([{ path: 'days' }]);
  });

  it('of many cameras plays fewer days, of too many none, and says so', async () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, index) => row([{ start: '12:00', end: '13:00' }], `c-${index}`));
    const { body } = await simulate({ rows: many(100), days: 14 });
    expect(body.notSimulated).toEqual([expect.stringMatching(/^days after the first 4: 102 cameras are many$/)]);
    expect(Date.parse(body.played.to) - noonMs).toBe(4 * 86_400_000);
    const { cameraStates } = stage.names.tables;
    for (let index = 0; index < 250; index += 1) {
      const cameraId = `x-${index}`;
      const verdict = { fleet: 'default', cameraId, camera: camera(cameraId), issues: [], sequenceNumber: '3' };
      await saveVerdict(stage.clients, cameraStates, verdict, noonMs);
    }
    const large = await simulate({ rows: [row([])], days: 1 });
    expect(large.body).toMatchObject({ played: null, calendar: { before: { cameras: 252 } } });
    expect(large.body.notSimulated).toEqual([expect.stringContaining('252 cameras are too many')]);
  });

  it('is played one at a time, and ends when its time is over', async () => {
    const started = Promise.withResolvers<void>();
    const api = buildApi(completeDeps(stage.deps, 'test'), {
      identify: () => ({ name: 'owner', role: 'operator' }),
      playRuns: (_orders, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
          started.resolve();
        }),
    });
    for (let index = 0; index < 250; index += 1) {
      const key = { fleet: 'default', cameraId: `x-${index}` };
      await stage.clients.documents.send(new DeleteCommand({ TableName: stage.names.tables.cameraStates, Key: key }));
    }
    const ask = () =>
      api.request('/api/simulate', {
        ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
        body: JSON.stringify({ rows: [row([])] }),
      });
    const first = ask();
    await started.promise;
    expect((await ask()).status).toBe(429);
    await (stage.deps.clock as SteppedClock).step(22_000);
    expect((await first).status).toBe(503);
  });
});

it('shows what all schedules cost, line by line, against always on', async () => {
  const { status, body } = await stage.ask('GET', '/api/cost?days=10&network=endpoints', { claims: viewer });
  expect(status).toBe(200);
  expect(body).toMatchObject({ cameras: 2, network: 'endpoints', instanceType: 'g4dn.xlarge' });
  expect(body.hours).toMatchObject({ spanHours: 240, instanceHours: 240, peakInstances: 1, cameraHours: 340 });
  const sum = body.onDemand.lines.reduce((total: number, line: { usd: number }) => total + line.usd, 0);
  expect(body.onDemand.totalUsd).toBeCloseTo(sum, 6);
  expect(body.spot.totalUsd).toBeLessThan(body.onDemand.totalUsd);
  expect((await stage.ask('GET', '/api/cost?days=900')).body.issues).toMatchObject([{ path: 'days' }]);
});

it('lists the rows with errors or warnings, errors first', async () => {
  const { body } = await stage.ask('GET', '/api/verdicts', { claims: viewer });
  expect(body.verdicts).toMatchObject([
    { cameraId: 'typo', isUsable: false, issues: [{ path: 'detect.fps' }] },
    { cameraId: 'gate', isUsable: true, issues: [{ severity: 'warning' }] },
  ]);
  expect(body.judged).toBe(3);
});
