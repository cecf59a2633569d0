/**
 * Where things are: for each kind of scene the camera's mounting, the road or yard in front of it, and the paths on
 * which vehicles, bicycles and persons move. Everything is laid out in road coordinates (along, across) and turned into
 * world metres once. Invariant: paths of vehicles do not cross each other; a pedestrian crossing is declared, so that
 * traffic can give way to it.
 */
import type { CameraView, Point2 } from './camera-view.ts';
import type { SeededRandom } from './random.ts';
import type { VehicleLabel } from './vehicles.ts';

export const sceneKinds = ['street', 'crossing', 'highway', 'parking', 'dock'] as const;
export type SceneKind = (typeof sceneKinds)[number];

export type GroundMaterial = 'asphalt' | 'pavement' | 'kerb' | 'verge' | 'yard' | 'cycleway';
/** A band of ground between two across-coordinates. */
export type Strip = { material: GroundMaterial; from: number; to: number };
export type Marking = { polygon: Point2[]; faint: boolean };
export type Lane = {
  from: Point2;
  to: Point2;
  speedMetersPerSecond: number;
  mix: Partial<Record<VehicleLabel, number>>;
  gapSeconds: number;
};
export type Walkway = { from: Point2; to: Point2; halfWidth: number; users: 'persons' | 'cyclists'; perMinute: number };
export type Crossing = { from: Point2; to: Point2; halfWidth: number };
export type Spot = { at: Point2; heading: number; holds: VehicleLabel | 'bicycle' | 'person'; probability: number };
/** A row where buildings or trees may stand, facing the road: it begins at `across`, away from the camera if far. */
export type Frontage = { alongFrom: number; alongTo: number; across: number; away: 1 | -1; wall: boolean };

export type Layout = {
  kind: SceneKind;
  view: CameraView;
  /** Road coordinates to world metres. */
  toWorld: (along: number, across: number) => Point2;
  roadHeading: number;
  strips: Strip[];
  markings: Marking[];
  lanes: Lane[];
  walkways: Walkway[];
  crossings: Crossing[];
  spots: Spot[];
  frontages: Frontage[];
  /** Places for posts and small trees in front of the traffic. */
  foreground: Point2[];
  workers: boolean;
};

type Mounting = {
  heightMeters: number;
  pitchDegrees: number;
  focalAt1280: number;
  roadHeading: number;
  cameraAcross: number;
};

export function createLayout(kind: SceneKind, random: SeededRandom, width: number, height: number): Layout {
  const mounting = mount(kind, random);
  const sine = Math.sin(mounting.roadHeading);
  const cosine = Math.cos(mounting.roadHeading);
  const toWorld = (along: number, across: number): Point2 => {
    const offset = across - mounting.cameraAcross;
    return [along * sine + offset * cosine, along * cosine - offset * sine];
  };
  const view: CameraView = {
    width,
    height,
    focalPx: mounting.focalAt1280 * (width / 1280),
    heightMeters: mounting.heightMeters,
    pitch: (mounting.pitchDegrees * Math.PI) / 180,
  };
  const layout: Layout = {
    kind,
    view,
    toWorld,
    roadHeading: mounting.roadHeading,
    strips: [],
    markings: [],
    lanes: [],
    walkways: [],
    crossings: [],
    spots: [],
    frontages: [],
    foreground: [],
    workers: kind === 'dock',
  };
  if (kind === 'parking') layParking(layout, random);
  else if (kind === 'dock') layDock(layout, random);
  else layRoad(layout, random, Math.sign(mounting.cameraAcross) || 1);
  return layout;
}

function mount(kind: SceneKind, random: SeededRandom): Mounting {
  const side = random.chance(0.5) ? 1 : -1;
  const turned = (low: number, high: number) => (side * random.between(low, high) * Math.PI) / 180;
  switch (kind) {
    case 'street':
      return {
        heightMeters: random.between(3.2, 5),
        pitchDegrees: random.between(9, 14),
        focalAt1280: random.between(1150, 1650),
        roadHeading: turned(10, 28),
        cameraAcross: side * random.between(5.5, 8.5),
      };
    case 'crossing':
      return {
        heightMeters: random.between(4, 6),
        pitchDegrees: random.between(14, 19),
        focalAt1280: random.between(900, 1150),
        roadHeading: turned(40, 72),
        cameraAcross: side * random.between(11, 15),
      };
    case 'highway':
      return {
        heightMeters: random.between(5.5, 8),
        pitchDegrees: random.between(9.5, 14.5),
        focalAt1280: random.between(1400, 1900),
        roadHeading: turned(3, 20),
        cameraAcross: side * random.between(1, 9),
      };
    case 'parking':
      return {
        heightMeters: random.between(4.5, 7),
        pitchDegrees: random.between(15, 21),
        focalAt1280: random.between(900, 1150),
        roadHeading: turned(62, 112),
        cameraAcross: side * random.between(15, 19),
      };
    case 'dock':
      return {
        heightMeters: random.between(4.5, 6.5),
        pitchDegrees: random.between(12, 17),
        focalAt1280: random.between(900, 1150),
        roadHeading: turned(66, 108),
        cameraAcross: side * random.between(17, 22),
      };
  }
}

/** Streets, crossings and highways: parallel lanes, with what stands beside them. */
function layRoad(layout: Layout, random: SeededRandom, cameraSide: number): void {
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

/** Rows of bays on both sides of one or two aisles. */
function layParking(layout: Layout, random: SeededRandom): void {
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
function layDock(layout: Layout, random: SeededRandom): void {
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

function patch(layout: Layout, along0: number, along1: number, across0: number, across1: number): Point2[] {
  return [
    layout.toWorld(along0, across0),
    layout.toWorld(along1, across0),
    layout.toWorld(along1, across1),
    layout.toWorld(along0, across1),
  ];
}

function line(layout: Layout, across: number, start: number, end: number): Marking {
  return { polygon: patch(layout, start - 40, end + 200, across - 0.06, across + 0.06), faint: false };
}

function dashes(layout: Layout, across: number, start: number, end: number): Marking[] {
  const result: Marking[] = [];
  for (let along = start - 20; along < end + 40; along += 7)
    result.push({ polygon: patch(layout, along, along + 3, across - 0.07, across + 0.07), faint: false });
  return result;
}
