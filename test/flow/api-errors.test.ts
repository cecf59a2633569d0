/**
 * Every API call of the control loop and of the worker, answered with each error that AWS documents for it, while rows
 * come and go, a worker dies and a stream is to be made: afterwards the system is as it was, with nobody's help.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { cameraRow } from './camera-that-sends.ts';
import { type UsedCall, usedCalls } from './documented-errors.ts';
import { type SteppedSystem, startSteppedSystem } from './stepped-system.ts';

vi.setConfig({ testTimeout: 600_000 });

const minuteMs = 60_000;
/** What the SDK tries again by itself comes so often in a row that it gives up. */
const sdkAttempts = 3;
const retriedBySdk = /Throttl|Throughput|LimitExceeded|TransactionInProgress/;
/** Each error once needs as many ticks. */
const minutesEachMax = 20;
const calls = usedCalls();
/** Made only in situations that other tests bring about (rollouts, the capacity ladder). */
const rare = ['StopTask', 'UpdateAutoScalingGroup', 'DescribeScalingActivities'];

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
        const isTurn = call.service === scope && call.operation === operation && left[0] === error;
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

const scopes = [...new Set(calls.map(({ scope }) => scope))];

test.each(scopes)('%s: each call, each documented error', async (scope) => {
  system = await startSteppedSystem({ start: '2026-11-24T09:00:20Z', policy: { minWorkers: 1 } });
  await system.createStream('dock-1');
  system.send('dock-1');
  await system.putRow(cameraRow('dock-1'));
  await untilWatched(0);
  const missed: string[] = [];
  for (const [index, call] of calls.filter((one) => one.scope === scope).entries()) {
    const fault = failing(call);
    // A row with a stream to make, a worker that dies, a row that goes, and time for ticks and heartbeats.
    await system.putRow(cameraRow(`new-${index}`, { stream: { create: true, retentionHours: 1 } }));
    const [owner] = system.tasks.alive.keys();
    if (owner !== undefined) system.cloud.compute.killTask(owner, 'SIGKILL');
    for (let minute = 0; minute < minutesEachMax && (minute < 2 || fault.left.length > 0); minute += 1) {
      await system.pass(minuteMs);
    }
    fault.heal();
    const codes = [...new Set(fault.left.map(({ code }) => code))];
    if (codes.length > 0) missed.push(`${call.operation}: ${codes.join(' ')}`);
    const healedAtMs = system.clock.nowMs();
    await untilWatched(healedAtMs);
    expect((await system.camera(`new-${index}`)).camera, `${call.operation}: the row is taken`).not.toBeNull();
  }
  expect(missed.filter((words) => !rare.some((operation) => words.startsWith(`${operation}:`)))).toEqual([]);
  expect(system.instances()).toHaveLength(1);
});
