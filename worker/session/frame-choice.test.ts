import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameChoice, type FrameVerdict } from './frame-choice.ts';

/** A camera of `sourceFps` with a keyframe every `keyframeEvery` frames, for so many seconds. */
function verdicts(
  choice: FrameChoice,
  { sourceFps = 25, keyframeEvery = 50, seconds = 20, fromMs = 0 } = {},
): Record<FrameVerdict, number> {
  const counts = { infer: 0, sampling: 0, pace: 0, late: 0 };
  for (let index = 0; index < sourceFps * seconds; index += 1) {
    const timestampMs = fromMs + (index * 1_000) / sourceFps;
    const keyframe = index % keyframeEvery === 0;
    if (keyframe) choice.keyframeSeen(timestampMs);
    counts[choice.of(timestampMs, keyframe)] += 1;
  }
  return counts;
}

test('without overload a camera gets its own rate', () => {
  expect(verdicts(new FrameChoice(5))).toEqual({ infer: 100, sampling: 400, pace: 0, late: 0 });
});

test('under a pace the granted rate is inferred, and what the camera wanted beyond it counts as pace', () => {
  const choice = new FrameChoice(5);
  choice.useGranted(3);
  expect(verdicts(choice)).toEqual({ infer: 60, sampling: 400, pace: 40, late: 0 });
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

/** Of 25 fps with a keyframe every 2 s: the frame indices of each group that are inferred, and those that are decoded. */
function groups(choice: FrameChoice, count: number, isLeftBehind: (index: number) => boolean = () => false) {
  return Array.from({ length: count }, (_, group) => {
    const inferred: number[] = [];
    let decoded = 0;
    for (let frame = 0; frame < 50; frame += 1) {
      const index = group * 50 + frame;
      const verdict = choice.of(index * 40, frame === 0, isLeftBehind(index));
      if (verdict === 'infer') inferred.push(frame);
      if (verdict === 'infer' || !choice.isWithheld) decoded += 1;
    }
    return { inferred, decoded };
  });
}

test('a share of the decoding is the beginning of each group of pictures, and the rest is not decoded', () => {
  const choice = new FrameChoice(5);
  choice.useDecodeShare(0.3);
  const [first, ...later] = groups(choice, 6);
  expect(first).toEqual({ inferred: [0], decoded: 1 });
  for (const group of later) expect(group).toEqual({ inferred: [0, 5, 10], decoded: 11 });
  choice.useDecodeShare(0.05);
  expect(groups(choice, 6).map(({ decoded }) => decoded)).toEqual([11, 0, 1, 0, 1, 0]);
});

test('a share of less than a frame in a group comes to its keyframe now and then, a short detector takes its part of that', () => {
  const few = new FrameChoice(5);
  few.useDecodeShare(0.02);
  const counts = groups(few, 50).reduce((sum, { inferred }) => sum + inferred.length, 0);
  expect(counts).toBeLessThanOrEqual(12);
  expect(counts).toBeGreaterThanOrEqual(9);
  const both = new FrameChoice(5);
  both.useDecodeShare(0.5);
  both.useGranted(2.5);
  const inferred = groups(both, 41).slice(1);
  expect(inferred.reduce((sum, group) => sum + group.inferred.length, 0) / 80).toBeCloseTo(1.25, 0);
});

test('who is left behind goes on at a keyframe; meanwhile what it wanted counts as late and nothing is decoded', () => {
  const choice = new FrameChoice(5);
  const [first, second] = groups(choice, 2, (index) => index >= 12 && index < 50);
  expect(first).toEqual({ inferred: [0, 5, 10], decoded: 12 });
  expect(second?.inferred).toHaveLength(10);
  const left = new FrameChoice(5);
  expect(Array.from({ length: 10 }, (_, index) => left.of(index * 40, index === 0, index > 0))).toEqual([
    'infer',
    ...['sampling', 'sampling', 'sampling', 'sampling', 'late'],
    ...['sampling', 'sampling', 'sampling', 'sampling'],
  ]);
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
      fc.boolean(),
      (paces, fps, sourceFps, keyframeEvery, isDecoding) => {
        const choice = new FrameChoice(fps);
        let fromMs = 0;
        let granted = 0;
        let inferred = 0;
        for (const { share, seconds } of paces) {
          if (isDecoding) choice.useDecodeShare(share);
          else choice.useGranted(fps * share);
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
