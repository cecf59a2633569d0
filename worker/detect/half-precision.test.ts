/** The half-precision copy: what is converted and what is not, that it answers as the model does, and that it is checked. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import onnxProto from 'onnx-proto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blockModel, encodeModel, paintBlocks } from './block-model.test-factory.ts';
import { ONNX_FLOAT16, ONNX_FLOAT32 } from './declared-tensor.ts';
import { Detector } from './detector.ts';
import { differenceOf, prepareHalfModel } from './half-model.ts';
import { convertToHalfPrecision, halfPrecisionObstacle } from './half-precision.ts';
import type { GraphProto } from './model-file.ts';
import { recogniseLayout } from './model-layout.ts';
import type { Candidate } from './nms.ts';
import { prepareModel } from './prepare-model.ts';

const { onnx } = onnxProto;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-half-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function save(name: string, model = blockModel({ width: 128, height: 64, batch: 'dynamic' })): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, encodeModel(model));
  return file;
}
const options = () => ({ cacheFolder: path.join(folder, 'cache') });
const graphOf = (model: ReturnType<typeof blockModel>) => model.graph as GraphProto;

describe('the copy', () => {
  test('has half-precision weights, takes the same bytes and gives the same candidates', async () => {
    const modelPath = await save('blocks.onnx');
    const model = await prepareModel(modelPath, options());
    const { model: half, reason } = await prepareHalfModel(modelPath, model, options());
    expect(reason).toBeNull();
    expect(half).toMatchObject({ precision: 'float16', sha256: model.sha256, name: model.name, batch: 'dynamic' });
    const graph = onnx.ModelProto.decode(await readFile(half?.path ?? '')).graph as GraphProto;
    const weights = graph.initializer.filter((tensor) => !tensor.name?.startsWith('kvs_infer/'));
    expect(weights.map((tensor) => tensor.dataType)).not.toContain(ONNX_FLOAT32);
    expect(weights.map((tensor) => tensor.dataType)).toContain(ONNX_FLOAT16);

    const pixels = paintBlocks(128, 64, { 0: [255, 0, 0], 21: [10, 200, 30], 100: [0, 0, 90] });
    const answers: Candidate[][] = [];
    for (const one of [model, half ?? model]) {
      const detector = await Detector.create(one, { providers: ['cpu'], intraOpThreads: 1 });
      answers.push((await detector.detect(pixels, 1)).flat());
      await detector.close();
    }
    const [expected = [], came = []] = answers;
    expect(expected.length).toBeGreaterThan(2);
    expect(differenceOf(expected, came)).toBeNull();
  });

  test('is made once and lies beside the model in the cache', async () => {
    const modelPath = await save('cached.onnx', blockModel({ width: 64, height: 64 }));
    const model = await prepareModel(modelPath, options());
    const first = await prepareHalfModel(modelPath, model, options());
    const written = await stat(first.model?.path ?? '');
    const second = await prepareHalfModel(modelPath, model, options());
    expect(second).toEqual(first);
    expect((await stat(second.model?.path ?? '')).mtimeMs).toBe(written.mtimeMs);
    expect(first.model?.path).not.toBe(model.path);
    // The model itself stays what it was.
    expect(await prepareModel(modelPath, options())).toEqual(model);
  });

  test('is refused, with the reason, for what is float16 or int8 already and for operators that are not known', async () => {
    const float16 = await save('float16.onnx', blockModel({ precision: 'float16' }));
    const prepared = await prepareModel(float16, options());
    expect(await prepareHalfModel(float16, prepared, options())).toEqual({
      model: null,
      reason: 'the model is float16',
    });

    const strange = blockModel();
    const nodes = graphOf(strange).node;
    nodes.push(onnx.NodeProto.create({ opType: 'Erf', input: ['scores'], output: ['unused'] }));
    nodes.push(onnx.NodeProto.create({ opType: 'Det', input: ['scores'], output: ['unused_too'] }));
    const layout = recogniseLayout('strange.onnx', strange, null);
    expect(halfPrecisionObstacle(graphOf(strange), layout)).toBe('operator Det');
  });
});

describe('the conversion', () => {
  const float = (name: string, values: number[]) =>
    onnx.TensorProto.create({
      name,
      dims: [values.length],
      dataType: ONNX_FLOAT32,
      rawData: new Uint8Array(new Float32Array(values).buffer),
    });

  test('leaves the scales of Resize in float32, and splits a constant that others use too', () => {
    const model = blockModel();
    const graph = graphOf(model);
    graph.initializer.push(float('scales', [1, 1, 2, 2]), float('shared', [1, 1, 2, 2]));
    graph.node.push(
      onnx.NodeProto.create({ opType: 'Resize', input: ['images', '', 'scales'], output: ['a'] }),
      onnx.NodeProto.create({ opType: 'Resize', input: ['images', '', 'shared'], output: ['b'] }),
      onnx.NodeProto.create({ opType: 'Mul', input: ['shared', 'factor'], output: ['c'] }),
    );
    convertToHalfPrecision(model, recogniseLayout('m.onnx', model, null));
    const typeOf = (name: string) => graph.initializer.find((tensor) => tensor.name === name)?.dataType;
    expect([typeOf('scales'), typeOf('shared'), typeOf('factor')]).toEqual([ONNX_FLOAT32, ONNX_FLOAT32, ONNX_FLOAT16]);
    const multiplied = graph.node.find((node) => node.output?.[0] === 'c')?.input?.[0] ?? '';
    expect(multiplied).not.toBe('shared');
    expect(typeOf(multiplied)).toBe(ONNX_FLOAT16);
  });

  test('turns casts and constants, and clamps what float16 cannot hold', () => {
    const model = blockModel();
    const graph = graphOf(model);
    const { AttributeType } = onnx.AttributeProto;
    graph.initializer.push(float('large', [1e9, -1e9, 0.1]));
    graph.node.push(
      onnx.NodeProto.create({
        opType: 'Cast',
        input: ['factor'],
        output: ['cast'],
        attribute: [{ name: 'to', type: AttributeType.INT, i: ONNX_FLOAT32 }],
      }),
      onnx.NodeProto.create({
        opType: 'Constant',
        output: ['half'],
        attribute: [{ name: 'value', type: AttributeType.TENSOR, t: float('', [0.5]) }],
      }),
    );
    convertToHalfPrecision(model, recogniseLayout('m.onnx', model, null));
    expect(Number(graph.node.at(-2)?.attribute?.[0]?.i)).toBe(ONNX_FLOAT16);
    expect(graph.node.at(-1)?.attribute?.[0]?.t?.dataType).toBe(ONNX_FLOAT16);
    const raw = graph.initializer.find((tensor) => tensor.name === 'large')?.rawData as Uint8Array;
    const [high, low, tenth = 0] = new Float16Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
    expect([high, low]).toEqual([65_504, -65_504]);
    expect(tenth).toBeCloseTo(0.1, 3);
    expect(graph.valueInfo).toEqual([]);
  });
});

describe('the comparison', () => {
  const candidate = fc.record({
    classId: fc.integer({ min: 0, max: 3 }),
    score: fc.float({ min: Math.fround(0.11), max: Math.fround(0.9), noNaN: true }),
    box: fc.tuple(...([0, 1, 2, 3] as const).map(() => fc.integer({ min: 0, max: 640 }))),
  }) as fc.Arbitrary<Candidate>;

  test('takes rounding for the same, in any order, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(candidate, { minLength: 1, maxLength: 20 }), (expected) => {
        const rounded = expected.map((one) => ({
          ...one,
          score: one.score + 0.01,
          box: one.box.map((side) => side + 1) as Candidate['box'],
        }));
        expect(differenceOf(expected, rounded.reverse())).toBeNull();
        expect(differenceOf(expected, [])).not.toBeNull();
        const moved = expected.map((one) => ({ ...one, box: one.box.map((side) => side + 700) as Candidate['box'] }));
        expect(differenceOf(expected, moved)).toContain('is missing');
        expect(
          differenceOf(
            expected,
            expected.map((one) => ({ ...one, score: Number.NaN })),
          ),
        ).not.toBeNull();
      }),
    );
  });
});

const demoDetector = path.join(import.meta.dirname, '../../models/demo-detector.onnx');
const absent = (await stat(demoDetector).catch(() => null)) === null;

describe.skipIf(absent)(`the bundled detector${absent ? ` (skipped: no ${demoDetector})` : ''}`, () => {
  test('answers in half precision as in full', async () => {
    const model = await prepareModel(demoDetector, options());
    const { model: half, reason } = await prepareHalfModel(demoDetector, model, options());
    expect(reason).toBeNull();
    expect((await stat(half?.path ?? '')).size).toBeLessThan(0.6 * (await stat(model.path)).size);
  });
});
