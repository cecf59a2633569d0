/**
 * Items of a later version than this code reads, as after a roll back: each is left as it is and named, and everything
 * else goes on. The items here are version 2 of nobody's making: they lack what version 1 has.
 */
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readCameraState } from '../aws/camera-states.ts';
import { readDecisions } from '../aws/decisions.ts';
import { orderFleet, readFleet } from '../aws/fleets.ts';
import { readLedger } from '../aws/ledger.ts';
import { buildCapacityChangedHandler, type CapacityEvent } from './capacity-changed.ts';
import { type ControlStage, startControlStage } from './control-loop-stage.test-factory.ts';
import { completeDeps } from './handler-deps.ts';
import { reconcileOrReport } from './reconcile-fleet.ts';

const policy = { leadTimeDefaultMs: 120_000, scaleInDelayMs: 60_000, silentGraceMs: 120_000, maxWorkers: 3 };
const fleet = 'default';
let stage: ControlStage;
afterEach(() => stage.close());

/** Two cameras that one worker runs. */
beforeEach(async () => {
  stage = await startControlStage({ startMs: Date.parse('2026-11-24T00:00:00Z'), policy });
  await stage.createStream('dock');
  stage.flowing.add('dock');
  await stage.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
  await stage.putCamera({ cameraId: 'dock-2', streamName: 'dock' });
  await stage.advance(200);
  for (const cameraId of ['dock-1', 'dock-2'])
    expect(await stage.camera(cameraId)).toMatchObject({ phase: 'running', epoch: 1 });
  expect(await stage.workers()).toHaveLength(1);
});

type Item = Record<string, unknown>;
const get = async (TableName: string, Key: Item): Promise<Item> =>
  (await stage.clients.documents.send(new GetCommand({ TableName, Key, ConsistentRead: true }))).Item ?? {};
const put = (TableName: string, Item: Item) => stage.clients.documents.send(new PutCommand({ TableName, Item }));
const problems = async () => (await stage.decisions()).at(-1)?.problems ?? [];
const reconcile = () => reconcileOrReport(completeDeps(stage.deps, 'test'), fleet, 'by hand');

it('the state of a camera: its worker goes on with it, all others come and go, and nothing shrinks', async () => {
  const table = stage.names.tables.cameraStates;
  const known = await get(table, { fleet, cameraId: 'dock-1' });
  const later = { fleet, cameraId: 'dock-1', schemaVersion: 2, lease: [known.ownerWorkerId, 1], phase: { since: 5 } };
  await put(table, later);
  await stage.advance(125);
  expect(await problems()).toEqual([expect.stringMatching(/^ITEM_VERSION_LATER: .*dock-1 \(schemaVersion 2\)/)]);
  // Others begin and end; its own row changes and goes meanwhile.
  await stage.putCamera({ cameraId: 'dock-3', streamName: 'dock' });
  await stage.putCamera({ cameraId: 'dock-2', streamName: 'dock', enabled: false });
  await stage.putCamera({ cameraId: 'dock-1', streamName: 'dock', enabled: false });
  await stage.advance(125);
  expect(await stage.camera('dock-3')).toMatchObject({ phase: 'running', epoch: 1 });
  expect(await stage.camera('dock-2')).toMatchObject({ phase: 'disabled' });
  const [worker] = await stage.workers();
  expect(Object.keys(worker?.running ?? {}).sort()).toEqual(['dock-1', 'dock-3']);
  expect(worker?.running['dock-1']?.epoch).toBe(1);
  // With its own row and every other gone, the worker stays for it.
  await stage.putCamera({ cameraId: 'dock-3', streamName: 'dock', enabled: false });
  await stage.advance(305);
  expect(stage.instances()).toHaveLength(1);
  expect(Object.keys((await stage.workers())[0]?.running ?? {})).toEqual(['dock-1']);
  expect(await get(table, { fleet, cameraId: 'dock-1' })).toEqual(later);
  await expect(readCameraState(stage.clients, table, fleet, 'dock-1')).rejects.toMatchObject({
    ...{ code: 'ITEM_VERSION_LATER', retryable: false },
  });

  await put(table, known);
  await stage.advance(125);
  expect(await problems()).toEqual([]);
  expect(await stage.camera('dock-1')).toMatchObject({ phase: 'running', epoch: 1 });
});

