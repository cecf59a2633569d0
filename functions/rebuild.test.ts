/** The states of cameras are lost, or no longer those of their rows: workers go on watching, and a rebuild makes them anew. */
import { DeleteCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, expect, it } from 'vitest';
import { listCameraRows } from '../aws/camera-registry.ts';
import { beforeAllEvents, repairState } from '../aws/rebuild.ts';
import { readWorkers } from '../aws/workers.ts';
import { stateRepairs } from '../core/rebuild-states.ts';
import { type ControlStage, startControlStage } from './control-loop-stage.test-factory.ts';
import { completeDeps } from './handler-deps.ts';
import { reconcileOrReport } from './reconcile-fleet.ts';

const policy = { leadTimeDefaultMs: 120_000, scaleInDelayMs: 60_000, silentGraceMs: 120_000, maxWorkers: 3 };
let stage: ControlStage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

async function watching(): Promise<ControlStage> {
  stage = await startControlStage({ startMs: Date.parse('2026-11-24T00:00:00Z'), policy });
  for (const cameraId of ['dock-1', 'dock-2']) {
    await stage.createStream(cameraId);
    stage.flowing.add(cameraId);
    await stage.putCamera({ cameraId, streamName: cameraId });
  }
  await stage.advance(140);
  expect(await stage.cameras()).toMatchObject([{ phase: 'running' }, { phase: 'running' }]);
  return stage;
}

async function plan({ clients, clock, names, cameras }: ControlStage) {
  const states = await cameras();
  const workers = await readWorkers(clients, names.tables.workers, 'default');
  const rows = await listCameraRows(clients, names.tables.cameras);
  return stateRepairs({ rows, states, workers, fleets: ['default'], nowMs: clock.nowMs(), beforeAllEvents });
}

async function rebuild(test: ControlStage): Promise<boolean[]> {
  const { repairs } = await plan(test);
  return Promise.all(repairs.map((one) => repairState(test.clients, test.names.tables, one, test.clock.nowMs())));
}

async function loseStates({ cameras, clients, names }: ControlStage) {
  for (const { fleet, cameraId } of await cameras()) {
    await clients.documents.send(new DeleteCommand({ TableName: names.tables.cameraStates, Key: { fleet, cameraId } }));
  }
  expect(await cameras()).toEqual([]);
}

it('all states are deleted: nobody stops watching, every run says why it ends, and a rebuild goes on where they were', async () => {
  const test = await watching();
  const before = await test.cameras();
  const heldBefore = (await test.workers()).map(({ running }) => Object.keys(running));
  await loseStates(test);
  const report = await reconcileOrReport(completeDeps(test.deps, 'test'), 'default', 'by hand');
  expect(report).toMatchObject({ outcome: 'failed', failures: [expect.stringContaining('2 cameras on their lists')] });
  await test.advance(300);
  expect((await test.workers()).map(({ running }) => Object.keys(running))).toEqual(heldBefore);
  expect(test.instances()).toHaveLength(1);

  expect(await rebuild(test)).toEqual([true, true]);
  await test.advance(65);
  const after = await test.cameras();
  expect(after.map(({ cameraId, phase, epoch, ownerWorkerId }) => ({ cameraId, phase, epoch, ownerWorkerId }))).toEqual(
    before.map(({ cameraId, epoch, ownerWorkerId }) => ({ cameraId, phase: 'running', epoch, ownerWorkerId })),
  );
  expect((await plan(test)).repairs).toEqual([]);
  // The registry's next event counts.
  await test.putCamera({ cameraId: 'dock-2', streamName: 'dock-2', enabled: false });
  await test.advance(65);
  expect(await test.camera('dock-2')).toMatchObject({ phase: 'disabled' });
});

it('states and workers are gone: cameras begin under an epoch that none of them ever had', async () => {
  const test = await watching();
  for (const { workerId } of await test.workers()) test.mute.add(workerId);
  await loseStates(test);
  await test.advance(200);
  await rebuild(test);
  await test.advance(400);
  for (const { phase, epoch } of await test.cameras()) {
    expect(phase).toBe('running');
    expect(epoch).toBeGreaterThan(Date.parse('2026-11-24T00:00:00Z') / 1_000);
  }
});

it('a state without a row is retired, one that is not of its row is judged again, and a repair that is overtaken does nothing', async () => {
  const test = await watching();
  const { clients, names, clock } = test;
  const key = (cameraId: string) => ({ fleet: 'default', cameraId });
  await clients.documents.send(
    new UpdateCommand({
      TableName: names.tables.cameraStates,
      Key: key('dock-1'),
      UpdateExpression: 'SET camera.priority = :one',
      ExpressionAttributeValues: { ':one': 1 },
    }),
  );
  const orphan = { ...(await test.camera('dock-2')), ...key('ghost') };
  await clients.documents.send(
    new UpdateCommand({
      TableName: names.tables.cameraStates,
      Key: key('ghost'),
      UpdateExpression:
        'SET camera = :camera, issues = :none, rowSequenceNumber = :first, epoch = :zero, phase = :phase',
      ExpressionAttributeValues: {
        ...{ ':camera': orphan.camera, ':none': [], ':first': beforeAllEvents, ':zero': 0, ':phase': 'off-schedule' },
      },
    }),
  );
  const { repairs, unchanged } = await plan(test);
  expect(repairs.map(({ cameraId, kind }) => [cameraId, kind])).toEqual([
    ['dock-1', 'judge'],
    ['ghost', 'retire'],
  ]);
  expect(unchanged).toBe(1);
  // Before the repair comes, the row changes.
  await test.putCamera({ cameraId: 'dock-1', streamName: 'dock-1', priority: 77 });
  const done = await Promise.all(repairs.map((one) => repairState(clients, names.tables, one, clock.nowMs())));
  expect(done).toEqual([false, true]);
  await test.advance(65);
  expect(await test.camera('ghost')).toBeUndefined();
  expect((await test.camera('dock-1'))?.camera?.priority).toBe(77);
});
