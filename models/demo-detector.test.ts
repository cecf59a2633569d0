/**
 * The committed demo detector, run as the worker runs it, on a few scenes it has never seen: other seeds, other backdrops.
 * The full measurement (models/train/results.json) takes minutes; this floor catches a broken or swapped file.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas } from '@napi-rs/canvas';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sceneKinds } from '../local/scenes/layout.ts';
import { heldOutBackdrops } from '../local/scenes/palettes.ts';
import { createScene } from '../local/scenes/scene.ts';
import { countsAsTruth, type ObjectTruth, truthLabels } from '../local/scenes/truth.ts';
import { letterboxGeometry, unletterboxBox } from '../worker/decode/letterbox.ts';
import { Detector } from '../worker/detect/detector.ts';
import { boxIou, suppress } from '../worker/detect/nms.ts';
import { prepareModel } from '../worker/detect/prepare-model.ts';

const MODEL = join(import.meta.dirname, 'demo-detector.onnx');
const MODEL_BYTES_MAX = 6 * 1024 * 1024;
const FRAME = { width: 640, height: 360 };
/** Beyond the seeds of the training and validation sets in models/train/render.ts. */
const FIRST_SEED = 9_700_000;
const CONFIDENCE = 0.35;
const RECALL_MIN = 0.8;
const PRECISION_MIN = 0.8;

let cacheFolder: string;
let detector: Detector;

beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'kvs-infer-demo-detector-'));
  detector = await Detector.create(await prepareModel(MODEL, { cacheFolder }), {
    providers: ['cpu'],
    intraOpThreads: 2,
  });
});
afterAll(() => rm(cacheFolder, { recursive: true, force: true }));

test('the demo detector is a stock export: small, 640×384, COCO names', async () => {
  expect((await stat(MODEL)).size).toBeLessThanOrEqual(MODEL_BYTES_MAX);
  expect(detector.model.labels).toEqual(truthLabels);
  expect([detector.model.inputWidth, detector.model.inputHeight, detector.model.batch]).toEqual([640, 384, 'dynamic']);
});

test('it finds what drawn scenes show, on backdrops it never saw', async () => {
  const geometry = letterboxGeometry(FRAME.width, FRAME.height, 640, 384);
  let truths = 0;
  let hits = 0;
  let wrong = 0;
  for (let index = 0; index < 20; index += 1) {
    const kind = sceneKinds[index % sceneKinds.length] as (typeof sceneKinds)[number];
    const backdrop = heldOutBackdrops[index % heldOutBackdrops.length] as (typeof heldOutBackdrops)[number];
    const scene = createScene({ ...FRAME, seed: FIRST_SEED + index, kind, backdrop });
    const state = scene.state(4321 * (index + 1));
    const canvas = createCanvas(FRAME.width, FRAME.height);
    scene.draw(canvas.getContext('2d'), state);
    const [candidates = []] = await detector.detect(letterboxed(canvas.data()), 1);
    const open = new Set(state.objects);
    for (const found of suppress(candidates, { confidence: CONFIDENCE, iou: 0.5, classIds: null })) {
      const box = unletterboxBox(found.box, geometry);
      const same = [...open].filter((object) => object.label === truthLabels[found.classId]);
      const best = same
        .filter((object) => boxIou(object.box, box) >= 0.5)
        .sort((a, b) => boxIou(b.box, box) - boxIou(a.box, box))[0];
      if (best !== undefined) {
        open.delete(best);
        if (countsAsTruth(best, 16 / 9)) hits += 1;
      } else if (!same.some((object) => !countsAsTruth(object, 16 / 9) && coveredShare(box, object) >= 0.5)) wrong += 1;
    }
    truths += state.objects.filter((object) => countsAsTruth(object, 16 / 9)).length;
  }
  expect(truths).toBeGreaterThan(80);
  expect(hits / truths, `recall: ${hits} of ${truths}`).toBeGreaterThanOrEqual(RECALL_MIN);
  expect(hits / (hits + wrong), `precision: ${wrong} wrong`).toBeGreaterThanOrEqual(PRECISION_MIN);
});

/** 640×360 RGBA to the detector's 640×384 RGB with grey bands, in a slot of its own. */
function letterboxed(rgba: Buffer): Uint8Array {
  const pixels = new Uint8Array(640 * 384 * 3).fill(114);
  const top = 12 * 640 * 3;
  for (let pixel = 0; pixel < FRAME.width * FRAME.height; pixel += 1) {
    for (let channel = 0; channel < 3; channel += 1)
      pixels[top + pixel * 3 + channel] = rgba[pixel * 4 + channel] as number;
  }
  return pixels;
}

/** Share of a detection that lies on an object which does not count: finding such a one is neither right nor wrong. */
function coveredShare(box: readonly number[], { box: truth }: ObjectTruth): number {
  const [x1, y1, x2, y2] = box as [number, number, number, number];
  const width = Math.max(0, Math.min(x2, truth[2]) - Math.max(x1, truth[0]));
  const height = Math.max(0, Math.min(y2, truth[3]) - Math.max(y1, truth[1]));
  return (width * height) / Math.max(1e-9, (x2 - x1) * (y2 - y1));
}
