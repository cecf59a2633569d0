/** States and ledger of several cameras in one call: few calls, and no camera suffers for another or is accounted twice. */
import { BatchWriteCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decide } from '../core/control/decide.ts';
import { noonMs, observation, policy, state } from '../core/control/fleet-factories.ts';
import { SteppedClock } from '../local/clock.ts';
import { type LocalCloud, startLocalCloud } from '../local/cloud.ts';
import { inProcessRunner } from '../local/compute/in-process-runner.ts';
import { writeCameras } from './apply-cameras.ts';
import { ApplySteps } from './apply-steps.ts';
import { readCameraStates } from './camera-states.ts';
import { type AwsClients, awsClients } from './clients.ts';
import { readLedger } from './ledger.ts';

const region = 'eu-west-1';
const fleet = 'default';
const sliceSeconds = 400;
const count = 60;
/** State and hour of each, 50 actions a call. */
const camerasPerCall = 25;
let cloud: LocalCloud;
let clients: AwsClients;
let calls: string[] = [];

beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID = 'local';
  process.env.AWS_SECRET_ACCESS_KEY = 'local';
  cloud = await startLocalCloud({
    ...{ port: 0, portSearch: false, dataFolder: null, clock: new SteppedClock(Date.now()), region },
    ...{ accountId: '000000000000', compute: { runner: inProcessRunner(async () => {}) }, log: () => {} },
  });
  clients = awsClients({ region, endpoint: cloud.endpoint });
  const note = ({ operation }: { operation: string }) => {
    if (/Write|Update/.test(operation)) calls.push(operation);
    return false;
  };
  cloud.context.faults.inject(note, { status: 500, code: 'never', message: '' });
});
afterAll(async () => {
  clients.destroy();
  await cloud.close();
});

/** Cameras that wait, with a slice of time to account for, and what a run decides on them. */
async function waiting(stage: string) {
  const { names } = await cloud.createStageResources({ stage, fleets: [] });
  const states = Array.from({ length: count }, (_, index) =>
    state(`camera-${String(index).padStart(2, '0')}`, {
      ...{ phase: 'waiting-capacity', phaseReason: 'waits for a worker' },
      accountedThroughMs: noonMs - sliceSeconds * 1_000,
    }),
  );
  for (let from = 0; from < count; from += 25) {
    const items = states.slice(from, from + 25).map((Item) => ({ PutRequest: { Item } }));
    await clients.documents.send(new BatchWriteCommand({ RequestItems: { [names.tables.cameraStates]: items } }));
  }
  const seen = observation(await readCameraStates(clients, names.tables.cameraStates, fleet), []);
  const decision = decide(seen, policy({ maxWorkers: count }), noonMs);
  expect(decision.changes).toHaveLength(count);
  calls = [];
  const surroundings = { clients, names, stage, activityPeriodMs: 60_000 };
  return {
    ids: states.map(({ cameraId }) => cameraId),
    names,
    write: (steps: ApplySteps) => writeCameras(surroundings, seen, decision, steps, null),
    async accountedSeconds(cameraId: string) {
      const { hours } = await readLedger(clients, names.tables.ledger, cameraId, noonMs - 7_200_000, noonMs);
      return hours.reduce((sum, { scheduledSeconds }) => sum + scheduledSeconds, 0);
    },
    async throughMs() {
      const stored = await readCameraStates(clients, names.tables.cameraStates, fleet);
      return new Map(stored.map(({ cameraId, accountedThroughMs }) => [cameraId, accountedThroughMs]));
    },
  };
}

it('writes the slices of many cameras in few calls', async () => {
  const { ids, write, accountedSeconds, throughMs } = await waiting('few');
  const steps = new ApplySteps(() => true);
  const { entries } = await write(steps);
  expect(steps.failures).toEqual([]);
  expect(calls).toEqual(Array(Math.ceil(count / camerasPerCall)).fill('TransactWriteItems'));
  expect(entries).toHaveLength(count);
  expect(new Set((await throughMs()).values())).toEqual(new Set([noonMs]));
  for (const id of ids) expect(await accountedSeconds(id), id).toBe(sliceSeconds);
});

it('writes the others of a call one by one when one of them has changed meanwhile', async () => {
  const { ids, names, write, accountedSeconds, throughMs } = await waiting('moved');
  const moved = ids[3] as string;
  await clients.documents.send(
    new UpdateCommand({
      ...{ TableName: names.tables.cameraStates, Key: { fleet, cameraId: moved } },
      ...{ UpdateExpression: 'SET accountedThroughMs = :other', ExpressionAttributeValues: { ':other': noonMs - 1 } },
    }),
  );
  calls = [];
  const steps = new ApplySteps(() => true);
  const { entries } = await write(steps);
  expect(steps.failures).toEqual([]);
  expect(calls).toHaveLength(Math.ceil(count / camerasPerCall) + camerasPerCall);
  expect(entries.map(({ cameraId }) => cameraId).sort()).toEqual(ids.filter((id) => id !== moved));
  const through = await throughMs();
  for (const id of ids) {
    expect(through.get(id), id).toBe(id === moved ? noonMs - 1 : noonMs);
    expect(await accountedSeconds(id), id).toBe(id === moved ? 0 : sliceSeconds);
  }
});

it('begins nothing alone once the run may have lost its lock', async () => {
  const { ids, names, write, throughMs } = await waiting('lock');
  for (const id of ids) {
    await clients.documents.send(
      new UpdateCommand({
        ...{ TableName: names.tables.cameraStates, Key: { fleet, cameraId: id } },
        ...{ UpdateExpression: 'SET accountedThroughMs = :other', ExpressionAttributeValues: { ':other': 1 } },
      }),
    );
  }
  calls = [];
  let looks = 0;
  const { entries } = await write(new ApplySteps(() => ++looks <= Math.ceil(count / camerasPerCall)));
  expect(entries).toEqual([]);
  expect(calls).toHaveLength(Math.ceil(count / camerasPerCall));
  expect(new Set((await throughMs()).values())).toEqual(new Set([1]));
});
