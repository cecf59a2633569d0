import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SeededRandom } from '../../core/seeded-random.ts';
import { createLayout, sceneKinds } from './layout.ts';
import { inPainterOrder } from './painter-order.ts';
import { actorAt, createTimetable, overlaps } from './traffic.ts';
import { convexHull, polygonArea, VisibilityGrid } from './visibility.ts';

const light = { sun: [0.4, 0.3, 0.86], ambient: 0.5 } as const;
const PERIOD_MS = 48_000;

test('vehicles on one lane keep clear of each other, also where the period begins again', () => {
  fc.assert(
    fc.property(fc.constantFrom(...sceneKinds), fc.integer({ min: 1, max: 9999 }), (kind, seed) => {
      const layout = createLayout(kind, new SeededRandom(seed), 320, 180);
      const { actors } = createTimetable(layout, light, PERIOD_MS, 1.5, true, new SeededRandom(seed));
      const vehicles = actors.flatMap((actor) =>
        actor.body.kind === 'vehicle' ? [{ actor, half: actor.body.vehicle.lengthMeters / 2 }] : [],
      );
      for (let timeMs = 0; timeMs < PERIOD_MS; timeMs += 1500) {
        const moving = vehicles.flatMap(({ actor, half }) => {
          const at = actorAt(actor, timeMs, PERIOD_MS);
          return at === null ? [] : [{ lane: `${actor.from}`, half, along: at.distanceMeters }];
        });
        for (const a of moving)
          for (const b of moving)
            if (a !== b && a.lane === b.lane) expect(Math.abs(a.along - b.along)).toBeGreaterThan(a.half + b.half);
      }
    }),
    { numRuns: 20 },
  );
});

test('in the quiet window nobody is on the way', () => {
  const layout = createLayout('street', new SeededRandom(4), 320, 180);
  const { actors, quietFromMs, quietToMs } = createTimetable(layout, light, PERIOD_MS, 1, true, new SeededRandom(4));
  expect(actors.length).toBeGreaterThan(5);
  for (let timeMs = quietFromMs + 1; timeMs < quietToMs; timeMs += 250) {
    expect(actors.filter((actor) => actorAt(actor, timeMs, PERIOD_MS) !== null)).toEqual([]);
  }
});

test('intervals on a circle meet across its seam', () => {
  expect(overlaps(100, { fromMs: 90, toMs: 110 }, { fromMs: 5, toMs: 8 })).toBe(true);
  expect(overlaps(100, { fromMs: 90, toMs: 99 }, { fromMs: 5, toMs: 8 })).toBe(false);
  expect(overlaps(100, { fromMs: -5, toMs: 3 }, { fromMs: 96, toMs: 97 })).toBe(true);
});

test('a long truck on the near lane is painted after the car beside its rear, though its middle is farther', () => {
  const rectangle = (x0: number, x1: number, y0: number, y1: number) =>
    [
      [x0, y0],
      [x1, y0],
      [x1, y1],
      [x0, y1],
    ] as const;
  const truck = { name: 'truck', footprint: rectangle(2, 4, 10, 30), distance: 20.2 };
  const car = { name: 'car', footprint: rectangle(5, 7, 12, 16), distance: 15.2 };
  expect(inPainterOrder([truck, car]).map((thing) => thing.name)).toEqual(['car', 'truck']);
});

test('visible fractions are areas: a square half behind another, and one half outside the frame', () => {
  const square = (x: number, y: number, side: number) =>
    convexHull([
      [x, y],
      [x + side, y],
      [x + side, y + side],
      [x, y + side],
    ]);
  const grid = new VisibilityGrid(640, 360);
  expect(grid.visibleFraction(square(100, 100, 40))).toBeCloseTo(1, 1);
  grid.take(square(100, 100, 40));
  expect(grid.visibleFraction(square(120, 100, 40))).toBeCloseTo(0.5, 1);
  expect(grid.visibleFraction(square(620, 100, 40))).toBeCloseTo(0.5, 1);
  expect(grid.isFree(110, 110)).toBe(false);
  expect(polygonArea(square(3, 4, 5))).toBeCloseTo(25, 6);
});
