/**
 * What stands along a road or a yard and never moves: houses, towers, sheds, stacked containers, street furniture and
 * trees, painted from the farthest to the nearest. Invariant: none of it is an object that truth knows.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { SeededRandom } from '../../core/seeded-random.ts';
import type { Layout } from './layout.ts';
import type { Palette } from './palettes.ts';
import { drawSolid, face, frustum, type Light, orientSolid, type Part, type Rgb } from './solid.ts';
import { paintTree } from './tree.ts';

export function paintFrontages(
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
