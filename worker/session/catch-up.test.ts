import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CatchUp } from './catch-up.ts';

const busy = 0.95;

test('in time, late, left behind; taken up again at the first keyframe that is in time', () => {
  const catchUp = new CatchUp();
  expect(catchUp.frame(400, false, busy)).toBe('in-time');
  expect(catchUp.frame(800, false, busy)).toBe('late');
  expect(catchUp.frame(1_100, false, busy)).toBe('left-behind');
  expect(catchUp.frame(300, false, busy)).toBe('left-behind');
  expect(catchUp.frame(900, true, busy)).toBe('left-behind');
  expect(catchUp.frame(450, true, busy)).toBe('in-time');
  expect(catchUp.frame(600, false, busy)).toBe('late');
});

test('a thread with time to spare makes nothing late', () => {
  const catchUp = new CatchUp();
  expect(catchUp.frame(9_000, false, 0.3)).toBe('in-time');
  expect(catchUp.frame(9_000, true, 0.3)).toBe('in-time');
});

test('when leaving frames out brings no newer ones, the delay is the camera’s own', () => {
  const catchUp = new CatchUp();
  expect(catchUp.frame(1_500, false, busy)).toBe('left-behind');
  expect(catchUp.frame(1_450, true, busy)).toBe('as-ever');
  expect(catchUp.frame(0, false, busy)).toBe('in-time');
});

test('whatever the delays are, a camera misses no more keyframes than its lateness has steps of 100 ms', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(60_000), { minLength: 1, maxLength: 400 }), (delays) => {
      const catchUp = new CatchUp();
      const starts = catchUp.frame(Math.max(1_001, delays[0] ?? 0), false, busy);
      expect(starts).toBe('left-behind');
      let left = 0;
      for (const lateMs of delays) {
        if (catchUp.frame(lateMs, true, busy) !== 'left-behind') break;
        left += 1;
      }
      expect(left).toBeLessThanOrEqual(60_000 / 100);
    }),
  );
});
