/** What an id begins with, which of several wins, and that the others are linked. */
import type { Context } from 'aws-lambda';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockFleet, unlockFleet } from '../aws/fleets.ts';
import { traceFields, traceIdIn, traceIdOf, traceIdOfHeader } from '../core/trace.ts';
import { buildCameraChangedHandler } from './camera-changed.ts';
import { buildCapacityChangedHandler } from './capacity-changed.ts';
import { rowTraceId } from './cause-trace.ts';
import { type ControlStage, startControlStage } from './control-loop-stage.test-factory.ts';
import { completeDeps } from './handler-deps.ts';
import { buildReconcileHandler } from './reconcile.ts';
import { reconcileFleet } from './reconcile-fleet.ts';

const context = { functionName: 'test', awsRequestId: 'r-1' } as Context;
const given = '1-5759e988-bd862e3fe1be46a994272793';
const header = `Root=${given};Parent=53995c3f42cd8ad8;Sampled=0`;
const own = (digit: string) => `1-692441e0-${digit.repeat(24)}`;
let test: ControlStage;
beforeEach(async () => {
  test = await startControlStage({ startMs: Date.parse('2026-11-24T12:00:00Z'), policy: { minWorkers: 1 } });
});
afterEach(() => test.close());

const record = (cameraId: string, SequenceNumber: string) => ({
  ...{ eventID: SequenceNumber, eventName: 'INSERT' as const, eventSourceARN: 'arn:aws:dynamodb:rows' },
  dynamodb: {
    ...{ Keys: { cameraId: { S: cameraId } }, SequenceNumber, ApproximateCreationDateTime: 1_795_521_600 },
    NewImage: { cameraId: { S: cameraId }, streamName: { S: cameraId } },
  },
});

it('an id has the form of X-Ray’s, and what has another form is none', () => {
  const id = traceIdOf('ab'.repeat(32), 1_795_521_600_000);
  expect(traceIdIn(id)).toBe(`1-${(1_795_521_600).toString(16)}-${'ab'.repeat(12)}`);
  expect(traceIdOfHeader(header)).toBe(given);
  for (const wrong of [undefined, '', 'Root=', 'Root=1-2-3', `Parent=${given}`, `Root=${given}0`])
    expect(traceIdOfHeader(wrong)).toBeNull();
  expect(traceFields({ traceId: given, links: [own('a'), given, own('a')] })).toEqual({
    traceId: given,
    traceLinks: [own('a')],
  });
});

it('rows that come in one batch: the first is the id of the run, the others are its links; each camera keeps its own', async () => {
  const batch = ['1', '2', '3'].map((number) => record(`dock-${number}`, number));
  await buildCameraChangedHandler(test.deps)({ Records: batch } as never, context);
  const ids = batch.map((one) => rowTraceId(one, 0));
  expect(new Set(ids).size).toBe(3);
  const decision = (await test.decisions()).at(-1);
  expect(decision).toMatchObject({ trigger: 'camera changed', traceId: ids[0], traceLinks: ids.slice(1) });
  const states = await test.cameras();
  expect(states.map((state) => state.rowTraceId)).toEqual(ids);
  // The same change again has the same id, and writes nothing.
  await buildCameraChangedHandler(test.deps)({ Records: batch } as never, context);
  expect(await test.cameras()).toEqual(states);
});

it('a tick has the id that Lambda gives, or one of its request', async () => {
  const [report] = await buildReconcileHandler({ ...test.deps, traceHeader: () => header })({}, context);
  expect(report?.decisions.map(({ traceId }) => traceId)).toEqual([given]);
  await test.advance(900);
  const ids = (await test.decisions()).map(({ traceId }) => traceId);
  expect(ids.length).toBeGreaterThan(1);
  for (const id of ids) expect(traceIdIn(id)).not.toBeNull();
});

it('a Spot notice: the run and the drain of its worker have the id', async () => {
  await test.advance(300);
  const [worker] = await test.workers();
  const event = {
    ...{ id: 'notice-1', source: 'aws.ec2', 'detail-type': 'EC2 Spot Instance Interruption Warning' },
    ...{ time: new Date(test.clock.nowMs()).toISOString(), detail: { 'instance-id': worker?.instanceId } },
  };
  const handle = buildCapacityChangedHandler({ ...test.deps, traceHeader: () => header });
  const [report] = await handle(event as never, context);
  expect(report?.decisions[0]?.traceId).toBe(given);
  const drained = (await test.workers()).find(({ workerId }) => workerId === worker?.workerId);
  expect(drained?.drain?.traceId).toBe(given);
});

it('events that come during a run: the run that follows for them has the id of the newest', async () => {
  const table = test.names.tables.fleets;
  const nowMs = () => test.clock.nowMs();
  await lockFleet(test.clients, table, 'default', 'me', nowMs(), own('a'));
  const deps = completeDeps(test.deps, 'test');
  for (const digit of ['b', 'c'])
    expect(await reconcileFleet(deps, 'default', 'late', { traceId: own(digit) })).toMatchObject({ outcome: 'queued' });
  const kept = await unlockFleet(test.clients, table, 'default', 'me', nowMs(), {}, 'if-asked');
  expect(kept).toMatchObject({ lock: { rerunTraceId: own('c') } });
});
