/** Recognising, refusing, labelling and caching; running the results is detector.test.ts. */
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { KvsInferError } from '../../core/errors.ts';
import { type BlockModelOptions, blockModel, encodeModel } from './block-model.test-factory.ts';
import { Detector } from './detector.ts';
import { modelReference, prepareModel } from './prepare-model.ts';

let folder: string;
let cacheFolder: string;
let models = 0;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-prepare-'));
});
beforeEach(() => {
  cacheFolder = path.join(folder, `cache-${models}`);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

type Model = ReturnType<typeof blockModel>;
type Graph = NonNullable<Model['graph']>;

async function save(bytes: Uint8Array | string, name = `model-${models++}.onnx`): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, bytes);
  return file;
}

function saveModel(options: BlockModelOptions = {}, change: (graph: Graph, model: Model) => unknown = () => {}) {
  const model = blockModel(options);
  change(model.graph as Graph, model);
  return save(encodeModel(model));
}

const shape = (...dims: (number | null)[]) => ({
  tensorType: {
    elemType: 1,
    shape: { dim: dims.map((dim) => (dim === null ? { dimParam: '?' } : { dimValue: dim })) },
  },
});
const setOutput = (graph: Graph, ...dims: (number | null)[]) => {
  graph.output = [{ name: 'output0', type: shape(...dims) }];
};

describe('recognised', () => {
  test('fixed size, precision, batch and identity', async () => {
    const modelPath = await saveModel({ batch: 'dynamic', precision: 'float16', width: 128, height: 64 });
    const model = await prepareModel(modelPath, { cacheFolder });
    expect(model).toMatchObject({
      name: path.basename(modelPath, '.onnx'),
      labels: ['red', 'green', 'blue'],
      labelsFrom: 'metadata',
      inputWidth: 128,
      inputHeight: 64,
      precision: 'float16',
      batch: 'dynamic',
      boxForm: 'center',
      candidatesMax: 128,
    });
    expect(modelReference(model)).toBe(`${model.name}@sha256:${model.sha256.slice(0, 12)}`);
  });

  test('YOLO11, as it is exported and as a card says it: the head of a YOLOv8, and the same candidates', async () => {
    const metadata = {
      ...{ description: 'Ultralytics YOLO11n model trained on coco.yaml', author: 'Ultralytics', version: '8.3.40' },
      ...{ task: 'detect', stride: '32', batch: '1', imgsz: '[32, 64]', names: "{0: 'red', 1: 'green', 2: 'blue'}" },
      license: 'AGPL-3.0 License (https://ultralytics.com/license)',
    };
    const exported = await prepareModel(await saveModel({ metadata }), { cacheFolder });
    const said = await prepareModel(await saveModel({ metadata: {} }), {
      ...{ cacheFolder, card: { layout: 'yolo11', labels: ['red', 'green', 'blue'] } },
    });
    const found = [];
    for (const model of [exported, said]) {
      expect(model).toMatchObject({ family: 'yolov8', labels: ['red', 'green', 'blue'], padding: 'around' });
      const detector = await Detector.create(model, { providers: ['cpu'], intraOpThreads: 1 });
      const red = new Uint8Array(model.inputWidth * model.inputHeight * 3);
      for (let at = 0; at < red.length; at += 3) red[at] = 255;
      found.push(await detector.detect(red, 1));
      await detector.close();
    }
    expect(found[0]?.[0]?.length).toBeGreaterThan(0);
    expect(found[1]).toEqual(found[0]);
  });

  test('a free size becomes 640×384', async () => {
    const model = await prepareModel(await saveModel({ freeSize: true, width: 640, height: 384 }), { cacheFolder });
    expect([model.inputWidth, model.inputHeight]).toEqual([640, 384]);
  });

  test.each([
    ['channels first', [1, null, 8400]],
    ['anchors first', [1, 8400, null]],
  ])('an output that names its anchors alone: %s', async (_name, dims) => {
    const modelPath = await saveModel({ width: 128 }, (graph) => setOutput(graph, ...dims));
    expect(await prepareModel(modelPath, { cacheFolder })).toMatchObject({ labels: ['red', 'green', 'blue'] });
  });

  test('weights in a side file are taken in', async () => {
    const modelPath = await saveModel({}, (graph) => {
      const boxes = graph.initializer?.find(({ name }) => name === 'boxes');
      if (!boxes) throw new Error('the block model has boxes');
      sideFile = new Uint8Array(boxes.rawData as Uint8Array);
      boxes.rawData = new Uint8Array();
      boxes.dataLocation = 1;
      boxes.externalData = [
        { key: 'location', value: 'weights.data' },
        { key: 'offset', value: '0' },
        { key: 'length', value: String(sideFile.length) },
      ];
    });
    await expect(prepareModel(modelPath, { cacheFolder })).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringContaining('weights.data'),
    });
    await save(sideFile.subarray(0, 8), 'weights.data');
    await expect(prepareModel(modelPath, { cacheFolder })).rejects.toMatchObject({ code: 'MODEL_UNUSABLE' });
    await save(sideFile, 'weights.data');
    await expect(prepareModel(modelPath, { cacheFolder })).resolves.toMatchObject({ labels: ['red', 'green', 'blue'] });
  });
  let sideFile = new Uint8Array();
});

