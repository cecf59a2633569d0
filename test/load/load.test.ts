/** A small run under load: AWS's default limits hold, every camera is watched in time, and the account is a counted one. */
import { expect, test } from 'vitest';
import { SteppedClock } from '../../local/clock.ts';
import { DefaultLimits } from '../../local/default-limits.ts';
import { load } from './load.ts';

test('200 cameras on 40 workers in two fleets boot at one instant and live through a minute within the limits', {
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

test('a bucket gives its burst at once, refuses the next call, and fills at its rate', async () => {
  const clock = new SteppedClock(0);
  const limits = new DefaultLimits(clock);
  for (let call = 0; call < 50; call += 1) limits.admit('ecs', 'UpdateService');
  expect(() => limits.admit('ecs', 'UpdateService')).toThrow('Rate exceeded');
  // Five a second.
  await clock.step(200);
  limits.admit('ecs', 'UpdateService');
  expect(() => limits.admit('ecs', 'UpdateService')).toThrow('Rate exceeded');
  expect([...limits.refusals]).toEqual([['ecs service resource modify', 2]]);
  limits.consume('states', 'a', 'write', 300_000);
  expect(() => limits.consume('states', 'a', 'write', 1)).toThrow('partition');
  limits.consume('states', 'b', 'write', 1);
});
