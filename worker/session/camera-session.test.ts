import { afterEach, expect, test } from 'vitest';
import { KvsInferError } from '../../core/errors.ts';
import { segmentHeader, tagsElement } from '../../local/kinesisvideo/matroska-writer.ts';
import { endSessions, rig, settle } from './camera-session-rig.test-factory.ts';
import { CLIP_FRAME_MS, FRAMES_PER_FRAGMENT, fragmentBytes, fragmentTimeMs } from './scripted-media.test-factory.ts';

afterEach(endSessions);

test('a session that broke inside a fragment goes on after the last complete one and repeats no frame', async () => {
  const { media, step, names, send, subject, isBalanced } = rig();
  await settle();
  expect(media.current.start).toEqual({ at: 'now' });
  await send(fragmentBytes(0));
  await send(fragmentBytes(1, { frames: 3, ends: false }));
  media.current.fail(new Error('ECONNRESET'));
  await step(2_000);
  expect(media.current.start).toEqual({ at: 'after', fragmentNumber: '1000' });
  await send(fragmentBytes(1));
  await send(fragmentBytes(2));
  expect(names()).toEqual([0, 1, 2].flatMap((f) => [0, 1, 2, 3, 4].map((i) => `${1_000 + f}/${i}`)));
  expect(subject.intake.ledger.counts().dropped.repeated).toBe(3);
  expect(isBalanced()).toBe(true);
  expect(subject.report()).toMatchObject({ state: 'running', sessions: { opened: 2, ended: 1, skippedToNow: 0 } });
});

test('a successor begins after the checkpoint and leaves out what its predecessor handled of the next fragment', async () => {
  const resumeAfter = { fragmentNumber: '1000', producerTimestampMs: fragmentTimeMs(1) + 100 };
  const { media, names, send } = rig({ resumeAfter });
  await settle();
  expect(media.current.start).toEqual({ at: 'after', fragmentNumber: '1000' });
  await send(fragmentBytes(1));
  await send(fragmentBytes(2));
  expect(names().slice(0, 4)).toEqual(['1001/2', '1001/3', '1001/4', '1002/0']);
});

test('without a clean release, fragments from before the assignment are left out', async () => {
  const { names, send, subject } = rig({ handleFromServerMs: fragmentTimeMs(1) });
  await settle();
  await send(fragmentBytes(0));
  await send(fragmentBytes(1));
  expect(names()[0]).toBe('1001/0');
  expect(subject.intake.ledger.counts().dropped['before-assignment']).toBe(5);
});

test('a checkpoint whose fragment has left the retention costs one session: reading goes on at the live edge', async () => {
  const resumeAfter = { fragmentNumber: '7', producerTimestampMs: fragmentTimeMs(-9_000) };
  const { media, names, send, step, subject } = rig({ resumeAfter });
  await settle();
  // What KVS does: it answers 200 and says in the media that there is nothing after this fragment.
  const gone = tagsElement([
    ['AWS_KINESISVIDEO_ERROR_CODE', 'FRAGMENT_NOT_FOUND'],
    ['AWS_KINESISVIDEO_ERROR_ID', '4000'],
  ]);
  media.current.send(Buffer.concat([segmentHeader([]), gone]));
  media.current.end();
  await step(2_000);
  expect(media.current.start).toEqual({ at: 'now' });
  await send(fragmentBytes(0));
  expect(names()).toHaveLength(5);
  expect(subject.report()).toMatchObject({ state: 'running', mediaErrors: { STREAM_FRAGMENT_GONE: 1 } });
});

test('a stream whose key cannot be used says so instead of being called silent', async () => {
  const { media, step, subject } = rig();
  await settle();
  media.current.send(Buffer.concat([segmentHeader([]), tagsElement([['AWS_KINESISVIDEO_ERROR_ID', '4501']])]));
  media.current.end();
  await step(1_000);
  expect(subject.report()).toMatchObject({ state: 'failing', reason: expect.stringContaining('KMS key is disabled') });
});

test('too far behind the live edge: skip to now, count it, and not again at once', async () => {
  const { media, step, send, subject } = rig();
  await settle();
  await send(fragmentBytes(0, { behindMs: 6_000 }));
  await step(2_000);
  expect(media.connections[0]?.isClosed).toBe(true);
  expect(media.current.start).toEqual({ at: 'now' });
  await send(fragmentBytes(5, { behindMs: 6_000 }));
  await step(2_000);
  expect(media.connections).toHaveLength(2);
  expect(subject.report().sessions.skippedToNow).toBe(1);
});

test('a stream that does not exist is failing at once, tried rarely, and runs when it appears', async () => {
  const gone = new KvsInferError('STREAM_NOT_FOUND', 'stream dock-1 does not exist', { hint: 'create it' });
  const { media, step, send, subject } = rig({}, [gone, gone]);
  await settle();
  expect(subject.report()).toMatchObject({ state: 'failing', reason: expect.stringContaining('STREAM_NOT_FOUND') });
  await step(14_000);
  expect(media.opens).toBe(1);
  await step(60_000);
  expect(media.opens).toBe(3);
  await send(fragmentBytes(0));
  expect(subject.report().state).toBe('running');
});

