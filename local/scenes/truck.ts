/**
 * Trucks: a chassis, a cab, and what they carry: a box, a tank, a tub with a heap, or loose crates.
 * Invariant: cab and cargo share a layer and never overlap along y, so the camera's side decides which is painted first.
 */

import type { SeededRandom } from '../../core/seeded-random.ts';
import type { Point2, Point3 } from './camera-view.ts';
import { extruded, type Face, face, frustum, type Part, type Rgb } from './solid.ts';
import { type PlateStyle, plateMounts, type Vehicle } from './vehicle.ts';
import {
  CARGO_PAINTS,
  DETAIL_PX_PER_METER,
  GLASS,
  grille,
  lamps,
  onBothSides,
  PAINTS,
  rectangle,
  same,
  shade,
  wheels,
} from './vehicle-parts.ts';

export function buildTruck(random: SeededRandom, plate: PlateStyle): Vehicle {
  const style = random.weighted({ box: 4, flatbed: 2, tanker: 2, tipper: 2 });
  const length = random.between(6.2, 11);
  const width = random.between(2.15, 2.5);
  const cabLength = random.between(1.7, 2.2);
  const cabHeight = random.between(2.3, 2.9);
  const half = length / 2;
  const halfWidth = width / 2;
  const cabPaint = random.pick(PAINTS);
  const cargoPaint = random.pick(CARGO_PAINTS);
  const bed = 0.95;
  const chassis = extruded(
    [
      [-half, 0.5],
      [half - 0.3, 0.5],
      [half - 0.3, bed],
      [-half, bed],
    ],
    halfWidth * 0.94,
    [52, 52, 56],
    0,
  );
  const axles = length > 8.5 ? [-half + 0.9, -half + 2.0, half - 1.2] : [-half + 1.3, half - 1.2];
  chassis.faces.push(...wheels(halfWidth * 0.97, axles, 0.48));
  const cabBack = half - cabLength;
  const slant = random.between(0.05, 0.35);
  const cab = extruded(
    [
      [cabBack, 0.45],
      [half, 0.45],
      [half, cabHeight * 0.5],
      [half - slant, cabHeight],
      [cabBack, cabHeight],
    ],
    halfWidth * 0.96,
    cabPaint,
    1,
  );
  cab.faces.push(
    ...lamps(half, halfWidth * 0.96, 0.6, 0.8, 0, 0).slice(0, 2),
    face(
      [
        [-halfWidth * 0.84, half - slant * 0.08 + 0.01, cabHeight * 0.54],
        [halfWidth * 0.84, half - slant * 0.08 + 0.01, cabHeight * 0.54],
        [halfWidth * 0.84, half - slant * 0.86 + 0.01, cabHeight * 0.93],
        [-halfWidth * 0.84, half - slant * 0.86 + 0.01, cabHeight * 0.93],
      ],
      GLASS,
    ),
    ...onBothSides(halfWidth * 0.96, (x) =>
      face(rectangle(x, [half - cabLength * 0.62, half - slant - 0.06], [cabHeight * 0.54, cabHeight * 0.9]), GLASS),
    ),
    ...grille(half, halfWidth * 0.6, 0.85, cabHeight * 0.45),
  );
  const cargoFront = cabBack - 0.15;
  const cargoHeight = random.between(2.7, 3.7);
  const cargo = buildCargo(
    style,
    { back: -half, front: cargoFront, bed, halfWidth, height: cargoHeight },
    cargoPaint,
    random,
  );
  const tail = frustum(
    { x: halfWidth * 0.9, y0: -half - 0.06, y1: -half, z: 0.5 },
    { x: halfWidth * 0.9, y0: -half - 0.06, y1: -half, z: 0.85 },
    same([40, 40, 44]),
    2,
  );
  tail.centre = [0, -half + 0.4, 0.7];
  tail.faces.push(...lamps(half + 0.06, halfWidth * 0.9, 0, 0, 0.58, 0.8).slice(2));
  return {
    label: 'truck',
    lengthMeters: length,
    widthMeters: width,
    heightMeters: Math.max(cabHeight, style === 'box' ? cargoHeight : 2.6),
    solid: { parts: [chassis, cab, ...cargo, tail] },
    plates: plateMounts(plate, half + 0.06, 0.62, 0.68),
  };
}

