/** The overload policy and the books, for any order of arrivals and answers. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CameraIntake } from './camera-intake.ts';
import type { DropReason } from './frame-ledger.ts';
import type { IntakeFrame } from './messages.ts';
import { clipPackets, scriptedTrack } from './scripted-media.test-factory.ts';

function rig(fps: number) {
  const sent: { frame: IntakeFrame; buffer: ArrayBuffer }[] = [];
  const buffers = new Set<ArrayBuffer>();
  const intake = new CameraIntake(
    {
      streamName: 's',
      fps,
      keepPictures: true,
      input: { width: 64, height: 48 },
      resumeAfter: null,
      handleFromServerMs: 0,
    },
    {
      nowMs: () => 0,
      monotonicMs: () => 0,
      sendFrame(frame, buffer) {
        sent.push({ frame, buffer });
        buffers.add(buffer);
      },
      mediaFault: () => {},
    },
  );
  let fragment = 0;
  let frameIndex = 0;
  const fragmentOf = () => ({
    number: String(100 + fragment),
    producerTimestampMs: fragment * 1_000,
    serverTimestampMs: fragment * 1_000,
    millisBehindNow: 0,
  });
  /** The next frame of the endless clip. @param damage replaces its bytes. */
  const arrive = (damage = false) => {
    if (frameIndex === 0) intake.event({ type: 'fragment-start', fragment: fragmentOf() });
    const packet = clipPackets[frameIndex];
    if (packet === undefined) throw new Error('no packet');
    intake.event({
      type: 'frame',
      fragmentNumber: fragmentOf().number,
      frameIndex,
      track: scriptedTrack,
      timestampMs: fragment * 1_000 + frameIndex * 200,
      keyframe: packet.keyframe,
      data: damage ? Buffer.alloc(packet.data.length, 0xee) : packet.data,
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

test('captured = inferred + dropped + outstanding, always; at the end nothing is outstanding; two buffers serve all', () => {
  const step = fc.constantFrom('arrive', 'arrive', 'arrive', 'damaged', 'answer', 'fail', 'lose', 'new-session');
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.constantFrom(1, 3, 5), (steps, fps) => {
      const { intake, sent, buffers, arrive } = rig(fps);
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
        else if (one === 'damaged') arrive(true);
        else if (one === 'answer') answer('inferred', true);
        else if (one === 'fail') answer('inference-failed', true);
        else if (one === 'lose') answer('inference-failed', false);
        else intake.sessionStarted();
        const { captured, inferred, dropped, outstanding } = intake.ledger.counts();
        expect(captured).toBe(inferred + lost(dropped) + outstanding);
        expect(sent.length - answered).toBeLessThanOrEqual(1);
      }
      intake.stop();
      while (answered < sent.length) answer('inferred', true);
      const { captured, inferred, dropped, outstanding } = intake.ledger.counts();
      expect(outstanding).toBe(0);
      expect(captured).toBe(inferred + lost(dropped));
      expect(buffers.size).toBeLessThanOrEqual(2 + losses);
      intake.release();
    }),
    { numRuns: 60 },
  );
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
