/** What a member says to control, and when, against a control link of the test's own. */
import { expect, test } from 'vitest';
import { RIG_START_MS, rigAssignment, rigCamera } from '../worker-rig.test-factory.ts';
import { dock, ready } from './fleet-member.test-factory.ts';

test('one heartbeat every 3 s; ready is told once', async () => {
  const { said, step } = await ready();
  await step(30_000);
  expect(said.filter((line) => line.startsWith('heartbeat'))).toHaveLength(10);
  expect(said.filter((line) => line.includes('Ready'))).toEqual([]);
});

test('protected before it owns a camera, unprotected when it owns none; a release is told after it is written', async () => {
  const { world, step, take } = await ready();
  world.assignments = dock();
  await step(3_000);
  expect(take()).toEqual(expect.arrayContaining(['protected', 'start dock-1#1']));
  world.assignments = {};
  await step(6_000);
  expect(take()).toEqual(['stop dock-1', 'release dock-1#1', 'event Camera Released dock-1', 'unprotected']);
});

test('an epoch that is over is not started again from a list that has not changed yet', async () => {
  const { world, step, take } = await ready();
  world.assignments = dock();
  await step(3_000);
  world.owns = false;
  await step(30_000);
  expect(take().filter((line) => /dock-1/.test(line))).toEqual([
    'start dock-1#1',
    'checkpoint dock-1#1',
    'stop dock-1 unpublished',
  ]);
  await step(9_000);
  expect(take().filter((line) => line.startsWith('start'))).toEqual([]);
  world.owns = true;
  world.assignments = dock(2);
  await step(3_000);
  expect(take()).toContain('start dock-1#2');
});

test('cut off: fenced once after 15 s; a camera that is gone from the list meanwhile is stopped without a word', async () => {
  const { world, step, take, member } = await ready();
  world.assignments = dock();
  await step(3_000);
  take();
  world.isCut = true;
  await step(20_000);
  expect(take()).toEqual(['fenced']);
  expect(member.isFenced()).toBe(true);
  world.isCut = false;
  world.assignments = {};
  await step(3_000);
  expect(take()).toEqual(['stop dock-1 unpublished', 'unprotected']);
  expect(member.isFenced()).toBe(false);
});

test('drain: everything is given back, told once, and a cut-off release is written when the line is back', async () => {
  const { world, step, take } = await ready();
  world.assignments = dock();
  await step(3_000);
  take();
  world.drain = { sinceMs: 0, reason: 'scale-in' };
  await step(9_000);
  expect(take()).toEqual([
    'stop dock-1',
    'release dock-1#1',
    'event Camera Released dock-1',
    'unprotected',
    'event Worker Drained',
  ]);
  world.drain = undefined;
  world.assignments = dock(2);
  await step(3_000);
  expect(take()).toEqual(expect.arrayContaining(['start dock-1#2', 'protected']));
  world.isCut = true;
  world.drain = { sinceMs: 0, reason: 'again' };
  await step(3_000);
  world.isCut = false;
  await step(6_000);
  expect(take()).toEqual(expect.arrayContaining(['stop dock-1', 'release dock-1#2', 'event Worker Drained']));
});

test('a camera whose row was removed and typed again begins anew, though its epochs start from 1 again', async () => {
  const { world, step, take } = await ready();
  world.assignments = dock(4);
  await step(3_000);
  world.assignments = {};
  await step(6_000);
  expect(take()).toContain('release dock-1#4');
  world.assignments = { 'dock-1': rigAssignment(rigCamera(), { epoch: 1, assignedAtMs: RIG_START_MS + 60_000 }) };
  await step(3_000);
  expect(take()).toContain('start dock-1#1');
});

test('a camera that a draining worker declines continues where its last owner stopped', async () => {
  const { world, said, step, take } = await ready();
  const resumeAfter = { fragmentNumber: '7', producerTimestampMs: 7_000 };
  world.drain = { sinceMs: 0, reason: 'scale-in' };
  world.assignments = { 'dock-1': rigAssignment(rigCamera(), { resumeAfter }) };
  await step(6_000);
  expect(said.some((line) => line.startsWith('start'))).toBe(false);
  expect(take()).toContain('release dock-1#1 after 7');
});

test('a worker that control has drained already leaves as soon as it is asked to', async () => {
  const { world, step, take, member } = await ready();
  world.assignments = dock();
  await step(3_000);
  world.drain = { sinceMs: 0, reason: 'its cameras fit on fewer workers' };
  await step(6_000);
  expect(take()).toContain('event Worker Drained');
  let hasLeft = false;
  void member.drain('SIGTERM').then(() => {
    hasLeft = true;
  });
  await step(1_000);
  expect(hasLeft).toBe(true);
  expect(take()).toEqual([]);
});
