/**
 * Every API call of the control loop and of the worker, answered with each error that AWS documents for it, while rows
 * come and go, a worker dies and a stream is to be made: afterwards the system is as it was, with nobody's help.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { cameraRow } from './camera-that-sends.ts';
import { deploy } from './deployed-revision.ts';
import { type UsedCall, usedCalls } from './documented-errors.ts';
import { type SteppedSystem, startSteppedSystem } from './stepped-system.ts';

vi.setConfig({ testTimeout: 600_000 });

const minuteMs = 60_000;
/** What the SDK tries again by itself comes so often in a row that it gives up. */
const sdkAttempts = 3;
const retriedBySdk = /Throttl|Throughput|LimitExceeded|TransactionInProgress/;
/** Each error once needs as many ticks. */
const minutesEachMax = 14;
const calls = usedCalls();
/** Made when a fleet grows or shrinks, and once in an instance's life. */
const sizing = ['SetDesiredCapacity', 'UpdateService', 'TerminateInstanceInAutoScalingGroup', 'DescribeInstances'];
/** Made while EC2 has no machine. */
const climbing = ['DescribeScalingActivities', 'UpdateAutoScalingGroup'];
/** Made by a rollout. */
const replacing = 'StopTask';
/** Made for an item that vanished, and for a worker that does not know its host: functions/rare-calls.test.ts. */
const rare = ['GetItem', 'DescribeTasks'];
const steady = calls.filter(({ operation }) => ![...sizing, ...climbing, replacing, ...rare].includes(operation));

let system: SteppedSystem;
afterEach(() => system.close());

const newestAtMs = async () =>
  Math.max(0, ...(await system.results()).frames.map(({ capturedAt }) => Date.parse(capturedAt)));

async function untilWatched(fromMs: number) {
  const isWatched = async () => {
    const phases = (await system.cameras()).filter(({ cameraId }) => cameraId === 'dock-1').map(({ phase }) => phase);
    return phases[0] === 'running' && (await newestAtMs()) > fromMs;
  };
  await system.passUntilSo('dock-1 is watched', isWatched, 12 * minuteMs, 5_000);
}

/** Answers the call with each of its errors in turn. */
function failing({ scope, operation, errors }: UsedCall) {
  const left = errors.flatMap((error) => {
    const times = error.status >= 500 || retriedBySdk.test(error.code) ? sdkAttempts : 1;
    return Array.from({ length: times }, () => error);
  });
  const heals = errors.map((error) =>
    system.cloud.context.faults.inject(
      (call) => {
        // Rows are written by people, and in this test by the test.
        const isOurs = call.service === scope && call.operation === operation && !call.resource.endsWith('-cameras');
        const isTurn = isOurs && left[0] === error;
        if (isTurn) left.shift();
        return isTurn;
      },
      { ...error, message: 'as documented' },
    ),
  );
  return {
    left,
    heal: () => {
      for (const heal of heals) heal();
    },
  };
}

const scopes = [...new Set(steady.map(({ scope }) => scope))];

test.each(scopes)('%s: each call, each documented error', async (scope) => {
  system = await startSteppedSystem({ start: '2026-11-24T09:00:20Z', policy: { minWorkers: 1 } });
  await system.createStream('dock-1');
  system.send('dock-1');
  await system.putRow(cameraRow('dock-1'));
  await untilWatched(0);
  const missed: string[] = [];
  for (const [index, call] of steady.filter((one) => one.scope === scope).entries()) {
    const fault = failing(call);
    for (let minute = 0; minute < minutesEachMax && (minute < 2 || fault.left.length > 0); minute += 1) {
      // A row with a stream to make, a row that goes, a worker that dies, and time for ticks and heartbeats.
      await system.putRow(cameraRow(`new-${index}-${minute}`, { stream: { create: true, retentionHours: 1 } }));
      if (minute > 0) await system.removeRow(`new-${index}-${minute - 1}`);
      const [owner] = system.tasks.alive.keys();
      if (owner !== undefined && minute % 2 === 0) system.cloud.compute.killTask(owner, 'SIGKILL');
      await system.pass(minuteMs);
    }
    fault.heal();
    const codes = [...new Set(fault.left.map(({ code }) => code))];
    if (codes.length > 0) missed.push(`${call.operation}: ${codes.join(' ')}`);
    await untilWatched(system.clock.nowMs());
  }
  expect(missed).toEqual([]);
  expect(system.instances()).toHaveLength(1);
});

test.each(sizing)(
  '%s: each documented error while the fleet grows from nothing and shrinks to nothing',
  async (name) => {
    const call = calls.find(({ operation }) => operation === name) as UsedCall;
    system = await startSteppedSystem({ start: '2026-11-24T09:00:20Z' });
    const fault = failing(call);
    await system.createStream('dock-1');
    system.send('dock-1');
    await system.putRow(cameraRow('dock-1'));
    await system.passUntilSo('frames', async () => (await newestAtMs()) > 0, 40 * minuteMs, 10_000);
    await system.removeRow('dock-1');
    await system.passUntilSo('no instance is left', () => system.instances().length === 0, 60 * minuteMs, 30_000);
    expect(fault.left.map(({ code }) => code)).toEqual([]);
  },
);

test.each(climbing)('%s: each documented error while EC2 has no machine of the usual kind', async (name) => {
  const call = calls.find(({ operation }) => operation === name) as UsedCall;
  system = await startSteppedSystem({
    start: '2026-11-24T09:00:20Z',
    policy: { instanceTypes: ['g4dn.xlarge'], fallbackInstanceTypes: ['g5.xlarge'], spotPercent: 100 },
  });
  const fault = failing(call);
  system.cloud.compute.setShortages([{ market: 'spot' }, { instanceType: 'g4dn.xlarge' }]);
  await system.createStream('dock-1');
  system.send('dock-1');
  await system.putRow(cameraRow('dock-1'));
  await system.passUntilSo('frames', async () => (await newestAtMs()) > 0, 60 * minuteMs, 10_000);
  expect(system.instances()).toMatchObject([{ instanceType: 'g5.xlarge', lifecycle: 'on-demand' }]);
  expect(fault.left.map(({ code }) => code)).toEqual([]);
});

test(`${replacing}: each documented error while a new revision takes over`, async () => {
  const call = calls.find(({ operation }) => operation === replacing) as UsedCall;
  system = await startSteppedSystem({ start: '2026-11-24T09:00:20Z' });
  await system.createStream('dock-1');
  system.send('dock-1');
  await system.putRow(cameraRow('dock-1'));
  await untilWatched(0);
  const fault = failing(call);
  const revision = await deploy(system, { name: 'RELEASE', value: '2' });
  const isReplaced = async () => {
    const living = (await system.workers()).filter(({ lifecycle }) => lifecycle !== 'stopped');
    return fault.left.length === 0 && living.length > 0 && living.every((worker) => worker.revision === revision);
  };
  await system.passUntilSo('only the new revision runs', isReplaced, 60 * minuteMs, 10_000);
  await untilWatched(system.clock.nowMs());
});
