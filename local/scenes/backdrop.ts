/**
 * Paints what does not move: sky, horizon, ground, markings, buildings, trees, and the posts and trees that stand in
 * front of the traffic (as sprites, because they must be painted over it). Painted once per scene, so it may take its
 * time. Invariant: everything is laid out in metres through the same camera as the traffic; the canvas carries a margin
 * on all sides so that camera shake never shows an edge.
 */
import { type Canvas, createCanvas, type SKRSContext2D } from '@napi-rs/canvas';
import { type CameraView, horizonY, type Point2, type Point3, projectPoint, projectPolygon } from './camera-view.ts';
import type { Layout, Strip } from './layout.ts';
import type { Palette } from './palettes.ts';
import type { SeededRandom } from './random.ts';
import { css, drawSolid, face, fillPolygon, frustum, type Light, orientSolid, type Part, type Rgb } from './solid.ts';

/** Pixels of overscan on each side at width 1280; larger than any shake. */
export const OVERSCAN_PX = 12;
const FAR_METERS = 400;

export type Occluder = { at: Point2; sprite: Canvas; left: number; top: number; hulls: Point2[][] };

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
      ellipse(
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
      ellipse(context, x, horizon + 2, step * (palette.horizon === 'hills' ? 2.4 : 1), rise, css(palette.horizonColor));
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
    ellipse(
      context,
      random.between(0, view.width),
      y,
      size * 1.8,
      size * 0.7,
      random.chance(0.6) ? 'rgba(0,0,0,0.1)' : 'rgba(255,255,255,0.08)',
    );
  }
}

function paintFrontages(
  context: SKRSContext2D,
  layout: Layout,
  palette: Palette,
  light: Light,
  random: SeededRandom,
): void {
  const things: { distance: number; paint: () => void }[] = [];
  for (const frontage of layout.frontages) {
    let along = frontage.alongFrom;
    const wall = layout.kind === 'dock';
    while (along < frontage.alongTo) {
      const length = wall
        ? random.between(40, 60)
        : palette.buildings === 'containers'
          ? random.between(6, 12)
          : random.between(7, 20);
      const none = !wall && (palette.buildings === 'none' || random.chance(layout.kind === 'highway' ? 0.55 : 0.15));
      if (!none) {
        const depth = random.between(8, 12);
        const building = buildFront(length, depth, wall ? 'sheds' : palette.buildings, palette, random);
        const setback = palette.buildings === 'houses' && !wall ? random.between(2, 6) : 0;
        const [x, y] = layout.toWorld(along + length / 2, frontage.across + frontage.away * (setback + depth / 2));
        const oriented = orientSolid({ parts: building }, layout.roadHeading, light);
        things.push({ distance: Math.hypot(x, y), paint: () => void drawSolid(context, layout.view, oriented, x, y) });
      }
      along += length + (palette.buildings === 'houses' ? random.between(2, 8) : random.between(0, 1.5));
    }
    const trees = Math.round(((frontage.alongTo - frontage.alongFrom) / 100) * palette.treesPer100Meters);
    for (let index = 0; index < trees; index += 1) {
      const back = palette.buildings === 'none' ? random.between(0.5, 18) : random.between(0.2, 1.5);
      const at = layout.toWorld(
        random.between(frontage.alongFrom, frontage.alongTo),
        frontage.across + frontage.away * (back - 0.8),
      );
      const seedling = { height: random.between(4, 9), leaves: random.pick(palette.leaves) };
      things.push({
        distance: Math.hypot(...at),
        paint: () => paintTree(context, layout.view, at, seedling.height, seedling.leaves, random),
      });
    }
    for (let index = 0; index < 5; index += 1) {
      const at = layout.toWorld(random.between(-10, 45), frontage.across - frontage.away * random.between(0.2, 0.6));
      const size = {
        w: random.between(0.2, 0.5),
        h: random.between(0.6, 1.3),
        color: random.pick<Rgb>([
          [60, 90, 70],
          [110, 110, 112],
          [150, 60, 50],
          [50, 60, 90],
        ]),
      };
      const box = orientSolid(
        {
          parts: [
            frustum(
              { x: size.w, y0: -size.w, y1: size.w, z: 0 },
              { x: size.w * 0.9, y0: -size.w * 0.9, y1: size.w * 0.9, z: size.h },
              { front: size.color, back: size.color, side: size.color, top: size.color },
            ),
          ],
        },
        layout.roadHeading,
        light,
      );
      things.push({
        distance: Math.hypot(...at),
        paint: () => void drawSolid(context, layout.view, box, at[0], at[1]),
      });
    }
  }
  for (const thing of things.sort((a, b) => b.distance - a.distance)) thing.paint();
}

