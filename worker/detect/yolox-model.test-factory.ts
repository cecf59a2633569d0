/**
 * A YOLOX for tests, as its export script writes one: input BGR 0..255, output [n, anchors, 5+classes] with one anchor per
 * cell of strides 8, 16 and 32, no metadata. Each cell's box is the cell, its objectness depends on the stride, and the
 * scores of the classes red, green and blue are the cell's mean colours.
 */
import { float, int, int64, ints, modelOf, node, value } from './onnx-parts.test-factory.ts';

export const YOLOX_OBJECTNESS: Record<number, number> = { 8: 0.9, 16: 0.6, 32: 0.3 };
const STRIDES = [8, 16, 32];

export type YoloxModelOptions = {
  width?: number;
  height?: number;
  /** What `--decode_in_inference` decides: boxes in pixels, or offsets and logarithms for the reader to decode. */
  boxes?: 'pixels' | 'grid';
  batch?: number | 'batch';
  metadata?: Record<string, string>;
};

export function yoloxModel(options: YoloxModelOptions = {}) {
  const { width = 64, height = 32, boxes = 'grid', batch = 1, metadata = {} } = options;
  const cells = STRIDES.flatMap((stride) =>
    Array.from({ length: (width / stride) * (height / stride) }, (_, index) => ({
      ...{ stride, x: index % (width / stride), y: Math.floor(index / (width / stride)) },
    })),
  );
  const fields =
    boxes === 'grid'
      ? [cells.map(() => 0.5), cells.map(() => 0.5), cells.map(() => 0), cells.map(() => 0)]
      : [
          cells.map(({ x, stride }) => (x + 0.5) * stride),
          cells.map(({ y, stride }) => (y + 0.5) * stride),
          ...[cells.map(({ stride }) => stride), cells.map(({ stride }) => stride)],
        ];
  const objectness = cells.map(({ stride }) => YOLOX_OBJECTNESS[stride] ?? 0);
  const pooled = STRIDES.flatMap((stride) => [
    node('AveragePool', ['images'], `means_${stride}`, [
      ints('kernel_shape', [stride, stride]),
      ints('strides', [stride, stride]),
    ]),
    node('Reshape', [`means_${stride}`, 'flat'], `flat_${stride}`),
  ]);
  return modelOf(
    {
      name: 'yolox',
      input: [value('images', [batch, 3, height, width])],
      output: [value('output', [batch, cells.length, 8])],
      initializer: [
        float('box_and_objectness', [1, 5, cells.length], [...fields.flat(), ...objectness]),
        float('scale', [1], [1 / 255]),
        float('zero', [1], [0]),
        int64('flat', [0, 3, -1]),
        int64('rgb', [2, 1, 0]),
        int64('first', [0]),
        int64('second', [1]),
      ],
      node: [
        ...pooled,
        node(
          'Concat',
          STRIDES.map((stride) => `flat_${stride}`),
          'bgr_bytes',
          [int('axis', 2)],
        ),
        node('Mul', ['bgr_bytes', 'scale'], 'bgr'),
        node('Gather', ['bgr', 'rgb'], 'classes', [int('axis', 1)]),
        node('Slice', ['classes', 'first', 'second', 'second'], 'one_row'),
        node('Mul', ['one_row', 'zero'], 'zero_row'),
        node('Add', ['zero_row', 'box_and_objectness'], 'head'),
        node('Concat', ['head', 'classes'], 'planar', [int('axis', 1)]),
        node('Transpose', ['planar'], 'output', [ints('perm', [0, 2, 1])]),
      ],
    },
    11,
    metadata,
  );
}
