/** The overview and the history of a fleet, on the tables of the local cloud. */
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { saveDecision } from '../../aws/decisions.ts';
import { noonMs } from '../../core/control/fleet-factories.ts';
import { type ApiStage, startApiStage } from './api-stage.test-factory.ts';
import { viewer } from './gateway-event.test-factory.ts';

const minuteMs = 60_000;
let stage: ApiStage;
beforeAll(async () => {
  stage = await startApiStage();
});
afterAll(() => stage?.close());

const save = (minutesAgo: number, workersNeeded: number) =>
  saveDecision(stage.clients, stage.names.tables.decisions, {
    ...{ fleet: 'default', at: new Date(noonMs - minutesAgo * minuteMs).toISOString(), schemaVersion: 1 },
    ...{ trigger: 'schedule', inputs: { workersNeeded, workersServing: 1 }, reason: `${workersNeeded} are needed` },
    ...{ desired: { instances: workersNeeded, tasks: 1 }, previous: { instances: 0, tasks: 0 } },
    ...{ actions: [], exceptions: [], expiresAt: 0 },
  });

it('is one answer for a viewer, and 304 while nothing changes', async () => {
  const { status, body, headers } = await stage.ask('GET', '/api/overview', { claims: viewer });
  expect(status).toBe(200);
  expect(body).toMatchObject({ at: new Date(noonMs).toISOString(), cameras: 1, phases: { 'waiting-capacity': 1 } });
  expect(body.fleets).toMatchObject([{ fleet: 'default', cameras: 1, desired: null, pausedUntil: null }]);
  const again = await stage.ask('GET', '/api/overview', { headers: { 'if-none-match': String(headers.etag) } });
  expect(again.status).toBe(304);
});

it('answers for the others when an item of one fleet is of a later version, and says which and why', async () => {
  const two = await startApiStage({ fleets: 'default,north' });
  try {
    const Item = { fleet: 'north', schemaVersion: 9 };
    await two.clients.documents.send(new PutCommand({ TableName: two.names.tables.fleets, Item }));
    const { status, body } = await two.ask('GET', '/api/overview', { claims: viewer });
    expect(status).toBe(200);
    expect(body.fleets).toMatchObject([{ fleet: 'default', cameras: 1 }]);
    const said = {
      fleet: 'north',
      severity: 'error',
      words: expect.stringMatching(/^cannot be read: .*schemaVersion 9/),
    };
    expect(body.problems).toEqual([expect.objectContaining(said)]);
  } finally {
    await two.close();
  }
});

it('shows the size against the demand of the hours past, and the schedules of as many hours ahead', async () => {
  for (const [minutesAgo, needed] of [
    [26 * 60, 9],
    [60, 2],
    [30, 3],
  ] as const) {
    await save(minutesAgo, needed);
  }
  const { body } = await stage.ask('GET', '/api/fleets/default/history');
  expect(body.points).toMatchObject([
    { needed: 2, desired: 2, serving: 1, reason: '2 are needed' },
    { needed: 3, desired: 3, serving: 1 },
  ]);
  expect(body).toMatchObject({
    isWhole: true,
    maxWorkers: 10,
    ahead: [{ start: new Date(noonMs).toISOString(), workers: 1 }],
  });
  expect((await stage.ask('GET', '/api/fleets/default/history?hours=30')).body.points).toHaveLength(3);
  expect((await stage.ask('GET', '/api/fleets/default/history?hours=999')).body.issues).toMatchObject([
    { path: 'hours' },
  ]);
  expect((await stage.ask('GET', '/api/fleets/other/history')).status).toBe(404);
});
