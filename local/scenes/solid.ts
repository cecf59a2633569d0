/**
 * Solids made of convex parts, each a list of flat faces: all that a vehicle or a building is here. A solid is turned
 * and shaded once (things drive straight), so that a frame only moves, culls, projects and fills.
 * Invariant: face normals point away from the centre of their part; within a part no two visible base faces overlap, so
 * the order of the list is the painter's order (decals follow the face they lie on).
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import { type CameraView, type Point2, type Point3, projectPolygon } from './camera-view.ts';

export type Rgb = readonly [red: number, green: number, blue: number];
/** `lit` faces are shaded by the sun; others (lamps, plates) keep their colour. */
export type Face = { points: Point3[]; color: Rgb; lit: boolean; minPxPerMeter: number };
export type Part = { centre: Point3; faces: Face[]; layer: number };
export type Solid = { parts: Part[] };
/** Unit vector towards the sun, and how much light comes from everywhere else (0..1). */
export type Light = { sun: Point3; ambient: number };

type PlacedFace = { points: Point3[]; normal: Point3; fill: string; minPxPerMeter: number };
export type OrientedSolid = {
  parts: { layer: number; centreY: number; centre: Point3; faces: PlacedFace[] }[];
  heading: number;
};

export function face(points: Point3[], color: Rgb, options: { lit?: boolean; minPxPerMeter?: number } = {}): Face {
  return { points, color, lit: options.lit ?? true, minPxPerMeter: options.minPxPerMeter ?? 0 };
}

/** A frustum standing on z0: rectangle [x0,x1]×[y0,y1] at the bottom, another at the top. */
export function frustum(
  bottom: { x: number; y0: number; y1: number; z: number },
  top: { x: number; y0: number; y1: number; z: number },
  colors: { front: Rgb; back: Rgb; side: Rgb; top: Rgb },
  layer = 0,
): Part {
  const b = bottom;
  const t = top;
  const faces = [
    face(
      [
        [-b.x, b.y1, b.z],
        [b.x, b.y1, b.z],
        [t.x, t.y1, t.z],
        [-t.x, t.y1, t.z],
      ],
      colors.front,
    ),
    face(
      [
        [-b.x, b.y0, b.z],
        [b.x, b.y0, b.z],
        [t.x, t.y0, t.z],
        [-t.x, t.y0, t.z],
      ],
      colors.back,
    ),
    face(
      [
        [b.x, b.y0, b.z],
        [b.x, b.y1, b.z],
        [t.x, t.y1, t.z],
        [t.x, t.y0, t.z],
      ],
      colors.side,
    ),
    face(
      [
        [-b.x, b.y0, b.z],
        [-b.x, b.y1, b.z],
        [-t.x, t.y1, t.z],
        [-t.x, t.y0, t.z],
      ],
      colors.side,
    ),
    face(
      [
        [-t.x, t.y0, t.z],
        [t.x, t.y0, t.z],
        [t.x, t.y1, t.z],
        [-t.x, t.y1, t.z],
      ],
      colors.top,
    ),
  ];
  return { centre: [0, (b.y0 + b.y1) / 2, (b.z + t.z) / 2], faces, layer };
}

/** A side profile (y, z) extruded across ±halfWidth; the profile must be convex. */
export function extruded(profile: readonly Point2[], halfWidth: number, color: Rgb, layer = 0): Part {
  const faces: Face[] = [];
  for (let index = 0; index < profile.length; index += 1) {
    const [y0, z0] = profile[index] as Point2;
    const [y1, z1] = profile[(index + 1) % profile.length] as Point2;
    faces.push(
      face(
        [
          [-halfWidth, y0, z0],
          [halfWidth, y0, z0],
          [halfWidth, y1, z1],
          [-halfWidth, y1, z1],
        ],
        color,
      ),
    );
  }
  for (const x of [-halfWidth, halfWidth])
    faces.push(
      face(
        profile.map(([y, z]): Point3 => [x, y, z]),
        color,
      ),
    );
  const middle = (axis: 0 | 1) => profile.reduce((sum, point) => sum + point[axis], 0) / profile.length;
  return { centre: [0, middle(0), middle(1)], faces, layer };
}

