/**
 * Streets, crossings and highways: parallel lanes, with cycle lanes, kerbs, pavements, verges and a zebra beside and
 * across them. Invariant: outside a declared crossing no walkway touches a lane.
 */

import type { SeededRandom } from '../../core/seeded-random.ts';
import type { Point2 } from './camera-view.ts';
import { dashes, line, patch } from './ground-marks.ts';
import type { Layout } from './layout.ts';

export function layRoad(layout: Layout, random: SeededRandom, cameraSide: number): void {
  const highway = layout.kind === 'highway';
  const lanesEachWay = highway ? random.integer(2, 3) : layout.kind === 'street' ? random.integer(1, 2) : 1;
  const laneWidth = highway ? 3.6 : 3.3;
  const median = highway ? random.between(1, 3) : 0;
  const cycleway = !highway && random.chance(0.7) ? 1.7 : 0;
  const carriageway = median / 2 + lanesEachWay * laneWidth;
  const edge = carriageway + (highway ? 1.8 : cycleway + 0.3);
  const keepRight = random.chance(0.5) ? 1 : -1;
  const speed = highway ? random.between(14, 22) : random.between(6, 11);
  const mix = highway ? { car: 6, truck: 3.5, bus: 1.8 } : { car: 6, truck: 2.2, bus: 2 };
  const start = layout.kind === 'crossing' ? -45 : -12;
  const end = layout.kind === 'crossing' ? 55 : highway ? 130 : 85;
  layout.strips.push({ material: 'asphalt', from: -edge, to: edge });
  if (median > 0) layout.strips.push({ material: 'verge', from: -median / 2, to: median / 2 });
  if (cycleway > 0) {
    layout.strips.push(
      { material: 'cycleway', from: carriageway + 0.15, to: edge },
      { material: 'cycleway', from: -edge, to: -carriageway - 0.15 },
    );
  }
  for (const side of [-1, 1] as const) {
    const forward = side * keepRight > 0;
    for (let index = 0; index < lanesEachWay; index += 1) {
      const across = side * (median / 2 + (index + 0.5) * laneWidth);
      const ends: [Point2, Point2] = [layout.toWorld(start, across), layout.toWorld(end, across)];
      layout.lanes.push({
        from: forward ? ends[0] : ends[1],
        to: forward ? ends[1] : ends[0],
        speedMetersPerSecond: speed * random.between(0.85, 1.15),
        mix,
        gapSeconds: random.between(2.5, 7),
      });
      if (index > 0) layout.markings.push(...dashes(layout, side * (median / 2 + index * laneWidth), start, end));
    }
    layout.markings.push(line(layout, side * (carriageway + 0.05), start, end));
    if (highway) {
      layout.strips.push({
        material: 'verge',
        from: side === 1 ? edge : -edge - 40,
        to: side === 1 ? edge + 40 : -edge,
      });
      layout.frontages.push({
        alongFrom: 40,
        alongTo: 150,
        across: side * (edge + random.between(10, 20)),
        away: side,
        wall: true,
      });
      continue;
    }
    const walk = random.between(2.4, 4);
    const verge = random.chance(0.35) ? random.between(1, 2.5) : 0;
    layout.strips.push({
      material: 'kerb',
      from: side === 1 ? edge : -edge - 0.25,
      to: side === 1 ? edge + 0.25 : -edge,
    });
    if (verge > 0)
      layout.strips.push({
        material: 'verge',
        from: side === 1 ? edge + 0.25 : -edge - 0.25 - verge,
        to: side === 1 ? edge + 0.25 + verge : -edge - 0.25,
      });
    const inner = edge + 0.25 + verge;
    const outer = side === cameraSide ? inner + 12 : inner + walk;
    layout.strips.push({ material: 'pavement', from: side === 1 ? inner : -outer, to: side === 1 ? outer : -inner });
    const walkAcross = side * (inner + Math.min(walk, 3) * 0.5 + 0.1);
    layout.walkways.push({
      from: layout.toWorld(start * 0.6 + 4, walkAcross),
      to: layout.toWorld(Math.min(end, 42), walkAcross),
      halfWidth: walk * 0.32,
      users: 'persons',
      perMinute: random.between(5, 11),
    });
    if (cycleway > 0) {
      const across = side * (carriageway + cycleway * 0.5 + 0.15);
      const ends: [Point2, Point2] = [layout.toWorld(start, across), layout.toWorld(Math.min(end, 55), across)];
      layout.walkways.push({
        from: forward ? ends[0] : ends[1],
        to: forward ? ends[1] : ends[0],
        halfWidth: 0.25,
        users: 'cyclists',
        perMinute: random.between(2.5, 6),
      });
    }
    for (let along = start + 8; along < 45; along += random.between(4, 9)) {
      layout.spots.push({
        at: layout.toWorld(along, side * (inner + walk - 0.5)),
        heading: layout.roadHeading + random.between(-0.3, 0.3) + (random.chance(0.5) ? 0 : Math.PI),
        holds: random.weighted({ bicycle: 3, person: 2 }),
        probability: 0.22,
      });
    }
    if (side !== cameraSide) {
      layout.frontages.push({
        alongFrom: start - 30,
        alongTo: 140,
        across: side * (inner + walk + 0.5),
        away: side,
        wall: true,
      });
      layout.foreground.push(layout.toWorld(random.between(8, 26), side * (edge + 0.5)));
    } else {
      layout.frontages.push({ alongFrom: 55, alongTo: 150, across: side * (inner + walk + 4), away: side, wall: true });
      layout.foreground.push(
        layout.toWorld(random.between(9, 16), side * (edge + 0.6)),
        layout.toWorld(random.between(20, 34), side * (edge + 0.6)),
      );
    }
  }
  if (median === 0)
    layout.markings.push(...(lanesEachWay > 1 ? [line(layout, 0, start, end)] : dashes(layout, 0, start, end)));
  if (layout.kind === 'crossing' || (layout.kind === 'street' && random.chance(0.35))) {
    const along = layout.kind === 'crossing' ? random.between(-2, 9) : random.between(16, 26);
    layout.crossings.push({
      from: layout.toWorld(along, -edge - 1.6),
      to: layout.toWorld(along, edge + 1.6),
      halfWidth: 1.3,
    });
    for (let across = -edge + 0.35; across < edge - 0.5; across += 1.1)
      layout.markings.push({ polygon: patch(layout, along - 1.7, along + 1.7, across, across + 0.55), faint: false });
  }
}