/** One building, its long side along the road (local y), with windows or doors on both long sides. */
function buildFront(
  length: number,
  depth: number,
  style: Palette['buildings'],
  palette: Palette,
  random: SeededRandom,
): Part[] {
  const wall = random.pick(palette.walls);
  const half = length / 2;
  const x = depth / 2;
  const height = {
    rows: random.between(7, 12),
    houses: random.between(3.2, 6),
    towers: random.between(14, 34),
    sheds: random.between(6, 9),
    containers: random.pick([2.6, 5.2, 7.8]),
    none: 0,
  }[style];
  const colors = { front: wall, back: wall, side: wall, top: palette.roof };
  const body = frustum({ x, y0: -half, y1: half, z: 0 }, { x, y0: -half, y1: half, z: height }, colors);
  const storey = style === 'towers' ? 3.4 : 2.9;
  const column = style === 'towers' ? random.between(1.4, 3) : random.between(2, 3.4);
  const add = (y0: number, y1: number, z0: number, z1: number, color: Rgb) => {
    for (const side of [-x - 0.02, x + 0.02])
      body.faces.push(
        face(
          [
            [side, y0, z0],
            [side, y1, z0],
            [side, y1, z1],
            [side, y0, z1],
          ],
          color,
        ),
      );
  };
  if (style === 'sheds') {
    for (let y = -half; y < half; y += 1.2) add(y, y + 0.12, 0, height, [wall[0] * 0.9, wall[1] * 0.9, wall[2] * 0.9]);
    for (let y = -half + 1.5; y < half - 4; y += random.between(4.6, 7))
      add(
        y,
        y + 3,
        0.2,
        3.4,
        random.pick<Rgb>([
          [84, 90, 96],
          [196, 196, 190],
          [60, 80, 120],
        ]),
      );
    return [body];
  }
  if (style === 'containers') {
    for (let z = 0; z < height - 1; z += 2.6) {
      for (let y = -half; y < half - 1; y += 6.1) {
        const paint = random.pick(palette.walls);
        add(y + 0.05, Math.min(half, y + 6), z + 0.05, z + 2.55, paint);
        for (let rib = y + 0.4; rib < Math.min(half, y + 6) - 0.3; rib += 0.6)
          add(rib, rib + 0.12, z + 0.1, z + 2.5, [paint[0] * 0.82, paint[1] * 0.82, paint[2] * 0.82]);
      }
    }
    return [body];
  }
  for (let z = 1; z + 1.4 < height; z += storey) {
    for (let y = -half + 0.7; y + column * 0.6 < half; y += column) {
      const lit = random.chance(0.08);
      add(
        y,
        y + column * (style === 'towers' ? 0.9 : 0.5),
        z,
        z + (style === 'towers' ? 2.6 : 1.5),
        lit ? [226, 206, 150] : palette.window,
      );
    }
  }
  if (style === 'rows') add(-half, half, 0, 0.6, [wall[0] * 0.7, wall[1] * 0.7, wall[2] * 0.7]);
  if (style === 'towers') return [body];
  const ridge = random.between(1.2, 2.6);
  const roof = { front: palette.roof, back: palette.roof, side: palette.roof, top: palette.roof };
  return [
    body,
    frustum(
      { x: x + 0.4, y0: -half - 0.3, y1: half + 0.3, z: height },
      { x: 0.2, y0: -half + 1, y1: half - 1, z: height + ridge },
      roof,
      1,
    ),
  ];
}

function paintTree(
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
  ellipse(context, foot.x + scale * 0.6, foot.y, scale * height * 0.24, scale * height * 0.07, 'rgba(0,0,0,0.22)');
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
    ellipse(context, px, py, size * 1.2, size, css(leaves, 0.75 + 0.35 * (1 - index / 34) + (py < crown.y ? 0.15 : 0)));
  }
}

/** Posts and young trees that stand between camera and traffic, as sprites at their place in the frame. */
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
        ellipse(context, foot.x, y, sign, sign, css([190, 30, 34]));
        ellipse(context, foot.x, y, sign * 0.78, sign * 0.78, css([240, 240, 238]));
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

function ellipse(context: SKRSContext2D, x: number, y: number, radiusX: number, radiusY: number, fill: string): void {
  context.beginPath();
  context.ellipse(x, y, Math.max(0.1, radiusX), Math.max(0.1, radiusY), 0, 0, Math.PI * 2);
  context.fillStyle = fill;
  context.fill();
}

function mixed(a: Rgb, b: Rgb, share: number): Rgb {
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share];
}
