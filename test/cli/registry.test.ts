/** Backup, restore and rebuild as a person runs them, against the tables of a local cloud. */
import { readFile } from 'node:fs/promises';
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { expect, it } from 'vitest';
import { putCameraRow } from '../../aws/camera-registry.ts';
import { readCameraRow } from '../../aws/camera-row.ts';
import { lockFleet, orderFleet, readFleet } from '../../aws/fleets.ts';
import { resourceNames } from '../../core/names.ts';
import { cloudStage, tables } from './cloud-stage.ts';
import { documentOf, expectFailure, kvsInfer, temporaryFolder } from './kvs-infer.ts';

/** Each is a dozen processes, which a busy machine starts slowly. */
const commandsTimeoutMs = 180_000;
const folder = temporaryFolder();
const cloud = cloudStage();

const onStage = (...words: string[]) => kvsInfer(words, undefined, cloud.environment);

it(
  'a registry comes back as it was typed, to the last digit, and nothing newer is lost unseen',
  async () => {
    const odd = {
      cameraId: { S: 'odd' },
      streamName: { N: '12345678901234567890123456789012345678' },
      detect: { M: { classes: { SS: ['b', 'a'] }, B: { B: new Uint8Array([0, 255]) } } },
    };
    await cloud.clients.dynamo.send(new PutItemCommand({ TableName: tables.cameras, Item: odd }));
    for (const cameraId of ['a', 'b', 'c'])
      await putCameraRow(cloud.clients, tables.cameras, { cameraId, streamName: cameraId });
    await lockFleet(cloud.clients, tables.fleets, 'default', 'test', 0);
    const pause = { until: '2036-01-01T00:00:00Z', reason: 'works' };
    await orderFleet(cloud.clients, tables.fleets, 'default', { pause });
    const [first, second] = [folder.path('first.ndjson'), folder.path('second.ndjson')];
    expect(documentOf(await onStage('backup', '--stage', 'test', '--out', first, '--json'))).toMatchObject({
      ...{ cameras: 4, fleets: 1 },
    });
    await onStage('backup', '--stage', 'test', '--out', second);
    const items = async (file: string) => (await readFile(file, 'utf8')).split('\n').slice(1, -2);
    expect(await items(first)).toEqual(await items(second));

    // One row is lost, one is changed, one is new since; the fleet goes on and learns.
    for (const cameraId of ['odd', 'a']) {
      await cloud.clients.documents.send(new DeleteCommand({ TableName: tables.cameras, Key: { cameraId } }));
    }
    await putCameraRow(cloud.clients, tables.cameras, { cameraId: 'b', streamName: 'b', priority: 9 });
    await putCameraRow(cloud.clients, tables.cameras, { cameraId: 'd', streamName: 'd' });
    await cloud.clients.documents.send(
      new UpdateCommand({
        TableName: tables.fleets,
        Key: { fleet: 'default' },
        UpdateExpression: 'SET meteredThroughMs = :now REMOVE pause',
        ExpressionAttributeValues: { ':now': 5 },
      }),
    );
    const shown = await onStage('restore', first, '--stage', 'test');
    expect(shown.exitCode).toBe(1);
    expect(shown.stderr).toMatch(/^kvs-infer: RESTORE_UNCONFIRMED: 4 items would be written, and none was \(/);
    expect(shown.stdout).toContain('b: changed\n  priority: "9" → not set\n');
    expect(shown.stdout).toContain('d: only in the stage');
    expect(await readCameraRow(cloud.clients, tables.cameras, 'a')).toBeNull();
    const missing = await onStage('restore', first, '--stage', 'test', '--only-missing', '--yes');
    expect(missing).toMatchObject({ exitCode: 0, stderr: '' });
    expect(missing.stdout).toContain('b: kept');
    expect(await readCameraRow(cloud.clients, tables.cameras, 'b')).toMatchObject({ priority: 9 });
    expect((await onStage('restore', first, '--stage', 'test', '--yes')).exitCode).toBe(0);
    expect(await readCameraRow(cloud.clients, tables.cameras, 'b')).toEqual({ cameraId: 'b', streamName: 'b' });
    expect(await readCameraRow(cloud.clients, tables.cameras, 'd')).not.toBeNull();
    expect(await readFleet(cloud.clients, tables.fleets, 'default')).toMatchObject({ pause, meteredThroughMs: 5 });
    const back = await cloud.clients.dynamo.send(
      new GetItemCommand({ TableName: tables.cameras, Key: { cameraId: { S: 'odd' } } }),
    );
    expect(back.Item?.streamName).toEqual(odd.streamName);
    expect(back.Item?.detect?.M?.B?.B).toEqual(new Uint8Array([0, 255]));
    const again = documentOf(await onStage('restore', first, '--stage', 'test', '--yes', '--json'));
    expect((again as { lines: { outcome: string }[] }).lines.map(({ outcome }) => outcome).sort()).toEqual([
      ...['only in the stage', ...Array(5).fill('unchanged')],
    ]);

    await cloud.clients.documents.send(new DeleteCommand({ TableName: tables.cameras, Key: { cameraId: 'odd' } }));
    const planned = await onStage('camera', 'rebuild', '--stage', 'test', '--dry-run');
    expect(planned).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('4 to repair, 0 right') });
    expect((await onStage('camera', 'rebuild', '--stage', 'test', '--yes')).exitCode).toBe(0);
    expect(
      documentOf(await onStage('camera', 'rebuild', '--stage', 'test', '--new-stream', '--yes', '--json')),
    ).toEqual({
      ...{ unchanged: 4, written: true, repairs: [], overtaken: [] },
    });
  },
  commandsTimeoutMs,
);

