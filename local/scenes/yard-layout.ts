/**
 * Places where vehicles stand: a car park with its aisle and rows of bays, and a loading dock before a long wall.
 * Invariant: bays and docks lie beside the lanes, so what is parked never stands in the way of what drives.
 */

import type { SeededRandom } from '../../core/seeded-random.ts';
import type { Point2 } from './camera-view.ts';
import { line, patch } from './ground-marks.ts';
import type { Layout } from './layout.ts';

/** Rows of bays on both sides of one or two aisles. */
export function layParking(layout: Layout, random: SeededRandom): void {
  const bay = random.between(2.6, 2.9);
  const deep = 5.2;
  const aisle = random.between(6.5, 8);
  layout.strips.push({ material: 'asphalt', from: -60, to: 60 });
  const fill = random.between(0.25, 0.75);
  const away = layout.toWorld(0, 1)[1] > layout.toWorld(0, -1)[1] ? 1 : -1;
  const rows = [-1, 1].map((side) => ({ across: side * (aisle / 2 + deep / 2), nose: side }));
  rows.push({ across: away * (aisle / 2 + deep * 1.5 + 0.2), nose: -away });
  for (const row of rows) {
    for (let along = -26; along < 30; along += bay) {
      layout.markings.push({
        polygon: patch(layout, along - 0.06, along + 0.06, row.across - deep / 2, row.across + deep / 2),
        faint: true,
      });
      const inwards = layout.roadHeading + (row.nose > 0 ? Math.PI / 2 : -Math.PI / 2);
      layout.spots.push({
        at: layout.toWorld(along + bay / 2, row.across + random.between(-0.25, 0.25)),
        heading: inwards + (random.chance(0.35) ? Math.PI : 0) + random.between(-0.04, 0.04),
        holds: random.weighted({ car: 12, bicycle: 0.3 }),
        probability: fill,
      });
    }
  }
  for (const side of [-1, 1]) {
    const ends: [Point2, Point2] = [layout.toWorld(-32, side * aisle * 0.24), layout.toWorld(34, side * aisle * 0.24)];
    layout.lanes.push({
      from: side > 0 ? ends[0] : ends[1],
      to: side > 0 ? ends[1] : ends[0],
      speedMetersPerSecond: random.between(3, 5.5),
      mix: { car: 8, truck: 1.2, bus: 1 },
      gapSeconds: random.between(5, 12),
    });
  }
  const nearWalk = -away * (aisle / 2 + deep + 1.5);
  layout.walkways.push(
    {
      from: layout.toWorld(-16, nearWalk),
      to: layout.toWorld(17, nearWalk),
      halfWidth: 0.7,
      users: 'persons',
      perMinute: random.between(5, 10),
    },
    {
      from: layout.toWorld(-20, 0),
      to: layout.toWorld(20, 0),
      halfWidth: 0.2,
      users: 'persons',
      perMinute: random.between(2, 5),
    },
    {
      from: layout.toWorld(-22, nearWalk - away * 1.2),
      to: layout.toWorld(22, nearWalk - away * 1.2),
      halfWidth: 0.3,
      users: 'cyclists',
      perMinute: random.between(2, 5),
    },
  );
  layout.frontages.push({
    alongFrom: -60,
    alongTo: 70,
    across: away * (aisle / 2 + deep * 2 + random.between(3, 10)),
    away: away as 1 | -1,
    wall: true,
  });
  layout.foreground.push(layout.toWorld(random.between(-7, 7), nearWalk + away * 1.1));
}

/** A yard before a long warehouse wall: trucks back up to its doors, others pass. */
export function layDock(layout: Layout, random: SeededRandom): void {
  const away = layout.toWorld(0, 1)[1] > layout.toWorld(0, -1)[1] ? 1 : -1;
  const wall = away * random.between(13, 17);
  layout.strips.push({ material: 'yard', from: -60, to: 60 });
  const towardsRoad = layout.roadHeading + (away > 0 ? -Math.PI / 2 : Math.PI / 2);
  for (let along = -26; along < 30; along += random.between(4.6, 6)) {
    layout.spots.push({
      at: layout.toWorld(along, wall - away * 5.8),
      heading: towardsRoad,
      holds: random.weighted({ truck: 8, bus: 0.4, car: 2 }),
      probability: 0.33,
    });
    layout.markings.push({
      polygon: patch(layout, along + 2.2, along + 2.35, wall - away * 9, wall - away * 0.5),
      faint: true,
    });
  }
  for (const [index, across] of [away * -1.8, away * 2].entries()) {
    const ends: [Point2, Point2] = [layout.toWorld(-40, across), layout.toWorld(42, across)];
    layout.lanes.push({
      from: index === 0 ? ends[0] : ends[1],
      to: index === 0 ? ends[1] : ends[0],
      speedMetersPerSecond: random.between(4, 7),
      mix: { truck: 4, car: 3.5, bus: 1.6 },
      gapSeconds: random.between(4, 9),
    });
  }
  layout.markings.push(line(layout, 0.1, -50, 50), line(layout, away * -4.2, -50, 50));
  layout.walkways.push(
    {
      from: layout.toWorld(-15, away * -6),
      to: layout.toWorld(16, away * -6),
      halfWidth: 0.9,
      users: 'persons',
      perMinute: random.between(5, 10),
    },
    {
      from: layout.toWorld(-22, away * 5),
      to: layout.toWorld(22, away * 5),
      halfWidth: 0.5,
      users: 'persons',
      perMinute: random.between(2, 5),
    },
    {
      from: layout.toWorld(-22, away * -4.6),
      to: layout.toWorld(23, away * -4.6),
      halfWidth: 0.2,
      users: 'cyclists',
      perMinute: random.between(2, 5),
    },
  );
  layout.frontages.push({ alongFrom: -60, alongTo: 70, across: wall, away: away as 1 | -1, wall: true });
  layout.foreground.push(layout.toWorld(random.between(-8, 8), away * -8.4));
}
