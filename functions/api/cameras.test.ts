/** Cameras in the API: registered, read, replaced over a known version, refused with every issue, and how they were watched. */
import { PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replaceCameraRow } from '../../aws/camera-row.ts';
import { hourUpdate, windowPut } from '../../aws/ledger.ts';
import { noonMs } from '../../core/control/fleet-factories.ts';
import { type ApiStage, startApiStage } from './api-stage.test-factory.ts';
import { viewer } from './gateway-event.test-factory.ts';

const row = { cameraId: 'gate', streamName: 'kvs-infer-gate' };
let stage: ApiStage;
beforeAll(async () => {
  stage = await startApiStage();
});
afterAll(() => stage?.close());
const ask = (...request: Parameters<ApiStage['ask']>) => stage.ask(...request);

describe('cameras', () => {
  it('are listed with their phases, and not sent again while nothing changes', async () => {
    const { status, body, headers } = await ask('GET', '/api/cameras?fleet=default');
    expect(status).toBe(200);
    expect(body.cameras).toMatchObject([{ cameraId: 'dock-1', phase: 'waiting-capacity', worker: null, issues: [] }]);
    const again = await ask('GET', '/api/cameras?fleet=default', {
      headers: { 'if-none-match': String(headers.etag) },
    });
    expect(again).toMatchObject({ status: 304, body: null });
    expect((await ask('GET', '/api/cameras?fleet=other')).status).toBe(404);
    expect((await ask('GET', '/api/cameras?fleet=A%20B')).body.issues).toMatchObject([{ path: 'fleet' }]);
  });

  it('are registered once, read with their version, replaced only over it, and removed', async () => {
    expect(await ask('PUT', '/api/cameras/gate', { body: row })).toMatchObject({ status: 428 });
    const made = await ask('PUT', '/api/cameras/gate', { body: row, headers: { 'if-none-match': '*' } });
    expect(made).toMatchObject({ status: 200, body: { row, issues: [] } });
    const twice = await ask('PUT', '/api/cameras/gate', { body: row, headers: { 'if-none-match': '*' } });
    expect(twice).toMatchObject({ status: 412, body: { current: row } });
    const read = await ask('GET', '/api/cameras/gate', { claims: viewer });
    expect(read).toMatchObject({ status: 200, body: { row, state: null } });
    const version = String(read.headers.etag);
    const mine = { ...row, priority: 80 };
    const theirs = { ...row, priority: 10 };
    const first = await ask('PUT', '/api/cameras/gate', { body: mine, headers: { 'if-match': version } });
    expect(first.status).toBe(200);
    const second = await ask('PUT', '/api/cameras/gate', { body: theirs, headers: { 'if-match': version } });
    expect(second).toMatchObject({ status: 412, body: { current: mine } });
    expect(second.headers.etag).toBe(first.headers.etag);
    expect((await ask('DELETE', '/api/cameras/gate', { headers: { 'if-match': version } })).status).toBe(412);
    const now = { 'if-match': String(first.headers.etag) };
    expect((await ask('DELETE', '/api/cameras/gate', { headers: now })).status).toBe(204);
    expect((await ask('DELETE', '/api/cameras/gate', { headers: now })).status).toBe(404);
  });

  it('are not overwritten when a row changes between the look and the write', async () => {
    const table = stage.names.tables.cameras;
    const typed = { cameraId: 'race', streamName: 'race', note: 'typed by hand' };
    expect(await replaceCameraRow(stage.clients, table, typed, null)).toBe(true);
    const inserted = { ...typed, enabled: false };
    expect(await replaceCameraRow(stage.clients, table, inserted, typed)).toBe(true);
    expect(await replaceCameraRow(stage.clients, table, { ...typed, priority: 1 }, typed)).toBe(false);
  });

  it('are refused with every issue, and judged without being written', async () => {
    const bad = { ...row, priority: 'high', detect: { fps: -1 } };
    const refused = await ask('PUT', '/api/cameras/gate', { body: bad, headers: { 'if-none-match': '*' } });
    expect(refused.status).toBe(422);
    expect(refused.headers['content-type']).toBe('application/problem+json');
    expect(refused.body.issues.map(({ path }: { path: string }) => path).sort()).toEqual(['detect.fps', 'priority']);
    const dry = await ask('PUT', '/api/cameras/gate?dryRun=true', { body: { ...row, prioritty: 5 } });
    expect(dry).toMatchObject({ status: 200, body: { issues: [{ severity: 'warning', path: 'prioritty' }] } });
    expect((await ask('GET', '/api/cameras/gate')).status).toBe(404);
    const elsewhere = await ask('PUT', '/api/cameras/gate?dryRun=true', { body: { ...row, fleet: 'nowhere' } });
    expect(elsewhere).toMatchObject({ status: 422, body: { issues: [{ path: 'fleet' }] } });
    const other = await ask('PUT', '/api/cameras/gate?dryRun=true', { body: { ...row, cameraId: 'dock-1' } });
    expect(other).toMatchObject({ status: 422, body: { issues: [{ path: 'cameraId' }] } });
    for (const body of ['{', '[]', '"text"']) {
      expect((await ask('PUT', '/api/cameras/gate?dryRun=true', { body })).status, body).toBeOneOf([400, 422]);
    }
    const large = await ask('PUT', '/api/cameras/gate', { body: { ...row, note: 'x'.repeat(300_000) } });
    expect(large.status).toBe(413);
  });

  it('tell how well they were watched', async () => {
    await stage.clients.documents.send(
      new UpdateCommand(
        hourUpdate(stage.names.tables.ledger, {
          ...{ cameraId: 'dock-1', hour: '2026-11-24T10Z', scheduledSeconds: 60, inferredSeconds: 50 },
          blindSeconds: { starting: 10 },
        }),
      ),
    );
    await stage.clients.documents.send(
      new PutCommand(
        windowPut(stage.names.tables.ledger, {
          ...{ cameraId: 'dock-1', windowStartMs: noonMs - 3_600_000, latenessMs: 10_000 },
          ...{ outcome: 'missed', cause: 'starting' },
        }),
      ),
    );
    const { body } = await ask('GET', '/api/cameras/dock-1/coverage?days=7');
    expect(body).toMatchObject({
      coverage: { total: { scheduledSeconds: 60, inferredSeconds: 50, blindSeconds: { starting: 10 } } },
      hours: [{ hour: '2026-11-24T10Z' }],
    });
    expect((await ask('GET', '/api/cameras/nobody/coverage')).status).toBe(404);
    expect((await ask('GET', '/api/cameras/dock-1/coverage?days=1000')).status).toBe(400);
  });
});