test('no media for 10 s is silence; a connection without a byte for a minute is opened anew', async () => {
  const { media, step, send, subject } = rig();
  await settle();
  expect(subject.report().state).toBe('starting');
  await send(fragmentBytes(0));
  await step(9_000);
  expect(subject.report().state).toBe('running');
  await step(1_000);
  expect(subject.report()).toMatchObject({ state: 'silent', reason: 'no media for 10 s' });
  await step(52_000);
  expect(media.connections).toHaveLength(2);
  expect(media.connections[0]?.isClosed).toBe(true);
});

test('sessions that end in order are followed by the next within the limits of the stream', async () => {
  const { media, step, send } = rig();
  for (let round = 0; round < 10; round += 1) {
    await settle();
    await send(fragmentBytes(round));
    media.current.end();
    await settle();
    await step(1_000);
  }
  expect(media.opens).toBe(11);
  expect(media.connections.filter(({ isClosed }) => !isClosed)).toHaveLength(1);
});

test('a burst that the detector can keep up with is inferred whole; one that it cannot gives way to newer frames', async () => {
  const burst = Buffer.concat([fragmentBytes(0), fragmentBytes(1), fragmentBytes(2)]);
  const quick = rig();
  await settle();
  quick.media.current.send(burst);
  for (let round = 0; round < 20; round += 1) await settle();
  expect(quick.subject.intake.ledger.counts()).toMatchObject({ captured: 15, inferred: 15, dropped: {} });
  await endSessions();

  const slow = rig({}, [], 250);
  await settle();
  slow.media.current.send(burst);
  await slow.step(4_000);
  const { captured, inferred, dropped } = slow.subject.intake.ledger.counts();
  expect(captured).toBe(15);
  expect(inferred + (dropped.overload ?? 0)).toBe(15);
  expect(inferred).toBeGreaterThanOrEqual(6);
  expect(slow.frames.at(-1)).toMatchObject({ fragmentNumber: '1002', frameIndex: 4 });
});

test('a successor makes good what came during the handover, at the pace of the detector, and falls behind no more after it', async () => {
  const resumeAfter = { fragmentNumber: '999', producerTimestampMs: fragmentTimeMs(-1) };
  const behind = (fragments: number) => (fragments * FRAMES_PER_FRAGMENT + 5) * CLIP_FRAME_MS;
  const missed = (count: number) =>
    Buffer.concat(
      Array.from({ length: count }, (_, index) => fragmentBytes(index, { behindMs: behind(count - 1 - index) })),
    );
  const quick = rig({ resumeAfter, fps: 10 }, [], 60);
  await settle();
  // Seven seconds, in one burst.
  quick.media.current.send(missed(14));
  await quick.step(6_000);
  expect(quick.subject.intake.ledger.counts()).toMatchObject({ captured: 70, inferred: 70, dropped: {} });
  expect(quick.subject.report().sessions).toMatchObject({ opened: 1, skippedToNow: 0 });
  await endSessions();

  // A detector that cannot keep up gets half a minute, then the newest frame wins as ever.
  const slow = rig({ resumeAfter, fps: 10 }, [], 700);
  await settle();
  slow.media.current.send(missed(14));
  await slow.step(34_000);
  expect(slow.subject.report().sessions.skippedToNow).toBe(1);
});

test('random bytes between fragments cost those bytes and nothing else', async () => {
  const { names, send, subject, isBalanced } = rig();
  await settle();
  await send(fragmentBytes(0));
  await send(Buffer.alloc(3_000, 0x5a));
  await send(fragmentBytes(1));
  expect(names()).toContain('1001/4');
  expect(Object.values(subject.report().mediaErrors).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  expect(isBalanced()).toBe(true);
});

test('a stream that was made anew numbers from the start: a successor watches it all the same', async () => {
  const resumeAfter = { fragmentNumber: '5000', producerTimestampMs: fragmentTimeMs(-10) };
  const { names, send } = rig({ resumeAfter, handleFromServerMs: fragmentTimeMs(1) });
  await settle();
  await send(fragmentBytes(0));
  await send(fragmentBytes(2));
  expect(names()).toEqual([0, 1, 2, 3, 4].map((frame) => `1002/${frame}`));
});

test('after a jump to the live edge the half-handled fragment is not read again, by this owner or the next', async () => {
  const first = rig();
  await settle();
  await first.send(fragmentBytes(0));
  await first.send(fragmentBytes(1, { behindMs: 20_000 }));
  await first.step(2_000);
  expect(first.media.current.start).toEqual({ at: 'now' });
  await first.send(fragmentBytes(40, { frames: 3, ends: false }));
  first.media.current.fail(new Error('ECONNRESET'));
  await first.step(2_000);
  expect(first.media.current.start).toEqual({ at: 'after', fragmentNumber: '1040' });
  await first.subject.stop();
  const { checkpoint } = first.subject.report();
  expect(checkpoint).toEqual({ fragmentNumber: '1040', producerTimestampMs: fragmentTimeMs(40) + 200 });

  const second = rig({ resumeAfter: checkpoint });
  await settle();
  await second.send(fragmentBytes(41));
  expect(second.names()).toHaveLength(5);
});
