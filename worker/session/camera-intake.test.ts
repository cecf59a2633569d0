/** The overload policy and the books, for any order of arrivals and answers. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CameraIntake } from './camera-intake.ts';
import type { DropReason } from './frame-ledger.ts';
import type { IntakeFrame } from './messages.ts';
import type { MotionGateSettings } from './motion-gate.ts';
import { clipPackets, scriptedTrack } from './scripted-media.test-factory.ts';

/** @param isTimed time passes as the frames say; otherwise it stands still. */
function rig(fps: number, motionGate: MotionGateSettings | null = null, isTimed = false) {
  let fragment = 0;
  let frameIndex = 0;
  const sent: { frame: IntakeFrame; buffer: ArrayBuffer }[] = [];
  const buffers = new Set<ArrayBuffer>();
  const intake = new CameraIntake(
    {
      streamName: 's',
      fps,
      priority: 50,
      motionGate,
      keepPictures: true,
      input: { width: 64, height: 48, padding: 'around' },
      resumeAfter: null,
      handleFromServerMs: 0,
    },
    {
      nowMs: () => (isTimed ? fragment * 1_000 + frameIndex * 200 : 0),
      monotonicMs: () => 0,
      sendFrame(frame, buffer) {
        sent.push({ frame, buffer });
        buffers.add(buffer);
      },
      mediaFault: () => {},
    },
  );
  const fragmentOf = () => ({
    number: String(100 + fragment),
    producerTimestampMs: fragment * 1_000,
    serverTimestampMs: fragment * 1_000,
    millisBehindNow: 0,
  });
  /** The next frame of the endless clip, or a frame that shows the clip's first picture again, or damaged bytes. */
  const arrive = (what: 'next' | 'still' | 'damaged' = 'next') => {
    if (frameIndex === 0) intake.event({ type: 'fragment-start', fragment: fragmentOf() });
    const packet = clipPackets[what === 'still' ? 0 : frameIndex];
    if (packet === undefined) throw new Error('no packet');
    intake.event({
      type: 'frame',
      fragmentNumber: fragmentOf().number,
      frameIndex,
      track: scriptedTrack,
      timestampMs: fragment * 1_000 + frameIndex * 200,
      keyframe: packet.keyframe,
      data: what === 'damaged' ? Buffer.alloc(packet.data.length, 0xee) : packet.data,
    });
    frameIndex += 1;
    if (frameIndex < clipPackets.length) return;
    const counts = { frames: 5, keyframes: 1, bytes: 1, continuationToken: '1', complete: true };
    intake.event({ type: 'fragment-end', fragment: fragmentOf(), ...counts });
    fragment += 1;
    frameIndex = 0;
  };
  return { intake, sent, buffers, arrive };
}

function lost(dropped: Partial<Record<DropReason, number>>): number {
  return Object.values(dropped).reduce((sum, count) => sum + count, 0);
}

test('captured = inferred + dropped + outstanding, always; at the end nothing is outstanding; three buffers serve all, four with a gate', () => {
  const step = fc.constantFrom(
    ...['arrive', 'arrive', 'arrive', 'still', 'damaged', 'answer', 'fail', 'lose', 'new-session', 'pace', 'unpaced'],
  );
  const gate = { maxSkipMs: 900, sensitivity: 1, holdMs: 250 };
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.constantFrom(1, 3, 5),
      fc.boolean(),
      fc.boolean(),
      (steps, fps, isGated, isTimed) => {
        const { intake, sent, buffers, arrive } = rig(fps, isGated ? gate : null, isTimed);
        let answered = 0;
        let losses = 0;
        const answer = (outcome: 'inferred' | 'inference-failed', keeps: boolean) => {
          const next = sent[answered];
          if (next === undefined) return;
          answered += 1;
          if (!keeps) losses += 1;
          intake.settled(outcome, keeps ? next.buffer : null);
        };
        for (const one of steps) {
          if (one === 'arrive') arrive();
          else if (one === 'damaged') arrive('damaged');
          else if (one === 'still') arrive('still');
          else if (one === 'pace') intake.usePace(fps / 2.5);
          else if (one === 'unpaced') intake.usePace(fps);
          else if (one === 'answer') answer('inferred', true);
          else if (one === 'fail') answer('inference-failed', true);
          else if (one === 'lose') answer('inference-failed', false);
          else intake.sessionStarted();
          const { captured, inferred, dropped, outstanding } = intake.ledger.counts();
          expect(captured).toBe(inferred + lost(dropped) + outstanding);
          expect(sent.length - answered).toBeLessThanOrEqual(isTimed ? 2 : 1);
        }
        intake.stop();
        while (answered < sent.length) answer('inferred', true);
        const { captured, inferred, dropped, outstanding } = intake.ledger.counts();
        expect(outstanding).toBe(0);
        expect(captured).toBe(inferred + lost(dropped));
        expect(buffers.size).toBeLessThanOrEqual((isGated ? 3 : 2) + (isTimed ? 1 : 0) + losses);
        intake.release();
      },
    ),
    { numRuns: 100 },
  );
});

