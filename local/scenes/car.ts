/**
 * Cars: sedan, hatchback, off-roader, estate and taxi, each a convex body with a glazed cabin on it, stretched and painted
 * by the random source. Invariant: a car stays below 1.9 m, which no truck or bus does.
 */
import type { SeededRandom } from '../../core/seeded-random.ts';
import { extruded, face, frustum, type Rgb } from './solid.ts';
import { type PlateStyle, plateMounts, type Vehicle } from './vehicle.ts';
import {
  addPillars,
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

export function buildCar(random: SeededRandom, plate: PlateStyle): Vehicle {
  const style = random.weighted({ sedan: 3, hatchback: 3, suv: 3, estate: 2, taxi: 1 });
  const tall = style === 'suv';
  const length = style === 'hatchback' ? random.between(3.6, 4.2) : random.between(4.3, 5.0);
  const width = random.between(1.72, 1.92);
  const height = tall ? random.between(1.65, 1.85) : random.between(1.4, 1.55);
  const paint =
    style === 'taxi'
      ? random.pick<Rgb>([
          [236, 190, 30],
          [30, 140, 90],
          [40, 90, 190],
        ])
      : random.pick(PAINTS);
  const half = length / 2;
  const halfWidth = width / 2;
  const belt = height * random.between(0.56, 0.62);
  const nose = belt * random.between(0.74, 0.86);
  const body = extruded(
    [
      [-half, 0.28],
      [half, 0.28],
      [half, nose * 0.8],
      [half - 0.12, nose],
      [half * 0.42, belt],
      [-half + 0.08, belt],
      [-half, belt * 0.86],
    ],
    halfWidth,
    paint,
  );
  body.faces.push(...wheels(halfWidth, [-half * 0.62, half * 0.62], tall ? 0.37 : 0.32));
  body.faces.push(
    ...onBothSides(halfWidth, (x) =>
      face(rectangle(x, [-half * 0.98, half * 0.98], [0.28, 0.4]), shade(paint, 0.45), {
        minPxPerMeter: DETAIL_PX_PER_METER,
      }),
    ),
    ...onBothSides(halfWidth, (x) =>
      face(rectangle(x, [half * 0.02, half * 0.04], [0.42, belt]), shade(paint, 0.6), { minPxPerMeter: 30 }),
    ),
  );
  body.faces.push(...lamps(half, halfWidth, nose * 0.62, nose * 0.8, belt * 0.62, belt * 0.82));
  body.faces.push(...grille(half, halfWidth * 0.55, 0.44, nose * 0.55));
  const rearSlope = { sedan: 0.5, taxi: 0.5, hatchback: 0.22, suv: 0.12, estate: 0.14 }[style];
  const y0 = style === 'sedan' || style === 'taxi' ? -half * 0.72 : -half * 0.96;
  const y1 = half * 0.42;
  const cabin = frustum(
    { x: halfWidth * 0.97, y0, y1, z: belt },
    { x: halfWidth * 0.76, y0: y0 + rearSlope, y1: y1 - random.between(0.55, 0.8), z: height },
    { front: GLASS, back: GLASS, side: GLASS, top: paint },
    1,
  );
  addPillars(cabin, paint);
  const parts = [body, cabin];
  if (style === 'taxi') {
    parts.push(
      frustum(
        { x: 0.3, y0: -0.1, y1: 0.1, z: height },
        { x: 0.26, y0: -0.07, y1: 0.07, z: height + 0.16 },
        same([250, 236, 160]),
        2,
      ),
    );
  } else if (random.chance(0.15)) {
    parts.push(
      frustum(
        { x: 0.5, y0: -0.9, y1: 0.3, z: height },
        { x: 0.44, y0: -0.8, y1: 0.2, z: height + 0.3 },
        same([50, 52, 56]),
        2,
      ),
    );
  }
  return {
    label: 'car',
    lengthMeters: length,
    widthMeters: width,
    heightMeters: height,
    solid: { parts },
    plates: plateMounts(plate, half, 0.52, belt * 0.66),
  };
}
