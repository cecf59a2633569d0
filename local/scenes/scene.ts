/**
 * A drawn scene: one fixed camera, one place, one timetable, all from a seed. `state(timeMs)` is a pure function of
 * time and carries ground truth; `draw` paints such a state. Nothing is simulated step by step, so any frame can be had
 * at any time, in any order, on any machine. Invariant: what `state` reports is what `draw` paints, shake included.
 */
import type { Canvas, SKRSContext2D } from '@napi-rs/canvas';
import { hashOf, SeededRandom } from '../../core/seeded-random.ts';
import { OVERSCAN_PX, paintBackdrop } from './backdrop.ts';
import { drawBicycle } from './bicycle.ts';
import type { Point2 } from './camera-view.ts';
import { grainTile } from './grain.ts';
import { createLayout, type Layout, type SceneKind } from './layout.ts';
import { type Lighting, lightingOf } from './lighting.ts';
import { type Occluder, paintOccluders } from './occluders.ts';
import { footprintOf, inPainterOrder, type Standing } from './painter-order.ts';
import { type Backdrop, backdrops, palettes } from './palettes.ts';
import { drawPerson, drawRider } from './people.ts';
import { drawPlate, plateOutline } from './plates.ts';
import { drawShadow } from './shadows.ts';
import { drawSolid } from './solid.ts';
import { type Actor, actorAt, createTimetable, type Timetable } from './traffic.ts';
import type { FrameTruth, ObjectTruth, TruthLabel, UnitBox } from './truth.ts';
import { convexHull, VisibilityGrid } from './visibility.ts';

export type SceneSettings = {
  seed: number;
  width: number;
  height: number;
  kind: SceneKind;
  backdrop?: Backdrop;
  /** The timetable repeats after this long; a clip of this length loops. */
  periodMs?: number;
  /** 1 is ordinary traffic. */
  density?: number;
  /** Forces a window with nothing in view (and nothing parked); by default a third of the seeds have one. */
  quiet?: boolean;
};

export type PlacedActor = Standing & { actor: Actor; x: number; y: number; distanceMeters: number };
type PlacedOccluder = Standing & { occluder: Occluder };
export type SceneState = FrameTruth & { shake: Point2; placed: (PlacedActor | PlacedOccluder)[] };

export const DEFAULT_PERIOD_MS = 48_000;
/** A letter of the longest plate is a ninth of it: whatever hides one hides a probe. */
const PLATE_PROBES = { across: 18, down: 3 };

export function createScene(settings: SceneSettings): Scene {
  return new Scene(settings);
}

export class Scene {
  readonly settings: Readonly<SceneSettings>;
  readonly periodMs: number;
  readonly layout: Layout;
  /** Painted at the first `draw`: whoever only asks for truth does not wait for houses. */
  readonly #paintBackdrop: () => Canvas;
  #backdrop: Canvas | null = null;
  readonly #occluders: Occluder[];
  readonly #timetable: Timetable;
  readonly #lighting: Lighting;
  readonly #shakePx: number;

