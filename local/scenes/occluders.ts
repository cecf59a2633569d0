/**
 * Posts and young trees that stand between camera and traffic, as sprites at their place in the frame, because they must
 * be painted over it. Invariant: a sprite's hulls cover what it hides, so truth's visible share takes it into account.
 */
import { type Canvas, createCanvas } from '@napi-rs/canvas';
import type { SeededRandom } from '../../core/seeded-random.ts';
import { OVERSCAN_PX } from './backdrop.ts';
import { type Point2, projectPoint } from './camera-view.ts';
import type { Layout } from './layout.ts';
import type { Palette } from './palettes.ts';
import { css, fillEllipse, fillPolygon, type Rgb } from './solid.ts';
import { paintTree } from './tree.ts';

export type Occluder = { at: Point2; sprite: Canvas; left: number; top: number; hulls: Point2[][] };

export function paintOccluders(layout: Layout, palette: Palette, random: SeededRandom): Occluder[] {
  const { view } = layout;
  const occluders: Occluder[] = [];
  for (const at of layout.foreground) {
    if (random.chance(0.35)) continue;
    const tree = random.chance(0.4) && palette.treesPer100Meters > 2;
    const height = tree ? random.between(3.2, 5) : random.between(3, 7);
    const foot = projectPoint(view, [at[0], at[1], 0]);
    const head = projectPoint(view, [at[0], at[1], height]);
    if (foot === null || head === null || foot.x < -50 || foot.x > view.width + 50) continue;
    const reach = foot.pxPerMeter * height * 0.45;
    const left = Math.floor(foot.x - reach);
    const top = Math.max(-OVERSCAN_PX, Math.floor(head.y - reach));
    const bottom = Math.min(view.height + OVERSCAN_PX, foot.y + 0.6 * foot.pxPerMeter);
    if (bottom - top < 4) continue;
    const sprite = createCanvas(Math.ceil(reach * 2), Math.ceil(bottom - top));
    const context = sprite.getContext('2d');
    context.translate(-left, -top);
    const hulls: Point2[][] = [];
    if (tree) {
      paintTree(context, view, at, height, random.pick(palette.leaves), random);
      const crown = projectPoint(view, [at[0], at[1], height * 0.68]) ?? head;
      const r = foot.pxPerMeter * height * 0.3;
      hulls.push(
        Array.from(
          { length: 10 },
          (_, index): Point2 => [
            crown.x + Math.cos((index / 10) * 2 * Math.PI) * r,
            crown.y + Math.sin((index / 10) * 2 * Math.PI) * r,
          ],
        ),
      );
    } else {
      const half = foot.pxPerMeter * random.between(0.05, 0.11);
      const pole: Point2[] = [
        [foot.x - half, foot.y],
        [foot.x + half, foot.y],
        [head.x + half * 0.7, head.y],
        [head.x - half * 0.7, head.y],
      ];
      const shade = context.createLinearGradient(foot.x - half, 0, foot.x + half, 0);
      const metal = random.pick<Rgb>([
        [120, 124, 128],
        [60, 66, 64],
        [150, 146, 136],
      ]);
      shade.addColorStop(0, css(metal, 0.7));
      shade.addColorStop(0.5, css(metal, 1.2));
      shade.addColorStop(1, css(metal, 0.6));
      fillPolygon(context, pole, css(metal));
      context.fillStyle = shade;
      context.fill();
      hulls.push(pole);
      if (random.chance(0.5)) {
        const sign = foot.pxPerMeter * 0.32;
        const y = foot.y + (head.y - foot.y) * Math.min(0.95, 2.4 / height);
        fillEllipse(context, foot.x, y, sign, sign, css([190, 30, 34]));
        fillEllipse(context, foot.x, y, sign * 0.78, sign * 0.78, css([240, 240, 238]));
        hulls.push([
          [foot.x - sign, y - sign],
          [foot.x + sign, y - sign],
          [foot.x + sign, y + sign],
          [foot.x - sign, y + sign],
        ]);
      }
    }
    occluders.push({ at, sprite, left, top, hulls });
  }
  return occluders;
}
