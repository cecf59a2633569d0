/**
 * Paints and small parts that cars, trucks and buses share: wheels, lamps, grille, pillars, and the rectangles on their
 * sides. Invariant: a decal lies a few millimetres outside the face that carries it, so it is culled with it.
 */
import type { Point2, Point3 } from './camera-view.ts';
import { type Face, face, type Part, type Rgb } from './solid.ts';

export const PAINTS: readonly Rgb[] = [
  [232, 232, 230],
  [200, 203, 206],
  [150, 154, 158],
  [92, 96, 102],
  [38, 40, 44],
  [160, 28, 30],
  [120, 18, 40],
  [24, 58, 128],
  [40, 104, 172],
  [112, 160, 196],
  [20, 88, 62],
  [92, 116, 58],
  [214, 178, 40],
  [226, 118, 26],
  [116, 82, 52],
  [198, 184, 150],
  [96, 52, 112],
  [236, 214, 196],
  [60, 148, 148],
];
export const BUS_PAINTS: readonly Rgb[] = [
  [190, 30, 36],
  [228, 168, 30],
  [36, 104, 64],
  [30, 78, 150],
  [236, 236, 232],
  [110, 180, 60],
  [226, 110, 40],
  [120, 60, 140],
  [60, 160, 190],
];
export const CARGO_PAINTS: readonly Rgb[] = [
  [238, 238, 234],
  [214, 216, 214],
  [176, 180, 178],
  [60, 90, 140],
  [150, 50, 44],
  [70, 120, 84],
  [206, 170, 70],
  [120, 100, 84],
  [226, 130, 50],
];
export const GLASS: Rgb = [44, 58, 70];
const TYRE: Rgb = [26, 26, 28];
const HUB: Rgb = [140, 142, 146];
const LAMP: Rgb = [250, 246, 220];
const TAIL_LAMP: Rgb = [196, 24, 20];
/** Below this many pixels per metre a detail would be a speck. */
export const DETAIL_PX_PER_METER = 14;
export function wheels(halfWidth: number, axles: readonly number[], radius: number): Face[] {
  const disc = (x: number, y: number, size: number): Point3[] =>
    Array.from({ length: 12 }, (_, index) => [
      x,
      y + Math.cos((index / 12) * Math.PI * 2) * size,
      radius + Math.sin((index / 12) * Math.PI * 2) * size,
    ]);
  return axles.flatMap((y) => [
    ...onBothSides(halfWidth + 0.01, (x) => face(disc(x, y, radius), TYRE)),
    ...onBothSides(halfWidth + 0.02, (x) =>
      face(disc(x, y, radius * 0.55), HUB, { minPxPerMeter: DETAIL_PX_PER_METER }),
    ),
  ]);
}

/** Two head lamps, then two tail lamps. */
export function lamps(
  half: number,
  halfWidth: number,
  frontLow: number,
  frontHigh: number,
  backLow: number,
  backHigh: number,
): Face[] {
  const lamp = (y: number, side: 1 | -1, low: number, high: number, color: Rgb): Face =>
    face(
      [
        [side * halfWidth * 0.95, y, low],
        [side * halfWidth * 0.6, y, low],
        [side * halfWidth * 0.6, y, high],
        [side * halfWidth * 0.95, y, high],
      ],
      color,
      { lit: false, minPxPerMeter: 8 },
    );
  return [
    lamp(half + 0.01, 1, frontLow, frontHigh, LAMP),
    lamp(half + 0.01, -1, frontLow, frontHigh, LAMP),
    lamp(-half - 0.01, 1, backLow, backHigh, TAIL_LAMP),
    lamp(-half - 0.01, -1, backLow, backHigh, TAIL_LAMP),
  ];
}

export function grille(half: number, x: number, low: number, high: number): Face[] {
  return [
    face(
      [
        [-x, half + 0.008, low],
        [x, half + 0.008, low],
        [x, half + 0.008, high],
        [-x, half + 0.008, high],
      ],
      [34, 34, 38],
      { minPxPerMeter: DETAIL_PX_PER_METER },
    ),
  ];
}

/** Body-coloured posts between the panes of a cabin's sides, at its edges and in the middle. */
export function addPillars(cabin: Part, paint: Rgb): void {
  const sides = cabin.faces.slice(2, 4);
  for (const side of sides) {
    const [b0, b1, t1, t0] = side.points as [Point3, Point3, Point3, Point3];
    for (const [from, to] of [
      [0, 0.1],
      [0.46, 0.54],
      [0.92, 1],
    ] as const) {
      cabin.faces.push(
        face([between(b0, b1, from), between(b0, b1, to), between(t0, t1, to), between(t0, t1, from)], paint, {
          minPxPerMeter: 8,
        }),
      );
    }
  }
}

function between(a: Point3, b: Point3, share: number): Point3 {
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share];
}

export function onBothSides(halfWidth: number, build: (x: number) => Face): Face[] {
  return [build(halfWidth + 0.005), build(-halfWidth - 0.005)];
}

export function rectangle(x: number, [y0, y1]: Point2, [z0, z1]: Point2): Point3[] {
  return [
    [x, y0, z0],
    [x, y1, z0],
    [x, y1, z1],
    [x, y0, z1],
  ];
}

export function shade([red, green, blue]: Rgb, factor: number): Rgb {
  return [red * factor, green * factor, blue * factor];
}

export function same(color: Rgb): { front: Rgb; back: Rgb; side: Rgb; top: Rgb } {
  return { front: color, back: color, side: color, top: color };
}
