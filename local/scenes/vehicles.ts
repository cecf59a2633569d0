/**
 * Cars, trucks and buses as solids: a handful of body styles, each stretched and painted by the random source, so that
 * no two look alike and yet each is plainly what it is. Every vehicle carries the same plate in front and behind.
 * Local axes: y forward, x right, z up, metres, origin on the ground below the middle.
 */
import type { Point2, Point3 } from './camera-view.ts';
import type { SeededRandom } from './random.ts';
import { extruded, type Face, face, frustum, type Part, type Rgb, type Solid } from './solid.ts';

export type VehicleLabel = 'car' | 'truck' | 'bus';
export type PlateMount = { value: string; ink: Rgb; paper: Rgb; corners: Point3[]; facing: 1 | -1 };
export type Vehicle = {
  label: VehicleLabel;
  lengthMeters: number;
  widthMeters: number;
  heightMeters: number;
  solid: Solid;
  plates: PlateMount[];
};

/** Plates are drawn a little larger than in life, so that a camera at 8–12 m shows them 60 px wide at 1280×720. */
const PLATE_WIDTH_METERS = 0.7;
const PLATE_HEIGHT_METERS = 0.19;

const PAINTS: readonly Rgb[] = [
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
const BUS_PAINTS: readonly Rgb[] = [
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
const CARGO_PAINTS: readonly Rgb[] = [
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
const GLASS: Rgb = [44, 58, 70];
const TYRE: Rgb = [26, 26, 28];
const HUB: Rgb = [140, 142, 146];
const LAMP: Rgb = [250, 246, 220];
const TAIL_LAMP: Rgb = [196, 24, 20];
/** Below this many pixels per metre a detail would be a speck. */
const DETAIL_PX_PER_METER = 14;

export function buildVehicle(label: VehicleLabel, random: SeededRandom): Vehicle {
  const plate = plateStyle(random);
  if (label === 'car') return buildCar(random, plate);
  return label === 'truck' ? buildTruck(random, plate) : buildBus(random, plate);
}

function buildCar(random: SeededRandom, plate: PlateStyle): Vehicle {
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

function buildTruck(random: SeededRandom, plate: PlateStyle): Vehicle {
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

function buildBus(random: SeededRandom, plate: PlateStyle): Vehicle {
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

type PlateStyle = { value: string; ink: Rgb; paper: Rgb };

function plateStyle(random: SeededRandom): PlateStyle {
  const pattern = random.pick(['LLLDDDDL', 'LLDDLLL', 'LLL-DDDD', 'LDDDLLL', 'LL-DDDDD', 'DDDDLLL']);
  const value = [...pattern]
    .map((kind) =>
      kind === 'L' ? random.pick([...'ABCDEFGHJKLMNPQRSTUVWXYZ']) : kind === 'D' ? random.pick([...'0123456789']) : '-',
    )
    .join('');
  const [ink, paper] = random.pick<[Rgb, Rgb]>([
    [
      [16, 16, 20],
      [244, 244, 240],
    ],
    [
      [16, 16, 20],
      [244, 206, 70],
    ],
    [
      [244, 244, 240],
      [22, 22, 26],
    ],
    [
      [20, 40, 110],
      [240, 242, 246],
    ],
  ]);
  return { value, ink, paper };
}

function plateMounts(style: PlateStyle, half: number, frontZ: number, backZ: number): PlateMount[] {
  const x = PLATE_WIDTH_METERS / 2;
  const tall = PLATE_HEIGHT_METERS / 2;
  const mount = (facing: 1 | -1, z: number): PlateMount => {
    const y = facing * (half + 0.02);
    // Corners clockwise as a reader in front of the plate sees them, from the top left.
    const left = facing === 1 ? x : -x;
    return {
      ...style,
      facing,
      corners: [
        [left, y, z + tall],
        [-left, y, z + tall],
        [-left, y, z - tall],
        [left, y, z - tall],
      ],
    };
  };
  return [mount(1, frontZ), mount(-1, backZ)];
}

function wheels(halfWidth: number, axles: readonly number[], radius: number): Face[] {
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
function lamps(
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

function grille(half: number, x: number, low: number, high: number): Face[] {
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
function addPillars(cabin: Part, paint: Rgb): void {
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

function onBothSides(halfWidth: number, build: (x: number) => Face): Face[] {
  return [build(halfWidth + 0.005), build(-halfWidth - 0.005)];
}

function rectangle(x: number, [y0, y1]: Point2, [z0, z1]: Point2): Point3[] {
  return [
    [x, y0, z0],
    [x, y1, z0],
    [x, y1, z1],
    [x, y0, z1],
  ];
}

function shade([red, green, blue]: Rgb, factor: number): Rgb {
  return [red * factor, green * factor, blue * factor];
}

function same(color: Rgb): { front: Rgb; back: Rgb; side: Rgb; top: Rgb } {
  return { front: color, back: color, side: color, top: color };
}
