/** The alarms in the API: those of CloudWatch, in the overview too, and an overview all the same when they cannot be read. */
import { PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { functionAlarms } from '../../core/alarms.ts';
import type { SteppedClock } from '../../local/clock.ts';
import { type ApiStage, startApiStage } from './api-stage.test-factory.ts';
import { viewer } from './gateway-event.test-factory.ts';

const minuteMs = 60_000;
const keptMs = 10_000;
let stage: ApiStage;
let clock: SteppedClock;
beforeEach(async () => {
  stage = await startApiStage();
  clock = stage.deps.clock as SteppedClock;
  const alarms = functionAlarms([{ id: 'reconcile', name: 'reconcile' }], 'reconcile', 'camera-changed');
  for (const prefix of ['kvs-infer-test', 'kvs-infer-test-2']) {
    stage.cloud.cloudWatch.watchAlarms({ prefix, alarms, eachMinute: () => {}, onChange: () => {} });
  }
});
afterEach(() => stage?.close());

const settled = async () => {};
const refuse = (code: string, status = 400) =>
  stage.cloud.context.faults.inject(
    ({ service, operation }) => service === 'monitoring' && operation === 'DescribeAlarms',
    {
      ...{ status, code, message: 'User: arn:aws:sts::123456789012:assumed-role/x is not authorized' },
    },
  );
const fail = () =>
  stage.clients.cloudWatch.send(
    new PutMetricDataCommand({
      Namespace: 'AWS/Lambda',
      MetricData: [
        { MetricName: 'Errors', Value: 1, Dimensions: [{ Name: 'FunctionName', Value: 'reconcile' }] },
        { MetricName: 'Invocations', Value: 1, Dimensions: [{ Name: 'FunctionName', Value: 'reconcile' }] },
      ],
    }),
  );

it('lists those of the stage, to everybody who may look, and 304 while nothing changes', async () => {
  const { status, body, headers } = await stage.ask('GET', '/api/alarms', { claims: viewer });
  expect(status).toBe(200);
  expect(body.alarms.map(({ alarm, state }: { alarm: string; state: string }) => [alarm, state])).toEqual([
    ['errors-reconcile', 'INSUFFICIENT_DATA'],
    ['iterator-age', 'INSUFFICIENT_DATA'],
    ['no-reconcile', 'INSUFFICIENT_DATA'],
  ]);
  const again = await stage.ask('GET', '/api/alarms', { headers: { 'if-none-match': String(headers.etag) } });
  expect(again.status).toBe(304);
  expect((await stage.ask('GET', '/api/alarms', { claims: null })).status).toBe(401);
});

it('tells in the overview which ring, since when, what that means and what to do, until it is over', async () => {
  await clock.step(minuteMs / 2, settled);
  await fail();
  await clock.step(minuteMs / 2, settled);
  const { body } = await stage.ask('GET', '/api/overview', { claims: viewer });
  expect(body.alarms.unreadable).toBeNull();
  const errors = body.alarms.ringing.find(({ alarm }: { alarm: string }) => alarm === 'errors-reconcile');
  expect(errors).toEqual({
    ...{ alarm: 'errors-reconcile', fleet: null, state: 'ALARM', since: new Date(clock.nowMs()).toISOString() },
    ...{ meaning: 'Function reconcile failed.', action: 'Look at its log group.' },
  });
  await clock.step(4 * minuteMs, settled);
  const later = (await stage.ask('GET', '/api/overview')).body.alarms.ringing;
  expect(later.map(({ alarm }: { alarm: string }) => alarm)).not.toContain('errors-reconcile');
});

it('answers the rest of the overview when they cannot be read, says so without telling secrets, and reads again', async () => {
  const heal = refuse('AccessDeniedException');
  const { status, body } = await stage.ask('GET', '/api/overview', { claims: viewer });
  expect(status).toBe(200);
  expect(body).toMatchObject({ cameras: 1, alarms: { ringing: [], unreadable: 'AWS_ACCESS_DENIED' } });
  expect(JSON.stringify(body)).not.toContain('assumed-role');
  expect(await stage.ask('GET', '/api/alarms')).toMatchObject({ status: 500, body: { detail: 'AWS_ACCESS_DENIED' } });
  heal();
  await clock.step(keptMs, settled);
  expect((await stage.ask('GET', '/api/overview')).body.alarms.unreadable).toBeNull();
});

it('asks CloudWatch once for all who ask within some seconds', async () => {
  let calls = 0;
  stage.cloud.context.faults.inject(
    ({ service, operation }) => {
      if (service === 'monitoring' && operation === 'DescribeAlarms') calls += 1;
      return false;
    },
    { status: 500, code: 'InternalFailure', message: '' },
  );
  await Promise.all(Array.from({ length: 5 }, () => stage.ask('GET', '/api/overview')));
  expect(calls).toBe(1);
  await clock.step(keptMs, settled);
  await stage.ask('GET', '/api/alarms');
  expect(calls).toBe(2);
});
