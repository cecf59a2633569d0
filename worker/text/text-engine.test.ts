/**
 * The real models on drawn plates: at least 60 px wide, they are read exactly, from the cut-out that a track gives and
 * from the plate alone. `npm run bench -- text` takes the full measure; this floor catches broken files, preprocessing or
 * decoding.
 */
import { createCanvas } from '@napi-rs/canvas';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { READABLE_PLATE_WIDTH_PX_MIN } from '../../local/scenes/truth.ts';
import { cutOut, type GreyPicture } from './grey-picture.ts';
import { plateFrames } from './plate-samples.test-factory.ts';
import { TextEngine } from './text-engine.ts';
import { inFrontOf } from './track-texts.ts';

/** Drawing a scene's first frame costs most: few scenes, each of them looked at for long or showing many plates at once. */
const scenes = [
  { kind: 'highway', seed: 8_800_002, frames: 12 },
  { kind: 'highway', seed: 8_800_007, frames: 12 },
  { kind: 'street', seed: 8_800_000, frames: 6 },
  { kind: 'parking', seed: 8_800_008, frames: 1 },
  { kind: 'parking', seed: 8_800_018, frames: 1 },
] as const;
const EXACT_MIN = 0.9;

let engine: TextEngine;
beforeAll(async () => {
  engine = await TextEngine.create();
});
afterAll(() => engine.close());

async function firstValue(
  picture: GreyPicture | null,
  charset = 'A-Z0-9-',
  foreign: [number, number, number, number][] = [],
) {
  if (picture === null) return null;
  const [lines = []] = await engine.read([{ picture, charset, foreign }]);
  return lines[0]?.value ?? null;
}

test('plates of drawn scenes, 60 px and wider, are read exactly', async () => {
  const counts = { plates: 0, fromObject: 0, fromPlate: 0 };
  for (const { kind, seed, frames } of scenes) {
    const scene = { kind, seed, width: 1920, height: 1080, quiet: false };
    for (const { picture, samples } of plateFrames(scene, READABLE_PLATE_WIDTH_PX_MIN, frames)) {
      for (const { object, objects } of samples) {
        const foreign = inFrontOf(
          objects.filter((other) => other !== object).map(({ box }) => box),
          object.box,
        );
        const whole = await firstValue(cutOut(picture, object.box, 0.02), 'A-Z0-9-', foreign);
        const plate = await firstValue(cutOut(picture, object.plate.box, 0.04));
        counts.plates += 1;
        if (whole === object.plate.value) counts.fromObject += 1;
        if (plate === object.plate.value) counts.fromPlate += 1;
      }
    }
  }
  expect(counts.plates).toBeGreaterThan(40);
  expect(counts.fromPlate / counts.plates, JSON.stringify(counts)).toBeGreaterThanOrEqual(EXACT_MIN);
  expect(counts.fromObject / counts.plates, JSON.stringify(counts)).toBeGreaterThanOrEqual(EXACT_MIN);
});

/** Dark text on a light sign, grey as the cut-outs are. */
function sign(text: string, width = 220, height = 60): GreyPicture {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = 'rgb(230, 230, 225)';
  context.fillRect(0, 0, width, height);
  context.fillStyle = 'rgb(20, 20, 25)';
  context.font = '40px "Scene Plate"';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, width / 2, height / 2);
  const rgba = canvas.data();
  return { width, height, data: Uint8Array.from({ length: width * height }, (_, pixel) => rgba[pixel * 4] as number) };
}

test('nothing is read but what the charset allows, and nothing where nothing is written', async () => {
  expect(await firstValue(sign('AB12CDE'))).toBe('AB12CDE');
  expect(await firstValue(sign('AB12CDE'), '0-9')).toMatch(/^[0-9]+$/);
  const blank = { width: 320, height: 200, data: new Uint8Array(320 * 200).fill(120) };
  expect(await firstValue(blank)).toBeNull();
  expect(await firstValue({ width: 1, height: 1, data: Uint8Array.of(9) })).toBeNull();
});

test('several cut-outs in one call are answered in their order', async () => {
  const cutOuts = ['AB12CDE', '7XKD842', 'RJ14'].map((text) => ({
    picture: sign(text),
    charset: 'A-Z0-9-',
    foreign: [],
  }));
  const read = await engine.read(cutOuts);
  expect(read.map(([first]) => first?.value)).toEqual(['AB12CDE', '7XKD842', 'RJ14']);
});

test('text that goes on beyond the edge of the cut-out is marked', async () => {
  const pictures = [placed(50), placed(-60), sign('AB12CDE')];
  const read = await engine.read(pictures.map((picture) => ({ picture, charset: 'A-Z0-9-', foreign: [] })));
  expect(read.map(([first]) => first?.isCutOff)).toEqual([false, true, false]);
});

/** @param left of the sign in a larger cut-out; what would lie outside is cut off. */
function placed(left: number): GreyPicture {
  const picture = { width: 320, height: 320, data: new Uint8Array(320 * 320).fill(90) };
  const plate = sign('AB12CDE');
  const [hidden, shown] = [Math.max(0, -left), Math.max(0, left)];
  for (let y = 0; y < plate.height; y += 1) {
    picture.data.set(plate.data.subarray(y * 220 + hidden, (y + 1) * 220), (y + 200) * 320 + shown);
  }
  return picture;
}

test('text that belongs to what stands in front is left out', async () => {
  const picture = placed(50);
  expect(await firstValue(picture)).toBe('AB12CDE');
  expect(await firstValue(picture, 'A-Z0-9-', [[0, 0.5, 1, 1]])).toBeNull();
});