/** Every frame is answered at once, as by a detector with nothing else to do. */
function arriveAndAnswer({ intake, sent, arrive }: ReturnType<typeof rig>, whats: Parameters<typeof arrive>[0][]) {
  for (const what of whats) {
    arrive(what);
    if (intake.isDetectorBusy) intake.settled('inferred', sent.at(-1)?.buffer ?? null);
  }
}

test('a camera that overload leaves half its rate gets every second frame, the rest count as pace', () => {
  const subject = rig(5);
  subject.intake.usePace(2.5);
  arriveAndAnswer(subject, Array(20).fill('next'));
  expect(subject.intake.ledger.counts()).toMatchObject({ inferred: 10, dropped: { pace: 10 }, outstanding: 0 });
  subject.intake.usePace(5);
  arriveAndAnswer(subject, Array(10).fill('next'));
  expect(subject.intake.ledger.counts()).toMatchObject({ inferred: 20, dropped: { pace: 10 } });
});

test('a pace of one keyframe a second leaves only keyframes to decode', () => {
  const subject = rig(5);
  arriveAndAnswer(subject, Array(10).fill('next'));
  subject.intake.usePace(1);
  const before = subject.sent.length;
  arriveAndAnswer(subject, Array(20).fill('next'));
  expect(subject.sent.slice(before).map(({ frame }) => frame.frameIndex)).toEqual([0, 0, 0, 0]);
  expect(subject.intake.ledger.counts().dropped).toEqual({ pace: 16 });
});

test('the motion gate leaves out frames that show nothing new, tells how long it was still, and looks again in time', () => {
  const subject = rig(5, { maxSkipMs: 2_000, sensitivity: 0.5, holdMs: 400 });
  arriveAndAnswer(subject, Array(25).fill('still'));
  // Frames at 0, 200 and 400 while it holds; then one after each 2 s without any.
  expect(subject.sent.map(({ frame }) => frame.capturedAtMs)).toEqual([0, 200, 2_200, 4_200]);
  expect(subject.sent.map(({ frame }) => frame.stillUntilMs)).toEqual([null, null, 2_000, 4_000]);
  expect(subject.intake.ledger.counts()).toMatchObject({ inferred: 4, dropped: { static: 21 }, outstanding: 0 });
  expect(subject.intake.lastStillAtMs).toBe(0);
});

test('what moves is inferred at once, and a frame that the detector lost is made up for by the next', () => {
  const gate = { maxSkipMs: 60_000, sensitivity: 0.5, holdMs: 0 };
  const moving = rig(5, gate);
  arriveAndAnswer(moving, Array(10).fill('next'));
  expect(moving.intake.ledger.counts()).toMatchObject({ inferred: 10, dropped: {} });
  const { intake, sent, arrive } = rig(5, gate);
  arrive('still');
  arrive('still');
  intake.settled('inference-failed', null);
  arrive('still');
  arrive('still');
  expect(sent).toHaveLength(2);
  expect(intake.ledger.counts().dropped).toEqual({ 'inference-failed': 1, static: 2 });
});

test('under overload the newest frame wins and the detector sees frames in order', () => {
  const { intake, sent, arrive } = rig(5);
  for (let count = 0; count < 7; count += 1) arrive();
  expect(sent.map(({ frame }) => frame.capturedAtMs)).toEqual([0]);
  intake.settled('inferred', sent[0]?.buffer ?? null);
  expect(sent.map(({ frame }) => frame.capturedAtMs)).toEqual([0, 1_200]);
  expect(intake.ledger.counts().dropped).toEqual({ overload: 5 });
  expect(intake.picture({ fragmentNumber: '101', frameIndex: 1 })).toMatchObject({ width: 64, height: 48 });
  expect(intake.picture({ fragmentNumber: '100', frameIndex: 2 })).toBeNull();
});

test('a frame that has stood in the queue for long is taken over by the next, one at a time', () => {
  const { intake, sent, arrive } = rig(5, null, true);
  for (let count = 0; count < 4; count += 1) arrive();
  // The first at 0; at 200 ms it is not stale yet; the next goes after it, and one more would be too many.
  expect(sent.map(({ frame }) => frame.capturedAtMs)).toEqual([0, 400]);
  expect(intake.isFull).toBe(true);
  // The detector's queue let the first give way.
  intake.settled('overload', sent[0]?.buffer ?? null);
  expect(sent).toHaveLength(2);
  arrive();
  expect(sent.map(({ frame }) => frame.capturedAtMs)).toEqual([0, 400, 800]);
  expect(intake.ledger.counts()).toMatchObject({ dropped: { overload: 3 }, outstanding: 2 });
});

test('when keyframes come as often as frames are wanted, nothing else is decoded', () => {
  const { intake, sent, arrive } = rig(1);
  for (let count = 0; count < 20; count += 1) {
    arrive();
    const last = sent.at(-1);
    if (last !== undefined && intake.isDetectorBusy) intake.settled('inferred', last.buffer);
  }
  expect(sent.map(({ frame }) => frame.frameIndex)).toEqual([0, 0, 0, 0]);
  expect(intake.ledger.counts()).toMatchObject({ inferred: 4, dropped: { sampling: 16 }, outstanding: 0 });
});
