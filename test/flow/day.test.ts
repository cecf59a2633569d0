/**
 * A day of one camera with a window in the morning and one in the evening, from its row to the last machine that is
 * gone, through the deployed handlers and the real worker. The clock is stepped; nothing sleeps.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { cameraRow } from './camera-that-sends.ts';
import { type SteppedSystem, startSteppedSystem } from './stepped-system.ts';

// A test takes seconds; on a machine that is busy with other things it may take longer, and nothing in it measures that.
vi.setConfig({ testTimeout: 120_000 });

const secondsMs = (seconds: number) => seconds * 1_000;
const day = '2026-11-24';
const at = (time: string) => `${day}T${time}+01:00`;
const windows = [
  { start: '08:00', end: '08:04' },
  { start: '18:00', end: '18:02' },
];

let system: SteppedSystem | undefined;
afterEach(() => system?.close());

test('a day: row in, warm before the window, detections while it is open, nothing left after it', async () => {
  system = await startSteppedSystem({ start: at('00:00:20') });
  const { clock } = system;
  await system.createStream('dock-1');
  await system.putRow(cameraRow('dock-1', { schedule: { timeZone: 'Europe/Berlin', windows } }));
  expect(await system.camera('dock-1')).toMatchObject({
    phase: 'off-schedule',
    phaseReason: 'outside its windows',
    issues: [],
  });

  // The night costs nothing.
  await system.sleepUntil(at('07:45:00'));
  expect(system.cloud.compute.listInstances()).toEqual([]);

  for (const [index, window] of windows.entries()) {
    const opensAtMs = Date.parse(at(window.start));
    const closesAtMs = Date.parse(at(window.end));
    const epoch = index + 1;

    // Warm-up: lead time (420 s) and at most one tick before the window.
    await system.sleepUntil(new Date(opensAtMs - secondsMs(900)).toISOString());
    await system.passUntilSo('an instance is launched', () => system?.instances().length === 1, secondsMs(600), 10_000);
    expect(clock.nowMs()).toBeLessThanOrEqual(opensAtMs - secondsMs(420));
    expect(clock.nowMs()).toBeGreaterThanOrEqual(opensAtMs - secondsMs(480));
    expect((await system.camera('dock-1')).phase).toBe('warming');
    expect((await system.decisions()).at(-1)).toMatchObject({
      reason: expect.stringMatching(/^no camera is wanted now; the window of dock-1 opens at .*; start 1 worker$/),
      desired: { instances: 1 },
    });

    // The camera sends already, like most do, but nobody looks before its time.
    await system.passUntil(new Date(opensAtMs - secondsMs(20)).toISOString());
    system.send('dock-1');
    await system.passUntil(new Date(opensAtMs).toISOString());
    const [worker] = await system.workers();
    expect(worker).toMatchObject({ lifecycle: 'ready', running: { 'dock-1': { epoch } } });
    expect(await system.camera('dock-1')).toMatchObject({ epoch, ownerWorkerId: worker?.workerId });

    await system.passUntil(new Date(opensAtMs + secondsMs(5)).toISOString());
    const first = (await system.results()).frames.find((frame) => frame.epoch === epoch);
    expect(Date.parse(first?.capturedAt ?? '')).toBeLessThanOrEqual(opensAtMs + secondsMs(2));
    await system.pass(secondsMs(60));
    expect(await system.camera('dock-1')).toMatchObject({
      phase: 'running',
      phaseReason: `on worker ${worker?.workerId}`,
    });

    // Closing: the camera goes on sending for a while, the system lets go of it in order.
    await system.passUntil(new Date(closesAtMs + secondsMs(100)).toISOString());
    const released = await system.camera('dock-1');
    expect(released).toMatchObject({ phase: 'off-schedule', epoch, releasedEpoch: epoch });
    expect(released.checkpoint?.fragmentNumber).toMatch(/^\d+$/);
    expect(released.ownerWorkerId).toBeUndefined();
    await system.fallSilent('dock-1');

    // Five minutes of patience, then drain, and the machine goes.
    await system.passUntilSo('no instance is left', () => system?.instances().length === 0, secondsMs(600), 10_000);
    expect(clock.nowMs()).toBeGreaterThanOrEqual(closesAtMs + secondsMs(300));
    expect(clock.nowMs()).toBeLessThanOrEqual(closesAtMs + secondsMs(480));
    expect(system.liveTasks()).toEqual([]);
    await system.pass(secondsMs(60));
    expect(await system.workers()).toEqual([]);
  }

  await system.sleepUntil(at('23:59:59'));
  expect(system.instances()).toEqual([]);
  await expectGoodBooks(system);
});

/** What the day left behind: results inside the windows only, and every second and every decision explained. */
async function expectGoodBooks(system: SteppedSystem) {
  const { frames, tracks } = await system.results();
  const span = (window: { start: string; end: string }) =>
    [Date.parse(at(window.start)), Date.parse(at(window.end))] as const;
  for (const { id, capturedAt } of frames) {
    const atMs = Date.parse(capturedAt);
    const isInside = windows.some((window) => span(window)[0] <= atMs && atMs < span(window)[1]);
    expect(isInside, `${id} of ${capturedAt}`).toBe(true);
  }
  // One frame a second: at most the join costs a few.
  for (const window of windows) {
    const [fromMs, toMs] = span(window);
    const seen = frames.filter(({ capturedAt }) => fromMs <= Date.parse(capturedAt) && Date.parse(capturedAt) < toMs);
    expect(seen.length).toBeGreaterThanOrEqual((toMs - fromMs) / 1_000 - 5);
  }
  const found = frames.flatMap(({ detections }) => detections);
  expect(found.length).toBeGreaterThan(frames.length / 2);
  expect(found.every(({ label, score }) => label === 'red' && score >= 0.6)).toBe(true);

  const entered = tracks.filter(({ event }) => event === 'enter').map(({ trackId }) => trackId);
  const exited = tracks.filter(({ event }) => event === 'exit');
  expect(entered.length).toBeGreaterThan(10);
  expect(exited.map(({ trackId }) => trackId).sort()).toEqual(entered.sort());
  const items = await system.detectionItems('dock-1');
  expect(items.map(({ trackId }) => trackId).sort()).toEqual(entered);
  expect(items.every(({ ended, label }) => ended === true && label === 'red')).toBe(true);
  const pictures = system.snapshots();
  const promised = exited.flatMap(({ snapshotKey }) => snapshotKey ?? []);
  expect(promised.length).toBeGreaterThan(0);
  for (const key of promised) expect(pictures).toEqual(expect.arrayContaining([key, key.replace('.jpg', '.json')]));

  const accounts = await system.ledger('dock-1');
  const promises = accounts.filter(({ hour }) => String(hour).startsWith('window#'));
  expect(promises).toMatchObject([
    { start: `${day}T07:00:00.000Z`, outcome: 'hit' },
    { start: `${day}T17:00:00.000Z`, outcome: 'hit' },
  ]);
  const ledger = accounts.filter((item) => !promises.includes(item));
  expect(ledger.map(({ hour }) => hour)).toEqual([`${day}T07Z`, `${day}T17Z`]);
  for (const [index, seconds] of [240, 120].entries()) {
    expect(ledger[index]?.scheduledSeconds).toBeCloseTo(seconds, 3);
    expect(ledger[index]?.inferredSeconds).toBeGreaterThan(seconds - 5);
  }

  const decisions = await system.decisions();
  expect(decisions.length).toBeGreaterThan(15);
  for (const { reason, actions } of decisions) {
    expect(reason).not.toBe('');
    expect(actions.filter((action) => action.startsWith('failed'))).toEqual([]);
  }
  // In this order, each day's work is done once a window.
  const work = [
    /^set the Auto Scaling group from 0 to 1$/,
    /^set the ECS service from 0 to 1$/,
    /^gives camera dock-1 to worker/,
    /to give up camera dock-1: outside its windows$/,
    /^camera dock-1 is free/,
    /^drains worker/,
    /^set the ECS service from 1 to 0$/,
    /^terminated instance .* is drained$/,
  ];
  const done = decisions
    .flatMap(({ actions }) => actions)
    .flatMap((action) => {
      const step = work.findIndex((pattern) => pattern.test(action));
      return step < 0 ? [] : [step];
    });
  expect(done).toEqual([...work.keys(), ...work.keys()]);
  expect(system.warnings).toEqual([]);
  expect(system.cloud.lambda.deadLetters).toEqual([]);
}
