/**
 * A deployment of a new revision, as `sst deploy` makes it: every worker is replaced while its cameras are watched, and the
 * fleet is as large as before.
 */
import { UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { afterEach, expect, test, vi } from 'vitest';
import { fleetResourceNames } from '../../core/names.ts';
import { cameraRow } from './camera-that-sends.ts';
import { deploy, describeService } from './deployed-revision.ts';
import { expectSeamless, moves } from './moved-cameras.ts';
import { type SteppedSystem, startSteppedSystem } from './stepped-system.ts';

// A test takes seconds; on a machine that is busy with other things it may take longer, and nothing in it measures that.
vi.setConfig({ testTimeout: 240_000 });

const minuteMs = 60_000;
const service = fleetResourceNames('flow', 'default').service;
let system: SteppedSystem;
afterEach(() => system.close());

/** Four cameras of 1 fps on workers that offer three: two workers. */
async function fleetOfTwo(maxWorkers: number) {
  system = await startSteppedSystem({
    ...{ start: '2026-11-24T09:00:20Z', inferencesPerSecond: 3 },
    policy: { maxWorkers, scaleInDelayMs: minuteMs },
  });
  const cameraIds = ['dock-1', 'dock-2', 'dock-3', 'dock-4'];
  for (const cameraId of cameraIds) {
    await system.createStream(cameraId);
    system.send(cameraId);
    await system.putRow(cameraRow(cameraId));
  }
  const allRun = async () => (await system.cameras()).every(({ phase }) => phase === 'running');
  await system.passUntilSo('every camera runs', allRun, 15 * minuteMs, 5_000);
  await system.pass(10_000);
  expect(await revisions()).toHaveLength(2);
  return cameraIds;
}

const living = async () => (await system.workers()).filter(({ lifecycle }) => lifecycle !== 'stopped');
const revisions = async () => (await living()).map(({ revision }) => revision ?? '');

/** Longest time without a published frame, per camera; each sends one a second. */
async function longestHolesMs(cameraIds: string[], fromMs: number): Promise<number[]> {
  const { frames } = await system.results();
  return cameraIds.map((id) => {
    const times = frames
      .filter(({ cameraId, capturedAt }) => cameraId === id && Date.parse(capturedAt) >= fromMs)
      .map(({ capturedAt }) => Date.parse(capturedAt))
      .sort((a, b) => a - b);
    return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? time)));
  });
}

const isRolledOut = (revision: string, workers: number) => async () => {
  const now = await revisions();
  return now.length >= workers && now.every((one) => one === revision);
};

test('every worker is replaced, no camera is without one, and the extra machine goes again', async () => {
  const cameraIds = await fleetOfTwo(4);
  const startedMs = system.clock.nowMs();
  const revision = await deploy(system, { name: 'RELEASE', value: '2' });
  let mostInstances = 0;
  const isDone = isRolledOut(revision, 2);
  await system.passUntilSo(
    'every worker is of the new revision',
    async () => {
      mostInstances = Math.max(mostInstances, system.instances().length);
      return isDone();
    },
    20 * minuteMs,
    5_000,
  );
  expect(mostInstances).toBe(3);
  await system.passUntilSo('the extra machine is gone', () => system.instances().length === 2, 6 * minuteMs, 5_000);
  await system.pass(minuteMs);
  expect((await system.cameras()).map(({ phase }) => phase)).toEqual(cameraIds.map(() => 'running'));
  expect(await isRolledOut(revision, 2)()).toBe(true);
  expect((await describeService(system))?.deployments).toMatchObject([{ rolloutState: 'COMPLETED' }]);
  const moved = await moves(system, cameraIds, startedMs);
  expect(moved.every(({ workers }) => workers.length > 1)).toBe(true);
  expectSeamless('deployment', moved);
  const reasons = (await system.decisions()).map(({ reason }) => reason).join('\n');
  expect(reasons).toContain(`${revision} rolls out: 2 workers still to replace, 1 worker beyond demand meanwhile`);
});

test('a deployment that is rolled back half-way: every worker is of the former revision, and no frame is missing', async () => {
  const cameraIds = await fleetOfTwo(4);
  const startedMs = system.clock.nowMs();
  const before = (await describeService(system))?.taskDefinition?.split('/').at(-1) ?? '';
  const revision = await deploy(system, { name: 'RELEASE', value: '2' });
  const isNew = new Set<string>();
  await system.passUntilSo(
    'the new revision watches a camera',
    async () => {
      for (const worker of await living()) if (worker.revision === revision) isNew.add(worker.workerId);
      return (await system.cameras()).some(({ ownerWorkerId }) => isNew.has(ownerWorkerId ?? ''));
    },
    20 * minuteMs,
    2_000,
  );
  expect(await isRolledOut(revision, 2)()).toBe(false);
  const { ecs } = system.clients;
  await ecs.send(new UpdateServiceCommand({ cluster: system.names.cluster, service, taskDefinition: before }));
  await system.settle();
  await system.passUntilSo('every worker is of the former one', isRolledOut(before, 2), 20 * minuteMs, 5_000);
  await system.passUntilSo('the extra machine is gone', () => system.instances().length === 2, 6 * minuteMs, 5_000);
  await system.pass(minuteMs);
  expect((await system.cameras()).map(({ phase }) => phase)).toEqual(cameraIds.map(() => 'running'));
  expectSeamless('rollback', await moves(system, cameraIds, startedMs));
});

test('a fleet at its largest size rolls over one worker at a time', async () => {
  const cameraIds = await fleetOfTwo(2);
  const revision = await deploy(system, { name: 'RELEASE', value: '2' });
  let mostInstances = 0;
  let fewestWorkers = 2;
  const isDone = isRolledOut(revision, 2);
  await system.passUntilSo(
    'every worker is of the new revision',
    async () => {
      mostInstances = Math.max(mostInstances, system.instances().length);
      fewestWorkers = Math.min(fewestWorkers, (await living()).filter(({ drain }) => drain === undefined).length);
      return isDone();
    },
    20 * minuteMs,
    5_000,
  );
  await system.pass(minuteMs);
  expect({ mostInstances, fewestWorkers }).toEqual({ mostInstances: 2, fewestWorkers: 1 });
  expect((await system.cameras()).map(({ phase }) => phase)).toEqual(cameraIds.map(() => 'running'));
});

test('a revision that does not start is rolled back, and nobody notices', async () => {
  const cameraIds = await fleetOfTwo(4);
  const startedMs = system.clock.nowMs();
  const before = (await describeService(system))?.taskDefinition;
  const epochs = (await system.cameras()).map(({ epoch }) => epoch);
  await deploy(system, { name: 'HTTP_PORT', value: 'not a port' });
  await system.passUntilSo(
    'the circuit breaker has rolled back',
    async () => (await describeService(system))?.taskDefinition === before,
    20 * minuteMs,
    5_000,
  );
  await system.passUntilSo('the extra machine is gone', () => system.instances().length === 2, 10 * minuteMs, 5_000);
  expect((await system.cameras()).map(({ phase }) => phase)).toEqual(cameraIds.map(() => 'running'));
  expect((await system.cameras()).map(({ epoch }) => epoch)).toEqual(epochs);
  for (const holeMs of await longestHolesMs(cameraIds, startedMs)) expect(holeMs).toBeLessThanOrEqual(2_000);
});
