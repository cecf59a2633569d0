/** Every variant of a stock export is run on a picture whose boxes are known exactly. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BlockModelOptions, blockModel, encodeModel, paintBlocks } from './block-model.test-factory.ts';
import { Detector } from './detector.ts';
import { suppress } from './nms.ts';
import { prepareModel } from './prepare-model.ts';

let folder: string;
let models = 0;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-detector-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function openBlockModel(options: BlockModelOptions, batchSizes?: number[]): Promise<Detector> {
  const modelPath = path.join(folder, `blocks-${models++}.onnx`);
  await writeFile(modelPath, encodeModel(blockModel(options)));
  const model = await prepareModel(modelPath, { cacheFolder: path.join(folder, 'cache') });
  return Detector.create(model, { providers: ['cpu'], intraOpThreads: 1, ...(batchSizes ? { batchSizes } : {}) });
}

const keepAll = { confidence: 0.2, iou: 0.5, classIds: null };
const blockBox = (column: number, row: number) => [column * 8, row * 8, column * 8 + 8, row * 8 + 8];

describe('stock exports', () => {
  const variants: [string, BlockModelOptions][] = [
    ['float32, channels first', {}],
    ['float32, transposed', { transposed: true }],
    ['float16', { precision: 'float16' }],
    ['float16, transposed', { precision: 'float16', transposed: true }],
    ['opset 11', { opset: 11 }],
    ['opset 18, where ReduceMax takes its axes as an input', { opset: 18 }],
    ['opset 20', { opset: 20 }],
    ['batch fixed at 2', { batch: 2 }],
    ['dynamic batch', { batch: 'dynamic' }],
    ['fewer anchors than 300', { width: 16, height: 16 }],
    ['more anchors than 300', { width: 256, height: 160 }],
    ['fewer anchors than 300, known at run time only', { width: 16, height: 16, freeAnchors: true }],
    ['the same with opset 11', { width: 16, height: 16, freeAnchors: true, opset: 11 }],
    ['free size', { width: 640, height: 384, freeSize: true, batch: 'dynamic' }],
  ];
  test.each(variants)('%s: known boxes, classes and scores', async (_name, options) => {
    const detector = await openBlockModel(options);
    const { inputWidth, inputHeight, labels } = detector.model;
    expect([inputWidth, inputHeight]).toEqual([options.width ?? 64, options.height ?? 32]);
    expect(labels).toEqual(['red', 'green', 'blue']);
    const pixels = paintBlocks(inputWidth, inputHeight, { 1: [255, 0, 0], 2: [0, 204, 51], 3: [0, 0, 102] });
    const [candidates = []] = await detector.detect(pixels, 1);
    const found = suppress(candidates, keepAll);
    const second = inputWidth === 16 ? blockBox(0, 1) : blockBox(2, 0);
    const third = inputWidth === 16 ? blockBox(1, 1) : blockBox(3, 0);
    expect(found.map(({ classId, box }) => ({ classId, box }))).toEqual([
      { classId: 0, box: blockBox(1, 0) },
      { classId: 1, box: second },
      { classId: 2, box: third },
    ]);
    const scores = found.map(({ score }) => score);
    for (const [index, expected] of [1, 0.8, 0.4].entries()) expect(scores[index]).toBeCloseTo(expected, 3);
    await detector.close();
  });

  test('an export with its own NMS gives corners, scores and classes as they are', async () => {
    const rows = [
      [10, 20, 30, 40, 0.9, 2],
      [1, 2, 3, 4, 0.5, 0],
      [0, 0, 0, 0, 0, 0],
    ];
    const detector = await openEndToEndModel(rows);
    const [candidates] = await detector.detect(paintBlocks(64, 32, {}), 1);
    expect(candidates).toHaveLength(2);
    expect(candidates?.[0]).toEqual({ classId: 2, score: expect.closeTo(0.9, 5), box: [10, 20, 30, 40] });
    expect(candidates?.[1]).toEqual({ classId: 0, score: 0.5, box: [1, 2, 3, 4] });
    await detector.close();
  });
});

/** The block model with its end replaced by a constant table. */
async function openEndToEndModel(rows: number[][]): Promise<Detector> {
  const model = blockModel({ metadata: { names: "['red', 'green', 'blue']", args: "{'nms': True}" } });
  const graph = model.graph as NonNullable<typeof model.graph>;
  const output = graph.node?.at(-1);
  if (!output) throw new Error('the block model has nodes');
  output.output = ['unused'];
  const flat = rows.flat();
  const template = graph.initializer?.find((tensor) => tensor.name === 'zero');
  graph.initializer?.push({
    ...template,
    name: 'table',
    dims: [1, rows.length, 6],
    rawData: new Uint8Array(new Float32Array(flat).buffer),
  });
  graph.node?.push({ opType: 'Add', name: 'table_out', input: ['table', 'zero'], output: ['output0'], attribute: [] });
  const dims = [1, rows.length, 6].map((dimValue) => ({ dimValue }));
  graph.output = [{ name: 'output0', type: { tensorType: { elemType: 1, shape: { dim: dims } } } }];
  const modelPath = path.join(folder, `end-to-end-${models++}.onnx`);
  await writeFile(modelPath, encodeModel(model));
  const prepared = await prepareModel(modelPath, { cacheFolder: path.join(folder, 'cache') });
  return Detector.create(prepared, { providers: ['cpu'], intraOpThreads: 1 });
}

