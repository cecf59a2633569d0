/** Frames that are read late because the worker has no time: where the camera goes on, and over which connection. */
import { afterEach, expect, test } from 'vitest';
import { endSessions, rig, settle } from './camera-session-rig.test-factory.ts';
import { fragmentBytes } from './scripted-media.test-factory.ts';

afterEach(endSessions);

test('a busy thread that has fallen behind goes on at a keyframe that is in time, over the same connection', async () => {
  const { media, clock, send, names, subject, isBalanced } = rig({}, [], 0, 0.95);
  await settle();
  const later = async (milliseconds: number) => clock.step(milliseconds, settle);
  for (let fragment = 0; fragment < 3; fragment += 1) {
    await send(fragmentBytes(fragment));
    await later(500);
  }
  // Nothing was read for 2 s; what has piled up meanwhile comes at once.
  await later(2_000);
  for (let fragment = 3; fragment < 8; fragment += 1) await send(fragmentBytes(fragment));
  expect(names().slice(15)).toEqual([6, 7].flatMap((f) => [0, 1, 2, 3, 4].map((i) => `${1_000 + f}/${i}`)));
  expect(subject.intake.ledger.counts().dropped).toEqual({ late: 15 });
  expect(isBalanced()).toBe(true);
  expect(subject.report()).toMatchObject({ blindCause: 'overload', sessions: { opened: 1, skippedToNow: 0 } });
  expect(media.opens).toBe(1);
});

test('a delay that grows however often it is accepted ends in a jump to the live edge', async () => {
  const { media, clock, send, subject, isBalanced } = rig({}, [], 0, 0.95);
  await settle();
  // Each second of media takes 2.2 s to be read, and KVS knows nothing of it: it has sent everything in time.
  for (let fragment = 0; fragment < 8 && media.opens === 1; fragment += 1) {
    await send(fragmentBytes(fragment));
    await clock.step(2_200, settle);
  }
  await clock.step(2_000, settle);
  expect(media.current.start).toEqual({ at: 'now' });
  expect(subject.report().sessions.skippedToNow).toBe(1);
  expect(isBalanced()).toBe(true);
});

test('the same delay of a thread that had time is read to the end', async () => {
  const { clock, send, names } = rig({}, [], 0, 0.2);
  await settle();
  await send(fragmentBytes(0));
  await clock.step(2_500, settle);
  for (let fragment = 1; fragment < 5; fragment += 1) await send(fragmentBytes(fragment));
  expect(names()).toHaveLength(25);
});
