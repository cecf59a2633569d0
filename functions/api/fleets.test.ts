/** Fleets and results in the API: decisions and tracks page by page, orders with an end, links that open pictures. */
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveDecision } from '../../aws/decisions.ts';
import { lockFleet, unlockFleet } from '../../aws/fleets.ts';
import { awsResultStore } from '../../aws/results.ts';
import { noonMs } from '../../core/control/fleet-factories.ts';
import { type ApiStage, startApiStage } from './api-stage.test-factory.ts';
import { viewer } from './gateway-event.test-factory.ts';

let stage: ApiStage;
beforeAll(async () => {
  stage = await startApiStage();
});
afterAll(() => stage?.close());
const ask = (...request: Parameters<ApiStage['ask']>) => stage.ask(...request);

describe('fleets', () => {
  it('are shown as a whole, with their decisions page by page', async () => {
    for (const minute of [0, 1, 2]) {
      await saveDecision(stage.clients, stage.names.tables.decisions, {
        ...{ fleet: 'default', at: new Date(noonMs + minute * 60_000).toISOString(), schemaVersion: 1 },
        ...{ trigger: 'schedule', inputs: {}, reason: `minute ${minute}`, actions: [], exceptions: [], expiresAt: 0 },
        ...{ desired: { instances: 1, tasks: 1 }, previous: { instances: 0, tasks: 0 } },
      });
    }
    const { body } = await ask('GET', '/api/fleets');
    expect(body.fleets).toMatchObject([
      { fleet: 'default', cameras: { count: 1 }, latestDecision: { reason: 'minute 2' } },
    ]);
    const page = await ask('GET', '/api/fleets/default/decisions?limit=2');
    expect(page.body.decisions.map(({ reason }: { reason: string }) => reason)).toEqual(['minute 2', 'minute 1']);
    const before = page.body.decisions[1].at;
    const rest = await ask('GET', `/api/fleets/default/decisions?limit=2&before=${before}`);
    expect(rest.body.decisions.map(({ reason }: { reason: string }) => reason)).toEqual(['minute 0']);
    expect((await ask('GET', '/api/fleets/other')).status).toBe(404);
    for (const limit of ['0', '201', 'all']) {
      expect((await ask('GET', `/api/fleets/default/decisions?limit=${limit}`)).body.issues).toMatchObject([
        { path: 'limit' },
      ]);
    }
  });

  it('are paused until an instant within a month, and resumed', async () => {
    const item = await lockFleet(stage.clients, stage.names.tables.fleets, 'default', 'me', noonMs);
    expect(item).not.toBeNull();
    await unlockFleet(
      stage.clients,
      stage.names.tables.fleets,
      'default',
      'me',
      noonMs,
      { lastDecisionAtMs: noonMs },
      'no',
    );
    const order = (body: unknown) => ask('PUT', '/api/fleets/default/orders', { body });
    const until = new Date(noonMs + 3_600_000).toISOString();
    expect(await order({ pause: { until, reason: 'works on the roof' } })).toMatchObject({
      status: 200,
      body: { pause: { until, reason: 'works on the roof' }, override: null },
    });
    for (const end of [new Date(noonMs - 1).toISOString(), new Date(noonMs + 40 * 86_400_000).toISOString()]) {
      expect(await order({ pause: { until: end } })).toMatchObject({
        status: 422,
        body: { issues: [{ path: 'pause.until' }] },
      });
    }
    expect((await order({ pause: { until: 'tomorrow' } })).status).toBe(422);
    expect((await order({ stop: true })).status).toBe(422);
    expect(await order({ pause: null })).toMatchObject({ status: 200, body: { pause: null } });
  });

  it('get a new version of a model, one rollout at a time, and take it back', async () => {
    const wish = { version: 'default@2', canaryPercent: 10, reason: 'sees forklifts' };
    const begin = (body: object) => ask('PUT', '/api/fleets/default/model-rollout', { body });
    expect((await ask('PUT', '/api/fleets/default/model-rollout', { body: wish, claims: viewer })).status).toBe(403);
    expect(await begin(wish)).toMatchObject({
      status: 200,
      body: { version: 'default@2', canary: { percent: 10 }, bakeMs: 900_000, maxErrorRate: 0.01, schemaVersion: 1 },
    });
    const again = await begin({ version: 'default@3' });
    expect(again).toMatchObject({ status: 409 });
    expect(again.body.detail).toMatch(/^MODEL_ROLLOUT_RUNNING: fleet default is rolling out default@2/);
    expect(await begin({ version: 'default@3', replace: true })).toMatchObject({ status: 200 });
    const wrong = await begin({ version: 'a b', canaryCameras: ['nobody'], bakeMs: 5, maxErrorRate: 2, replace: true });
    expect(wrong.status).toBe(422);
    for (const part of ['MODEL@VERSION', 'no camera', 'nobody', 'bake time', 'error rate'])
      expect(wrong.body.detail).toContain(part);
    expect((await begin({ version: 'default@3', until: 'tomorrow' })).status).toBe(422);
    const back = () => ask('PUT', '/api/fleets/default/model-rollout/rollback', { body: { reason: 'a mistake' } });
    expect(await back()).toMatchObject({ status: 200, body: { rollback: { reason: 'a mistake' } } });
    const { body } = await ask('GET', '/api/fleets/default');
    expect(body.modelRollout).toMatchObject({
      version: 'default@3',
      phase: 'ordered',
      rollback: { reason: 'a mistake' },
    });
    expect((await ask('PUT', '/api/fleets/other/model-rollout', { body: wish })).status).toBe(404);
  });
});

