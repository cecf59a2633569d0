/** The API's answers, against the local cloud's tables. */
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveVerdict } from '../aws/camera-states.ts';
import { awsClients } from '../aws/clients.ts';
import { saveDecision } from '../aws/decisions.ts';
import { addToLedger, saveWindow } from '../aws/ledger.ts';
import { camera, noonMs } from '../core/control/fleet-factories.ts';
import { SteppedClock } from '../local/clock.ts';
import { type LocalCloud, startLocalCloud } from '../local/cloud.ts';
import { inProcessRunner } from '../local/compute/in-process-runner.ts';
import { controlEnvironment } from './environment.ts';
import { buildReadApiHandler, type ReadApiHandler } from './read-api.ts';

let cloud: LocalCloud;
let handler: ReadApiHandler;
beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID = 'local';
  process.env.AWS_SECRET_ACCESS_KEY = 'local';
  const clock = new SteppedClock(noonMs);
  const environment = controlEnvironment({
    KVS_INFER_STAGE: 'test',
    KVS_INFER_ACCOUNT_ID: '123456789012',
    AWS_REGION: 'ap-southeast-1',
    LOG_LEVEL: 'SILENT',
  });
  const { region, accountId, names } = environment;
  const compute = { runner: inProcessRunner(async () => {}) };
  cloud = await startLocalCloud({ port: 0, portSearch: false, dataFolder: null, clock, region, accountId, compute });
  await cloud.createStageResources({ stage: 'test', fleets: [] });
  const clients = awsClients({ region, endpoint: cloud.endpoint });
  const verdict = { fleet: 'default', cameraId: 'dock-1', camera: camera('dock-1'), issues: [], sequenceNumber: '1' };
  await saveVerdict(clients, names.tables.cameraStates, verdict, noonMs);
  await saveDecision(clients, names.tables.decisions, {
    fleet: 'default',
    at: new Date(noonMs).toISOString(),
    schemaVersion: 1,
    trigger: 'schedule',
    inputs: {},
    desired: { instances: 1, tasks: 1 },
    previous: { instances: 0, tasks: 0 },
    reason: 'one camera is wanted',
    actions: [],
    exceptions: [],
    expiresAt: 0,
  });
  const ofHour = (hour: string) => ({
    ...{ cameraId: 'dock-1', hour, scheduledSeconds: 60, inferredSeconds: 50, blindSeconds: { starting: 10 } },
  });
  // The second is older than a week.
  for (const hour of ['2026-11-24T10Z', '2026-11-17T10Z'])
    await addToLedger(clients, names.tables.ledger, ofHour(hour));
  await saveWindow(clients, names.tables.ledger, {
    ...{ cameraId: 'dock-1', windowStartMs: noonMs - 3_600_000, latenessMs: 10_000 },
    ...{ outcome: 'missed', cause: 'starting' },
  });
  handler = buildReadApiHandler({ clock, clients, environment });
});
afterAll(() => cloud?.close());

async function get(routeKey: string, given: Partial<APIGatewayProxyEventV2> = {}) {
  const { statusCode, body } = await handler({ routeKey, ...given } as APIGatewayProxyEventV2, {} as Context);
  return { statusCode, body: JSON.parse(body ?? '') };
}

describe('the HTTP API', () => {
  const ofDefault = { pathParameters: { fleet: 'default' } };

  it('lists the fleets, a fleet’s cameras with their phases, and its decisions', async () => {
    expect(await get('GET /fleets')).toEqual({ statusCode: 200, body: { fleets: ['default'] } });
    const { body } = await get('GET /fleets/{fleet}/cameras', ofDefault);
    expect(body.cameras).toMatchObject([{ cameraId: 'dock-1', streamName: 'dock-1', worker: null, issues: [] }]);
    const decisions = await get('GET /fleets/{fleet}/decisions', ofDefault);
    expect(decisions.body.decisions).toMatchObject([{ reason: 'one camera is wanted', desired: { instances: 1 } }]);
  });

  it('tells one camera and its last week', async () => {
    const ofCamera = { pathParameters: { fleet: 'default', cameraId: 'dock-1' } };
    const { body } = await get('GET /fleets/{fleet}/cameras/{cameraId}', ofCamera);
    expect(body).toMatchObject({
      camera: { cameraId: 'dock-1' },
      lastWeek: {
        days: [{ day: '2026-11-24', scheduledSeconds: 60, inferredSeconds: 50, blindSeconds: { starting: 10 } }],
        readyBy: { windows: 1, hit: 0, missed: [{ latenessMs: 10_000, cause: 'starting' }] },
      },
    });
    const unknown = { pathParameters: { fleet: 'default', cameraId: 'dock-2' } };
    expect((await get('GET /fleets/{fleet}/cameras/{cameraId}', unknown)).statusCode).toBe(404);
  });

  it('refuses what it does not know', async () => {
    expect((await get('GET /fleets/{fleet}/cameras', { pathParameters: { fleet: 'other' } })).statusCode).toBe(404);
    expect((await get('DELETE /fleets', ofDefault)).statusCode).toBe(404);
    for (const limit of ['0', '101', 'all']) {
      const answer = await get('GET /fleets/{fleet}/decisions', { ...ofDefault, queryStringParameters: { limit } });
      expect(answer).toMatchObject({ statusCode: 400, body: { error: expect.stringContaining('from 1 to 100') } });
    }
  });
});
