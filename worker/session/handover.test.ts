/** Two owners of one stream, one after the other: the second continues with the frame after the last that the first had. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeClip, FRAME_MS } from '../decode/encoded-clip.test-factory.ts';
import { CameraIntake } from './camera-intake.ts';
import type { CameraIntakeSettings, IntakeFrame } from './messages.ts';
import { clipIntake } from './scripted-media.test-factory.ts';

const framesPerFragment = 6;
const fragments = 4;
const size = { width: 64, height: 48 };
const clipOf = (bFrames: number) => encodeClip({ ...size, frames: framesPerFragment, keyframeEvery: 6, bFrames });
/** With B-frames, pictures come out later and in another order than packets go in. */
const clips = { plain: clipOf(0), reordered: clipOf(2) };

function owner(clip: (typeof clips)['plain'], settings: Partial<CameraIntakeSettings>) {
  const sent: { frame: IntakeFrame; buffer: ArrayBuffer }[] = [];
  const clock = { nowMs: 0 };
  const intake: CameraIntake = new CameraIntake(
    { ...clipIntake, fps: 25, ...settings },
    {
      nowMs: () => clock.nowMs,
      monotonicMs: () => 0,
      sendFrame: (frame, buffer) => sent.push({ frame, buffer }),
      mediaFault: () => {},
    },
  );
  const track = { number: 1, kind: 'video', codec: 'h264', codecId: 'V_MPEG4/ISO/AVC', ...size } as const;
  /** Packet `index` of the endless clip, in the order of decoding. */
  const arrive = (index: number) => {
    const [fragment, frameIndex] = [Math.floor(index / framesPerFragment), index % framesPerFragment];
    const startMs = fragment * framesPerFragment * FRAME_MS;
    const number = String(100 + fragment);
    const about = { number, producerTimestampMs: startMs, serverTimestampMs: startMs, millisBehindNow: 0 };
    if (frameIndex === 0) intake.event({ type: 'fragment-start', fragment: about });
    const packet = clip.packets[frameIndex];
    if (packet === undefined) throw new Error('the clip is too short');
    const { keyframe, data, timestampMs } = packet;
    const at = { fragmentNumber: number, frameIndex, timestampMs: startMs + timestampMs };
    intake.event({ type: 'frame', track: { ...track, codecPrivate: clip.codecPrivate }, ...at, keyframe, data });
    if (frameIndex < framesPerFragment - 1) return;
    const counts = { frames: 6, keyframes: 1, bytes: 1, continuationToken: number, complete: true };
    intake.event({ type: 'fragment-end', fragment: about, ...counts });
  };
  let answered = 0;
  const answerAll = () => {
    while (answered < sent.length) intake.settled('inferred', sent[answered++]?.buffer ?? null);
  };
  const times = () => sent.map(({ frame }) => frame.capturedAtMs);
  return { clock, intake, arrive, answerAll, times };
}

test('while it catches up, a frame that is long at the detector keeps its turn, and the next one waits', () => {
  const second = owner(clips.plain, { resumeAfter: { fragmentNumber: '99', producerTimestampMs: -1 } });
  second.intake.isPatient = true;
  second.arrive(0);
  second.clock.nowMs += 2_000;
  second.arrive(1);
  expect(second.times()).toEqual([0]);
  expect(second.intake.isFull).toBe(true);
  second.answerAll();
  expect(second.times()).toEqual([0, FRAME_MS]);
  second.answerAll();
  // At the live edge the newest frame wins again: it is sent to take the turn over.
  second.intake.isPatient = false;
  second.arrive(2);
  second.clock.nowMs += 2_000;
  second.arrive(3);
  expect(second.times()).toEqual([0, FRAME_MS, 2 * FRAME_MS, 3 * FRAME_MS]);
});

test('whatever is decoded, waits or is at the detector when the first stops, no frame is lost and none comes twice', () => {
  const all = Array.from({ length: framesPerFragment * fragments }, (_, index) => index * FRAME_MS);
  fc.assert(
    fc.property(
      fc.constantFrom('plain' as const, 'reordered' as const),
      // Whole fragments and a part of one, so that there is a checkpoint to continue after.
      fc.integer({ min: framesPerFragment + 4, max: framesPerFragment * (fragments - 1) }),
      fc.integer({ min: 0, max: 3 }),
      fc.constantFrom(25, 10),
      (order, packets, unanswered, fps) => {
        const first = owner(clips[order], { fps });
        for (let index = 0; index < packets; index += 1) {
          first.arrive(index);
          if (index < packets - unanswered) first.answerAll();
        }
        first.intake.stop();
        first.answerAll();
        const resumeAfter = first.intake.checkpoint();
        if (resumeAfter === null) throw new Error('there is no checkpoint');

        const second = owner(clips[order], { fps, resumeAfter });
        const from = (Number(resumeAfter.fragmentNumber) - 100 + 1) * framesPerFragment;
        for (let index = from; index < all.length; index += 1) {
          second.arrive(index);
          second.answerAll();
        }
        second.intake.sessionStarted();
        second.answerAll();
        const overload = first.intake.ledger.counts().dropped.overload ?? 0;
        const seen = [...first.times(), ...second.times()];
        expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
        if (overload > 0 || order === 'reordered') return;
        if (fps === 25) expect(seen.length).toBe(all.length);
        // The successor's beat begins anew: sooner than the next beat would have come, never later.
        const steps = seen.slice(1).map((time, index) => time - (seen[index] ?? 0));
        expect(Math.max(...steps)).toBeLessThanOrEqual(fps === 25 ? FRAME_MS : 120);
      },
    ),
    { numRuns: 200 },
  );
});