type CargoSpace = { back: number; front: number; bed: number; halfWidth: number; height: number };

function buildCargo(
  style: 'box' | 'flatbed' | 'tanker' | 'tipper',
  space: CargoSpace,
  paint: Rgb,
  random: SeededRandom,
): Part[] {
  const { back, front, bed, halfWidth, height } = space;
  if (style === 'box') {
    const box = frustum(
      { x: halfWidth, y0: back, y1: front, z: bed },
      { x: halfWidth, y0: back, y1: front, z: height },
      same(paint),
      1,
    );
    const stripe = random.pick(CARGO_PAINTS);
    const low = random.between(0.25, 0.5);
    box.faces.push(
      ...onBothSides(halfWidth, (x) =>
        face(
          rectangle(
            x,
            [back + 0.3, front - 0.3],
            [bed + (height - bed) * low, bed + (height - bed) * (low + random.between(0.1, 0.35))],
          ),
          stripe,
        ),
      ),
      face(
        [
          [-0.03, back - 0.005, bed],
          [0.03, back - 0.005, bed],
          [0.03, back - 0.005, height],
          [-0.03, back - 0.005, height],
        ],
        shade(paint, 0.5),
        { minPxPerMeter: DETAIL_PX_PER_METER },
      ),
    );
    return [box];
  }
  if (style === 'tanker') {
    const radius = 0.95;
    const centreZ = bed + radius;
    const ring = Array.from(
      { length: 10 },
      (_, index): Point2 => [
        Math.cos((index / 10) * Math.PI * 2) * radius * 1.1,
        centreZ + Math.sin((index / 10) * Math.PI * 2) * radius,
      ],
    );
    const faces: Face[] = ring.map(([x, z], index) => {
      const [nextX, nextZ] = ring[(index + 1) % ring.length] as Point2;
      return face(
        [
          [x, back, z],
          [nextX, back, nextZ],
          [nextX, front, nextZ],
          [x, front, z],
        ],
        paint,
      );
    });
    for (const y of [back, front])
      faces.push(
        face(
          ring.map(([x, z]): Point3 => [x, y, z]),
          shade(paint, 0.85),
        ),
      );
    return [{ centre: [0, (back + front) / 2, centreZ], faces, layer: 1 }];
  }
  if (style === 'tipper') {
    const tub = extruded(
      [
        [back + 0.35, bed],
        [front, bed],
        [front, bed + 1.25],
        [back, bed + 1.15],
      ],
      halfWidth * 0.98,
      paint,
      1,
    );
    const ribs = [0.2, 0.4, 0.6, 0.8].flatMap((share) => {
      const y = back + 0.35 + (front - back - 0.35) * share;
      return onBothSides(halfWidth * 0.98, (x) =>
        face(rectangle(x, [y, y + 0.1], [bed, bed + 1.18]), shade(paint, 0.7), { minPxPerMeter: DETAIL_PX_PER_METER }),
      );
    });
    tub.faces.push(...ribs);
    const heap = frustum(
      { x: halfWidth * 0.85, y0: back + 0.3, y1: front - 0.2, z: bed + 1.18 },
      { x: halfWidth * 0.3, y0: back + 1.2, y1: front - 1, z: bed + 1.6 },
      same([130, 108, 82]),
      2,
    );
    return [tub, heap];
  }
  const parts: Part[] = [
    frustum(
      { x: halfWidth, y0: back, y1: front, z: bed },
      { x: halfWidth, y0: back, y1: front, z: bed + 0.12 },
      same([96, 78, 58]),
      1,
    ),
  ];
  let at = back + 0.2;
  while (at < front - 0.9) {
    const size = Math.min(random.between(0.8, 2.2), front - at - 0.1);
    const loadHeight = random.between(0.5, 1.5);
    const side = halfWidth * random.between(0.6, 0.95);
    parts.push(
      frustum(
        { x: side, y0: at, y1: at + size, z: bed + 0.12 },
        { x: side, y0: at, y1: at + size, z: bed + 0.12 + loadHeight },
        same(random.pick(CARGO_PAINTS)),
        1.5,
      ),
    );
    at += size + 0.15;
  }
  return parts;
}