describe('results', () => {
  it('are tracks by time, page by page, and links that open their pictures', async () => {
    const { putDetection } = awsResultStore(stage.clients, { detectionsTable: stage.names.tables.detections });
    const picture = Uint8Array.from([0xff, 0xd8, 0xff, 0xd9]);
    for (const minute of [1, 2, 3]) {
      const firstSeenAt = new Date(noonMs - minute * 60_000).toISOString();
      const snapshotKey = `snapshots/dock-1/${minute}.jpg`;
      await putDetection?.({
        ...{ cameraId: 'dock-1', trackId: `t-${minute}`, 'at#trackId': `${firstSeenAt}#t-${minute}`, epoch: 1 },
        ...{ workerId: 'w', model: 'm', label: 'car', classId: 2, score: 0.9, box: [0, 0, 1, 1] },
        ...{ firstSeenAt, lastSeenAt: firstSeenAt, ended: true, expiresAt: 1 },
        ...(minute === 2 ? { snapshotKey } : {}),
      });
      const object = {
        Bucket: stage.names.resultBucket,
        Key: snapshotKey,
        Body: picture,
        ServerSideEncryption: 'AES256',
      } as const;
      await stage.clients.s3.send(new PutObjectCommand(object));
    }
    const page = await ask('GET', '/api/cameras/dock-1/tracks?limit=2');
    expect(page.body.tracks.map(({ trackId }: { trackId: string }) => trackId)).toEqual(['t-1', 't-2']);
    expect(page.body.tracks[0]).not.toHaveProperty('expiresAt');
    const rest = await ask('GET', `/api/cameras/dock-1/tracks?limit=2&after=${encodeURIComponent(page.body.next)}`);
    expect(rest.body).toMatchObject({ tracks: [{ trackId: 't-3' }], next: null });
    const newest = await ask('GET', '/api/cameras/dock-1/snapshot', { claims: viewer });
    expect(newest).toMatchObject({ status: 200, body: { validSeconds: 300, track: { trackId: 't-2' } } });
    expect(newest.body.picture).toBeNull();
    const record = {
      ...{ schema: 'kvs-infer/snapshot@1', capturedAt: new Date(noonMs).toISOString(), width: 1920, height: 1080 },
      detections: [{ label: 'car', classId: 2, score: 0.9, box: [0.1, 0.2, 0.3, 0.4], trackId: 't-2' }],
    };
    await stage.clients.s3.send(
      new PutObjectCommand({
        ...{ Bucket: stage.names.resultBucket, Key: 'snapshots/dock-1/2.json', Body: JSON.stringify(record) },
        ServerSideEncryption: 'AES256',
      }),
    );
    const described = await ask('GET', '/api/cameras/dock-1/snapshot');
    expect(described.body.picture).toMatchObject({
      width: 1920,
      detections: [{ label: 'car', box: [0.1, 0.2, 0.3, 0.4] }],
    });
    const opened = await fetch(newest.body.url);
    expect(new Uint8Array(await opened.arrayBuffer())).toEqual(picture);
    const { trackId, firstSeenAt } = page.body.tracks[0];
    const none = await ask('GET', `/api/cameras/dock-1/snapshot?trackId=${trackId}&firstSeenAt=${firstSeenAt}`);
    expect(none.status).toBe(404);
    expect((await ask('GET', '/api/cameras/dock-1/tracks?from=2026-11-25T00:00:00Z')).status).toBe(400);
  });
});
