/**
 * Cameras that move for a reason of ours: the next worker is ready before the owner lets go. What consumers receive has no
 * hole in the time of capture beyond one sampling interval and no id twice, and results are late by seconds at most.
 */
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, expect, test, vi } from 'vitest';
import { cameraRow } from './camera-that-sends.ts';
import { expectSeamless, moves } from './moved-cameras.ts';
import { type SteppedSystem, startSteppedSystem } from './stepped-system.ts';

// A test takes seconds; on a machine that is busy with other things it may take longer, and nothing in it measures that.
vi.setConfig({ testTimeout: 240_000 });

const minuteMs = 60_000;
let system: SteppedSystem;
afterEach(() => system.close());

async function watching(cameraIds: string[], inferencesPerSecond: number, policy = {}) {
  system = await startSteppedSystem({
    ...{ start: '2026-11-24T09:00:20Z', inferencesPerSecond },
    policy: { scaleInDelayMs: minuteMs, ...policy },
  });
  for (const cameraId of cameraIds) {
    await system.createStream(cameraId);
    system.send(cameraId);
    await system.putRow(cameraRow(cameraId));
  }
  const allRun = async () => (await system.cameras()).every(({ phase }) => phase === 'running');
  await system.passUntilSo('every camera runs', allRun, 15 * minuteMs, 5_000);
  await system.pass(10_000);
}

/** Cameras were prepared before their owners were asked, and nobody waited in vain. */
async function expectPrepared(cameraIds: string[]) {
  const actions = (await system.decisions()).flatMap((decision) => decision.actions);
  for (const cameraId of cameraIds) {
    expect(actions).toContainEqual(
      expect.stringMatching(new RegExp(`^asks worker .* to stand by for camera ${cameraId}:`)),
    );
    expect(actions).toContainEqual(
      expect.stringMatching(new RegExp(`give up camera ${cameraId}: worker .* stands by$`)),
    );
  }
}

/** As docs/operate.md has it. */
async function drain(workerId: string) {
  await system.clients.documents.send(
    new UpdateCommand({
      TableName: system.names.tables.workers,
      Key: { fleet: 'default', workerId },
      UpdateExpression: 'SET drain = :drain',
      ExpressionAttributeValues: { ':drain': { sinceMs: system.clock.nowMs(), reason: 'by hand', handover: {} } },
    }),
  );
}

/** A camera whose worker leaves, and whose next one has just been told to stand by. */
async function preparing() {
  await watching(['dock-1'], 8, { minWorkers: 2 });
  await system.passUntilSo('two workers', async () => (await system.workers()).length === 2, 10 * minuteMs, 5_000);
  await system.pass(minuteMs);
  const owner = (await system.camera('dock-1')).ownerWorkerId ?? '';
  await drain(owner);
  const hasSuccessor = async () => (await system.camera('dock-1')).successorWorkerId !== undefined;
  await system.passUntilSo('another worker is to have it', hasSuccessor, 2 * minuteMs, 200);
  const { successorWorkerId: successor = '' } = await system.camera('dock-1');
  return { owner, successor };
}

test('the owner dies while the next one stands by: that one has the camera within seconds of the news', async () => {
  const { owner, successor } = await preparing();
  const stands = async () => {
    const worker = (await system.workers()).find(({ workerId }) => workerId === successor);
    return worker?.standingBy?.['dock-1']?.state === 'ready';
  };
  await system.passUntilSo('it stands by', stands, 10_000, 200);
  expect(await system.camera('dock-1')).toMatchObject({ ownerWorkerId: owner, epoch: 1, phase: 'running' });
  const killedMs = system.clock.nowMs();
  system.cloud.compute.killTask(owner, 'SIGKILL');
  await system.settle();
  const isTaken = async () => (await system.results()).frames.some(({ epoch }) => epoch === 2);
  await system.passUntilSo('it is watched', isTaken, minuteMs, 500);
  const blindMs = system.clock.nowMs() - killedMs;
  console.info(`an owner that died was replaced within ${blindMs} ms by the worker that stood by`);
  expect(blindMs).toBeLessThanOrEqual(10_000);
  await system.pass(20_000);
  expect(await system.camera('dock-1')).toMatchObject({ ownerWorkerId: successor, epoch: 2 });
  await system.results();
});

