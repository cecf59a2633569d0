import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameChoice, type FrameVerdict } from './frame-choice.ts';

/** A camera of `sourceFps` with a keyframe every `keyframeEvery` frames, for so many seconds. */
function verdicts(
  choice: FrameChoice,
  { sourceFps = 25, keyframeEvery = 50, seconds = 20, fromMs = 0 } = {},
): Record<FrameVerdict, number> {
  const counts = { infer: 0, sampling: 0, pace: 0 };
  for (let index = 0; index < sourceFps * seconds; index += 1) {
    const timestampMs = fromMs + (index * 1_000) / sourceFps;
    const keyframe = index % keyframeEvery === 0;
    if (keyframe) choice.keyframeSeen(timestampMs);
    counts[choice.of(timestampMs, keyframe)] += 1;
  }
  return counts;
}

test('without overload a camera gets its own rate', () => {
  expect(verdicts(new FrameChoice(5))).toEqual({ infer: 100, sampling: 400, pace: 0 });
});

test('under a pace the granted rate is inferred, and what the camera wanted beyond it counts as pace', () => {
  const choice = new FrameChoice(5);
  choice.useGranted(3);
  expect(verdicts(choice)).toEqual({ infer: 60, sampling: 400, pace: 40 });
});

test('a pace at the rate of the keyframes chooses keyframes alone', () => {
  const choice = new FrameChoice(5);
  choice.useGranted(0.5);
  verdicts(choice, { seconds: 4 });
  expect(choice.keyframesOnly).toBe(true);
  const later = verdicts(choice, { seconds: 20, fromMs: 4_000 });
  expect(later.infer).toBe(10);
  expect(later.pace).toBe(90);
});

test('for any source and any course of paces, no more is inferred than is granted', () => {
  const course = fc.array(fc.record({ share: fc.double({ min: 0.05, max: 1, noNaN: true }), seconds: fc.nat(8) }), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(
      course,
      fc.constantFrom(1, 2, 5, 10),
      fc.constantFrom(5, 12, 25, 30),
      fc.constantFrom(1, 10, 25, 100),
      (paces, fps, sourceFps, keyframeEvery) => {
        const choice = new FrameChoice(fps);
        let fromMs = 0;
        let granted = 0;
        let inferred = 0;
        for (const { share, seconds } of paces) {
          choice.useGranted(fps * share);
          granted += fps * share * seconds;
          inferred += verdicts(choice, { sourceFps, keyframeEvery, seconds, fromMs }).infer;
          fromMs += seconds * 1_000;
        }
        // One at the beginning, one that a change of pace brings forward, and the early share.
        expect(inferred).toBeLessThanOrEqual(granted + 1.25 + paces.length);
      },
    ),
  );
});
