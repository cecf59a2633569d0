/** What a worker writes to the state of its camera, against the local DynamoDB. */
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CameraState } from '../core/fleet-state.ts';
import { SteppedClock } from '../local/clock.ts';
import { startLocalCloud } from '../local/cloud.ts';
import { inProcessRunner } from '../local/compute/in-process-runner.ts';
import { type AwsClients, awsClients } from './clients.ts';
import { type ControlLink, controlLink } from './heartbeat.ts';

const region = 'eu-west-1';
const older = { fragmentNumber: '41', producerTimestampMs: 1_000 };
const newer = { fragmentNumber: '42', producerTimestampMs: 2_000 };
let cloud: Awaited<ReturnType<typeof startLocalCloud>>;
let clients: AwsClients;
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
