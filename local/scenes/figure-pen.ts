/**
 * Draws jointed figures: turns their local joints into pixels and remembers the outline of every stroke it made.
 * Invariant: drawing and measuring go through the same strokes, so a box always encloses exactly what was painted.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import { type CameraView, type Point2, type Point3, projectPoint } from './camera-view.ts';
import { css, type Rgb } from './solid.ts';

/** Where a figure stands, where it is going (radians), and how far it has come: its legs follow the distance. */
export type Pose = { x: number; y: number; heading: number; distanceMeters: number; moving: boolean };

export class FigurePen {
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
