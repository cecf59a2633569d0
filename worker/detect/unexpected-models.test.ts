/** Models whose shapes, declared or real, are none that a detector has: a named error each, before any camera depends on it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import onnxProto from 'onnx-proto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KvsInferError } from '../../core/errors.ts';
import { type BlockModelOptions, blockModel, encodeModel } from './block-model.test-factory.ts';
import { Detector } from './detector.ts';
import { prepareModel } from './prepare-model.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-unexpected-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Graph = NonNullable<ReturnType<typeof blockModel>['graph']>;
type Dim = number | null;
const declared = (dims: Dim[], elemType: number) => ({
  tensorType: { elemType, shape: { dim: dims.map((dim) => (dim === null ? { dimParam: '?' } : { dimValue: dim })) } },
});

let models = 0;
/** Takes the model as far as a worker does. */
async function open(options: BlockModelOptions, change: (graph: Graph) => void = () => {}): Promise<Detector> {
  const model = blockModel(options);
  change(model.graph as Graph);
  const modelPath = path.join(folder, `unexpected-${models++}.onnx`);
  await writeFile(modelPath, encodeModel(model));
  const prepared = await prepareModel(modelPath, { cacheFolder: path.join(folder, 'cache') });
  return Detector.create(prepared, { providers: ['cpu'], intraOpThreads: 1 });
}

test('whatever shapes and types a graph declares, it runs or is refused by name', async () => {
  const dim = fc.oneof(
    fc.constantFrom<Dim>(null, 0, 1, 3, 6, 7, 32, 64, 300, 8_400),
    fc.integer({ min: -4, max: 100_000 }),
  );
  const tensor = fc.record({
    dims: fc.array(dim, { maxLength: 5 }),
    // 0: undefined, 1: float32, 2: uint8, 7: int64, 8: string, 10: float16, 99: none.
    type: fc.constantFrom(0, 1, 1, 1, 2, 7, 8, 10, 99),
  });
  await fc.assert(
    fc.asyncProperty(fc.option(tensor), fc.option(tensor), fc.boolean(), async (input, output, hasNames) => {
      const options = hasNames ? {} : { metadata: {} };
      const outcome = await open(options, (graph) => {
        if (input !== null) graph.input = [{ name: 'images', type: declared(input.dims, input.type) }];
        if (output !== null) graph.output = [{ name: 'output0', type: declared(output.dims, output.type) }];
      }).catch((error: unknown) => error);
      if (outcome instanceof Detector) await outcome.close();
      else {
        expect(outcome).toBeInstanceOf(KvsInferError);
        expect((outcome as KvsInferError).code).toMatch(/^MODEL_/);
      }
    }),
    { numRuns: 150 },
  );
});

test.each<[string, number[]]>([
  ['more anchors than it has', [1, 7, 8_400]],
  ['fewer anchors than it has', [1, 7, 8]],
  ['more frames than it takes', [4, 7, 32]],
])('a graph that declares %s is refused, or read as it is', async (_, dims) => {
  const outcome = await open({}, (graph) => {
    graph.output = [{ name: 'output0', type: declared(dims, 1) }];
  }).catch((error: unknown) => error);
  if (!(outcome instanceof Detector)) {
    expect(outcome).toMatchObject({ code: 'MODEL_UNUSABLE' });
    return;
  }
  const [found] = await outcome.detectFrames([new Uint8Array(64 * 32 * 3).fill(255)]);
  // White: each block of the model is all three classes.
  expect(found?.length).toBeGreaterThan(0);
  for (const { box } of found ?? []) for (const side of box) expect(side).toBeGreaterThanOrEqual(0);
  await outcome.close();
});

test.each([
  ['that are no numbers', Number.NaN],
  ['without end', Number.POSITIVE_INFINITY],
  ['below zero', -40],
])(
  'scores %s are refused when the model is loaded, not found out by cameras that see nothing',
  async (_, scoreFactor) => {
    await expect(open({ scoreFactor })).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringContaining('expected class scores in 0..1'),
    });
  },
);

