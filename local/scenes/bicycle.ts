/**
 * Bicycles: two wheels whose spokes turn with the distance ridden, a frame of strokes, perhaps a basket. The rider is an
 * object of its own (people.ts).
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { SeededRandom } from '../../core/seeded-random.ts';
import type { CameraView, Point2, Point3 } from './camera-view.ts';
import { FigurePen, type Pose } from './figure-pen.ts';
import { CLOTHES } from './people.ts';
import type { Rgb } from './solid.ts';

export type BicycleLook = { frame: Rgb; wheelRadius: number; basket: boolean };

export function bicycleLook(random: SeededRandom): BicycleLook {
  return { frame: random.pick(CLOTHES), wheelRadius: random.between(0.31, 0.36), basket: random.chance(0.25) };
}

export function drawBicycle(
  context: SKRSContext2D | null,
  view: CameraView,
  look: BicycleLook,
  pose: Pose,
  brightness: number,
): Point2[] {
  const pen = new FigurePen(context, view, pose, brightness);
  const r = look.wheelRadius;
  const axle = 0.52;
  for (const y of [-axle, axle]) {
    const rim = Array.from(
      { length: 14 },
      (_, index): Point3 => [
        0,
        y + Math.cos((index / 14) * Math.PI * 2) * r,
        r + Math.sin((index / 14) * Math.PI * 2) * r,
      ],
    );
    pen.loop(rim, 0.05, [28, 28, 30]);
    for (let spoke = 0; spoke < 3; spoke += 1) {
      const angle = pose.distanceMeters / r + (spoke / 3) * Math.PI;
      pen.stroke(
        [
          [0, y + Math.cos(angle) * r, r + Math.sin(angle) * r],
          [0, y - Math.cos(angle) * r, r - Math.sin(angle) * r],
        ],
        0.012,
        [150, 150, 152],
      );
    }
  }
  const crank: Point3 = [0, 0.02, 0.32];
  const saddle: Point3 = [0, -0.2, 0.88];
  const head: Point3 = [0, 0.38, 0.86];
  pen.stroke([[0, -axle, r], crank, saddle, [0, -axle, r]], 0.045, look.frame);
  pen.stroke([crank, head, [0, -0.16, 0.76]], 0.05, look.frame);
  pen.stroke([[0, axle, r], head, [0, 0.42, 1.02]], 0.045, look.frame);
  pen.stroke(
    [
      [-0.28, 0.44, 1.03],
      [0.28, 0.44, 1.03],
    ],
    0.04,
    [30, 30, 32],
  );
  pen.stroke(
    [
      [0, -0.3, 0.92],
      [0, -0.1, 0.92],
    ],
    0.07,
    [24, 24, 24],
  );
  if (look.basket)
    pen.quad(
      [
        [-0.16, 0.6, 0.95],
        [0.16, 0.6, 0.95],
        [0.14, 0.6, 0.72],
        [-0.14, 0.6, 0.72],
      ],
      0.05,
      [120, 96, 64],
    );
  return pen.outline;
}
