/** A small run under load: AWS's default limits hold, every camera is watched in time, and the account is a counted one. */
import { expect, test } from 'vitest';
import { startControlStage } from '../../functions/control-loop-stage.test-factory.ts';
import { SteppedClock } from '../../local/clock.ts';
import { DefaultLimits } from '../../local/default-limits.ts';
import { load } from './load.ts';

test('200 cameras on 40 workers in two fleets boot within 20 s and live through a minute within the limits', {
  timeout: 300_000,
}, async () => {
  const lines: string[] = [];
  const sizes = { minutes: 1, cameras: 200, workers: 40, fleets: 2, seed: 'ci' };
  const report = await load({ ...sizes, onLine: (line) => lines.push(line) });
  expect(report.violations, lines.join('\n')).toEqual([]);
  expect(report.camerasRunning).toBeGreaterThan(150);
  expect(report.reconcile.runs).toBe(1);
  const heartbeats = report.workersRunning * 20;
  const checkpoints = report.camerasRunning * 2;
  expect(report.callsPerMinute['dynamodb UpdateItem']).toBeGreaterThan((heartbeats + checkpoints) * 0.8);
  expect(report.callsPerMinute['dynamodb UpdateItem']).toBeLessThan((heartbeats + checkpoints) * 1.5);
  expect(report.units['kvs-infer-test-camera-states']?.write).toBeGreaterThan(checkpoints);
  expect(report.usdPerHour).toBeGreaterThan(0);
});

test('the agents of all tasks take protection from the bucket of the account', async () => {
  const startMs = Date.parse('2026-11-24T12:00:00Z');
  const stage = await startControlStage({ startMs, enforcesLimits: true, policy: { minWorkers: 1 } });
  try {
    await stage.advance(180);
    const [task] = stage.cloud.compute.listTasks();
    const ask = () => fetch(`${stage.cloud.endpoint}/ecs-agent/${task?.taskId}/task-protection/v1/state`);
    for (let call = 0; call < 200; call += 1) expect((await ask()).status).toBe(200);
    const refused = await ask();
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: { Code: 'ThrottlingException' } }]);
  } finally {
    await stage.close();
  }
});

test('a bucket gives its burst at once, refuses the next call, and fills at its rate', async () => {
  const clock = new SteppedClock(0);
  const limits = new DefaultLimits(clock);
  for (let call = 0; call < 50; call += 1) limits.admit('ecs', 'UpdateService');
  expect(() => limits.admit('ecs', 'UpdateService')).toThrow('Rate exceeded');
  // Five a second.
  await clock.step(200);
  limits.admit('ecs', 'UpdateService');
  expect(() => limits.admit('ecs', 'UpdateService')).toThrow('Rate exceeded');
  expect([...limits.refusals]).toEqual([['ecs service modify', 2]]);
  limits.consume('states', 'a', 'write', 300_000);
  expect(() => limits.consume('states', 'a', 'write', 1)).toThrow('partition');
  limits.consume('states', 'b', 'write', 1);
});
