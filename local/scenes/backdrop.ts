/**
 * Paints what does not move: sky, horizon, ground, markings, and the buildings and trees that stand along them. Painted
 * once per scene, so it may take its time.
 * Invariant: everything is laid out in metres through the same camera as the traffic; the canvas carries a margin on all
 * sides so that camera shake never shows an edge.
 */
import { type Canvas, createCanvas, type SKRSContext2D } from '@napi-rs/canvas';
import type { SeededRandom } from '../../core/seeded-random.ts';
import { paintFrontages } from './buildings.ts';
import { type CameraView, horizonY, type Point2, type Point3, projectPolygon } from './camera-view.ts';
import type { Layout, Strip } from './layout.ts';
import type { Palette } from './palettes.ts';
import { css, fillEllipse, fillPolygon, type Light, type Rgb } from './solid.ts';

/** Pixels of overscan on each side at width 1280; larger than any shake. */
export const OVERSCAN_PX = 12;
const FAR_METERS = 400;

export function paintBackdrop(layout: Layout, palette: Palette, light: Light, random: SeededRandom): Canvas {
  const { view } = layout;
  const canvas = createCanvas(view.width + 2 * OVERSCAN_PX, view.height + 2 * OVERSCAN_PX);
  const context = canvas.getContext('2d');
  context.translate(OVERSCAN_PX, OVERSCAN_PX);
  paintSky(context, view, palette, random);
  paintGround(context, layout, palette, random);
  paintFrontages(context, layout, palette, light, random);
  const vignette = context.createRadialGradient(
    view.width / 2,
    view.height / 2,
    view.height * 0.4,
    view.width / 2,
    view.height / 2,
    view.width * 0.75,
  );
  vignette.addColorStop(0, 'rgba(0,0,0,0)');
  vignette.addColorStop(1, `rgba(0,0,0,${random.between(0.05, 0.3).toFixed(2)})`);
  context.fillStyle = vignette;
  context.fillRect(-OVERSCAN_PX, -OVERSCAN_PX, canvas.width, canvas.height);
  return canvas;
}

function paintSky(context: SKRSContext2D, view: CameraView, palette: Palette, random: SeededRandom): void {
  const horizon = horizonY(view);
  const left = -OVERSCAN_PX;
  const width = view.width + 2 * OVERSCAN_PX;
  const sky = context.createLinearGradient(0, Math.min(-OVERSCAN_PX, horizon - view.height * 0.4), 0, horizon);
  sky.addColorStop(0, css(palette.skyTop));
  sky.addColorStop(1, css(palette.skyLow));
  context.fillStyle = sky;
  context.fillRect(left, -OVERSCAN_PX, width, Math.max(0, horizon + 2 * OVERSCAN_PX));
  for (let cloud = random.integer(0, 6); cloud > 0; cloud -= 1) {
    const x = random.between(0, view.width);
    const y = horizon - random.between(0.03, 0.4) * view.height;
    for (let puff = 0; puff < 6; puff += 1) {
      fillEllipse(
        context,
        x + random.between(-0.08, 0.08) * view.width,
        y + random.between(-0.01, 0.01) * view.height,
        view.width * random.between(0.03, 0.08),
        view.height * random.between(0.01, 0.03),
        'rgba(255,255,255,0.16)',
      );
    }
  }
  context.fillStyle = css(palette.horizonColor);
  if (palette.horizon === 'water') {
    context.fillRect(left, horizon - view.height * 0.012, width, view.height * 0.03);
    return;
  }
  let x = left;
  while (x < left + width) {
    const step = view.width * random.between(0.02, 0.08);
    const rise = view.height * random.between(0.01, palette.horizon === 'hills' ? 0.1 : 0.07);
    if (palette.horizon === 'skyline') context.fillRect(x, horizon - rise, step * 0.9, rise + 4);
    else
      fillEllipse(
        context,
        x,
        horizon + 2,
        step * (palette.horizon === 'hills' ? 2.4 : 1),
        rise,
        css(palette.horizonColor),
      );
    x += step;
  }
}

