/** Tables that throttle, policies that contradict themselves and rows that vanish: the fleet holds, says why, and recovers alone. */
import { DeleteCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, describe, expect, it } from 'vitest';
import { readFleet } from '../aws/fleets.ts';
import { readLedger } from '../aws/ledger.ts';
import { type ControlStage, type StageOptions, startControlStage } from './control-loop-stage.test-factory.ts';
import { completeDeps } from './handler-deps.ts';
import { reconcileFleet, reconcileOrReport } from './reconcile-fleet.ts';

const policy = { leadTimeDefaultMs: 120_000, scaleInDelayMs: 60_000, silentGraceMs: 120_000, maxWorkers: 3 };
const slowDown = { status: 400, code: 'ProvisionedThroughputExceededException', message: 'slow down' };
let stage: ControlStage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

/** One camera that runs. */
async function watching(options: Partial<StageOptions> = {}): Promise<ControlStage> {
  stage = await startControlStage({ startMs: Date.parse('2026-11-24T00:00:00Z'), policy, ...options });
  await stage.createStream('dock');
  stage.flowing.add('dock');
  await stage.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
  await stage.advance(140);
  expect(await stage.camera('dock-1')).toMatchObject({ phase: 'running', epoch: 1 });
  return stage;
}

/** The control loop's calls on one table fail; workers write theirs by the same API and must not be hit. */
function throttle(test: ControlStage, table: string, operations: string[]): () => void {
  return test.cloud.context.faults.inject(
    ({ service, operation, resource }) =>
      service === 'dynamodb' && resource === table && operations.includes(operation),
    slowDown,
  );
}

describe('a table that throttles', () => {
  it('cameras or workers cannot be read: the run ends, nothing changes, the next one goes on', async () => {
    const test = await watching();
    const { cameraStates, workers } = test.names.tables;
    for (const table of [cameraStates, workers]) {
      const stop = throttle(test, table, ['Query']);
      const deps = completeDeps(test.deps, 'test');
      const report = await reconcileOrReport(deps, 'default', 'by hand');
      expect(report).toMatchObject({
        outcome: 'failed',
        failures: [expect.stringContaining('ProvisionedThroughputExceeded')],
      });
      await test.advance(65);
      stop();
      expect(test.instances()).toHaveLength(1);
      expect(await reconcileFleet(deps, 'default', 'by hand')).toMatchObject({ outcome: 'done', failures: [] });
      expect(await test.camera('dock-1')).toMatchObject({ phase: 'running', epoch: 1 });
    }
  });

  it('the lock cannot be taken: no run, and the next minute is as before', async () => {
    const test = await watching();
    const stop = throttle(test, test.names.tables.fleets, ['UpdateItem']);
    await test.advance(65);
    stop();
    await test.advance(65);
    expect(await test.camera('dock-1')).toMatchObject({ phase: 'running', epoch: 1 });
    expect((await readFleet(test.clients, test.names.tables.fleets, 'default')).lock).toBeUndefined();
  });

  it('decisions cannot be stored: what was decided is done, and what was learned is kept', async () => {
    const test = await watching();
    const stop = throttle(test, test.names.tables.decisions, ['PutItem']);
    await test.putCamera({ cameraId: 'dock-2', streamName: 'dock' });
    await test.advance(65);
    expect(await test.camera('dock-2')).toMatchObject({ phase: 'running' });
    const before = await readFleet(test.clients, test.names.tables.fleets, 'default');
    await test.advance(65);
    const after = await readFleet(test.clients, test.names.tables.fleets, 'default');
    expect(after.meteredThroughMs).toBeGreaterThan(before.meteredThroughMs ?? Number.POSITIVE_INFINITY);
    expect(after.lock).toBeUndefined();
    const stored = (await test.decisions()).length;
    stop();
    await test.putCamera({ cameraId: 'dock-3', streamName: 'dock' });
    await test.advance(20);
    expect((await test.decisions()).length).toBeGreaterThan(stored);
  });

  it('the ledger refuses: the step is named, cameras are watched all the while, and no second is lost', async () => {
    const test = await watching();
    const stop = test.cloud.context.faults.inject(({ operation }) => operation === 'TransactWriteItems', slowDown);
    await test.advance(305);
    const actions = (await test.decisions()).flatMap((decision) => decision.actions);
    expect(actions).toContainEqual(expect.stringMatching(/^failed: account for the time of camera dock-1: /));
    stop();
    await test.advance(305);
    const state = await test.camera('dock-1');
    expect(state).toMatchObject({ phase: 'running', epoch: 1 });
    const { accountedThroughMs = 0, rowChangedAtMs = 0 } = state ?? {};
    expect(accountedThroughMs - rowChangedAtMs).toBeGreaterThan(300_000);
    const { hours } = await readLedger(
      ...([test.clients, test.names.tables.ledger, 'dock-1', rowChangedAtMs, test.clock.nowMs()] as const),
    );
    const sum = (of: (hour: (typeof hours)[number]) => number) => hours.reduce((total, hour) => total + of(hour), 0);
    expect(sum(({ scheduledSeconds }) => scheduledSeconds)).toBeCloseTo(
      (accountedThroughMs - rowChangedAtMs) / 1_000,
      3,
    );
    const blind = sum(({ blindSeconds }) => Object.values(blindSeconds).reduce((total, one) => total + one, 0));
    expect(sum(({ inferredSeconds }) => inferredSeconds) + blind).toBeCloseTo(
      sum(({ scheduledSeconds }) => scheduledSeconds),
      3,
    );
  });

  it('one write of the ledger that fails leaves nothing half done', async () => {
    const test = await watching();
    const before = await test.camera('dock-1');
    const conflict = { status: 400, code: 'TransactionCanceledException', message: 'conflict' };
    test.cloud.context.faults.inject(({ operation }) => operation === 'TransactWriteItems', conflict, 1);
    await test.advance(610);
    const after = await test.camera('dock-1');
    expect((after?.accountedThroughMs ?? 0) - (before?.accountedThroughMs ?? 0)).toBeGreaterThan(300_000);
    const { hours } = await readLedger(
      ...([test.clients, test.names.tables.ledger, 'dock-1', after?.rowChangedAtMs ?? 0, test.clock.nowMs()] as const),
    );
    const scheduled = hours.reduce((total, { scheduledSeconds }) => total + scheduledSeconds, 0);
    expect(scheduled).toBeCloseTo(((after?.accountedThroughMs ?? 0) - (after?.rowChangedAtMs ?? 0)) / 1_000, 3);
  });
});

