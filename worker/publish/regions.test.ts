import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rigCamera } from '../worker-rig.test-factory.ts';
import { isInPolygon, regionsOf } from './regions.ts';

const triangle = [
  [0, 0],
  [1, 0],
  [0, 1],
] as const;

test('a point is in a triangle exactly when its coordinates say so', () => {
  const unit = fc.double({ min: 0.001, max: 0.999, noNaN: true });
  fc.assert(
    fc.property(unit, unit, (x, y) => {
      fc.pre(Math.abs(x + y - 1) > 1e-9);
      expect(isInPolygon(triangle, x, y)).toBe(x + y < 1);
    }),
  );
});

test('include regions limit, exclude regions remove, the anchor decides, classes narrow', () => {
  const { regions } = rigCamera({
    regions: [
      {
        name: 'road',
        polygon: [
          [0, 0.5],
          [1, 0.5],
          [1, 1],
          [0, 1],
        ],
      },
      {
        name: 'tree',
        polygon: [
          [0, 0],
          [0.2, 0],
          [0.2, 1],
          [0, 1],
        ],
        mode: 'exclude',
      },
      {
        name: 'door',
        polygon: [
          [0.4, 0],
          [0.6, 0],
          [0.6, 1],
          [0.4, 1],
        ],
        anchor: 'center',
        classes: ['person'],
      },
    ],
  });
  expect(regionsOf(regions, 'car', [0.3, 0.4, 0.5, 0.6])).toEqual(['road']);
  expect(regionsOf(regions, 'car', [0.3, 0.1, 0.5, 0.4])).toBeNull();
  expect(regionsOf(regions, 'car', [0.0, 0.4, 0.2, 0.9])).toBeNull();
  expect(regionsOf(regions, 'person', [0.45, 0.1, 0.55, 0.3])).toEqual(['door']);
  expect(regionsOf([], 'car', [0, 0, 1, 1])).toEqual([]);
});
