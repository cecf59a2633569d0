/**
 * Renders training and validation frames for the demo detector: `node models/train/render.ts <train|val> <images> [part/parts]`.
 * Writes letterboxed 640×384 JPEGs and one JSON line of truth per image under models/train/.work/ (not committed).
 * Invariant: training and validation share neither seeds nor backdrops, so the measured accuracy is on places the
 * detector has never seen. JPEG quality and the scaling filter vary, as a mild stand-in for a video codec.
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCanvas } from '@napi-rs/canvas';
import { SeededRandom } from '../../core/seeded-random.ts';
import { sceneKinds } from '../../local/scenes/layout.ts';
import { heldOutBackdrops, trainingBackdrops } from '../../local/scenes/palettes.ts';
import { createScene } from '../../local/scenes/scene.ts';
import { countsAsTruth } from '../../local/scenes/truth.ts';

const INPUT = { width: 640, height: 384, pictureHeight: 360, grey: 'rgb(114,114,114)' };
const sets = {
  train: { firstSeed: 1_000_000, backdrops: trainingBackdrops, framesPerScene: 8 },
  val: { firstSeed: 9_000_000, backdrops: heldOutBackdrops, framesPerScene: 5 },
} as const;
/** At most this share of frames shows nothing at all. */
const EMPTY_SHARE_MAX = 0.04;

const [setName, imagesText, partText = '0/1'] = process.argv.slice(2);
const images = Number(imagesText);
const [part, parts] = partText.split('/').map(Number) as [number, number];
if ((setName !== 'train' && setName !== 'val') || !Number.isInteger(images)) {
  process.stderr.write('usage: node models/train/render.ts <train|val> <images> [part/parts]\n');
  process.exit(2);
}
const set = sets[setName];
const folder = join(import.meta.dirname, '.work', setName);
mkdirSync(folder, { recursive: true });
const labels = join(folder, `labels-${part}.jsonl`);
writeFileSync(labels, '');

const input = createCanvas(INPUT.width, INPUT.height);
const pen = input.getContext('2d');
let empty = 0;
let written = 0;
for (let index = part; written < images / parts; index += parts) {
  const seed = set.firstSeed + index;
  const random = new SeededRandom(`render/${seed}`);
  const native = random.chance(0.12);
  const [width, height] = native ? [640, 360] : [1280, 720];
  const kind = sceneKinds[index % sceneKinds.length] as (typeof sceneKinds)[number];
  const scene = createScene({
    seed,
    width,
    height,
    kind,
    backdrop: random.pick(set.backdrops),
    density: random.between(0.6, 1.6),
  });
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  for (let frame = 0; frame < set.framesPerScene && written < images / parts; frame += 1) {
    const state = scene.state(random.between(0, scene.periodMs));
    const counting = state.objects.filter((object) => countsAsTruth(object, 16 / 9));
    if (counting.length === 0 && empty + 1 > EMPTY_SHARE_MAX * (written + 1)) continue;
    if (counting.length === 0) empty += 1;
    scene.draw(context, state);
    const top = (INPUT.height - INPUT.pictureHeight) / 2;
    pen.fillStyle = INPUT.grey;
    pen.fillRect(0, 0, INPUT.width, INPUT.height);
    pen.imageSmoothingQuality = random.pick(['low', 'medium', 'high'] as const);
    pen.drawImage(canvas, 0, top, INPUT.width, INPUT.pictureHeight);
    const name = `${part}-${String(written).padStart(5, '0')}.jpg`;
    writeFileSync(join(folder, name), input.encodeSync('jpeg', random.integer(38, 92)));
    const objects = state.objects.map((object) => ({
      label: object.label,
      visible: object.visibleFraction,
      counts: countsAsTruth(object, 16 / 9),
      box: [
        object.box[0] * INPUT.width,
        object.box[1] * INPUT.pictureHeight + top,
        object.box[2] * INPUT.width,
        object.box[3] * INPUT.pictureHeight + top,
      ].map((value) => Math.round(value * 100) / 100),
    }));
    appendFileSync(
      labels,
      `${JSON.stringify({ image: name, seed, kind, timeMs: Math.round(state.timeMs), objects })}\n`,
    );
    written += 1;
  }
}
process.stdout.write(`${setName} ${partText}: ${written} images\n`);