describe('batches', () => {
  test('any number of frames comes back in order, whatever the fixed sizes', async () => {
    const detector = await openBlockModel({ batch: 'dynamic' }, [1, 4, 8]);
    const frames = Array.from({ length: 13 }, (_, index) => paintBlocks(64, 32, { [index]: [255, 0, 0] }));
    const results = await detector.detectFrames(frames);
    expect(results).toHaveLength(13);
    for (const [index, candidates] of results.entries()) {
      expect(suppress(candidates, keepAll).map(({ box }) => box)).toEqual([blockBox(index % 8, Math.floor(index / 8))]);
    }
    const joined = new Uint8Array(Buffer.concat(frames.slice(0, 3)));
    expect(await detector.detect(joined, 3)).toEqual(results.slice(0, 3));
    await detector.close();
  });

  test('a model of fixed batch is padded, and the padding is not read', async () => {
    const detector = await openBlockModel({ batch: 4 });
    expect(detector.batchSizes).toEqual([4]);
    const frames = [5, 6, 7, 8, 9].map((block) => paintBlocks(64, 32, { [block]: [0, 255, 0] }));
    const results = await detector.detectFrames(frames);
    expect(results.map((candidates) => suppress(candidates, keepAll).length)).toEqual([1, 1, 1, 1, 1]);
    await detector.close();
  });

  test('no frames, wrong sizes', async () => {
    const detector = await openBlockModel({});
    expect(await detector.detectFrames([])).toEqual([]);
    await expect(detector.detect(new Uint8Array(5), 1)).rejects.toMatchObject({ code: 'INFERENCE_INPUT' });
    await detector.close();
  });

  test('measured rate is the best of the sizes', async () => {
    const detector = await openBlockModel({ batch: 'dynamic' }, [4, 1]);
    const { inferencesPerSecond, timings } = await detector.measure();
    expect(timings.map(({ batchSize }) => batchSize)).toEqual([1, 4]);
    const rates = timings.map(({ batchSize, medianMs }) => (batchSize * 1000) / medianMs);
    expect(inferencesPerSecond).toBe(Math.max(...rates));
    await detector.close();
  });
});

describe('what cannot run says so', () => {
  test('a provider that is not there is passed over and reported', async () => {
    const modelPath = path.join(folder, `blocks-${models++}.onnx`);
    await writeFile(modelPath, encodeModel(blockModel()));
    const model = await prepareModel(modelPath, { cacheFolder: path.join(folder, 'cache') });
    const detector = await Detector.create(model, { providers: ['cuda', 'cpu'], intraOpThreads: 1 });
    const failed = detector.providerFailures.map(({ provider }) => provider);
    // On a machine with CUDA there is nothing to report.
    expect([...failed, detector.provider]).toEqual(failed.length === 0 ? ['cuda'] : ['cuda', 'cpu']);
    await detector.close();
    await expect(Detector.create(model, { providers: [], intraOpThreads: 1 })).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
    });
  });

  test('scores that are no probabilities', async () => {
    await expect(openBlockModel({ scoreFactor: 40 })).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringContaining('expected class scores in 0..1'),
    });
  });

  test('a graph that onnxruntime refuses', async () => {
    const model = blockModel();
    const node = model.graph?.node?.[0];
    if (node) node.opType = 'NoSuchOperator';
    const modelPath = path.join(folder, 'refused.onnx');
    await writeFile(modelPath, encodeModel(model));
    const prepared = await prepareModel(modelPath, { cacheFolder: path.join(folder, 'cache') });
    await expect(Detector.create(prepared, { providers: ['cpu'], intraOpThreads: 1 })).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringContaining('NoSuchOperator'),
    });
  });

  test('a prepared file that went away', async () => {
    const modelPath = path.join(folder, 'gone.onnx');
    await writeFile(modelPath, encodeModel(blockModel({ width: 32 })));
    const prepared = await prepareModel(modelPath, { cacheFolder: path.join(folder, 'cache-gone') });
    expect((await readFile(prepared.path)).length).toBeGreaterThan(0);
    await rm(prepared.path);
    await expect(Detector.create(prepared, { providers: ['cpu'], intraOpThreads: 1 })).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
    });
  });
});
