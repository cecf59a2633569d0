/**
 * Each alarm of the deployment meets the fault that it is there for, in virtual time, against the deployed handlers: it must
 * ring and cease again. Those of what machines report are in alarms-of-machines.test.ts. Invariant: no alarm is forgotten.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, describe, expect, it } from 'vitest';
import {
  alarmedFunctions,
  alarmedQueues,
  apiAlarms,
  functionAlarms,
  natAlarms,
  queueAlarms,
} from '../../core/alarms.ts';
import { fleetAlarms, gpuAlarms } from '../../core/fleet-alarms.ts';
import { gatewayEvent } from '../../functions/api/gateway-event.test-factory.ts';
import { type ControlStage, startControlStage } from '../../functions/control-loop-stage.test-factory.ts';
import { startDashboardServer } from '../../local/http/dashboard-server.ts';
import { countApiAnswer, feeds } from '../../local/stage-alarms.ts';
import { alarmCases } from './alarm-cases.ts';
import { alarmPrefix, ringsAndCeases } from './ringing.ts';

const policy = { leadTimeDefaultMs: 120_000, scaleInDelayMs: 60_000, silentGraceMs: 300_000, maxWorkers: 3 };
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

describe('alarms', () => {
  it('the tick stops', async () => {
    const test = await started('2026-11-24T08:00:00Z');
    await test.advance(900);
    const arn = test.cloud.lambda.arnOf(`${alarmPrefix}-reconcile`);
    await test.cloud.events.putSchedule(`${alarmPrefix}-tick`, 'rate(1 day)', arn);
    await ringsAndCeases(test, 'the tick stops', 7, () =>
      test.cloud.events.putSchedule(`${alarmPrefix}-tick`, 'rate(1 minute)', arn),
    );
  });

  it('functions die', async () => {
    const test = await started('2026-11-24T08:00:00Z');
    await test.advance(300);
    for (const name of ['reconcile', 'camera-changed', 'capacity-changed']) test.crashing.add(`${alarmPrefix}-${name}`);
    for (let row = 1; row <= 8; row += 1) await test.putCamera({ cameraId: `late-${row}`, streamName: 'none' });
    test.cloud.context.emit({ source: test.names.eventSource, 'detail-type': 'Worker Ready', detail: {} });
    await ringsAndCeases(test, 'functions die', 10, () => {
      test.crashing.clear();
      for (const queue of ['row-failures', 'event-failures'] as const) {
        expect(test.cloud.lambda.deadLettersOf(feeds(queue)).count, queue).toBeGreaterThan(0);
        test.cloud.lambda.deadLettersOf(feeds(queue)).purge();
      }
    });
  });

  it('the API dies', async () => {
    const test = await started('2026-11-24T08:00:00Z');
    await test.advance(120);
    const name = `${alarmPrefix}-http-api`;
    const ask = () => test.cloud.lambda.invoke(name, gatewayEvent('GET', '/api/overview'));
    expect(await ask()).toMatchObject({ statusCode: 200 });
    test.crashing.add(name);
    await expect(ask()).rejects.toThrow('signal: killed');
    await ringsAndCeases(test, 'the API dies', 3, async () => {
      test.crashing.clear();
      expect(await ask()).toMatchObject({ statusCode: 200 });
    });
  });

  it('the API fails', async () => {
    const machines = await started('2026-11-24T08:00:00Z');
    const siteFolder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-site-'));
    const onApiAnswer = (status: number) => countApiAnswer(machines.cloud, 'test', status);
    const server = await startDashboardServer({ ...machines, siteFolder, port: 0, portSearch: false, onApiAnswer });
    try {
      const headers = { authorization: `Bearer ${server.token}` };
      const ask = async () => {
        const answer = await fetch(new URL('/api/cameras', server.url), { headers });
        await answer.text();
        return answer.status;
      };
      // Somebody looks at the dashboard.
      const test = {
        ...machines,
        async advance(seconds: number) {
          await Promise.all([ask(), ask()]);
          await machines.advance(seconds);
        },
      };
      for (let minute = 0; minute < 6; minute += 1) await test.advance(60);
      expect(await ask()).toBe(200);
      const heal = machines.cloud.context.faults.inject(
        ({ service, operation }) => service === 'dynamodb' && operation === 'Query',
        { status: 400, code: 'AccessDeniedException', message: 'not authorized to perform: dynamodb:Query' },
      );
      expect(await ask()).toBe(500);
      await ringsAndCeases(test, 'the API fails', 5, heal);
      expect(await ask()).toBe(200);
    } finally {
      await server.close();
      await rm(siteFolder, { recursive: true, force: true });
    }
  });

  it('a table refuses', async () => {
    const test = await started('2026-11-24T08:00:00Z');
    await test.advance(120);
    const heal = test.cloud.context.faults.inject(
      ({ service, operation }) => service === 'dynamodb' && operation === 'Query',
      { status: 400, code: 'AccessDeniedException', message: 'not authorized to perform: dynamodb:Query' },
    );
    await ringsAndCeases(test, 'a table refuses', 8, heal);
  });

  it('ECS refuses to tell of the service', async () => {
    const test = await started('2026-11-24T08:00:00Z');
    await test.advance(120);
    const heal = test.cloud.context.faults.inject(
      ({ service, operation }) => service === 'ecs' && operation === 'DescribeServices',
      { status: 400, code: 'AccessDeniedException', message: 'not authorized to perform: ecs:DescribeServices' },
    );
    await ringsAndCeases(test, 'ECS refuses to tell of the service', 9, heal);
  });

  it('no machines', async () => {
    const test = await started('2026-11-24T07:50:00Z');
    test.cloud.compute.setShortages([{}]);
    await sendingCamera(test, 'dock-1', {
      schedule: { timeZone: 'UTC', windows: [{ days: ['tue'], start: '08:00', end: '18:00' }] },
    });
    await ringsAndCeases(test, 'no machines', 40, () => test.cloud.compute.setShortages([]));
    expect(await test.camera('dock-1')).toMatchObject({ phase: 'running' });
  });

  it('the budget is spent', async () => {
    const prices = { instanceUsdPerHour: { 'g4dn.xlarge': 1 }, instanceTypes: ['g4dn.xlarge'], onDemandBase: 3 };
    const test = await started('2026-11-24T08:00:00Z', { usdPerDayMax: 0.1, ...prices });
    await sendingCamera(test, 'dock-1');
    await ringsAndCeases(test, 'the budget is spent', 60, () => setOfFleet(test, 'policy', { usdPerDayMax: 1_000 }));
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
    const arn = test.cloud.lambda.arnOf(`${alarmPrefix}-heard`);
    test.cloud.lambda.register({
      name: `${alarmPrefix}-heard`,
      timeoutMs: 1_000,
      handler: async (event) => void told.push(event),
    });
    await test.cloud.events.putRule('operators', { source: ['kvs-infer.control'] }, arn);
    await setOfFleet(test, 'modelRollout', order);
    await ringsAndCeases(test, 'a version gets no verdict', 12, () => {});
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
    await ringsAndCeases(test, 'a camera is silent', 30, () => test.flowing.add('dock-1'));
  });

  it('a camera sends at night', async () => {
    const test = await started('2026-11-24T00:00:00Z');
    await sendingCamera(test, 'dock-1', {
      schedule: { timeZone: 'UTC', windows: [{ days: ['tue'], start: '20:00', end: '21:00' }] },
    });
    await ringsAndCeases(test, 'a camera sends at night', 60, () => test.flowing.delete('dock-1'));
  });

  it('tasks do not start', async () => {
    const test = await started('2026-11-24T08:00:00Z');
    test.image.isBroken = true;
    await sendingCamera(test, 'dock-1');
    await ringsAndCeases(test, 'tasks do not start', 30, () => {
      test.image.isBroken = false;
    });
  });
});

describe('no alarm is forgotten', () => {
  const all = [
    ...functionAlarms(
      alarmedFunctions.map((id) => ({ id, name: id })),
      'reconcile',
      'camera-changed',
    ),
    ...apiAlarms(''),
    ...queueAlarms(Object.fromEntries(alarmedQueues.map((queue) => [queue, queue]))),
    ...fleetAlarms('default', '', {}, { cluster: '', service: '' }),
    ...gpuAlarms('default', '', ''),
    ...natAlarms(['nat'], 'managed'),
  ].map(({ name }) => name);
  const textOf = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');

  it('every one has its fault', () => {
    expect(Object.keys(alarmCases).sort()).toEqual(all.sort());
  });

  it.each(all)('the test of %s is there, and has it ring', (name) => {
    const { file, tests = [] } = alarmCases[name] ?? {};
    expect(tests.length).toBeGreaterThan(0);
    for (const test of tests) {
      const [, body = ''] = textOf(`./${file}`).split(`('${test}`);
      expect(body.split('\n  it')[0]).toContain(`ringsAndCeases(test, '${test}'`);
    }
  });

  it.each(all)('docs/reliability.md says of %s which fault rings it, how soon, and which test that is', (name) => {
    const kind = name.replace(/^default-/, '<fleet>-').replace(/-1$/, '-<n>');
    const rows = textOf('../../docs/reliability.md')
      .split('\n')
      .filter((line) => line.startsWith(`| \`${kind}\` |`));
    expect(rows).toHaveLength(1);
    const [, fault, rings, over, test] =
      rows[0]
        ?.split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()) ?? [];
    expect(fault).not.toBe('');
    expect(rings).toMatch(/^\d+ min$/);
    expect(over).toMatch(/^(by itself, )?\d+ min/);
    expect(test).toBe(alarmCases[name]?.tests.join('; '));
  });
});