it('a policy with its minimum above its maximum: the deployment’s holds, it is said, and mending it is enough', async () => {
  const test = await watching();
  const write = (value: object) =>
    test.clients.documents.send(
      new UpdateCommand({
        TableName: test.names.tables.fleets,
        Key: { fleet: 'default' },
        UpdateExpression: 'SET #policy = :policy',
        ExpressionAttributeNames: { '#policy': 'policy' },
        ExpressionAttributeValues: { ':policy': value },
      }),
    );
  await write({ minWorkers: 9, maxWorkers: 2 });
  await test.advance(65);
  expect(test.instances()).toHaveLength(1);
  const told = (await test.decisions()).at(-1);
  expect(told?.problems).toEqual([expect.stringContaining('minWorkers 9 is more than maxWorkers 2')]);
  await write({ minWorkers: 2 });
  await test.advance(65);
  expect(test.instances()).toHaveLength(2);
  expect((await test.decisions()).at(-1)?.problems).toBeUndefined();
});

it('a row that is deleted while its camera changes its worker: it is gone for good, and nobody goes on watching', async () => {
  // Two workers that hold one camera each, and one camera too many for the first when its load grows.
  const test = await watching({ workerCapacity: 8 });
  await test.putCamera({ cameraId: 'dock-2', streamName: 'dock' });
  await test.advance(200);
  const owner = (await test.camera('dock-1'))?.ownerWorkerId ?? '';
  // Its worker is asked to give it up …
  await test.clients.documents.send(
    new UpdateCommand({
      TableName: test.names.tables.workers,
      Key: { fleet: 'default', workerId: owner },
      UpdateExpression: 'SET drain = :drain',
      ExpressionAttributeValues: { ':drain': { sinceMs: test.clock.nowMs(), reason: 'test' } },
    }),
  );
  await test.advance(1);
  // … and before anybody else has it, its row goes.
  await test.clients.documents.send(
    new DeleteCommand({ TableName: test.names.tables.cameras, Key: { cameraId: 'dock-1' } }),
  );
  await test.settle();
  await test.advance(60);
  expect(await test.camera('dock-1')).toBeUndefined();
  for (const worker of await test.workers()) {
    expect(worker.running['dock-1']).toBeUndefined();
    expect(worker.assignments?.['dock-1']).toBeUndefined();
  }
  expect(await test.camera('dock-2')).toMatchObject({ phase: 'running' });
});
