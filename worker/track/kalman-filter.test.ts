/** The filter is where the object is: after a while at constant speed, and a little ahead when it was not seen. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Box, BoxFilter } from './kalman-filter.ts';

const boxAt = (x: number, size = 0.1): Box => [x, 0.4, x + size, 0.4 + size];

test('constant speed is learned within a few frames, at any rate, and carried on unseen', () => {
  const rates = fc.double({ min: 1, max: 25, noNaN: true });
  const speeds = fc.double({ min: -0.1, max: 0.1, noNaN: true });
  fc.assert(
    fc.property(rates, speeds, (fps, perSecond) => {
      const filter = new BoxFilter(boxAt(0.5));
      for (let frame = 1; frame <= 3 * fps + 3; frame += 1) {
        filter.predict(1 / fps);
        filter.correct(boxAt(0.5 + (perSecond * frame) / fps));
      }
      const [before] = filter.box();
      filter.predict(0.5);
      expect(Math.abs(filter.box()[0] - before - perSecond * 0.5)).toBeLessThan(0.03);
    }),
  );
});

test('one odd box moves it part of the way', () => {
  const filter = new BoxFilter(boxAt(0.2));
  for (let frame = 0; frame < 10; frame += 1) {
    filter.predict(0.2);
    filter.correct(boxAt(0.2));
  }
  filter.predict(0.2);
  filter.correct(boxAt(0.3));
  expect(filter.box()[0]).toBeGreaterThan(0.2);
  expect(filter.box()[0]).toBeLessThan(0.29);
});

test('told that nothing moves, it stays', () => {
  const filter = new BoxFilter(boxAt(0.2));
  filter.predict(0.2);
  filter.correct(boxAt(0.25));
  filter.stand();
  const before = filter.box();
  filter.predict(10);
  expect(filter.box()).toEqual(before);
});

test('a box without size is where it was seen', () => {
  const filter = new BoxFilter([0.5, 0.5, 0.5, 0.5]);
  filter.predict(1);
  filter.correct([0.6, 0.6, 0.6, 0.6]);
  expect(filter.box()).toEqual([0.6, 0.6, 0.6, 0.6]);
});
