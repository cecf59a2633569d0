/**
 * Buses: city bus, double-decker and minibus, told from trucks by their bands of windows and the lit sign in front.
 * Invariant: one convex body; everything else is a decal on it.
 */
import type { SeededRandom } from '../../core/seeded-random.ts';
import { extruded, face, type Rgb } from './solid.ts';
import { type PlateStyle, plateMounts, type Vehicle } from './vehicle.ts';
import { BUS_PAINTS, GLASS, lamps, onBothSides, rectangle, shade, wheels } from './vehicle-parts.ts';

export function buildBus(random: SeededRandom, plate: PlateStyle): Vehicle {
  const style = random.weighted({ city: 4, double: 2, mini: 2 });
  const length = style === 'mini' ? random.between(6, 7.5) : random.between(9.5, 12);
  const width = style === 'mini' ? 2.1 : 2.5;
  const height =
    style === 'double'
      ? random.between(4.0, 4.3)
      : style === 'mini'
        ? random.between(2.5, 2.8)
        : random.between(2.9, 3.2);
  const paint = random.pick(BUS_PAINTS);
  const trim = random.chance(0.5)
    ? shade(paint, 0.7)
    : random.pick<Rgb>([
        [240, 240, 236],
        [40, 44, 50],
        [220, 200, 120],
      ]);
  const half = length / 2;
  const halfWidth = width / 2;
  const slant = random.between(0.05, 0.25);
  const body = extruded(
    [
      [-half, 0.35],
      [half, 0.35],
      [half, height * 0.45],
      [half - slant, height],
      [-half + 0.05, height],
    ],
    halfWidth,
    paint,
  );
  body.faces.push(...onBothSides(halfWidth, (x) => face(rectangle(x, [-half, half - slant], [0.35, 0.62]), trim)));
  body.faces.push(...wheels(halfWidth, [-half * 0.6, half * 0.66], 0.48));
  const decks: [number, number][] =
    style === 'double'
      ? [
          [1.15, 1.95],
          [2.6, 3.5],
        ]
      : [[height * 0.42, height * 0.82]];
  const pane = random.between(1.0, 1.6);
  for (const [low, high] of decks) {
    body.faces.push(
      ...onBothSides(halfWidth, (x) =>
        face(rectangle(x, [-half + 0.35, half - slant - 0.25], [low - 0.05, high + 0.05]), shade(GLASS, 0.7)),
      ),
    );
    for (let y = -half + 0.45; y + pane < half - slant - 0.2; y += pane + 0.1) {
      body.faces.push(
        ...onBothSides(halfWidth, (x) =>
          face(rectangle(x, [y, y + pane], [low, high]), [74, 92, 104], { minPxPerMeter: 8 }),
        ),
      );
    }
    body.faces.push(
      face(
        [
          [-halfWidth * 0.9, half + 0.01 - slant * 0.2, low],
          [halfWidth * 0.9, half + 0.01 - slant * 0.2, low],
          [halfWidth * 0.9, half + 0.01 - slant * 0.8, high + 0.1],
          [-halfWidth * 0.9, half + 0.01 - slant * 0.8, high + 0.1],
        ],
        GLASS,
      ),
      face(
        [
          [-halfWidth * 0.8, -half - 0.01, low + 0.2],
          [halfWidth * 0.8, -half - 0.01, low + 0.2],
          [halfWidth * 0.8, -half - 0.01, high],
          [-halfWidth * 0.8, -half - 0.01, high],
        ],
        GLASS,
      ),
    );
  }
  body.faces.push(
    face(
      [
        [-halfWidth * 0.6, half + 0.02 - slant * 0.85, height * 0.88],
        [halfWidth * 0.6, half + 0.02 - slant * 0.85, height * 0.88],
        [halfWidth * 0.6, half + 0.02 - slant, height * 0.96],
        [-halfWidth * 0.6, half + 0.02 - slant, height * 0.96],
      ],
      [255, 186, 60],
      { lit: false },
    ),
    ...onBothSides(halfWidth, (x) =>
      face(rectangle(x, [half - slant - 1.35, half - slant - 0.35], [0.4, height * 0.78]), shade(GLASS, 1.15), {
        minPxPerMeter: 10,
      }),
    ).slice(0, 1),
    ...lamps(half, halfWidth, 0.55, 0.75, 0.7, 1.0),
  );
  return {
    label: 'bus',
    lengthMeters: length,
    widthMeters: width,
    heightMeters: height,
    solid: { parts: [body] },
    plates: plateMounts(plate, half, 0.5, 0.6),
  };
}
