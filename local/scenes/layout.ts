/**
 * Where things are: for each kind of scene the camera's mounting, the road or yard in front of it, and the paths on
 * which vehicles, bicycles and persons move. Everything is laid out in road coordinates (along, across) and turned into
 * world metres once. Invariant: paths of vehicles do not cross each other; a pedestrian crossing is declared, so that
 * traffic can give way to it.
 */

import type { SeededRandom } from '../../core/seeded-random.ts';
import type { CameraView, Point2 } from './camera-view.ts';
import { layRoad } from './road-layout.ts';
import type { VehicleLabel } from './vehicle.ts';
import { layDock, layParking } from './yard-layout.ts';

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
        heightMeters: random.between(4.8, 6.4),
        pitchDegrees: random.between(11, 15),
        focalAt1280: random.between(1150, 1650),
        roadHeading: turned(10, 28),
        cameraAcross: side * random.between(7.5, 10),
      };
    case 'crossing':
      return {
        heightMeters: random.between(4, 6),
        pitchDegrees: random.between(14, 19),
        focalAt1280: random.between(1000, 1300),
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