const { onnx } = onnxProto;
const passwords = () => ({
  ...onnx.TensorProto.create({ name: 'stolen', dims: [1], dataType: 1, dataLocation: 1 }),
  externalData: [{ key: 'location', value: '../../../etc/passwd' }],
});
const attributeOf = (fields: Parameters<typeof onnx.AttributeProto.create>[0]) => (graph: Graph) =>
  void graph.node?.[0]?.attribute?.push(onnx.AttributeProto.create({ name: 'more', ...fields }) as never);
const inner = (fields: object) => onnx.GraphProto.create({ name: 'inner', ...fields });
const nested = (depth: number): ReturnType<typeof inner> => {
  let graph = inner({ initializer: [passwords()] });
  for (let level = 0; level < depth; level += 1) {
    graph = inner({ node: [{ opType: 'If', attribute: [{ name: 'then', type: 5, g: graph }] }] });
  }
  return graph;
};

test.each<[string, (graph: Graph) => void, RegExp]>([
  ['of a list of tensors', attributeOf({ type: 9, tensors: [passwords()] }), /outside the model's folder/],
  ['of a list of graphs', attributeOf({ type: 10, graphs: [nested(0)] }), /outside the model's folder/],
  [
    'of a sparse tensor',
    attributeOf({ type: 11, sparseTensor: { values: passwords() } }),
    /outside the model's folder/,
  ],
  ['of a graph eight deep', attributeOf({ type: 5, g: nested(7) }), /outside the model's folder/],
  ['of a graph nine deep', attributeOf({ type: 5, g: nested(8) }), /at most 8 deep/],
  ['of a graph two thousand deep', attributeOf({ type: 5, g: nested(2_000) }), /at most 8 deep|no ONNX protobuf/],
  [
    'of a sparse initialiser',
    (graph) => {
      graph.sparseInitializer = [onnx.SparseTensorProto.create({ values: passwords() })] as never;
    },
    /outside the model's folder/,
  ],
])('a file outside the folder is not read as weights %s', async (_, change, message) => {
  await expect(open({}, change)).rejects.toMatchObject({
    code: 'MODEL_UNUSABLE',
    message: expect.stringMatching(message),
  });
});

test.each<[string, (graph: Graph) => void]>([
  [
    'a tensor of a few bytes that claims petabytes',
    (graph) => {
      const [boxes] = graph.initializer ?? [];
      if (boxes) boxes.dims = [1, 2 ** 20, 2 ** 30];
    },
  ],
  [
    'dimensions whose product overflows',
    (graph) => {
      const [boxes] = graph.initializer ?? [];
      if (boxes) boxes.dims = [2 ** 40, 2 ** 40, 4];
    },
  ],
  [
    'dimensions below zero',
    (graph) => {
      const [boxes] = graph.initializer ?? [];
      if (boxes) boxes.dims = [-1, -4, 32];
    },
  ],
  [
    'fifty thousand nodes that feed themselves',
    (graph) => {
      const loop = Array.from({ length: 50_000 }, (_, index) =>
        onnx.NodeProto.create({
          opType: 'Identity',
          name: `n${index}`,
          input: [`t${index + 1}`],
          output: [`t${index}`],
        }),
      );
      graph.node?.push(
        ...(loop as never[]),
        onnx.NodeProto.create({ opType: 'Identity', input: ['t0'], output: ['t50000'] }) as never,
      );
    },
  ],
])('%s is refused by name, and takes no memory', async (_, change) => {
  const before = process.memoryUsage().rss;
  await expect(open({}, change)).rejects.toMatchObject({ code: expect.stringMatching(/^MODEL_/) });
  expect(process.memoryUsage().rss - before).toBeLessThan(512 * 1024 * 1024);
});
