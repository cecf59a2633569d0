/** Points, polygons and lines, held against what one knows of them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { distanceToOutline, isInPolygon, type Point, passesBetween, sideOf } from './geometry.ts';

const triangle: Point[] = [
  [0, 0],
  [1, 0],
  [0, 1],
];
const unit = fc.double({ min: 0.001, max: 0.999, noNaN: true });
const point = fc.tuple(unit, unit);

test('a point is in a triangle exactly when its coordinates say so', () => {
  fc.assert(
    fc.property(point, ([x, y]) => {
      fc.pre(Math.abs(x + y - 1) > 1e-9);
      expect(isInPolygon(triangle, [x, y])).toBe(x + y < 1);
    }),
  );
});

test('the distance to a square is to its nearest side', () => {
  const square: Point[] = [
    [0, 0],
    [1, 0],
    [1, 1],
    [0, 1],
  ];
  fc.assert(
    fc.property(point, ([x, y]) => {
      expect(distanceToOutline(square, [x, y])).toBeCloseTo(Math.min(x, y, 1 - x, 1 - y), 12);
    }),
  );
});

test('sides: right of a line that points right is below it, because y points down', () => {
  const [a, b]: [Point, Point] = [
    [0.2, 0.5],
    [0.8, 0.5],
  ];
  expect(sideOf(a, b, [0.5, 0.9])).toBe(1);
  expect(sideOf(a, b, [0.5, 0.1])).toBe(-1);
  expect(sideOf(a, b, [0.1, 0.5])).toBe(0);
  expect(sideOf(b, a, [0.5, 0.9])).toBe(-1);
});

test('a way passes between two points, or around them', () => {
  const [a, b]: [Point, Point] = [
    [0.4, 0.5],
    [0.6, 0.5],
  ];
  expect(passesBetween(a, b, [0.5, 0.1], [0.5, 0.9])).toBe(true);
  expect(passesBetween(a, b, [0.1, 0.1], [0.1, 0.9])).toBe(false);
  expect(passesBetween(a, b, [0.5, 0.1], [0.5, 0.4])).toBe(false);
});
