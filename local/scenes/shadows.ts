/**
 * Shadows on the ground: without them things float. A vehicle's shadow is its footprint drawn out away from the sun; a
 * figure's is a soft streak. Invariant: shadows are painted before anything that stands, and belong to no box.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import { type CameraView, type Point2, type Point3, projectPolygon } from './camera-view.ts';
import { footprintOf } from './painter-order.ts';
import type { PlacedActor } from './scene.ts';
import { fillPolygon, type Light } from './solid.ts';
import { convexHull } from './visibility.ts';

export function drawShadow(context: SKRSContext2D, view: CameraView, thing: PlacedActor, light: Light): void {
  const { body, heading } = thing.actor;
  const vehicle = body.kind === 'vehicle' ? body.vehicle : null;
  const height = vehicle === null ? 1.6 : vehicle.heightMeters * 0.8;
  const reach = Math.min(1.6, Math.hypot(light.sun[0], light.sun[1]) / Math.max(0.3, light.sun[2])) * height;
  const flat = Math.hypot(light.sun[0], light.sun[1]) || 1;
  const shift: Point2 = [(-light.sun[0] / flat) * reach, (-light.sun[1] / flat) * reach];
  const foot =
    vehicle === null
      ? footprintOf(thing.x, thing.y, heading, body.kind === 'cyclist' ? 1.5 : 0.3, 0.3)
      : thing.footprint;
  const depth = 0.42 * (1 - light.ambient) + 0.06;
  if (depth > 0.12)
    shade(context, view, convexHull([...foot, ...foot.map(([x, y]): Point2 => [x + shift[0], y + shift[1]])]), depth);
  // The dark below the body itself, which is there under any sky.
  const contact =
    vehicle === null
      ? foot
      : footprintOf(thing.x, thing.y, heading, vehicle.lengthMeters * 1.02, vehicle.widthMeters * 1.06);
  shade(context, view, contact, 0.45);
}

function shade(context: SKRSContext2D, view: CameraView, ground: readonly Point2[], alpha: number): void {
  const polygon = projectPolygon(
    view,
    ground.map(([x, y]): Point3 => [x, y, 0]),
  );
  if (polygon.length >= 3) fillPolygon(context, polygon, `rgba(8,8,16,${alpha.toFixed(3)})`);
}
