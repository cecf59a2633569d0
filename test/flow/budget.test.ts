/** A fleet whose day has become too expensive: who is watched until midnight, and that all are again after it. */
import { afterEach, expect, test, vi } from 'vitest';
import { cameraRow } from './camera-that-sends.ts';
import { type SteppedSystem, startSteppedSystem } from './stepped-system.ts';

vi.setConfig({ testTimeout: 120_000 });

let system: SteppedSystem;
afterEach(() => system.close());

test('the camera of lower priority is shed before midnight, and watched again on the new day', async () => {
  system = await startSteppedSystem({
    start: '2026-11-24T23:40:20Z',
    inferencesPerSecond: 1.4,
    // From 23:42 to midnight one worker is 3.60 and two are 7.20; after it two are 3.60 again.
    policy: {
      ...{ usdPerDayMax: 4, scaleInDelayMs: 60_000, instanceUsdPerHour: { 'g4dn.xlarge': 12 } },
      ...{ instanceTypes: ['g4dn.xlarge'], defaultInferencesPerSecond: 1.4 },
    },
  });
  const windows = [{ days: ['tue'], start: '23:50', end: '00:08' }];
  for (const [cameraId, priority] of [
    ['gate', 90],
    ['yard', 10],
  ] as const) {
    await system.createStream(cameraId);
    system.send(cameraId);
    await system.putRow(cameraRow(cameraId, { priority, schedule: { timeZone: 'UTC', windows } }));
  }
  await system.passUntil('2026-11-24T23:55:00Z');
  expect(await system.camera('gate')).toMatchObject({ phase: 'running' });
  expect(await system.camera('yard')).toMatchObject({
    phase: 'shed',
    phaseReason: "the day's budget allows no more workers, and cameras of higher priority fill those that it allows",
  });
  expect(system.instances()).toHaveLength(1);
  const problems = (await system.decisions()).flatMap((decision) => decision.problems ?? []);
  expect(problems[0]).toMatch(/^the budget of 4\.00 USD a day allows 1 worker until 2026-11-25T00:00:00Z/);

  await system.passUntil('2026-11-25T00:07:00Z');
  for (const cameraId of ['gate', 'yard']) expect(await system.camera(cameraId)).toMatchObject({ phase: 'running' });
  const ledger = await system.ledger('yard');
  const before = ledger.find(({ hour }) => hour === '2026-11-24T23Z');
  expect(before?.blind_shed).toBeGreaterThan(540);
});