function paintGround(context: SKRSContext2D, layout: Layout, palette: Palette, random: SeededRandom): void {
  const { view } = layout;
  const horizon = horizonY(view);
  const base = layout.kind === 'parking' ? palette.asphalt : layout.kind === 'dock' ? palette.yard : palette.verge;
  const ground = context.createLinearGradient(0, horizon, 0, view.height);
  ground.addColorStop(0, css(mixed(base, palette.skyLow, 0.45)));
  ground.addColorStop(0.25, css(base));
  ground.addColorStop(1, css(base, 0.92));
  context.fillStyle = ground;
  context.fillRect(-OVERSCAN_PX, horizon, view.width + 2 * OVERSCAN_PX, view.height - horizon + OVERSCAN_PX);
  const colorOf = (strip: Strip): Rgb => palette[strip.material];
  for (const strip of layout.strips)
    paintBand(context, layout, -60, FAR_METERS, strip.from, strip.to, css(colorOf(strip)));
  const surfaces = layout.strips.filter((strip) => strip.material !== 'kerb');
  // Patches, cracks and oil: what a real surface has, and a detector must not mistake for an object.
  for (const strip of surfaces) {
    for (let index = 0; index < 26; index += 1) {
      const along = random.between(-30, 70);
      const across = random.between(strip.from, strip.to);
      const dark = random.chance(0.6);
      const length = random.between(0.3, 5);
      const breadth = Math.min(random.between(0.1, 1.6), strip.to - across);
      if (breadth > 0.05)
        paintBand(
          context,
          layout,
          along,
          along + length,
          across,
          across + breadth,
          dark ? `rgba(0,0,0,${random.between(0.03, 0.16)})` : `rgba(255,255,255,${random.between(0.02, 0.09)})`,
        );
    }
  }
  if (layout.kind !== 'parking') {
    for (const lane of layout.lanes) {
      for (const side of [-0.8, 0.8]) {
        const offset = ([x, y]: Point2, by: number): Point2 => [
          x + Math.cos(layout.roadHeading) * by,
          y - Math.sin(layout.roadHeading) * by,
        ];
        const track = [
          offset(lane.from, side - 0.25),
          offset(lane.to, side - 0.25),
          offset(lane.to, side + 0.25),
          offset(lane.from, side + 0.25),
        ];
        fillGround(context, view, track, 'rgba(20,20,24,0.07)');
      }
    }
  }
  for (const marking of layout.markings)
    fillGround(
      context,
      view,
      marking.polygon,
      css(palette.marking, 1, (marking.faint ? 0.45 : 0.8) * random.between(0.75, 1)),
    );
  for (let index = 0; index < 900; index += 1) {
    const y = horizon + (view.height - horizon) * Math.sqrt(random.next());
    const size = (view.width / 1280) * (0.4 + (2.2 * (y - horizon)) / view.height) * random.between(0.4, 1.2);
    fillEllipse(
      context,
      random.between(0, view.width),
      y,
      size * 1.8,
      size * 0.7,
      random.chance(0.6) ? 'rgba(0,0,0,0.1)' : 'rgba(255,255,255,0.08)',
    );
  }
}

function paintBand(
  context: SKRSContext2D,
  layout: Layout,
  along0: number,
  along1: number,
  across0: number,
  across1: number,
  fill: string,
): void {
  fillGround(
    context,
    layout.view,
    [
      layout.toWorld(along0, across0),
      layout.toWorld(along1, across0),
      layout.toWorld(along1, across1),
      layout.toWorld(along0, across1),
    ],
    fill,
  );
}

export function fillGround(context: SKRSContext2D, view: CameraView, polygon: readonly Point2[], fill: string): void {
  const projected = projectPolygon(
    view,
    polygon.map(([x, y]): Point3 => [x, y, 0]),
  );
  if (projected.length >= 3) fillPolygon(context, projected, fill);
}

function mixed(a: Rgb, b: Rgb, share: number): Rgb {
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share];
}
