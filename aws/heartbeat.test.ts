/** What a worker writes to the state of its camera, against the local DynamoDB. */
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { report } from '../core/control/fleet-factories.ts';
import type { CameraState } from '../core/fleet-state.ts';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import { SeededRandom } from '../core/seeded-random.ts';
import { SteppedClock } from '../local/clock.ts';
import { startLocalCloud } from '../local/cloud.ts';
import { inProcessRunner } from '../local/compute/in-process-runner.ts';
import { type AwsClients, awsClients } from './clients.ts';
import { type ControlLink, controlLink, type HeartbeatFields } from './heartbeat.ts';
import { listsThatFit } from './worker-item-size.ts';
import { readWorkers, writeLists } from './workers.ts';

const region = 'eu-west-1';
const older = { fragmentNumber: '41', producerTimestampMs: 1_000 };
const newer = { fragmentNumber: '42', producerTimestampMs: 2_000 };
let cloud: Awaited<ReturnType<typeof startLocalCloud>>;
let clients: AwsClients;
let workersTable: string;
let table: string;
let link: ControlLink;

beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID ??= 'local';
  process.env.AWS_SECRET_ACCESS_KEY ??= 'local';
  cloud = await startLocalCloud({
    port: 0,
    portSearch: false,
    dataFolder: null,
    clock: new SteppedClock(0),
    region,
    accountId: '000000000000',
    compute: { runner: inProcessRunner(async () => {}) },
    log: () => {},
  });
  const { names } = await cloud.createStageResources({ stage: 'test', fleets: [] });
  table = names.tables.cameraStates;
  workersTable = names.tables.workers;
  clients = awsClients({ region, endpoint: cloud.endpoint });
  link = controlLink(clients, {
    fleet: 'default',
    workerId: 'me',
    workersTable: names.tables.workers,
    cameraStatesTable: table,
    eventSource: names.eventSource,
  });
});

afterAll(async () => {
  clients.destroy();
  await cloud.close();
});

async function owned(cameraId: string, given: Partial<CameraState>) {
  const item = { fleet: 'default', cameraId, ownerWorkerId: 'me', epoch: 2, ...given };
  await clients.documents.send(new PutCommand({ TableName: table, Item: item }));
}

async function stateOf(cameraId: string) {
  const answer = await clients.documents.send(
    new GetCommand({ TableName: table, Key: { fleet: 'default', cameraId }, ConsistentRead: true }),
  );
  return answer.Item as CameraState;
}

it('writes only to a camera that it owns at this epoch', async () => {
  await owned('mine', {});
  await owned('theirs', { ownerWorkerId: 'them' });
  expect(await link.writeProgress('mine', 2, { checkpoint: newer })).toBe(true);
  expect(await link.writeProgress('mine', 1, { checkpoint: older })).toBe(false);
  expect(await link.writeProgress('theirs', 2, { checkpoint: newer })).toBe(false);
  expect(await stateOf('mine')).toMatchObject({ checkpoint: newer });
  expect(await stateOf('theirs')).not.toHaveProperty('checkpoint');
});

it('a checkpoint that arrives after the release changes nothing: the successor would read the same fragments again', async () => {
  await owned('gate', { releasedEpoch: 1 });
  expect(await link.writeProgress('gate', 2, { checkpoint: older })).toBe(true);
  expect(await link.writeProgress('gate', 2, { checkpoint: newer, released: true })).toBe(true);
  expect(await link.writeProgress('gate', 2, { checkpoint: older })).toBe(false);
  expect(await stateOf('gate')).toMatchObject({ checkpoint: newer, releasedEpoch: 2 });
});

it('a release that names no fragment leaves no checkpoint of an earlier owner to continue after', async () => {
  await owned('yard', { checkpoint: older, releasedEpoch: 1 });
  expect(await link.writeProgress('yard', 2, { released: true, lastMediaAtMs: 5 })).toBe(true);
  const state = await stateOf('yard');
  expect(state).toMatchObject({ releasedEpoch: 2, lastMediaAtMs: 5 });
  expect(state).not.toHaveProperty('checkpoint');
});

