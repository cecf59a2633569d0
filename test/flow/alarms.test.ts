/**
 * Each alarm of the deployment meets the fault that it is there for, in virtual time, against the deployed handlers: it must
 * ring and cease again. What cannot be made to happen here says why. Invariant: no alarm is forgotten.
 */
import { readFileSync } from 'node:fs';
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, describe, expect, it } from 'vitest';
import { fleetAlarms, functionAlarms, gpuAlarms, natAlarms, queueAlarms } from '../../core/alarms.ts';
import { type ControlStage, startControlStage } from '../../functions/control-loop-stage.test-factory.ts';
import { feeds } from '../../local/stage-alarms.ts';

const prefix = 'kvs-infer-test';
const policy = { leadTimeDefaultMs: 120_000, scaleInDelayMs: 60_000, silentGraceMs: 300_000, maxWorkers: 3 };
const nothingToMeasure = 'not here: the local cloud has nothing to measure it by';
/** Which test below has it ring, or why none does. */
const seenBy: Record<string, string> = {
  'no-reconcile': 'the tick stops',
  'errors-reconcile': 'functions die',
  'errors-camera-changed': 'functions die',
  'errors-capacity-changed': 'functions die',
  'errors-http-api': 'not here: the HTTP API is no Lambda locally; its alarm has the form of the three others',
  'queue-row-failures': 'functions die',
  'queue-event-failures': 'functions die',
  'iterator-age': 'functions die',
  'default-reconcile-failed': 'a table refuses',
  'default-runs-not-whole': 'ECS refuses to tell of the service',
  'default-wanted-over-running': 'no machines',
  'default-no-capacity': 'no machines',
  'default-budget-shed': 'the budget is spent',
  'default-model-reverted': 'a version gets no verdict',
  'default-window-missed': 'no machines',
  'default-camera-blind': 'no machines',
  'default-scheduled-but-silent': 'a camera is silent',
  'default-live-but-unscheduled': 'a camera sends at night',
  'default-running-below-desired': 'tasks do not start',
  ...Object.fromEntries(
    ['cpu-high', 'memory-high', 'gpu-memory-high', 'gpu-load-high'].map((name) => [
      `default-${name}`,
      nothingToMeasure,
    ]),
  ),
  'nat-bytes-high-1': nothingToMeasure,
};

let stage: ControlStage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

async function started(at: string, more: object = {}): Promise<ControlStage> {
  stage = await startControlStage({ startMs: Date.parse(at), policy: { ...policy, ...more } });
  return stage;
}

async function sendingCamera(test: ControlStage, cameraId: string, row: Record<string, unknown> = {}) {
  await test.createStream(cameraId);
  test.flowing.add(cameraId);
  await test.putCamera({ cameraId, streamName: cameraId, ...row });
}

const ringing = (test: ControlStage) =>
  test.alarms
    .states()
    .filter(({ state }) => state === 'ALARM')
    .map(({ name }) => name.slice(prefix.length + 1));

/** Steps minute by minute until all have rung (or ceased); the alarms that others cause may ring too. */
async function until(test: ControlStage, minutesMax: number, isSo: () => boolean, what: string) {
  for (let minute = 0; minute < minutesMax; minute += 1) {
    if (isSo()) return;
    await test.advance(60);
  }
  expect(isSo(), `${what} after ${minutesMax} min; ringing: ${ringing(test).join(', ')}`).toBe(true);
}

/** @param heal ends the fault. */
async function ringsAndCeases(test: ControlStage, names: string[], minutesMax: number, heal: () => unknown) {
  const begunMs = test.clock.nowMs();
  const quiet = ringing(test).filter((name) => names.includes(name));
  expect(quiet, 'rings before the fault').toEqual([]);
  const hasChanged = (name: string, to: 'ALARM' | 'OK') =>
    test.alarmChanges.some(
      (change) => change.alarm === `${prefix}-${name}` && change.to === to && change.atMs > begunMs,
    );
  await until(test, minutesMax, () => names.every((name) => hasChanged(name, 'ALARM')), `${names.join(', ')} ring`);
  await heal();
  await until(test, 60, () => names.every((name) => !ringing(test).includes(name)), `${names.join(', ')} cease`);
}

