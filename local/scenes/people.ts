/**
 * Persons, on foot and in the saddle: jointed figures of round-ended strokes, because limbs have no flat faces. A figure
 * is projected joint by joint, so it is right from every side and at every distance; its legs follow the distance walked.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { SeededRandom } from '../../core/seeded-random.ts';
import type { CameraView, Point2, Point3 } from './camera-view.ts';
import { FigurePen, type Pose } from './figure-pen.ts';
import type { Rgb } from './solid.ts';

export type PersonLook = {
  heightMeters: number;
  girth: number;
  skin: Rgb;
  hair: Rgb;
  top: Rgb;
  legs: Rgb;
  extra: 'none' | 'backpack' | 'bag' | 'hat' | 'skirt' | 'vest' | 'umbrella';
  extraColor: Rgb;
};

const SKINS: readonly Rgb[] = [
  [244, 208, 180],
  [226, 178, 140],
  [190, 138, 100],
  [140, 94, 64],
  [92, 62, 44],
];
const HAIRS: readonly Rgb[] = [
  [24, 20, 18],
  [66, 44, 28],
  [120, 82, 44],
  [196, 164, 96],
  [150, 150, 150],
];
export const CLOTHES: readonly Rgb[] = [
  [30, 32, 38],
  [70, 74, 84],
  [236, 236, 232],
  [176, 34, 40],
  [36, 72, 150],
  [44, 110, 74],
  [224, 180, 50],
  [226, 120, 40],
  [130, 70, 140],
  [108, 160, 200],
  [200, 140, 160],
  [110, 90, 66],
  [150, 160, 100],
  [60, 40, 60],
];
const TROUSERS: readonly Rgb[] = [
  [34, 38, 56],
  [26, 26, 28],
  [70, 80, 110],
  [104, 96, 80],
  [150, 138, 112],
  [80, 84, 88],
  [120, 50, 50],
];

export function personLook(random: SeededRandom, options: { vest?: boolean } = {}): PersonLook {
  const child = random.chance(0.12);
  return {
    heightMeters: child ? random.between(1.15, 1.4) : random.between(1.55, 1.92),
    girth: random.between(0.85, 1.3),
    skin: random.pick(SKINS),
    hair: random.pick(HAIRS),
    top: options.vest
      ? random.pick<Rgb>([
          [240, 150, 30],
          [214, 232, 40],
        ])
      : random.pick(CLOTHES),
    legs: random.pick(TROUSERS),
    extra: options.vest ? 'vest' : random.weighted({ none: 5, backpack: 2, bag: 2, hat: 1, skirt: 1.5, umbrella: 0.5 }),
    extraColor: random.pick(CLOTHES),
  };
}

/** Draws one figure through a pen; a null context only measures. Brightness is the scene's light on upright things. */
export function drawPerson(
  context: SKRSContext2D | null,
  view: CameraView,
  look: PersonLook,
  pose: Pose,
  brightness: number,
): Point2[] {
  const pen = new FigurePen(context, view, pose, brightness);
  const h = look.heightMeters;
  const swing = pose.moving ? Math.sin((pose.distanceMeters / (h * 0.42)) * Math.PI) : 0.12;
  const hip = 0.52 * h;
  const shoulder = 0.81 * h;
  const across = 0.105 * h * look.girth;
  const limb = 0.05 * h * (0.7 + 0.3 * look.girth);
  const nearSide = pen.nearSide;
  const legStride = 0.24 * h;
  const armStride = 0.16 * h;
  const leg = (side: 1 | -1) => {
    const forward = swing * side * legStride;
    const knee: Point3 = [side * across * 0.55, forward * 0.5 + 0.05 * h, 0.28 * h];
    const foot: Point3 = [side * across * 0.5, forward, 0.035 * h + Math.max(0, -swing * side) * 0.05 * h];
    pen.stroke([[side * across * 0.5, 0, hip], knee, foot], limb * 1.25, look.legs);
    pen.stroke([foot, [foot[0], foot[1] + 0.08 * h, foot[2]]], limb, [30, 26, 24]);
  };
  const arm = (side: 1 | -1) => {
    const forward = -swing * side * armStride;
    const raised = look.extra === 'umbrella' && side === 1;
    const hand: Point3 = raised
      ? [side * across * 1.1, 0.16 * h, 0.72 * h]
      : [side * across * 1.55, forward + 0.04 * h, 0.48 * h];
    pen.stroke(
      [[side * across * 1.25, 0, shoulder], [side * across * 1.5, forward * 0.4, 0.65 * h], hand],
      limb * 0.8,
      look.top,
    );
    pen.dot(hand, limb * 0.5, look.skin);
    if (look.extra === 'bag' && side === -1)
      pen.stroke(
        [
          [hand[0], hand[1], 0.42 * h],
          [hand[0], hand[1], 0.3 * h],
        ],
        0.13 * h,
        look.extraColor,
      );
  };
  arm(nearSide === 1 ? -1 : 1);
  leg(nearSide === 1 ? -1 : 1);
  leg(nearSide);
  const packBehind = pen.facesCamera;
  const pack = () => {
    if (look.extra === 'backpack')
      pen.stroke(
        [
          [0, -0.1 * h, shoulder - 0.04 * h],
          [0, -0.1 * h, 0.6 * h],
        ],
        0.17 * h,
        look.extraColor,
      );
  };
  if (packBehind) pack();
  if (look.extra === 'skirt')
    pen.quad(
      [
        [-across * 0.8, 0, hip + 0.06 * h],
        [across * 0.8, 0, hip + 0.06 * h],
        [across * 1.5, 0, 0.3 * h],
        [-across * 1.5, 0, 0.3 * h],
      ],
      limb,
      look.legs,
    );
  pen.quad(
    [
      [-across * 1.05, 0, shoulder],
      [across * 1.05, 0, shoulder],
      [across * 0.75, 0, hip],
      [-across * 0.75, 0, hip],
    ],
    limb * 1.5,
    look.top,
  );
  if (look.extra === 'vest')
    pen.stroke(
      [
        [-across * 0.9, 0, 0.64 * h],
        [across * 0.9, 0, 0.64 * h],
      ],
      limb * 0.6,
      [236, 240, 236],
    );
  if (!packBehind) pack();
  arm(nearSide);
  pen.stroke(
    [
      [0, 0, shoulder],
      [0, 0.01 * h, 0.87 * h],
    ],
    limb,
    look.skin,
  );
  pen.dot([0, 0.015 * h, 0.925 * h], 0.066 * h, pen.facesCamera ? look.skin : look.hair);
  pen.dot([0, -0.012 * h, 0.945 * h], 0.06 * h, look.extra === 'hat' ? look.extraColor : look.hair);
  if (pen.facesCamera) pen.dot([0, 0.045 * h, 0.915 * h], 0.045 * h, look.skin);
  if (look.extra === 'umbrella') {
    pen.stroke(
      [
        [across * 1.1, 0.16 * h, 0.7 * h],
        [across * 0.6, 0.1 * h, 1.1 * h],
      ],
      0.02 * h,
      [40, 40, 40],
    );
    pen.quad(
      [
        [-0.3 * h, 0.1 * h, 1.06 * h],
        [0.42 * h, 0.1 * h, 1.06 * h],
        [0.1 * h, 0.1 * h, 1.2 * h],
        [0.02 * h, 0.1 * h, 1.2 * h],
      ],
      0.03 * h,
      look.extraColor,
    );
  }
  return pen.outline;
}

