/**
 * What every vehicle here is: a label, its measures, a solid, and the same plate in front and behind.
 * Local axes: y forward, x right, z up, metres, origin on the ground below the middle.
 */

import type { SeededRandom } from '../../core/seeded-random.ts';
import type { Point3 } from './camera-view.ts';
import type { Rgb, Solid } from './solid.ts';

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

export type PlateStyle = { value: string; ink: Rgb; paper: Rgb };

export function plateStyle(random: SeededRandom): PlateStyle {
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

export function plateMounts(style: PlateStyle, half: number, frontZ: number, backZ: number): PlateMount[] {
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
