import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameSampler, KeyframePace } from './sampler.ts';

function taken(fps: number, timestamps: number[]): number[] {
  const sampler = new FrameSampler(fps);
  return timestamps.filter((timestampMs) => sampler.take(timestampMs));
}
const source = (fps: number, seconds: number) =>
  Array.from({ length: Math.round(fps * seconds) }, (_, index) => Math.round((index * 1_000) / fps));

test('the wanted rate comes out of any faster source; a slower source gives every frame', () => {
  expect(taken(5, source(25, 10))).toHaveLength(50);
  expect(taken(5, source(30, 10))).toHaveLength(50);
  expect(taken(5, source(12, 10))).toHaveLength(50);
  expect(taken(30, source(30, 10))).toHaveLength(300);
  expect(taken(60, source(25, 10))).toHaveLength(250);
  expect(taken(5, source(25, 1))).toEqual([0, 200, 400, 600, 800]);
  expect(taken(0.5, source(10, 20))).toHaveLength(10);
});

test('for any source the rate is never exceeded by more than the early share of one frame', () => {
  fc.assert(
    // Steps back are those of reordered frames: less than would be a new time line.
    fc.property(
      fc.double({ min: 0.2, max: 60, noNaN: true }),
      fc.array(fc.integer({ min: -300, max: 400 }), { minLength: 1 }),
      (fps, gaps) => {
        let atMs = 0;
        let newestMs = 0;
        const timestamps = gaps.map((gap) => {
          atMs = Math.max(atMs + gap, newestMs - 1_900, 0);
          newestMs = Math.max(newestMs, atMs);
          return atMs;
        });
        const count = taken(fps, [0, ...timestamps]).length;
        const spanMs = newestMs;
        expect(count).toBeLessThanOrEqual((spanMs * fps) / 1_000 + 1.25 + 1e-6);
      },
    ),
  );
});

test('B-frames, which come after the frames that are shown behind them, are taken at their times', () => {
  // Decoding order of I B B P B B P …, with a pyramid of three and none.
  const reordered = (times: number[], ahead: number) => {
    const order = [times[0] as number];
    for (let at = 1; at < times.length; at += ahead) {
      const group = times.slice(at, at + ahead);
      order.push(group.at(-1) as number, ...group.slice(0, -1).toReversed());
    }
    return order;
  };
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 3, 4, 8, 16), fc.constantFrom(10, 15, 25, 30), (ahead, sourceFps) => {
      const times = source(sourceFps, 20);
      expect(taken(sourceFps, reordered(times, ahead)).sort((a, b) => a - b)).toEqual(times);
      const fifth = taken(5, reordered(times, ahead)).length;
      // Where a picture is sent further ahead than a frame lasts, the frames around it are not at even distances.
      expect(fifth).toBeGreaterThanOrEqual(ahead <= 4 ? 90 : 70);
      expect(fifth).toBeLessThanOrEqual(101);
    }),
  );
});

test('a producer whose clock jumps back is sampled on', () => {
  const sampler = new FrameSampler(5);
  expect(sampler.take(100_000)).toBe(true);
  expect(sampler.take(1_000)).toBe(true);
  expect(sampler.take(1_040)).toBe(false);
  expect(sampler.take(1_200)).toBe(true);
});

test('a change of rate counts from when the last frame was due and never gives an extra one', () => {
  const sampler = new FrameSampler(5);
  expect(sampler.take(0)).toBe(true);
  sampler.useFps(1);
  expect([200, 400, 800].map((atMs) => sampler.take(atMs))).toEqual([false, false, false]);
  sampler.useFps(2);
  expect(sampler.take(500)).toBe(true);
  sampler.useFps(5);
  expect([600, 640, 700].map((atMs) => sampler.take(atMs))).toEqual([false, false, true]);
});

test('keyframes suffice only when they come as often as frames are wanted', () => {
  const paceOf = (fps: number, intervalMs: number) => {
    const pace = new KeyframePace();
    pace.keyframeSeen(1_000);
    expect(pace.keyframesSuffice(fps)).toBe(false);
    pace.keyframeSeen(1_000 + intervalMs);
    return pace.keyframesSuffice(fps);
  };
  expect(paceOf(1, 1_000)).toBe(true);
  expect(paceOf(0.5, 1_000)).toBe(true);
  expect(paceOf(2, 1_000)).toBe(false);
});