it('the item of a worker: it keeps its cameras, is given none and told nothing, until ECS says that it has ended', async () => {
  const table = stage.names.tables.workers;
  const [worker] = await stage.workers();
  const workerId = worker?.workerId ?? '';
  // It would write its version with the next heartbeat.
  stage.mute.add(workerId);
  await stage.advance(1);
  const { schemaVersion: _, running: _running, heartbeatAtMs: _beat, ...rest } = await get(table, { fleet, workerId });
  const later = { ...rest, schemaVersion: 2, lists: { cameras: ['dock-1', 'dock-2'] } };
  await put(table, later);
  await stage.putCamera({ cameraId: 'dock-3', streamName: 'dock' });
  await stage.advance(400);
  for (const cameraId of ['dock-1', 'dock-2'])
    expect(await stage.camera(cameraId)).toMatchObject({ ownerWorkerId: workerId, epoch: 1 });
  const third = await stage.camera('dock-3');
  expect(third).toMatchObject({ phase: 'running' });
  expect(third?.ownerWorkerId).not.toBe(workerId);
  expect(stage.instances()).toHaveLength(2);
  expect(await problems()).toEqual([expect.stringMatching(/keep what they run: dock-1, dock-2$/)]);
  expect(await get(table, { fleet, workerId })).toEqual(later);

  stage.cloud.compute.killTask(workerId, 'SIGKILL');
  await stage.settle();
  await stage.advance(125);
  for (const cameraId of ['dock-1', 'dock-2'])
    expect(await stage.camera(cameraId)).toMatchObject({ phase: 'running', epoch: 2 });
});

it('the item of the fleet: the run ends by that name, orders are refused, and cameras run on', async () => {
  const table = stage.names.tables.fleets;
  const known = await get(table, { fleet });
  const later = { fleet, schemaVersion: 2, policies: [{ minWorkers: 0 }] };
  await put(table, later);
  const message = 'the item of fleet default has schemaVersion 2, and this code reads up to 1';
  expect(await reconcile()).toMatchObject({ outcome: 'failed', failures: [message] });
  await expect(
    orderFleet(stage.clients, table, fleet, { pause: { until: '2026-11-25T00:00:00Z', reason: 'test' } }),
  ).rejects.toMatchObject({ code: 'ITEM_VERSION_LATER' });
  await stage.advance(305);
  expect(await get(table, { fleet })).toEqual(later);
  expect(Object.keys((await stage.workers())[0]?.running ?? {}).sort()).toEqual(['dock-1', 'dock-2']);
  await put(table, known);
  expect(await reconcile()).toMatchObject({ outcome: 'done', failures: [] });
  expect((await readFleet(stage.clients, table, fleet)).lock).toBeUndefined();
});

it('decisions, hours of the ledger and events: left out, and the others are read', async () => {
  const { decisions, ledger, workers } = stage.names.tables;
  const known = await readDecisions(stage.clients, decisions, fleet, { limit: 100 });
  await put(decisions, { fleet, at: new Date(stage.clock.nowMs()).toISOString(), schemaVersion: 2, sentence: 'none' });
  expect(await readDecisions(stage.clients, decisions, fleet, { limit: 100 })).toEqual(known);
  await put(ledger, { cameraId: 'dock-1', hour: '2026-11-23T05Z', schemaVersion: 2, seconds: [1] });
  await put(ledger, { cameraId: 'dock-1', hour: '2026-11-23T06Z', schemaVersion: 1, scheduledSeconds: 60 });
  const { hours } = await readLedger(stage.clients, ledger, 'dock-1', Date.parse('2026-11-23'), stage.clock.nowMs());
  expect(hours.map(({ hour }) => hour).filter((hour) => hour.startsWith('2026-11-23'))).toEqual(['2026-11-23T06Z']);

  const handle = buildCapacityChangedHandler(stage.deps);
  const [worker] = await stage.workers();
  const send = (schemaVersion?: number) => {
    const detail = { fleet, workerId: worker?.workerId, ...(schemaVersion === undefined ? {} : { schemaVersion }) };
    const event = { source: stage.names.eventSource, 'detail-type': 'Worker Drained', detail };
    return handle(event as unknown as CapacityEvent, {} as never);
  };
  expect(await send(2)).toMatchObject([{ outcome: 'done' }]);
  expect(await get(workers, { fleet, workerId: worker?.workerId })).not.toHaveProperty('drainedAtMs');
  await send();
  expect(await get(workers, { fleet, workerId: worker?.workerId })).toHaveProperty('drainedAtMs');
});