  constructor(settings: SceneSettings) {
    this.settings = settings;
    this.periodMs = settings.periodMs ?? DEFAULT_PERIOD_MS;
    // One stream of randomness per concern: a longer period must not repaint the houses.
    const stream = (concern: string) => new SeededRandom(`${settings.seed}/${settings.kind}/${concern}`);
    const look = stream('look');
    const palette = palettes[settings.backdrop ?? look.pick(backdrops)];
    this.layout = createLayout(settings.kind, stream('layout'), settings.width, settings.height);
    this.#lighting = lightingOf(stream('light'));
    this.#shakePx = look.chance(0.4) ? 0 : look.between(0.2, 2.2) * (settings.width / 1280);
    this.#paintBackdrop = () => paintBackdrop(this.layout, palette, this.#lighting.light, stream('backdrop'));
    this.#occluders = paintOccluders(this.layout, palette, stream('occluders'));
    const quiet = settings.quiet ?? look.chance(0.33);
    this.#timetable = createTimetable(
      this.layout,
      this.#lighting.light,
      this.periodMs,
      settings.density ?? 1,
      quiet,
      stream('traffic'),
    );
  }

  /** Everything about one instant; times beyond the period wrap around. */
  state(timeMs: number): SceneState {
    const turn = (timeMs / this.periodMs) * Math.PI * 2;
    const shake: Point2 = [
      this.#shakePx * (Math.sin(turn * 61) * 0.6 + Math.sin(turn * 97 + 1) * 0.4),
      this.#shakePx * (Math.sin(turn * 73 + 2) * 0.6 + Math.sin(turn * 131) * 0.4),
    ];
    const placed = inPainterOrder<PlacedActor | PlacedOccluder>([
      ...this.#placedActors(timeMs),
      ...this.#placedOccluders(),
    ]);
    return { timeMs, shake, placed, objects: this.#truth(placed, shake) };
  }

  /** Paints one state; the context must belong to a canvas of the scene's size. */
  draw(context: SKRSContext2D, state: SceneState): void {
    const { width, height } = this.settings;
    const { view } = this.layout;
    const { light, uprightBrightness } = this.#lighting;
    context.setTransform(1, 0, 0, 1, 0, 0);
    this.#backdrop ??= this.#paintBackdrop();
    context.drawImage(this.#backdrop, state.shake[0] - OVERSCAN_PX, state.shake[1] - OVERSCAN_PX);
    context.translate(state.shake[0], state.shake[1]);
    for (const thing of state.placed) if ('actor' in thing) drawShadow(context, view, thing, light);
    for (const thing of state.placed) {
      if ('occluder' in thing) {
        context.drawImage(thing.occluder.sprite, thing.occluder.left, thing.occluder.top);
        continue;
      }
      const { body, heading } = thing.actor;
      const pose = poseOf(thing);
      if (body.kind === 'person') drawPerson(context, view, body.look, pose, uprightBrightness);
      else if (body.kind === 'cyclist') {
        drawBicycle(context, view, body.bicycle, pose, uprightBrightness);
        if (body.rider !== null) drawRider(context, view, body.rider, pose, uprightBrightness);
      } else {
        drawSolid(context, view, body.solid, thing.x, thing.y);
        for (const plate of body.vehicle.plates) drawPlate(context, view, plate, thing.x, thing.y, heading);
      }
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    this.#lighting.apply(context, state, this.periodMs, view);
    const grain = grainTile(width, height);
    const jitter = hashOf(`${this.settings.seed}/${Math.round(state.timeMs)}`);
    context.globalAlpha = this.#lighting.grain;
    context.drawImage(grain.canvas, -(jitter % grain.slackPx), -((jitter >>> 8) % grain.slackPx));
    context.globalAlpha = 1;
  }

  #placedActors(timeMs: number): PlacedActor[] {
    const placed: PlacedActor[] = [];
    for (const actor of this.#timetable.actors) {
      const at = actorAt(actor, timeMs, this.periodMs);
      if (at === null || at.y < -8 || Math.hypot(at.x, at.y) > 150) continue;
      const { body } = actor;
      const [length, breadth] =
        body.kind === 'vehicle'
          ? [body.vehicle.lengthMeters, body.vehicle.widthMeters]
          : body.kind === 'cyclist'
            ? [1.7, 0.5]
            : [0.5, 0.5];
      placed.push({
        actor,
        ...at,
        footprint: footprintOf(at.x, at.y, actor.heading, length, breadth),
        distance: Math.hypot(at.x, at.y),
      });
    }
    return placed;
  }

  #placedOccluders(): PlacedOccluder[] {
    return this.#occluders.map((occluder) => ({
      occluder,
      footprint: footprintOf(occluder.at[0], occluder.at[1], 0, 0.2, 0.2),
      distance: Math.hypot(...occluder.at),
    }));
  }

  /** From the nearest to the farthest: what is visible of each, then its place is taken. */
  #truth(placed: readonly (PlacedActor | PlacedOccluder)[], shake: Point2): ObjectTruth[] {
    const { width, height } = this.settings;
    const grid = new VisibilityGrid(width, height);
    const objects: ObjectTruth[] = [];
    for (const thing of [...placed].reverse()) {
      if ('occluder' in thing) {
        for (const hull of thing.occluder.hulls) grid.take(convexHull(hull));
        continue;
      }
      const parts = this.#silhouettes(thing).map((part) => ({ ...part, hull: convexHull(part.outline) }));
      for (const { objectId, label, hull, plates } of parts) {
        const box = boxOf(hull, shake, width, height);
        if (box === null) continue;
        const visibleFraction = Math.round(grid.visibleFraction(hull) * 1000) / 1000;
        if (visibleFraction < 0.02) continue;
        const plate = plates.find((one) => isWholeInView(one.points, grid));
        objects.push({
          objectId,
          label,
          box,
          visibleFraction,
          ...(plate === undefined
            ? {}
            : {
                plate: {
                  value: plate.value,
                  widthPx: Math.round(plate.widthPx * 10) / 10,
                  box: boxOf(plate.points, shake, width, height) ?? box,
                },
              }),
        });
      }
      for (const { hull } of parts) grid.take(hull);
    }
    return objects.sort((a, b) => (a.objectId < b.objectId ? -1 : 1));
  }

  #silhouettes(thing: PlacedActor): {
    objectId: string;
    label: TruthLabel;
    outline: Point2[];
    plates: { value: string; points: Point2[]; widthPx: number }[];
  }[] {
    const { view } = this.layout;
    const { body, id } = thing.actor;
    const pose = poseOf(thing);
    if (body.kind === 'person')
      return [{ objectId: id, label: 'person', outline: drawPerson(null, view, body.look, pose, 1), plates: [] }];
    if (body.kind === 'cyclist') {
      const bicycle = {
        objectId: id,
        label: 'bicycle' as const,
        outline: drawBicycle(null, view, body.bicycle, pose, 1),
        plates: [],
      };
      return body.rider === null
        ? [bicycle]
        : [
            bicycle,
            {
              objectId: `${id}-rider`,
              label: 'person',
              outline: drawRider(null, view, body.rider, pose, 1),
              plates: [],
            },
          ];
    }
    const plates = body.vehicle.plates.flatMap(
      (plate) => plateOutline(view, plate, thing.x, thing.y, thing.actor.heading) ?? [],
    );
    return [
      { objectId: id, label: body.vehicle.label, outline: drawSolid(null, view, body.solid, thing.x, thing.y), plates },
    ];
  }
}