describe('refused by name, with what was expected and what came', () => {
  const cases: [string, string, BlockModelOptions, (graph: Graph, model: Model) => unknown][] = [
    ['a rank-2 output (classification)', 'classification', {}, (graph) => setOutput(graph, 1, 1000)],
    ['another task', 'task "segment"', { metadata: { task: 'segment' } }, () => {}],
    ['an output of masks', 'segmentation', {}, (graph) => setOutput(graph, 1, 39, 2000)],
    ['two outputs', '2 outputs', {}, (graph) => graph.output?.push({ name: 'output1', type: shape(1, 32, 160, 160) })],
    ['an objectness score', 'objectness', {}, (graph) => setOutput(graph, 1, 25200, 8)],
    ['outputs of no known size', 'unknown size', { metadata: {} }, (graph) => setOutput(graph, null, null, null)],
    [
      'anchors alone and no class names',
      'no class names',
      { metadata: {} },
      (graph) => setOutput(graph, 1, null, 8400),
    ],
    ['a text input', '2 inputs', {}, (graph) => graph.input?.push({ name: 'prompt', type: shape(1, 77) })],
    ['one colour channel', '1 channels', {}, (graph) => setInput(graph, 1, 1, 32, 64)],
    ['channels last', '64 channels', {}, (graph) => setInput(graph, 1, 64, 32, 3)],
    ['a rank-3 input', 'where float32', {}, (graph) => setInput(graph, 3, 32, 64)],
    ['a huge input', 'sides from', {}, (graph) => setInput(graph, 1, 3, 32, 100_000)],
    ['an old opset', 'opset 9', { opset: 9 }, () => {}],
    ['no opset', 'opset none', {}, (_graph, model) => model.opsetImport?.splice(0)],
    ['rows of an NMS without class names', 'no class names', { metadata: {} }, (graph) => setOutput(graph, 1, 300, 6)],
  ];
  const setInput = (graph: Graph, ...dims: number[]) => {
    graph.input = [{ name: 'images', type: shape(...dims) }];
  };
  test.each(cases)('%s', async (_name, came, options, change) => {
    await expect(prepareModel(await saveModel(options, change), { cacheFolder })).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringMatching(new RegExp(`expected .* got .*${came}`)),
      hint: expect.stringMatching(/\w/),
    });
  });

  test('no file, an empty file, a folder, a picture, half a model', async () => {
    const whole = encodeModel(blockModel());
    const bad: [string, string][] = [
      [path.join(folder, 'absent.onnx'), 'MODEL_NOT_FOUND'],
      [folder, 'MODEL_NOT_FOUND'],
      [await save(''), 'MODEL_UNUSABLE'],
      [await save(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13)), 'MODEL_UNUSABLE'],
      [await save(whole.subarray(0, whole.length / 2)), 'MODEL_UNUSABLE'],
    ];
    for (const [file, code] of bad) {
      await expect(prepareModel(file, { cacheFolder })).rejects.toMatchObject({ code });
    }
  });

  test.each(['../../etc/passwd', '/etc/passwd', ''])('a side file outside the folder: "%s"', async (location) => {
    const modelPath = await saveModel({}, (graph) => {
      const [tensor] = graph.initializer ?? [];
      if (tensor) Object.assign(tensor, { dataLocation: 1, externalData: [{ key: 'location', value: location }] });
    });
    await expect(prepareModel(modelPath, { cacheFolder })).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringContaining('outside'),
    });
  });

  test('a side file that links out of the folder', async () => {
    await symlink('/etc/passwd', path.join(folder, 'link.data'));
    const modelPath = await saveModel({}, (graph) => {
      const [tensor] = graph.initializer ?? [];
      if (tensor) Object.assign(tensor, { dataLocation: 1, externalData: [{ key: 'location', value: 'link.data' }] });
    });
    await expect(prepareModel(modelPath, { cacheFolder })).rejects.toMatchObject({
      message: expect.stringContaining('a link out'),
    });
  });

  test('damaged and random bytes never give anything but a named error', async () => {
    const whole = encodeModel(blockModel({ width: 16, height: 16 }));
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.nat(whole.length).map((end) => whole.slice(0, end)),
      damage.map((changes) => {
        const changed = whole.slice();
        for (const [at, value] of changes) changed[at] = value;
        return changed;
      }),
    );
    const file = await save('', 'damaged.onnx');
    await fc.assert(
      fc.asyncProperty(bytes, async (content) => {
        await writeFile(file, content);
        const outcome = await prepareModel(file, { cacheFolder }).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(KvsInferError);
      }),
      { numRuns: 300 },
    );
  });
});