function setOfFleet(test: ControlStage, name: string, value: unknown) {
  return test.clients.documents.send(
    new UpdateCommand({
      TableName: test.names.tables.fleets,
      Key: { fleet: 'default' },
      UpdateExpression: 'SET #name = :value',
      ExpressionAttributeNames: { '#name': name },
      ExpressionAttributeValues: { ':value': value },
    }),
  );
}

const namesSeenBy = (title: string) => Object.keys(seenBy).filter((name) => seenBy[name] === title);

describe('alarms', () => {
  it('the tick stops', async () => {
    const test = await started('2026-11-24T08:00:00Z');
    await test.advance(900);
    const arn = test.cloud.lambda.arnOf(`${prefix}-reconcile`);
    await test.cloud.events.putSchedule(`${prefix}-tick`, 'rate(1 day)', arn);
    await ringsAndCeases(test, namesSeenBy('the tick stops'), 7, () =>
      test.cloud.events.putSchedule(`${prefix}-tick`, 'rate(1 minute)', arn),
    );
  });

  it('functions die', async () => {
    const test = await started('2026-11-24T08:00:00Z');
    await test.advance(300);
    for (const name of ['reconcile', 'camera-changed', 'capacity-changed']) test.crashing.add(`${prefix}-${name}`);
    for (let row = 1; row <= 8; row += 1) await test.putCamera({ cameraId: `late-${row}`, streamName: 'none' });
    test.cloud.context.emit({ source: test.names.eventSource, 'detail-type': 'Worker Ready', detail: {} });
    await ringsAndCeases(test, namesSeenBy('functions die'), 10, () => {
      test.crashing.clear();
      for (const queue of ['row-failures', 'event-failures'] as const) {
        expect(test.cloud.lambda.deadLettersOf(feeds(queue)).count, queue).toBeGreaterThan(0);
        test.cloud.lambda.deadLettersOf(feeds(queue)).purge();
      }
    });
  });

  it('a table refuses', async () => {
    const test = await started('2026-11-24T08:00:00Z');
    await test.advance(120);
    const heal = test.cloud.context.faults.inject(
      ({ service, operation }) => service === 'dynamodb' && operation === 'Query',
      { status: 400, code: 'AccessDeniedException', message: 'not authorized to perform: dynamodb:Query' },
    );
    await ringsAndCeases(test, namesSeenBy('a table refuses'), 8, heal);
  });

  it('ECS refuses to tell of the service', async () => {
    const test = await started('2026-11-24T08:00:00Z');
    await test.advance(120);
    const heal = test.cloud.context.faults.inject(
      ({ service, operation }) => service === 'ecs' && operation === 'DescribeServices',
      { status: 400, code: 'AccessDeniedException', message: 'not authorized to perform: ecs:DescribeServices' },
    );
    await ringsAndCeases(test, namesSeenBy('ECS refuses to tell of the service'), 9, heal);
  });

  it('no machines', async () => {
    const test = await started('2026-11-24T07:50:00Z');
    test.cloud.compute.setShortages([{}]);
    await sendingCamera(test, 'dock-1', {
      schedule: { timeZone: 'UTC', windows: [{ days: ['tue'], start: '08:00', end: '18:00' }] },
    });
    await ringsAndCeases(test, namesSeenBy('no machines'), 40, () => test.cloud.compute.setShortages([]));
    expect(await test.camera('dock-1')).toMatchObject({ phase: 'running' });
  });

  it('the budget is spent', async () => {
    const prices = { instanceUsdPerHour: { 'g4dn.xlarge': 1 }, instanceTypes: ['g4dn.xlarge'], onDemandBase: 3 };
    const test = await started('2026-11-24T08:00:00Z', { usdPerDayMax: 0.1, ...prices });
    await sendingCamera(test, 'dock-1');
    await ringsAndCeases(test, namesSeenBy('the budget is spent'), 60, () =>
      setOfFleet(test, 'policy', { usdPerDayMax: 1_000 }),
    );
  });

  it('a version gets no verdict', async () => {
    const test = await started('2026-11-24T08:00:00Z');
    await sendingCamera(test, 'dock-1');
    const order = {
      ...{ schemaVersion: 1, id: 'a', version: 'default@2', canary: { percent: 100 }, bakeMs: 900_000 },
      ...{ maxErrorRate: 0.01, maxSlowdown: 2, orderedAtMs: test.clock.nowMs(), orderedBy: 'ann', reason: '' },
      until: '2026-11-24T08:05:00Z',
    };
    const told: unknown[] = [];
    const arn = test.cloud.lambda.arnOf(`${prefix}-heard`);
    test.cloud.lambda.register({
      name: `${prefix}-heard`,
      timeoutMs: 1_000,
      handler: async (event) => void told.push(event),
    });
    await test.cloud.events.putRule('operators', { source: ['kvs-infer.control'] }, arn);
    await setOfFleet(test, 'modelRollout', order);
    await ringsAndCeases(test, namesSeenBy('a version gets no verdict'), 12, () => {});
    // Operators hear of it once, with the trace of the run that took it back.
    const decisions = await test.decisions();
    const reverted = decisions.find(({ actions }) =>
      actions.some((one) => /default@2.*(revert|taken back|back)/.test(one)),
    );
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({
      'detail-type': 'Model Reverted',
      detail: { stage: 'test', fleet: 'default', version: 'default@2', fault: 'expired', traceId: reverted?.traceId },
    });
  });

  it('a camera is silent', async () => {
    const test = await started('2026-11-24T08:00:00Z');
    await sendingCamera(test, 'dock-1');
    await test.advance(300);
    test.flowing.delete('dock-1');
    await ringsAndCeases(test, namesSeenBy('a camera is silent'), 30, () => test.flowing.add('dock-1'));
  });

  it('a camera sends at night', async () => {
    const test = await started('2026-11-24T00:00:00Z');
    await sendingCamera(test, 'dock-1', {
      schedule: { timeZone: 'UTC', windows: [{ days: ['tue'], start: '20:00', end: '21:00' }] },
    });
    await ringsAndCeases(test, namesSeenBy('a camera sends at night'), 60, () => test.flowing.delete('dock-1'));
  });

  it('tasks do not start', async () => {
    const test = await started('2026-11-24T08:00:00Z');
    test.image.isBroken = true;
    await sendingCamera(test, 'dock-1');
    await ringsAndCeases(test, namesSeenBy('tasks do not start'), 30, () => {
      test.image.isBroken = false;
    });
  });
});

describe('no alarm is forgotten', () => {
  const all = [
    ...functionAlarms(
      ['reconcile', 'capacity-changed', 'camera-changed', 'http-api'].map((id) => ({ id, name: id })),
      'reconcile',
      'camera-changed',
    ),
    ...queueAlarms({ 'row-failures': '', 'event-failures': '' }),
    ...fleetAlarms('default', '', {}, { cluster: '', service: '' }),
    ...gpuAlarms('default', '', ''),
    ...natAlarms(['nat'], 'managed'),
  ].map(({ name }) => name);

  it('every one has its fault, or the reason why there is none', () => {
    expect(Object.keys(seenBy).sort()).toEqual(all.sort());
  });

  it('docs/reliability.md has a row for each', () => {
    const text = readFileSync(new URL('../../docs/reliability.md', import.meta.url), 'utf8');
    for (const name of all) {
      const kind = name
        .replace(/^default-/, '<fleet>-')
        .replace(/^errors-(?!http-api).*/, 'errors-<function>')
        .replace(/-1$/, '-<n>');
      expect(text, kind).toContain(`| \`${kind}\``);
    }
  });
});