/** The figure in the saddle; the bicycle below it is its own object. */
export function drawRider(
  context: SKRSContext2D | null,
  view: CameraView,
  look: PersonLook,
  pose: Pose,
  brightness: number,
): Point2[] {
  const pen = new FigurePen(context, view, pose, brightness);
  const h = look.heightMeters;
  const crank = (pose.distanceMeters / 4.4) * Math.PI * 2;
  const limb = 0.05 * h;
  const across = 0.1 * h * look.girth;
  const hip: Point3 = [0, -0.2, 0.98];
  const shoulderZ = 0.98 + 0.29 * h;
  const shoulderY = 0.12;
  const leg = (side: 1 | -1) => {
    const turn = pose.moving ? crank + (side === 1 ? 0 : Math.PI) : side === 1 ? 0.4 : Math.PI + 0.4;
    const foot: Point3 = [side * 0.1, 0.02 + Math.sin(turn) * 0.17, 0.32 + Math.cos(turn) * 0.17];
    pen.stroke(
      [[side * across * 0.7, hip[1], hip[2]], [side * 0.12, foot[1] * 0.5 + 0.22, foot[2] * 0.5 + 0.5], foot],
      limb * 1.3,
      look.legs,
    );
    pen.stroke([foot, [foot[0], foot[1] + 0.12, foot[2]]], limb, [30, 26, 24]);
  };
  const arm = (side: 1 | -1) =>
    pen.stroke(
      [
        [side * across * 1.2, shoulderY, shoulderZ],
        [side * 0.26, 0.3, 1.12],
        [side * 0.24, 0.44, 1.04],
      ],
      limb * 0.8,
      look.top,
    );
  const far: 1 | -1 = pen.nearSide === 1 ? -1 : 1;
  arm(far);
  leg(far);
  leg(pen.nearSide);
  pen.quad(
    [
      [-across, shoulderY, shoulderZ],
      [across, shoulderY, shoulderZ],
      [across * 0.8, hip[1], hip[2]],
      [-across * 0.8, hip[1], hip[2]],
    ],
    limb * 1.6,
    look.top,
  );
  if (look.extra === 'backpack')
    pen.stroke(
      [
        [0, shoulderY - 0.16, shoulderZ - 0.05],
        [0, -0.24, 1.2],
      ],
      0.24,
      look.extraColor,
    );
  arm(pen.nearSide);
  pen.stroke(
    [
      [0, shoulderY, shoulderZ],
      [0, shoulderY + 0.06, shoulderZ + 0.1],
    ],
    limb,
    look.skin,
  );
  pen.dot([0, shoulderY + 0.09, shoulderZ + 0.19], 0.066 * h, pen.facesCamera ? look.skin : look.hair);
  pen.dot([0, shoulderY + 0.06, shoulderZ + 0.24], 0.063 * h, look.extra === 'hat' ? look.extraColor : look.hair);
  return pen.outline;
}