function poseOf(thing: PlacedActor) {
  const { actor, x, y, distanceMeters } = thing;
  return { x, y, heading: actor.heading, distanceMeters, moving: actor.speedMetersPerSecond > 0 };
}

/** Points all over the plate, not its corners alone: a post may stand before its middle. */
function isWholeInView(points: readonly Point2[], grid: VisibilityGrid): boolean {
  const [topLeft, topRight, bottomRight, bottomLeft] = points as [Point2, Point2, Point2, Point2];
  for (let column = 0; column <= PLATE_PROBES.across; column += 1) {
    const u = column / PLATE_PROBES.across;
    for (let row = 0; row <= PLATE_PROBES.down; row += 1) {
      const v = row / PLATE_PROBES.down;
      const at = (axis: 0 | 1) =>
        (topLeft[axis] * (1 - u) + topRight[axis] * u) * (1 - v) +
        (bottomLeft[axis] * (1 - u) + bottomRight[axis] * u) * v;
      if (!grid.isFree(at(0), at(1))) return false;
    }
  }
  return true;
}

/** The box of an outline in 0..1, clipped to the frame; null when nothing of it is inside. */
function boxOf(outline: readonly Point2[], [shakeX, shakeY]: Point2, width: number, height: number): UnitBox | null {
  if (outline.length < 3) return null;
  const xs = outline.map(([x]) => x + shakeX);
  const ys = outline.map(([, y]) => y + shakeY);
  const unit = (value: number, size: number) => Math.round(Math.min(1, Math.max(0, value / size)) * 1e5) / 1e5;
  const box: UnitBox = [
    unit(Math.min(...xs), width),
    unit(Math.min(...ys), height),
    unit(Math.max(...xs), width),
    unit(Math.max(...ys), height),
  ];
  return box[2] - box[0] < 2 / width || box[3] - box[1] < 2 / height ? null : box;
}
