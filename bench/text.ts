/**
 * How many plates are read exactly, by their width: from the plate alone, from the true box of its vehicle, and from the
 * box that the bundled detector finds, which is what a camera's track gives. On seeds that are used for nothing else.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sceneKinds } from '../local/scenes/layout.ts';
import { READABLE_PLATE_WIDTH_PX_MIN } from '../local/scenes/truth.ts';
import { type Box, letterboxGeometry } from '../worker/decode/letterbox.ts';
import { toDetections } from '../worker/detect/detections.ts';
import { Detector } from '../worker/detect/detector.ts';
import { boxIou, suppress } from '../worker/detect/nms.ts';
import { prepareModel } from '../worker/detect/prepare-model.ts';
import { cutOut } from '../worker/text/grey-picture.ts';
import { type PlateFrame, plateFrames, widthBucket } from '../worker/text/plate-samples.test-factory.ts';
import { TextEngine } from '../worker/text/text-engine.ts';
import { cutOutMargin, inFrontOf } from '../worker/text/track-texts.ts';
import type { Bench, Benchmark } from './benchmark.ts';

const modelPath = fileURLToPath(new URL('../models/demo-detector.onnx', import.meta.url));
const frame = { width: 1920, height: 1080 };
const FIRST_SEED = 8_900_000;
const SCENES = 40;
const FRAMES_PER_SCENE = 3;
/** Of the row's default. */
const charset = 'A-Z0-9-';
/** Around a plate alone: its box ends where its metal ends. */
const PLATE_MARGIN = 0.04;
const CONFIDENCE = 0.35;

type Way = 'the plate alone' | "its vehicle's true box" | 'the box that the detector found';
type Counts = { plates: number; exact: number; spentMs: number[] };

export const text: Benchmark = {
  name: 'text',
  claim: `plates on held-out drawn scenes at ${frame.width}×${frame.height}, one reading each: exact or wrong, before any vote`,
  async run(bench: Bench) {
    const folder = await mkdtemp(join(tmpdir(), 'kvs-infer-bench-'));
    const detector = await Detector.create(await prepareModel(modelPath, { cacheFolder: folder }), {
      ...{ providers: ['cpu'], intraOpThreads: 2 },
    });
    const engine = await TextEngine.create();
    const counts = new Map<string, Counts>();
    try {
      for (let index = 0; index < (bench.isQuick ? 1 : SCENES); index += 1) {
        const kind = sceneKinds[index % sceneKinds.length] as (typeof sceneKinds)[number];
        const scene = { ...frame, kind, seed: FIRST_SEED + index, quiet: false };
        const { inputWidth, inputHeight } = detector.model;
        const geometry = letterboxGeometry(frame.width, frame.height, inputWidth, inputHeight);
        for (const one of plateFrames(scene, 40, FRAMES_PER_SCENE, geometry)) {
          const kept = suppress((await detector.detect(one.input, 1))[0] ?? [], {
            ...{ confidence: CONFIDENCE, iou: 0.5, classIds: null },
          });
          const found = toDetections(kept, detector.model.labels, geometry).map(({ box }) => box);
          await readFrame(engine, one, found, counts);
        }
      }
    } finally {
      await Promise.all([detector.close(), engine.close()]);
      await rm(folder, { recursive: true, force: true });
    }
    tell(bench, counts);
  },
};

async function readFrame(
  engine: TextEngine,
  one: PlateFrame,
  found: Box[],
  counts: Map<string, Counts>,
): Promise<void> {
  for (const { object, objects } of one.samples) {
    const read = async (way: Way, box: Box, margin: number, others: Box[]) => {
      const picture = cutOut(one.picture, box, margin);
      const startedMs = performance.now();
      const [lines = []] =
        picture === null ? [] : await engine.read([{ picture, charset, foreign: inFrontOf(others, box) }]);
      const key = `${way}|${widthBucket(object.plate.widthPx)}`;
      const count = counts.get(key) ?? { plates: 0, exact: 0, spentMs: [] };
      counts.set(key, count);
      count.plates += 1;
      count.spentMs.push(performance.now() - startedMs);
      if (lines[0]?.value === object.plate.value) count.exact += 1;
    };
    const others = objects.filter((other) => other !== object).map(({ box }) => box);
    await read('the plate alone', object.plate.box, PLATE_MARGIN, []);
    await read("its vehicle's true box", object.box, cutOutMargin, others);
    const best = [...found].sort((a, b) => boxIou(b, object.box) - boxIou(a, object.box))[0];
    if (best === undefined || boxIou(best, object.box) < 0.5) continue;
    await read(
      'the box that the detector found',
      best,
      cutOutMargin,
      found.filter((other) => other !== best),
    );
  }
}

function tell(bench: Bench, counts: ReadonlyMap<string, Counts>): void {
  if (counts.size === 0) bench.skip('no plate came into view');
  const keys = [...counts.keys()].sort((a, b) => Number(a.split('|')[1]) - Number(b.split('|')[1]) || (a < b ? -1 : 1));
  for (const key of keys) {
    const [way, least] = key.split('|');
    const { plates, exact } = counts.get(key) as Counts;
    const isAsked = Number(least) >= READABLE_PLATE_WIDTH_PX_MIN;
    bench.told(
      `from ${least} px, ${way} (${plates})`,
      '% exact',
      [(100 * exact) / plates],
      isAsked ? { atLeast: 90 } : {},
    );
  }
  for (const way of ['the plate alone', 'the box that the detector found']) {
    const spentMs = [...counts].flatMap(([key, count]) => (key.startsWith(`${way}|`) ? count.spentMs : []));
    if (spentMs.length > 0) bench.told(`${way}, one thread`, 'ms/reading', spentMs);
  }
}