test('the next one dies before it stands by: the owner watches on, and hands over to another', async () => {
  const { owner, successor } = await preparing();
  const startedMs = system.clock.nowMs() - minuteMs;
  system.cloud.compute.killTask(successor, 'SIGKILL');
  await system.settle();
  await system.pass(10_000);
  expect(await system.camera('dock-1')).toMatchObject({ ownerWorkerId: owner, epoch: 1, phase: 'running' });
  await system.passUntilSo(
    'it has moved',
    async () => (await system.camera('dock-1')).epoch === 2,
    10 * minuteMs,
    2_000,
  );
  await system.pass(minuteMs);
  const after = await system.camera('dock-1');
  expect(after).toMatchObject({ phase: 'running' });
  expect([owner, successor]).not.toContain(after.ownerWorkerId);
  expectSeamless('a successor that died', await moves(system, ['dock-1'], startedMs));
});

test('consolidation: when cameras are switched off, the others come together on one worker', async () => {
  const cameraIds = ['dock-1', 'dock-2', 'dock-3', 'dock-4'];
  await watching(cameraIds, 3);
  // One camera is left on each worker.
  const owners = new Map((await system.cameras()).map(({ cameraId, ownerWorkerId }) => [ownerWorkerId, cameraId]));
  expect(owners.size).toBe(2);
  const staying = [...owners.values()];
  const startedMs = system.clock.nowMs();
  for (const cameraId of cameraIds) {
    if (!staying.includes(cameraId)) await system.putRow(cameraRow(cameraId, { enabled: false }));
  }
  await system.passUntilSo('one machine is left', () => system.instances().length === 1, 10 * minuteMs, 2_000);
  await system.pass(minuteMs);
  const moved = (await moves(system, staying, startedMs)).filter(({ epochs }) => epochs.length > 1);
  expect(moved).toHaveLength(1);
  expect(moved.every(({ workers, epochs }) => workers.length === 2 && epochs.length === 2)).toBe(true);
  expectSeamless('consolidation', moved);
  await expectPrepared(moved.map(({ cameraId }) => cameraId));
});

test('drain: a worker whose drain control has ordered hands its cameras to the others', async () => {
  const cameraIds = ['dock-1', 'dock-2', 'dock-3'];
  await watching(cameraIds, 8, { minWorkers: 2 });
  const owner = (await system.camera('dock-1')).ownerWorkerId ?? '';
  const before = await system.cameras();
  const moving = before.filter(({ ownerWorkerId }) => ownerWorkerId === owner).map(({ cameraId }) => cameraId);
  const startedMs = system.clock.nowMs();
  await drain(owner);
  const isGone = async () => (await system.workers()).every(({ workerId }) => workerId !== owner);
  await system.passUntilSo('the worker is gone', isGone, 10 * minuteMs, 2_000);
  await system.pass(minuteMs);
  const moved = await moves(system, moving, startedMs);
  expect(moved.every(({ workers }) => workers.length === 2)).toBe(true);
  expectSeamless('drain', moved);
  await expectPrepared(moving);
  // The ledger has the move behind it, and knows of no blind second in it.
  await system.pass(6 * minuteMs);
  const hours = (await Promise.all(moving.map((cameraId) => system.ledger(cameraId)))).flat();
  const blindSeconds = (cause: string) => hours.reduce((sum, hour) => sum + Number(hour[`blind_${cause}`] ?? 0), 0);
  const seconds = { handover: blindSeconds('handover'), interrupted: blindSeconds('interrupted') };
  console.info(`the ledger of the ${moving.length} cameras knows of ${JSON.stringify(seconds)} blind seconds`);
  expect(seconds).toEqual({ handover: 0, interrupted: 0 });
  const after = await Promise.all(moving.map((cameraId) => system.camera(cameraId)));
  for (const { accountedThroughMs = 0 } of after) expect(accountedThroughMs).toBeGreaterThan(startedMs + minuteMs);
});
