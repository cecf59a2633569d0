/** A tree: a trunk and a crown of overlapping blobs, lighter towards the top, with its shadow on the ground. */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { SeededRandom } from '../../core/seeded-random.ts';
import { type CameraView, type Point2, projectPoint } from './camera-view.ts';
import { css, fillEllipse, type Rgb } from './solid.ts';

export function paintTree(
  context: SKRSContext2D,
  view: CameraView,
  at: Point2,
  height: number,
  leaves: Rgb,
  random: SeededRandom,
): void {
  const foot = projectPoint(view, [at[0], at[1], 0]);
  const crown = projectPoint(view, [at[0], at[1], height * 0.68]);
  if (foot === null || crown === null) return;
  const scale = foot.pxPerMeter;
  fillEllipse(context, foot.x + scale * 0.6, foot.y, scale * height * 0.24, scale * height * 0.07, 'rgba(0,0,0,0.22)');
  context.strokeStyle = css([82, 64, 48]);
  context.lineWidth = Math.max(1, scale * height * 0.045);
  context.beginPath();
  context.moveTo(foot.x, foot.y);
  context.lineTo(crown.x, crown.y);
  context.stroke();
  for (let index = 0; index < 34; index += 1) {
    const angle = random.between(0, Math.PI * 2);
    const radius = Math.sqrt(random.next()) * height * 0.28;
    const px = crown.x + Math.cos(angle) * radius * scale;
    const py = crown.y + Math.sin(angle) * radius * scale * 1.05;
    const size = scale * height * random.between(0.05, 0.11);
    fillEllipse(
      context,
      px,
      py,
      size * 1.2,
      size,
      css(leaves, 0.75 + 0.35 * (1 - index / 34) + (py < crown.y ? 0.15 : 0)),
    );
  }
}
