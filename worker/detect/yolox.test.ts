/** YOLOX as its own script exports it, both ways, run on a picture whose boxes are known; and what looks like it and is not. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeModel, paintBlocks } from './block-model.test-factory.ts';
import { Detector } from './detector.ts';
import { prepareHalfModel } from './half-model.ts';
import { embedCard } from './model-card.ts';
import { suppress } from './nms.ts';
import { value } from './onnx-parts.test-factory.ts';
import { prepareModel } from './prepare-model.ts';
import { YOLOX_OBJECTNESS, type YoloxModelOptions, yoloxModel } from './yolox-model.test-factory.ts';

let folder: string;
let models = 0;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-yolox-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const labels = ['red', 'green', 'blue'];

type Model = ReturnType<typeof yoloxModel>;
async function save(options: YoloxModelOptions = {}, change: (model: Model) => void = () => {}) {
  const model = yoloxModel(options);
  change(model);
  const modelPath = path.join(folder, `yolox-${models++}.onnx`);
  await writeFile(modelPath, encodeModel(model));
  return modelPath;
}
const prepare = (modelPath: string, card = {}) =>
  prepareModel(modelPath, { cacheFolder: path.join(folder, 'cache'), card });

async function found(model: Awaited<ReturnType<typeof prepare>>) {
  const detector = await Detector.create(model, { providers: ['cpu'], intraOpThreads: 1 });
  try {
    const pixels = paintBlocks(64, 32, { 1: [255, 0, 0], 13: [0, 204, 0] });
    const count = model.batch === 'dynamic' ? 1 : model.batch;
    const frames = Array.from({ length: count }, () => pixels);
    const [candidates = []] = await detector.detectFrames(frames);
    return suppress(candidates, { confidence: 0.4, iou: 0.5, classIds: null });
  } finally {
    await detector.close();
  }
}

describe('a stock export', () => {
  test.each<[string, YoloxModelOptions]>([
    ['boxes as offsets within cells, as the export script does by default', { boxes: 'grid' }],
    ['boxes in pixels, exported with decode_in_inference', { boxes: 'pixels' }],
    ['dynamic batch', { batch: 'batch' }],
    ['batch of 2', { batch: 2, boxes: 'pixels' }],
  ])('%s: boxes in pixels, classes by BGR bytes, score times objectness', async (_name, options) => {
    const model = await prepare(await save(options), { labels });
    expect(model).toMatchObject({ family: 'yolox', padding: 'bottom-right', boxForm: 'center', labels });
    const [first, second, ...others] = await found(model);
    expect(first).toMatchObject({ classId: 0, box: [8, 0, 16, 8] });
    expect(first?.score).toBeCloseTo(YOLOX_OBJECTNESS[8] ?? 0, 3);
    // Row 1, column 5 of eight columns.
    expect(second).toMatchObject({ classId: 1, box: [40, 8, 48, 16] });
    expect(second?.score).toBeCloseTo(0.8 * (YOLOX_OBJECTNESS[8] ?? 0), 3);
    expect(others).toEqual([]);
  });

  test('is known by its anchors without class names too, and numbers its classes', async () => {
    expect(await prepare(await save())).toMatchObject({
      ...{ family: 'yolox', labels: ['class0', 'class1', 'class2'], labelsFrom: 'numbered' },
    });
  });

  test('the larger grids decode with their own strides', async () => {
    const model = await prepare(await save());
    const detector = await Detector.create(model, { providers: ['cpu'], intraOpThreads: 1 });
    const [candidates = []] = await detector.detect(new Uint8Array(64 * 32 * 3).fill(255), 1);
    await detector.close();
    const sizes = candidates.map(({ box }) => (box[2] ?? 0) - (box[0] ?? 0));
    expect([8, 16, 32].map((side) => sizes.filter((size) => Math.abs(size - side) < 1e-3).length)).toEqual([32, 8, 2]);
    const largest = candidates
      .filter(({ score }) => Math.abs(score - 0.3) < 1e-3)
      .map(({ box }) => box.map(Math.round));
    expect(largest).toEqual([
      [0, 0, 32, 32],
      [32, 0, 64, 32],
    ]);
  });

  test('has a half-precision copy that agrees with it', async () => {
    const modelPath = await save();
    const options = { cacheFolder: path.join(folder, 'cache'), card: { labels } };
    const half = await prepareHalfModel(modelPath, await prepareModel(modelPath, options), options);
    expect(half).toMatchObject({ reason: null, model: { precision: 'float16', family: 'yolox' } });
  });
});

describe('a card', () => {
  test('within the model says what the graph cannot', async () => {
    const modelPath = await save({}, (model) => embedCard(model, { layout: 'yolox', labels, boxes: 'grid' }));
    const model = await prepare(modelPath);
    expect(model).toMatchObject({ family: 'yolox', labels, labelsFrom: 'file' });
    expect((await found(model))[0]).toMatchObject({ classId: 0, box: [8, 0, 16, 8] });
  });

  test('beside the model wins over the one within it, and what a person says over both', async () => {
    const modelPath = await save({}, (model) => embedCard(model, { labels: ['a', 'b', 'c'], colours: 'bgr' }));
    await writeFile(
      modelPath.replace('.onnx', '.card.yaml'),
      'layout: yolox\nlabels: [red, green, blue]\ncolours: rgb\n',
    );
    const swapped = await prepare(modelPath);
    expect(swapped.labels).toEqual(labels);
    expect((await found(swapped))[0]).toMatchObject({ classId: 2 });
    expect((await found(await prepare(modelPath, { colours: 'bgr' })))[0]).toMatchObject({ classId: 0 });
  });

  test.each([
    ['layout: yolov9', /card\.yaml: layout: .*"yolov8"/],
    ['color: rgb', /Unrecognized key: "color"/],
    ['labels: []', /labels: /],
    ['[1', /card\.yaml: /],
  ])('that is wrong is refused: %s', async (text, words) => {
    const modelPath = await save();
    await writeFile(modelPath.replace('.onnx', '.card.yaml'), text);
    await expect(prepare(modelPath)).rejects.toMatchObject({
      code: 'MODEL_CARD_INVALID',
      message: expect.stringMatching(words),
    });
  });

  test('makes the same shape a transposed YOLOv8 of one class more', async () => {
    const model = await prepare(await save(), { layout: 'yolov8', labels: [...labels, 'more'] });
    expect(model).toMatchObject({ family: 'yolov8', padding: 'around' });
  });
});

describe('refused by name', () => {
  const withOutput = (...dims: (number | string)[]) =>
    save({}, (model) => {
      if (model.graph) model.graph.output = [value('output', dims)];
    });

  test('three anchors per cell are YOLOv5', async () => {
    await expect(
      prepare(
        await save({ metadata: { names: "['red', 'green', 'blue']" } }, (model) => {
          if (model.graph) model.graph.output = [value('output', [1, 126, 8])];
        }),
      ),
    ).rejects.toMatchObject({ code: 'MODEL_UNUSABLE', message: expect.stringContaining('YOLOv5 head') });
  });

  test('anchors that fit no grid of this size', async () => {
    await expect(prepare(await withOutput(1, 40, 8), { layout: 'yolox' })).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringContaining('YOLOX at 64×32 has 42 anchors'),
    });
  });

  test('labels of another model', async () => {
    await expect(prepare(await save(), { layout: 'yolox', labels: ['red'] })).rejects.toMatchObject({
      code: 'MODEL_LABELS_MISMATCH',
      message: expect.stringContaining('expected 3 labels'),
    });
  });

  test('too few channels', async () => {
    await expect(prepare(await withOutput(1, 42, 5), { layout: 'yolox' })).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringContaining('[n, anchors, 5+classes]'),
    });
  });
});

test('a file that is not the one of the catalogue is refused', async () => {
  const modelPath = await save();
  const { sha256 } = await prepare(modelPath);
  const options = { cacheFolder: path.join(folder, 'cache') };
  await expect(prepareModel(modelPath, { ...options, expectedSha256: sha256 })).resolves.toBeDefined();
  await expect(prepareModel(modelPath, { ...options, expectedSha256: 'f'.repeat(64) })).rejects.toMatchObject({
    code: 'MODEL_CHANGED',
  });
});