it(
  'a backup that is not whole, not ours or of another stage changes nothing and is refused by name',
  async () => {
    const file = folder.path('good.ndjson');
    await onStage('backup', '--stage', 'test', '--out', file);
    const text = await readFile(file, 'utf8');
    const refused = async (name: string, content: string, ...words: string[]) => {
      const path = await folder.write(name, content);
      expectFailure(await onStage('restore', path, '--stage', 'test', '--yes'), 1, 'BACKUP_UNUSABLE', ...words);
    };
    await refused('cut.ndjson', text.slice(0, -90), 'cut off');
    await refused('edited.ndjson', text.replace('"a"', '"z"'), 'damaged or was edited');
    await refused('foreign.json', '{"cameras": []}\n', 'another file');
    await refused('later.ndjson', text.replace('registry@1', 'registry@2'), 'version 2');
    await refused('nothing.ndjson', '', 'another file');
    expectFailure(await onStage('restore', folder.path('none'), '--stage', 'test'), 1, 'BACKUP_UNUSABLE', 'ENOENT');
    const prod = resourceNames('other', '').tables;
    expect(prod.cameras).not.toBe(tables.cameras);
    expectFailure(await onStage('restore', file, '--stage', 'other', '--yes'), 1, 'BACKUP_OTHER_STAGE', 'of "test"');
  },
  commandsTimeoutMs,
);

it(
  'the item of a fleet that a later release wrote is left as it is and named, and the rows come back all the same',
  async () => {
    const file = folder.path('before-upgrade.ndjson');
    await putCameraRow(cloud.clients, tables.cameras, { cameraId: 'late', streamName: 'late' });
    const pause = { until: '2036-01-01T00:00:00Z', reason: 'works' };
    await lockFleet(cloud.clients, tables.fleets, 'late', 'test', 0);
    await orderFleet(cloud.clients, tables.fleets, 'late', { pause });
    await onStage('backup', '--stage', 'test', '--out', file);
    const upgraded = { fleet: 'late', schemaVersion: 2, pause: { until: '2036-01-01T00:00:00Z', why: ['works'] } };
    await cloud.clients.documents.send(new PutCommand({ TableName: tables.fleets, Item: upgraded }));
    await cloud.clients.documents.send(new DeleteCommand({ TableName: tables.cameras, Key: { cameraId: 'late' } }));
    const restored = await onStage('restore', file, '--stage', 'test', '--yes');
    expect(restored).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('fleet late: of a later version') });
    expect(restored.stderr).toMatch(/^kvs-infer: RESTORE_INCOMPLETE: 1 items are of a later version/);
    const stored = await cloud.clients.documents.send(
      new GetCommand({ TableName: tables.fleets, Key: { fleet: 'late' } }),
    );
    expect(stored.Item).toEqual(upgraded);
    expect(await readCameraRow(cloud.clients, tables.cameras, 'late')).not.toBeNull();
  },
  commandsTimeoutMs,
);