/** Turns the solid to its heading (radians, clockwise from ahead: forward is (sin, cos)) and shades its faces. */
export function orientSolid(solid: Solid, heading: number, light: Light): OrientedSolid {
  const sine = Math.sin(heading);
  const cosine = Math.cos(heading);
  const turn = ([x, y, z]: Point3): Point3 => [x * cosine + y * sine, y * cosine - x * sine, z];
  const parts = solid.parts.map((part) => {
    const centre = turn(part.centre);
    const faces = part.faces.map((one): PlacedFace => {
      const points = one.points.map(turn);
      const normal = outwardNormal(points, centre);
      const sunlight = Math.max(0, normal[0] * light.sun[0] + normal[1] * light.sun[1] + normal[2] * light.sun[2]);
      const brightness = one.lit ? light.ambient + (1 - light.ambient) * sunlight : 1;
      return { points, normal, fill: css(one.color, brightness), minPxPerMeter: one.minPxPerMeter };
    });
    return { layer: part.layer, centreY: part.centre[1], centre, faces };
  });
  return { parts, heading };
}

export function css([red, green, blue]: Rgb, brightness = 1, alpha = 1): string {
  const level = (value: number) => Math.round(Math.min(255, Math.max(0, value * brightness)));
  return alpha === 1
    ? `rgb(${level(red)},${level(green)},${level(blue)})`
    : `rgba(${level(red)},${level(green)},${level(blue)},${alpha})`;
}

/**
 * Draws the solid standing at (x, y) on the ground, or only measures it when `context` is null.
 * @returns every projected vertex of its visible faces: hull and box of what is seen come from them.
 */
export function drawSolid(
  context: SKRSContext2D | null,
  view: CameraView,
  solid: OrientedSolid,
  x: number,
  y: number,
): Point2[] {
  const silhouette: Point2[] = [];
  // Camera position along the solid's own forward axis decides which of two parts on one layer hides the other.
  const cameraAhead = -(x * Math.sin(solid.heading) + y * Math.cos(solid.heading));
  const parts = [...solid.parts].sort(
    (a, b) =>
      a.layer - b.layer || (cameraAhead > (a.centreY + b.centreY) / 2 ? a.centreY - b.centreY : b.centreY - a.centreY),
  );
  const pxPerMeter = view.focalPx / Math.max(1, Math.hypot(x, y, view.heightMeters));
  for (const part of parts) {
    for (const one of part.faces) {
      if (pxPerMeter < one.minPxPerMeter) continue;
      const first = one.points[0] as Point3;
      const towardsCamera =
        -one.normal[0] * (first[0] + x) -
        one.normal[1] * (first[1] + y) +
        one.normal[2] * (view.heightMeters - first[2]);
      if (towardsCamera <= 0) continue;
      const polygon = projectPolygon(
        view,
        one.points.map((point): Point3 => [point[0] + x, point[1] + y, point[2]]),
      );
      if (polygon.length < 3) continue;
      for (const vertex of polygon) silhouette.push(vertex);
      if (context !== null) fillPolygon(context, polygon, one.fill);
    }
  }
  return silhouette;
}

/** Fills a polygon and hides the hairline that antialiasing leaves between neighbouring faces. */
export function fillPolygon(context: SKRSContext2D, polygon: readonly Point2[], fill: string): void {
  context.beginPath();
  polygon.forEach(([px, py], index) => {
    if (index === 0) context.moveTo(px, py);
    else context.lineTo(px, py);
  });
  context.closePath();
  context.fillStyle = fill;
  context.fill();
}

export function fillEllipse(
  context: SKRSContext2D,
  x: number,
  y: number,
  radiusX: number,
  radiusY: number,
  fill: string,
): void {
  context.beginPath();
  context.ellipse(x, y, Math.max(0.1, radiusX), Math.max(0.1, radiusY), 0, 0, Math.PI * 2);
  context.fillStyle = fill;
  context.fill();
}

function outwardNormal(points: readonly Point3[], centre: Point3): Point3 {
  const [a, b, c] = points as [Point3, Point3, Point3];
  const u: Point3 = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
  const v: Point3 = [c[0] - a[0], c[1] - a[1], c[2] - a[2]];
  const normal: Point3 = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
  const length = Math.hypot(...normal) || 1;
  const outward = normal[0] * (a[0] - centre[0]) + normal[1] * (a[1] - centre[1]) + normal[2] * (a[2] - centre[2]);
  const sign = (outward < 0 ? -1 : 1) / length;
  return [normal[0] * sign, normal[1] * sign, normal[2] * sign];
}
