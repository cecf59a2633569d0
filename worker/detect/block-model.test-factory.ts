/**
 * A detector for tests, small enough to be known by heart: the picture is cut into 8×8 blocks, each block is one anchor
 * whose box is the block itself, and the scores of the classes red, green and blue are the block's mean colours.
 * Written as a stock YOLOv8 export would be, in all the variants that those come in.
 */
import onnxProto from 'onnx-proto';
import { float, int, int64, ints, modelOf, node, value } from './onnx-parts.test-factory.ts';

const { onnx } = onnxProto;
type ModelProto = InstanceType<typeof onnx.ModelProto>;

export const BLOCK_SIZE = 8;
const idleSize = 512;

export type BlockModelOptions = {
  width?: number;
  height?: number;
  /** Declares width and height free. The anchors stay those of `width` × `height`. */
  freeSize?: boolean;
  /** Declares the number of anchors free, as exports of free size do. */
  freeAnchors?: boolean;
  batch?: number | 'dynamic';
  precision?: 'float32' | 'float16';
  /** `[n, anchors, 4+classes]` instead of `[n, 4+classes, anchors]`. */
  transposed?: boolean;
  opset?: number;
  metadata?: Record<string, string>;
  /** Factor on the scores: over 1 gives what an export without the sigmoid would. */
  scoreFactor?: number;
  /** Products of 512 × 512 numbers that add nothing to any score: the model is right and takes its time. */
  idleProducts?: number;
};

/** A fresh model; tests may change it before they encode it. */
export function blockModel(options: BlockModelOptions = {}): ModelProto {
  const { width = 64, height = 32, freeSize = false, batch = 1, precision = 'float32', opset = 17 } = options;
  const {
    idleProducts = 0,
    transposed = false,
    metadata = { task: 'detect', names: "{0: 'red', 1: 'green', 2: 'blue'}" },
  } = options;
  const columns = width / BLOCK_SIZE;
  const anchors = columns * (height / BLOCK_SIZE);
  const boxes = [0, 1, 2, 3].flatMap((field) =>
    Array.from({ length: anchors }, (_, anchor) => {
      const centre = field === 0 ? anchor % columns : Math.floor(anchor / columns);
      return field < 2 ? centre * BLOCK_SIZE + BLOCK_SIZE / 2 : BLOCK_SIZE;
    }),
  );
  const frames = batch === 'dynamic' ? 'batch' : batch;
  const anchorDim = freeSize || options.freeAnchors ? 'anchors' : anchors;
  const graph = {
    name: 'blocks',
    input: [value('images', [frames, 3, freeSize ? 'height' : height, freeSize ? 'width' : width], precision)],
    output: [value('output0', transposed ? [frames, anchorDim, 7] : [frames, 7, anchorDim], precision)],
    initializer: [
      float('boxes', [1, 4, anchors], boxes, precision),
      float('zero', [1], [0], precision),
      float('factor', [1], [options.scoreFactor ?? 1], precision),
      int64('flat', [0, 3, -1]),
      int64('first', [0]),
      int64('second', [1]),
      int64('idle_shape', [1, 1, idleSize, idleSize]),
    ],
    node: [
      node('AveragePool', ['images'], 'means', [
        ints('kernel_shape', [BLOCK_SIZE, BLOCK_SIZE]),
        ints('strides', [BLOCK_SIZE, BLOCK_SIZE]),
      ]),
      node('Reshape', ['means', 'flat'], 'colours'),
      ...(idleProducts === 0
        ? [node('Mul', ['colours', 'factor'], 'scores')]
        : [node('Mul', ['colours', 'factor'], 'quick_scores'), ...idleNodes(idleProducts)]),
      // Boxes do not depend on the picture, but must come once per frame of the batch.
      node('Slice', ['colours', 'first', 'second', 'second'], 'one_row'),
      node('Mul', ['one_row', 'zero'], 'zero_row'),
      node('Add', ['zero_row', 'boxes'], 'all_boxes'),
      node('Concat', ['all_boxes', 'scores'], transposed ? 'planar' : 'output0', [int('axis', 1)]),
      ...(transposed ? [node('Transpose', ['planar'], 'output0', [ints('perm', [0, 2, 1])])] : []),
    ],
  };
  return modelOf(graph, opset, metadata);
}

/** They hang on the picture, or the runtime would reckon them once and for all. */
function idleNodes(products: number) {
  return [
    node('ReduceMean', ['images'], 'mean'),
    node('Mul', ['mean', 'zero'], 'nothing'),
    node('Expand', ['nothing', 'idle_shape'], 'idle_0'),
    ...Array.from({ length: products }, (_, index) =>
      node('MatMul', [`idle_${index}`, `idle_${index}`], `idle_${index + 1}`),
    ),
    node('ReduceMean', [`idle_${products}`], 'idle_mean'),
    node('Reshape', ['idle_mean', 'second'], 'idle'),
    node('Add', ['quick_scores', 'idle'], 'scores'),
  ];
}

export function encodeModel(model: ModelProto): Uint8Array {
  return onnx.ModelProto.encode(model).finish();
}

export type Colour = [red: number, green: number, blue: number];

/** A black picture of RGB bytes with whole blocks painted; block 0 is the top left, counting along the rows. */
export function paintBlocks(width: number, height: number, blocks: Record<number, Colour>): Uint8Array {
  const pixels = new Uint8Array(width * height * 3);
  const columns = width / BLOCK_SIZE;
  for (const [block, colour] of Object.entries(blocks)) {
    const left = (Number(block) % columns) * BLOCK_SIZE;
    const top = Math.floor(Number(block) / columns) * BLOCK_SIZE;
    for (let y = top; y < top + BLOCK_SIZE; y++) {
      for (let x = left; x < left + BLOCK_SIZE; x++) pixels.set(colour, (y * width + x) * 3);
    }
  }
  return pixels;
}
