/** Corners of regions stay within the frame, whatever is drawn. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Corner, cornersOf, withCorner, within, withOneMore } from './outline.ts';

it('takes what are corners and leaves the rest', () => {
  expect(cornersOf([[0.1, 0.2], 'x', [1], [0.3, '0.4'], [0.5, 0.6]])).toEqual([
    [0.1, 0.2],
    [0.5, 0.6],
  ]);
  expect(cornersOf(undefined)).toEqual([]);
});

it('keeps every corner within the frame', () => {
  const anywhere = fc.tuple(fc.double({ min: -3, max: 3, noNaN: true }), fc.double({ min: -3, max: 3, noNaN: true }));
  fc.assert(
    fc.property(fc.array(anywhere, { minLength: 1, maxLength: 8 }), anywhere, (drawn, to) => {
      const moved = withCorner(
        drawn.map((corner) => within(corner as Corner)),
        0,
        to as Corner,
      );
      const more = withOneMore(moved);
      expect(more).toHaveLength(moved.length + 1);
      expect(more.flat().every((value) => value >= 0 && value <= 1)).toBe(true);
    }),
  );
});