describe('labels', () => {
  const labelsFile = (content: string, extension: string) => save(content, `labels-${models++}.${extension}`);

  test.each([
    ['txt', 'one\ntwo\r\nthree\n\n'],
    ['yaml', '- one\n- two\n- three\n'],
    ['json', '["one", "two", "three"]'],
    ['yaml', 'path: ../coco\nnames:\n  0: one\n  1: two\n  2: three\n'],
    ['yaml', 'nc: 3\nnames: [one, two, three]\n'],
    ['txt', "['one', 'two', 'three']"],
  ])('.%s file wins over the metadata', async (extension, content) => {
    const labelsPath = await labelsFile(content, extension);
    const model = await prepareModel(await saveModel(), { cacheFolder, labelsPath });
    expect(model).toMatchObject({ labels: ['one', 'two', 'three'], labelsFrom: 'file' });
  });

  test('a file beside the model is found', async () => {
    const modelPath = await saveModel();
    await save('one\ntwo\nthree', path.basename(modelPath).replace('.onnx', '.labels.txt'));
    expect(await prepareModel(modelPath, { cacheFolder })).toMatchObject({ labels: ['one', 'two', 'three'] });
  });

  test('without any they are numbered', async () => {
    const model = await prepareModel(await saveModel({ metadata: {}, width: 128 }), { cacheFolder });
    expect(model).toMatchObject({ labels: ['class0', 'class1', 'class2'], labelsFrom: 'numbered' });
  });

  test('a wrong count says both', async () => {
    const labelsPath = await labelsFile('one\ntwo\n', 'txt');
    await expect(prepareModel(await saveModel({ width: 128 }), { cacheFolder, labelsPath })).rejects.toMatchObject({
      code: 'MODEL_LABELS_MISMATCH',
      message: expect.stringMatching(/expected 3 labels .* got 2/),
    });
  });
});

describe('the cache', () => {
  test('is used again, and a damaged entry is rebuilt', async () => {
    const modelPath = await saveModel();
    const first = await prepareModel(modelPath, { cacheFolder });
    const good = await readFile(first.path);
    const writtenAt = (await stat(first.path)).mtimeMs;
    expect(await prepareModel(modelPath, { cacheFolder })).toEqual(first);
    expect((await stat(first.path)).mtimeMs).toBe(writtenAt);

    const sidecar = first.path.replace(/\.onnx$/, '.json');
    for (const damage of [
      () => writeFile(first.path, good.subarray(0, 100)),
      () => writeFile(first.path, ''),
      () => rm(first.path),
      () => writeFile(sidecar, '{"model"'),
      () => rm(sidecar),
    ]) {
      await damage();
      expect(await prepareModel(modelPath, { cacheFolder })).toEqual(first);
      expect(Buffer.compare(await readFile(first.path), good)).toBe(0);
    }
    const left = await readdir(cacheFolder);
    expect(left.filter((name) => name.endsWith('.part'))).toEqual([]);
    expect(left).toHaveLength(2);
  });

  test('many starts at once leave one good entry', async () => {
    const modelPath = await saveModel({ width: 256 });
    const prepared = await Promise.all(Array.from({ length: 8 }, () => prepareModel(modelPath, { cacheFolder })));
    expect(new Set(prepared.map((model) => model.path)).size).toBe(1);
    expect(await readdir(cacheFolder)).toHaveLength(2);
  });

  test('a folder that cannot be written', async () => {
    const file = await save('', 'not-a-folder');
    await expect(prepareModel(await saveModel(), { cacheFolder: file })).rejects.toMatchObject({
      code: 'MODEL_CACHE_UNWRITABLE',
      retryable: true,
    });
  });
});
