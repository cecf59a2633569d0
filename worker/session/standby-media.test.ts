/** A stream that is opened ahead of time: what is handed over is what was received, and a session reads on without a gap. */
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import type { MediaStart } from '../../aws/media.ts';
import { KvsInferError } from '../../core/errors.ts';
import { SteppedClock } from '../../local/clock.ts';
import { CameraSession } from './camera-session.ts';
import type { IntakeFrame } from './messages.ts';
import {
  clipIntake,
  FRAMES_PER_FRAGMENT,
  fragmentBytes,
  fragmentTimeMs,
  MEDIA_START_MS,
  ScriptedMedia,
} from './scripted-media.test-factory.ts';
import { StandbyMedia } from './standby-media.ts';
import { Turns } from './turns.ts';

const ended: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0)) await end();
});

async function settle() {
  for (let round = 0; round < 6; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function standingBy(refusals: KvsInferError[] = []) {
  const clock = new SteppedClock(MEDIA_START_MS);
  const media = new ScriptedMedia();
  media.refusals.push(...refusals);
  const subject = new StandbyMedia('dock-1', { media, clock, random: () => 0.5 });
  ended.push(() => subject.stop());
  await settle();
  const send = async (bytes: Uint8Array, piece = bytes.length) => {
    for (let offset = 0; offset < bytes.length; offset += piece) {
      media.current.send(bytes.subarray(offset, offset + piece));
      await settle();
    }
  };
  return { clock, media, subject, send };
}

const after = (index: number): MediaStart => ({ at: 'after', fragmentNumber: String(1_000 + index) });
const open = (subject: StandbyMedia, start: MediaStart) => subject.open('dock-1', start, new AbortController().signal);

test('is ready once a frame was decoded and a fragment is whole, and not while nothing arrives', async () => {
  const { clock, subject, send } = await standingBy();
  expect(subject.state()).toEqual({ state: 'opening', reason: 'waiting for a whole fragment' });
  await send(fragmentBytes(0, { frames: 3, ends: false }));
  expect(subject.state().state).toBe('opening');
  await send(fragmentBytes(1));
  expect(subject.state()).toEqual({ state: 'ready', reason: '' });
  await clock.step(21_000, settle);
  expect(subject.state().state).toBe('opening');
});

test('says what keeps it from the stream, and opens it again', async () => {
  const limit = new KvsInferError('STREAM_CONNECTION_LIMIT', 'all three are used', { hint: '', retryable: true });
  const { clock, media, subject, send } = await standingBy([limit]);
  expect(subject.state()).toEqual({ state: 'failing', reason: 'STREAM_CONNECTION_LIMIT: all three are used' });
  await clock.step(45_000, settle);
  await send(fragmentBytes(0));
  media.current.fail(new Error('ECONNRESET'));
  await settle();
  expect(subject.state()).toMatchObject({ state: 'failing', reason: expect.stringContaining('ECONNRESET') });
  await clock.step(2_000, settle);
  await send(fragmentBytes(1));
  expect(subject.state().state).toBe('ready');
});

test('hands over byte for byte from the fragment of the checkpoint on, however the bytes came', async () => {
  const fragments = [0, 1, 2, 3, 4].map((index) => fragmentBytes(index));
  const all = Buffer.concat(fragments);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 40, max: 3_000 }),
      fc.integer({ min: 1, max: all.length }),
      fc.integer({ min: 0, max: 4 }),
      async (piece, held, last) => {
        const { media, subject, send } = await standingBy();
        await send(all.subarray(0, held), piece);
        const starts = fragments.map((_, index) => Buffer.concat(fragments.slice(0, index)).length);
        const body = await open(subject, after(last));
        const inherited = media.opens === 1;
        // A fragment has its number once its first tags are whole: 300 bytes are enough for them.
        if ((starts[last] ?? 0) + 300 < held) expect(inherited).toBe(true);
        if ((starts[0] ?? 0) + 40 > held) expect(inherited).toBe(false);
        if (inherited) {
          const connection = media.current;
          for (let offset = held; offset < all.length; offset += piece)
            connection.send(all.subarray(offset, offset + piece));
          connection.end();
          const read: Uint8Array[] = [];
          for await (const chunk of body.chunks) read.push(chunk);
          const bytes = Buffer.concat(read);
          const from = all.length - bytes.length;
          expect(starts.filter((start) => start <= (starts[last] ?? 0))).toContain(from);
          expect(bytes.equals(all.subarray(from))).toBe(true);
        }
        body.close();
        await subject.stop();
        expect(media.connections.every(({ isClosed }) => isClosed)).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
});

test('what is not held any more, or never was, is opened anew; the old connection is given back first', async () => {
  const { clock, media, subject, send } = await standingBy();
  for (let index = 5; index < 60; index += 1) {
    await send(fragmentBytes(index));
    await clock.step(500, settle);
  }
  const body = await open(subject, after(10));
  expect(media.opens).toBe(2);
  expect(media.current.start).toEqual(after(10));
  body.close();
});

test('a stop while the stream is being opened leaves no connection behind, and nothing is opened after it', async () => {
  const clock = new SteppedClock(MEDIA_START_MS);
  const media = new ScriptedMedia();
  const subject = new StandbyMedia('dock-1', { media, clock, random: () => 0.5 });
  await subject.stop();
  await clock.step(60_000, settle);
  expect(media.connections.filter(({ isClosed }) => !isClosed)).toEqual([]);
  expect(media.opens).toBe(1);
});

test('a session that takes over goes on with the very next frame, without opening the stream', async () => {
  const { clock, media, subject, send } = await standingBy();
  for (const index of [0, 1]) await send(fragmentBytes(index));
  await send(fragmentBytes(2, { frames: 3, ends: false }));
  const frames: IntakeFrame[] = [];
  const resumeAfter = { fragmentNumber: '1000', producerTimestampMs: fragmentTimeMs(1) + 100 };
  const session: CameraSession = new CameraSession(
    { ...clipIntake, resumeAfter, handleFromServerMs: fragmentTimeMs(2) },
    { media: subject, clock, random: () => 0.5, turns: new Turns(), busyShare: () => 0 },
    (frame, buffer) => {
      frames.push(frame);
      setImmediate(() => session.intake.settled('inferred', buffer));
    },
    () => {},
  );
  ended.push(() => session.stop());
  for (let round = 0; round < 10; round += 1) await settle();
  await send(fragmentBytes(3));
  for (let round = 0; round < 10; round += 1) await settle();
  const names = frames.map(({ fragmentNumber, frameIndex }) => `${fragmentNumber}/${frameIndex}`);
  expect(names.slice(0, 6)).toEqual(['1001/2', '1001/3', '1001/4', '1002/0', '1002/1', '1002/2']);
  expect(media.opens).toBe(1);
  // The session's own reconnect goes to the stream itself.
  media.current.end();
  await settle();
  await clock.step(3_000, settle);
  expect(media.opens).toBe(2);
  expect(session.intake.ledger.counts().dropped).toMatchObject({ repeated: FRAMES_PER_FRAGMENT + 2 });
});

test('a session that takes over waits for a slow detector, however fresh the media was when it was received', async () => {
  const { clock, subject, send } = await standingBy();
  for (let index = 0; index < 6; index += 1) {
    await send(fragmentBytes(index));
    await clock.step(500, settle);
  }
  // The owner before has tried all the while to publish what it had.
  await clock.step(8_000, settle);
  const frames: IntakeFrame[] = [];
  const resumeAfter = { fragmentNumber: '1002', producerTimestampMs: fragmentTimeMs(3) - 1 };
  const session: CameraSession = new CameraSession(
    { ...clipIntake, resumeAfter, handleFromServerMs: fragmentTimeMs(20) },
    { media: subject, clock, random: () => 0.5, turns: new Turns(), busyShare: () => 0 },
    (frame, buffer) => {
      frames.push(frame);
      // Longer than a frame that is at the live edge would wait.
      clock.setTimer(700, () => session.intake.settled('inferred', buffer));
    },
  );
  ended.unshift(() => session.stop());
  for (let passed = 0; passed < 14_000; passed += 100) await clock.step(100, settle);
  const names = frames.map(({ fragmentNumber, frameIndex }) => `${fragmentNumber}/${frameIndex}`);
  expect(names).toEqual(['1003', '1004', '1005'].flatMap((number) => [0, 1, 2, 3, 4].map((i) => `${number}/${i}`)));
  expect(session.intake.ledger.counts().dropped).toEqual({ repeated: FRAMES_PER_FRAGMENT });
});