it('a worker of many cameras writes a small item, and both sides read the same in it', async () => {
  const cameraIds = Array.from({ length: 20 }, (_, index) => `camera-${index}`);
  const running = Object.fromEntries(
    cameraIds.map((cameraId) => [cameraId, { ...report(), reason: `decodes all frames of ${cameraId}` }]),
  );
  const fields: HeartbeatFields = {
    ...{ schemaVersion: 1, heartbeatAtMs: 1_000, startedAtMs: 0, lifecycle: 'ready', expiresAt: 600, running },
  };
  await link.heartbeat(fields);
  const { camera } = parseCameraRow({ cameraId: 'camera-0', streamName: 'camera-0' });
  if (camera === null) throw new Error('the row is valid');
  const assignments = Object.fromEntries(
    cameraIds.map((cameraId) => [cameraId, { epoch: 1, camera, assignedAtMs: 5 }]),
  );
  expect(await writeLists(clients, workersTable, { fleet: 'default', workerId: 'me' }, assignments, {})).toBe(true);
  expect((await link.heartbeat(fields)).assignments).toEqual(assignments);
  expect(await readWorkers(clients, workersTable, 'default')).toMatchObject([{ workerId: 'me', running, assignments }]);
  const key = { fleet: 'default', workerId: 'me' };
  const { Item = {} } = await clients.documents.send(new GetCommand({ TableName: workersTable, Key: key }));
  const bytes = ['running', 'assignments'].map((name) => (Item[name] as Uint8Array).length);
  expect(bytes[0]).toBeLessThan(1_000);
  expect(bytes[1]).toBeLessThan(1_000);
});

it('an attribute that somebody damaged disturbs no other worker, and is written anew', async () => {
  const Item = { fleet: 'default', workerId: 'odd', running: 'x', assignments: Uint8Array.from([1]), heartbeatAtMs: 1 };
  await clients.documents.send(new PutCommand({ TableName: workersTable, Item }));
  const workers = await readWorkers(clients, workersTable, 'default');
  expect(workers.find(({ workerId }) => workerId === 'odd')).toMatchObject({ running: {}, assignments: {} });
  expect(workers.length).toBeGreaterThan(1);
});

it('tells what time AWS had when it answered: of the cloud, not of this machine', async () => {
  const told: number[] = [];
  const { names } = await cloud.createStageResources({ stage: 'test', fleets: [] });
  const dated = controlLink(clients, {
    ...{ fleet: 'default', workerId: 'dated', workersTable, cameraStatesTable: table, eventSource: names.eventSource },
    onServerTime: (serverMs) => told.push(serverMs),
  });
  const fields = { schemaVersion: 1, heartbeatAtMs: 1, startedAtMs: 0, lifecycle: 'ready', running: {}, expiresAt: 1 };
  await dated.heartbeat(fields as HeartbeatFields);
  await dated.heartbeat(fields as HeartbeatFields);
  expect(told).toEqual([0, 0]);
});

it('a worker’s item stays within 400 kB, whatever its cameras say and are: what is too long is cut, a row too large left out', async () => {
  const random = new SeededRandom(1);
  // What does not compress.
  const noise = (length: number) =>
    Array.from({ length }, () => String.fromCharCode(random.integer(0x4e00, 0x9fff))).join('');
  const key = { fleet: 'default', workerId: 'me' };
  const running = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [`camera-${index}`, { ...report(), reason: noise(4_000) }]),
  );
  const fields: HeartbeatFields = {
    ...{ schemaVersion: 1, heartbeatAtMs: 1_000, startedAtMs: 0, lifecycle: 'ready', expiresAt: 600, running },
    standingBy: { 'camera-0': { sinceMs: 1, state: 'failing', reason: noise(100_000) } },
  };
  const rowOf = (cameraId: string, classes: string[]) => {
    const { camera } = parseCameraRow({ cameraId, streamName: cameraId, detect: { classes } });
    if (camera === null) throw new Error('the row is valid');
    return { epoch: 1, camera, assignedAtMs: 5 };
  };
  const classes = () => Array.from({ length: 200 }, () => noise(64));
  const assignments = Object.fromEntries(
    ['big-1', 'big-2', 'big-3', 'big-4', 'big-5', 'big-6', 'big-7', 'small'].map((cameraId) => [
      cameraId,
      rowOf(cameraId, cameraId === 'small' ? [] : classes()),
    ]),
  );
  // As a whole it is more than DynamoDB takes.
  await expect(writeLists(clients, workersTable, key, { ...assignments, ...more(20) }, {})).rejects.toThrow(/size/i);
  const fit = listsThatFit({ ...assignments, ...more(20) }, {});
  expect(Object.keys(fit.assignments)).toContain('small');
  expect(fit.leftOut.length).toBeGreaterThan(0);
  expect(fit.leftOut.every((cameraId) => /^(big|more)-/.test(cameraId))).toBe(true);
  expect(await writeLists(clients, workersTable, key, fit.assignments, fit.standbys)).toBe(true);
  expect(Object.keys((await link.heartbeat(fields)).assignments)).toEqual(Object.keys(fit.assignments));
  const { Item } = await clients.documents.send(new GetCommand({ TableName: workersTable, Key: key }));
  expect(JSON.stringify(Item?.standingBy)).toMatch(/…/);
  const me = (await readWorkers(clients, workersTable, 'default')).find(({ workerId }) => workerId === 'me');
  expect(Object.keys(me?.running ?? {})).toHaveLength(200);
  expect(me?.running['camera-7']?.reason).toMatch(/…$/);

  function more(count: number) {
    return Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`more-${index}`, rowOf(`more-${index}`, classes())]),
    );
  }
});
