/**
 * Persons and bicycles: jointed figures of round-ended strokes, because limbs and spokes have no flat faces. A figure
 * is projected joint by joint, so it is right from every side and at every distance.
 * Invariant: drawing and measuring go through the same strokes, so a box always encloses exactly what was painted.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import { type CameraView, type Point2, type Point3, projectPoint } from './camera-view.ts';
import type { SeededRandom } from './random.ts';
import { css, type Rgb } from './solid.ts';

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
export type BicycleLook = { frame: Rgb; wheelRadius: number; basket: boolean };

/** Where a figure stands, where it is going (radians), and how far it has come: its legs follow the distance. */
export type Pose = { x: number; y: number; heading: number; distanceMeters: number; moving: boolean };

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
const CLOTHES: readonly Rgb[] = [
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

export function bicycleLook(random: SeededRandom): BicycleLook {
  return { frame: random.pick(CLOTHES), wheelRadius: random.between(0.31, 0.36), basket: random.chance(0.25) };
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

/** Turns local joints into pixels and remembers the outline of every stroke it made. */
class FigurePen {
  readonly outline: Point2[] = [];
  readonly facesCamera: boolean;
  readonly nearSide: 1 | -1;
  readonly #context: SKRSContext2D | null;
  readonly #view: CameraView;
  readonly #pose: Pose;
  readonly #sine: number;
  readonly #cosine: number;
  readonly #brightness: number;

  constructor(context: SKRSContext2D | null, view: CameraView, pose: Pose, brightness: number) {
    this.#context = context;
    this.#view = view;
    this.#pose = pose;
    this.#sine = Math.sin(pose.heading);
    this.#cosine = Math.cos(pose.heading);
    this.#brightness = brightness;
    this.facesCamera = pose.x * this.#sine + pose.y * this.#cosine < 0;
    // The figure's right is (cos, -sin): it is the near side when it points back towards the camera.
    this.nearSide = pose.x * this.#cosine - pose.y * this.#sine < 0 ? 1 : -1;
    if (context !== null) {
      context.lineCap = 'round';
      context.lineJoin = 'round';
    }
  }

  stroke(points: readonly Point3[], widthMeters: number, color: Rgb): void {
    this.#path(points, widthMeters, color, false, false);
  }

  loop(points: readonly Point3[], widthMeters: number, color: Rgb): void {
    this.#path(points, widthMeters, color, true, false);
  }

  /** A filled patch with rounded rims. */
  quad(points: readonly Point3[], rimMeters: number, color: Rgb): void {
    this.#path(points, rimMeters, color, true, true);
  }

  dot(point: Point3, radiusMeters: number, color: Rgb): void {
    const at = projectPoint(this.#view, this.#place(point));
    if (at === null) return;
    const radius = radiusMeters * at.pxPerMeter;
    this.#remember(at.x, at.y, radius);
    if (this.#context === null) return;
    this.#context.beginPath();
    this.#context.arc(at.x, at.y, radius, 0, Math.PI * 2);
    this.#context.fillStyle = css(color, this.#brightness);
    this.#context.fill();
  }

  #path(points: readonly Point3[], widthMeters: number, color: Rgb, closed: boolean, filled: boolean): void {
    const places = points.map((point) => projectPoint(this.#view, this.#place(point)));
    const first = places[0];
    if (first === null || first === undefined || places.includes(null)) return;
    const width = Math.max(0.6, widthMeters * first.pxPerMeter);
    const context = this.#context;
    context?.beginPath();
    places.forEach((at, index) => {
      if (at === null) return;
      this.#remember(at.x, at.y, width / 2);
      if (index === 0) context?.moveTo(at.x, at.y);
      else context?.lineTo(at.x, at.y);
    });
    if (context === null) return;
    const paint = css(color, this.#brightness);
    if (closed) context.closePath();
    if (filled) {
      context.fillStyle = paint;
      context.fill();
    }
    context.strokeStyle = paint;
    context.lineWidth = width;
    context.stroke();
  }

  #place([x, y, z]: Point3): Point3 {
    return [this.#pose.x + x * this.#cosine + y * this.#sine, this.#pose.y + y * this.#cosine - x * this.#sine, z];
  }

  #remember(x: number, y: number, radius: number): void {
    this.outline.push(
      [x - radius, y - radius],
      [x + radius, y - radius],
      [x - radius, y + radius],
      [x + radius, y + radius],
    );
  }
}
