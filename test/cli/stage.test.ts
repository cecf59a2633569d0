/** Commands about a deployed stage, as a person runs them, against the tables of a local cloud. */

import { PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from 'vitest';
import { putCameraRow } from '../../aws/camera-registry.ts';
import { readCameraRow } from '../../aws/camera-row.ts';
import { saveVerdict } from '../../aws/camera-states.ts';
import { readDecisions, saveDecision } from '../../aws/decisions.ts';
import { lockFleet } from '../../aws/fleets.ts';
import { hourUpdate, windowPut } from '../../aws/ledger.ts';
import { camera } from '../../core/control/fleet-factories.ts';
import type { Decision } from '../../core/control/record.ts';
import { cloudStage, tables } from './cloud-stage.ts';
import { documentOf, expectFailure, kvsInfer, temporaryFolder } from './kvs-infer.ts';

const folder = temporaryFolder();

const cloud = cloudStage();

const onStage = (...words: string[]) => kvsInfer(words, undefined, { ...cloud.environment, KVS_INFER_STAGE: 'test' });

describe('camera rows', () => {
  it('are put after what changes was shown, listed with their phases, and removed', async () => {
    const rows = {
      cameras: [
        { cameraId: 'a', streamName: 'a' },
        { cameraId: 'b', streamName: 'b', priority: 70 },
      ],
    };
    const file = await folder.write('rows.json', JSON.stringify(rows));
    const dry = await onStage('camera', 'put', file, '--dry-run');
    expect(dry).toEqual({ exitCode: 0, stderr: '', stdout: 'a: new\nb: new\n2 would be written\n' });
    expect(await readCameraRow(cloud.clients, tables.cameras, 'a')).toBeNull();
    expect((await onStage('camera', 'put', file)).stdout).toContain('2 written');
    const later = await folder.write(
      'later.json',
      JSON.stringify([{ cameraId: 'b', streamName: 'b', enabled: false }]),
    );
    const { stdout } = await onStage('camera', 'put', later);
    expect(stdout).toBe('b: changed\n  enabled: not set → false\n  priority: 70 → not set\n1 written\n');
    expect(documentOf(await onStage('camera', 'put', later, '--json'))).toEqual([
      { cameraId: 'b', change: 'unchanged', attributes: [], written: false, problem: null },
    ]);
    const listed = documentOf(await onStage('camera', 'list', '--json'));
    expect(listed).toMatchObject([
      { cameraId: 'a', phase: 'unjudged' },
      { cameraId: 'b', phase: 'unjudged' },
    ]);
    expect((await onStage('camera', 'list')).stdout).toMatch(/^a +default +unjudged +no run has seen its row yet$/m);
    expectFailure(await onStage('camera', 'remove', 'a', 'zzz'), 1, 'CAMERA_NOT_FOUND', 'zzz');
    expect(await readCameraRow(cloud.clients, tables.cameras, 'a')).not.toBeNull();
    expect((await onStage('camera', 'remove', 'a', 'b')).stdout).toBe('2 cameras are removed\n');
    expect(documentOf(await onStage('camera', 'list', '--json'))).toEqual([]);
  });

  it('are not written when one of them is wrong', async () => {
    const rows = [{ cameraId: 'c', streamName: 'c' }, { cameraId: 'd' }, { cameraId: 'c', streamName: 'c' }];
    const file = await folder.write('wrong.json', JSON.stringify(rows));
    expectFailure(await onStage('camera', 'put', file), 1, 'CAMERA_INVALID', 'streamName', 'listed twice');
    expect(await readCameraRow(cloud.clients, tables.cameras, 'c')).toBeNull();
  });
});

describe('camera show', () => {
  it('tells the phase, the week by day and cause, and the windows that were missed', async () => {
    const anHourAgoMs = Math.floor(Date.now() / 3_600_000 - 1) * 3_600_000;
    const hour = `${new Date(anHourAgoMs).toISOString().slice(0, 13)}Z`;
    await putCameraRow(cloud.clients, tables.cameras, { cameraId: 'dock-1', streamName: 'dock-1' });
    const row = { fleet: 'default', cameraId: 'dock-1', camera: camera('dock-1'), issues: [], sequenceNumber: '1' };
    await saveVerdict(cloud.clients, tables.cameraStates, row, anHourAgoMs);
    const seconds = { scheduledSeconds: 3_600, inferredSeconds: 3_590.5, blindSeconds: { starting: 9.5 } };
    await cloud.clients.documents.send(
      new UpdateCommand(hourUpdate(tables.ledger, { cameraId: 'dock-1', hour, ...seconds })),
    );
    await cloud.clients.documents.send(
      new PutCommand(
        windowPut(tables.ledger, {
          ...{
            cameraId: 'dock-1',
            windowStartMs: anHourAgoMs,
            latenessMs: 9_500,
            outcome: 'missed',
            cause: 'starting',
          },
        }),
      ),
    );
    const document = documentOf(await onStage('camera', 'show', 'dock-1', '--json'));
    expect(document).toMatchObject({
      ...{ cameraId: 'dock-1', fleet: 'default', state: { phase: 'waiting-capacity', worker: null } },
      coverage: {
        total: { scheduledSeconds: 3_600, inferredSeconds: 3_591, blindSeconds: { starting: 9 } },
        readyBy: { windows: 1, hit: 0, missed: [{ latenessMs: 9_500 }] },
      },
    });
    const { stdout } = await onStage('camera', 'show', 'dock-1');
    expect(stdout).toMatch(/^dock-1, fleet default, stream dock-1\nwaiting-capacity since /);
    expect(stdout).toMatch(/^all +3600 s +3591 s +99\.74 % +starting 9 s$/m);
    expect(stdout).toContain('ready 9.5 s late (starting)');
  });

  it('names what it does not find', async () => {
    expectFailure(await onStage('camera', 'show', 'dock-9'), 1, 'CAMERA_NOT_FOUND', 'dock-9', 'did you mean dock-1?');
  });
});

describe('orders', () => {
  it('a fleet is paused, kept ready and resumed, each with an end', async () => {
    await lockFleet(cloud.clients, tables.fleets, 'default', 'somebody', Date.now());
    const paused = await onStage('fleet', 'pause', '--for', '4h', '--reason', 'maintenance', '--json');
    const { pause } = documentOf(paused) as { pause: { until: string; reason: string } };
    expect(Date.parse(pause.until) - Date.now()).toBeGreaterThan(4 * 3_600_000 - 60_000);
    expect(pause.reason).toBe('maintenance');
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const kept = await onStage('fleet', 'override', 'default', '--min-workers', '2', '--until', until);
    expect(kept).toMatchObject({ exitCode: 0, stdout: `fleet default: at least 2 workers until ${until}\n` });
    const shown = await onStage('fleet', 'show');
    expect(shown.stdout).toMatch(
      /^fleet default: 0 workers, 1 camera: 1 waiting-capacity\npaused until .* \(maintenance\)\n/,
    );
    expect(documentOf(await onStage('fleet', 'resume', '--json'))).toEqual({
      ...{ fleet: 'default', pause: null, override: null },
    });
  });

  it('without an end, with a past one or for an unknown fleet nothing is ordered', async () => {
    expectFailure(await onStage('fleet', 'pause'), 2, 'WRONG_SPAN', 'expected one of --until and --for, got none');
    expectFailure(await onStage('fleet', 'pause', '--until', '2020-01-01T00:00:00Z'), 2, 'WRONG_SPAN');
    expectFailure(await onStage('fleet', 'pause', '--for', '90d'), 2, 'WRONG_SPAN', 'within the next 31 days');
    expectFailure(await onStage('fleet', 'pause', '--for', 'long'), 2, 'WRONG_SPAN', '"long"');
    expectFailure(await onStage('fleet', 'pause', 'docks', '--for', '1h'), 1, 'FLEET_NOT_FOUND', 'docks');
    expectFailure(await onStage('fleet', 'show', 'defalt'), 1, 'FLEET_NOT_FOUND', 'did you mean default?');
    expectFailure(await onStage('fleet', 'show', 'docks'), 1, 'FLEET_NOT_FOUND', 'docks');
  });

  it('a camera is held off for a while, and follows its schedule again', async () => {
    await putCameraRow(cloud.clients, tables.cameras, { cameraId: 'gate', streamName: 'gate', priority: 7 });
    const held = documentOf(await onStage('camera', 'override', 'gate', 'off', '--for', '30m', '--json'));
    expect(held).toMatchObject({ override: { state: 'off' } });
    expect(await readCameraRow(cloud.clients, tables.cameras, 'gate')).toMatchObject({
      priority: 7,
      ...(held as object),
    });
    await onStage('camera', 'override', 'gate', 'none');
    expect(await readCameraRow(cloud.clients, tables.cameras, 'gate')).toEqual({
      ...{ cameraId: 'gate', streamName: 'gate', priority: 7 },
    });
    expectFailure(await onStage('camera', 'override', 'gate', 'on'), 2, 'WRONG_SPAN');
  });
});

describe('plan explain', () => {
  const decision = (at: string, reason: string): Decision => ({
    ...{ fleet: 'default', at, schemaVersion: 1, trigger: 'schedule', reason, expiresAt: 4_000_000_000 },
    ...{ inputs: { cameras: 1, workersNeeded: 2 }, previous: { instances: 0, tasks: 0 } },
    ...{ desired: { instances: 2, tasks: 0 }, actions: ['set the Auto Scaling group from 0 to 2'] },
    exceptions: [{ cameraId: 'dock-1', phase: 'waiting-capacity', reason: 'waits for a worker' }],
    problems: ['no capacity: 2 instances are missing'],
  });

  it('gives the stored decision at or before an instant', async () => {
    await saveDecision(cloud.clients, tables.decisions, decision('2026-01-05T08:00:00.000Z', 'first'));
    await saveDecision(cloud.clients, tables.decisions, decision('2026-01-05T09:00:00.000Z', 'second'));
    const at = (instant: string) => onStage('plan', 'explain', '--at', instant);
    const { stdout } = await at('2026-01-05T08:59:59Z');
    expect(stdout).toMatch(/^fleet default: stored decision of 2026-01-05T08:00:00.000Z \(schedule\)/);
    for (const words of [
      'workersNeeded 2',
      'instances 0 -> 2',
      'because: first',
      'no capacity',
      'dock-1 waiting-capacity',
    ]) {
      expect(stdout).toContain(words);
    }
    const document = documentOf(await onStage('plan', 'explain', '--at', '2026-01-05T09:00:00Z', '--json'));
    expect(document).toMatchObject({ kind: 'stored', decision: { reason: 'second' } });
    expectFailure(await at('2026-01-05T07:59:59Z'), 1, 'DECISION_NOT_FOUND', 'default');
    expectFailure(await at('tomorrow'), 2, 'WRONG_INSTANT', 'tomorrow');
  });

  it('decides on what is observed now for an instant to come, and says that it is hypothetical', async () => {
    await saveDecision(cloud.clients, tables.decisions, decision(new Date().toISOString(), 'now'));
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
    const document = documentOf(await onStage('plan', 'explain', '--at', inAnHour, '--json'));
    expect(document).toMatchObject({
      ...{ kind: 'hypothetical', at: inAnHour },
      decision: { trigger: 'hypothetical', inputs: { cameras: 1, camerasWantedNow: 0, workersNeeded: 0 } },
    });
    const { stdout } = await onStage('plan', 'explain', '--at', inAnHour);
    expect(stdout).toMatch(/^fleet default: HYPOTHETICAL decision at .*; nothing is stored or done\n/);
    expect(await readDecisions(cloud.clients, tables.decisions, 'default', { limit: 100 })).toHaveLength(3);
  });
});

describe('status', () => {
  it('tells at one glance what is watched, what is not, and what the last decision was', async () => {
    await lockFleet(cloud.clients, tables.fleets, 'default', 'status', Date.now());
    const lost = { fleet: 'default', cameraId: 'lost', camera: null, sequenceNumber: '1' };
    const issues = [{ severity: 'error' as const, path: 'streamName', message: 'expected a stream name' }];
    await saveVerdict(cloud.clients, tables.cameraStates, { ...lost, issues }, Date.now());
    const { stdout } = await onStage('status');
    expect(stdout).toMatch(/^stage test, \d{4}-/);
    expect(stdout).toMatch(/\nfleet default: 1 invalid, 1 waiting-capacity; 0 workers\n/);
    expect(stdout).toContain('\n  lost: invalid: streamName: expected a stream name');
    expect(documentOf(await onStage('status', '--json'))).toMatchObject({
      ...{
        stage: 'test',
        fleets: [{ fleet: 'default' }],
        needAttention: [{ cameraId: 'dock-1' }, { cameraId: 'lost' }],
      },
    });
    expect(stdout).toContain('\nno alarm rings\n');
    expectFailure(await onStage('status', '--watch', '--interval', '0'), 2, 'USAGE', '1 to 3600');
  });
});
