/**
 * Rewrites a recognised detector so that frames go in as bytes and only the best boxes come out: uint8 NHWC input with
 * the normalisation in the graph (a quarter of the bytes, measured free), and the 300 best candidates as its only
 * output (7 KB instead of 2.8 MB, measured free).
 * Invariant: the arithmetic of the model itself is untouched; every added name starts with `kvs_infer/`.
 */
import onnxProto from 'onnx-proto';
import { ONNX_FLOAT16, ONNX_FLOAT32, ONNX_INT64, ONNX_UINT8 } from './declared-tensor.ts';
import type { GraphProto, ModelProto } from './model-file.ts';
import type { ModelLayout } from './model-layout.ts';

const { onnx } = onnxProto;
type NodeProto = InstanceType<typeof onnx.NodeProto>;
type Attribute = Parameters<typeof onnx.AttributeProto.create>[0];

/** Ultralytics' max_det: more boxes than that in one frame are noise. */
export const CANDIDATES_MAX = 300;
export const FRAMES_INPUT = 'kvs_infer/frames';
export const CANDIDATES_OUTPUT = 'kvs_infer/candidates';
/** Part of the cache key: raise it whenever this file changes what it writes. */
export const GRAPH_VERSION = 2;

/** From opset 18 ReduceMax takes its axes as an input. */
const REDUCE_AXES_INPUT_OPSET = 18;

/**
 * Changes `model` in place. Afterwards: input FRAMES_INPUT uint8 [n, height, width, 3] RGB; output CANDIDATES_OUTPUT
 * float32 [n, 6, k], rows box (4, as the model gives it), score, class; end-to-end exports [n, k, 6] instead.
 */
export function rewriteGraph(model: ModelProto, layout: ModelLayout): void {
  const graph = model.graph as GraphProto;
  const builder = new GraphBuilder(graph);
  const before = prepend(builder, layout);
  graph.node = [...before, ...graph.node];
  graph.input = [
    valueInfo(FRAMES_INPUT, ONNX_UINT8, [layout.batch, layout.inputHeight, layout.inputWidth, 3]),
    // Old exports list their weights among the inputs; those stay.
    ...graph.input.filter((input) => input.name !== layout.inputName),
  ];
  const rows = layout.anchors === null ? 'k' : Math.min(CANDIDATES_MAX, layout.anchors);
  const after = builder.collect(() => append(builder, layout));
  graph.node = [...graph.node, ...after];
  const shape = layout.arrangement === 'end-to-end' ? [layout.batch, rows, 6] : [layout.batch, 6, rows];
  graph.output = [valueInfo(CANDIDATES_OUTPUT, ONNX_FLOAT32, shape)];
}

function prepend(builder: GraphBuilder, layout: ModelLayout): NodeProto[] {
  return builder.collect(() => {
    let planar = builder.node('Transpose', [FRAMES_INPUT], { attributes: [ints('perm', [0, 3, 1, 2])] });
    if (layout.colours === 'bgr') {
      const reversed = builder.int64('reversed', [2, 1, 0]);
      planar = builder.node('Gather', [planar, reversed], { attributes: [int('axis', 1)] });
    }
    if (layout.pixelMax === 255) {
      const type = layout.inputPrecision === 'float32' ? ONNX_FLOAT32 : ONNX_FLOAT16;
      builder.node('Cast', [planar], { attributes: [int('to', type)], output: layout.inputName });
      return;
    }
    const float = builder.node('Cast', [planar], { attributes: [int('to', ONNX_FLOAT32)] });
    const scale = builder.float32('scale', 1 / 255);
    if (layout.inputPrecision === 'float32') {
      builder.node('Mul', [float, scale], { output: layout.inputName });
    } else {
      // Scaled in float32 and rounded once, as the exporter's own preprocessing does.
      const scaled = builder.node('Mul', [float, scale]);
      builder.node('Cast', [scaled], { attributes: [int('to', ONNX_FLOAT16)], output: layout.inputName });
    }
  });
}

function append(builder: GraphBuilder, layout: ModelLayout): void {
  let output = layout.outputName;
  if (layout.outputPrecision === 'float16') {
    output = builder.node('Cast', [output], { attributes: [int('to', ONNX_FLOAT32)] });
  }
  if (layout.arrangement === 'end-to-end') {
    builder.node('Identity', [output], { output: CANDIDATES_OUTPUT });
    return;
  }
  if (layout.arrangement === 'anchors-first') {
    output = builder.node('Transpose', [output], { attributes: [ints('perm', [0, 2, 1])] });
  }
  const zero = builder.int64('zero', [0]);
  const one = builder.int64('one', [1]);
  const four = builder.int64('four', [4]);
  const classesFrom = layout.objectness ? builder.int64('five', [5]) : four;
  const channels = builder.int64('channels', [(layout.objectness ? 5 : 4) + layout.labels.length]);
  const raw = builder.node('Slice', [output, zero, four, one]);
  const boxes = layout.boxes === 'grid' ? decodeGrid(builder, raw, layout) : raw;
  const scores = builder.node('Slice', [output, classesFrom, channels, one]);
  const keep = int('keepdims', 1);
  let best =
    layout.opset >= REDUCE_AXES_INPUT_OPSET
      ? builder.node('ReduceMax', [scores, one], { attributes: [keep] })
      : builder.node('ReduceMax', [scores], { attributes: [ints('axes', [1]), keep] });
  if (layout.objectness) best = builder.node('Mul', [best, builder.node('Slice', [output, four, classesFrom, one])]);
  const classIndex = builder.node('ArgMax', [scores], { attributes: [int('axis', 1), keep] });
  const classFloat = builder.node('Cast', [classIndex], { attributes: [int('to', ONNX_FLOAT32)] });
  const table = builder.node('Concat', [boxes, best, classFloat], { attributes: [int('axis', 1)] });
  const top = builder.node('TopK', [best, candidateCount(builder, best, layout)], {
    attributes: [int('axis', 2), int('largest', 1), int('sorted', 1)],
    outputs: 2,
  });
  const rows = builder.node('Expand', [`${top}/1`, builder.int64('rows', [1, 6, 1])]);
  builder.node('GatherElements', [table, rows], { attributes: [int('axis', 2)], output: CANDIDATES_OUTPUT });
}

/** YOLOX's own decoding: centre = (offset + cell) × stride, size = e^size × stride. */
function decodeGrid(builder: GraphBuilder, boxes: string, layout: ModelLayout): string {
  const cells: { x: number; y: number; stride: number }[] = [];
  for (const stride of layout.strides) {
    for (let y = 0; y < Math.floor(layout.inputHeight / stride); y += 1) {
      for (let x = 0; x < Math.floor(layout.inputWidth / stride); x += 1) cells.push({ x, y, stride });
    }
  }
  const corners = builder.floats(
    'cells',
    [1, 2, cells.length],
    [...cells.map(({ x }) => x), ...cells.map(({ y }) => y)],
  );
  const strides = builder.floats(
    'strides',
    [1, 1, cells.length],
    cells.map(({ stride }) => stride),
  );
  const axis = builder.int64('box_axis', [1]);
  const middle = builder.int64('box_middle', [2]);
  const offsets = builder.node('Slice', [boxes, builder.int64('box_start', [0]), middle, axis]);
  const sizes = builder.node('Slice', [boxes, middle, builder.int64('box_end', [4]), axis]);
  const centres = builder.node('Mul', [builder.node('Add', [offsets, corners]), strides]);
  const extents = builder.node('Mul', [builder.node('Exp', [sizes]), strides]);
  return builder.node('Concat', [centres, extents], { attributes: [int('axis', 1)] });
}

/** k of TopK: 300, or all anchors where there are fewer; found at run time when the export does not say. */
function candidateCount(builder: GraphBuilder, best: string, layout: ModelLayout): string {
  const limit = builder.int64('limit', [Math.min(CANDIDATES_MAX, layout.anchors ?? CANDIDATES_MAX)]);
  if (layout.anchors !== null) return limit;
  const shape = builder.node('Shape', [best]);
  const anchors = builder.node('Gather', [shape, builder.int64('axis', [2])], { attributes: [int('axis', 0)] });
  // Where(Less) because Min takes int64 only from opset 12.
  const fewer = builder.node('Less', [anchors, limit]);
  return builder.node('Where', [fewer, anchors, limit]);
}

class GraphBuilder {
  readonly #graph: GraphProto;
  #nodes: NodeProto[] = [];
  #count = 0;

  constructor(graph: GraphProto) {
    this.#graph = graph;
  }

  /** The nodes that `build` adds, in order. */
  collect(build: () => void): NodeProto[] {
    this.#nodes = [];
    build();
    return this.#nodes;
  }

  /** @returns the name of the first output; the others are `<name>/1`, … */
  node(
    opType: string,
    input: string[],
    options: { attributes?: Attribute[]; output?: string; outputs?: number } = {},
  ): string {
    const name = `kvs_infer/${opType}_${this.#count++}`;
    const first = options.output ?? name;
    const others = Array.from({ length: (options.outputs ?? 1) - 1 }, (_, index) => `${first}/${index + 1}`);
    const attribute = options.attributes?.map((fields) => onnx.AttributeProto.create(fields)) ?? [];
    this.#nodes.push(onnx.NodeProto.create({ name, opType, input, output: [first, ...others], attribute }));
    return first;
  }

  int64(name: string, values: number[]): string {
    const rawData = new Uint8Array(new BigInt64Array(values.map(BigInt)).buffer);
    return this.#initializer({ name, dataType: ONNX_INT64, dims: [values.length], rawData });
  }

  floats(name: string, dims: number[], values: number[]): string {
    const rawData = new Uint8Array(new Float32Array(values).buffer);
    return this.#initializer({ name, dataType: ONNX_FLOAT32, dims, rawData });
  }

  float32(name: string, value: number): string {
    return this.#initializer({ name, dataType: ONNX_FLOAT32, dims: [], floatData: [value] });
  }

  #initializer(fields: NonNullable<Parameters<typeof onnx.TensorProto.create>[0]>): string {
    const name = `kvs_infer/${fields.name}`;
    this.#graph.initializer = [...this.#graph.initializer, onnx.TensorProto.create({ ...fields, name })];
    return name;
  }
}

function int(name: string, value: number): Attribute {
  return { name, type: onnx.AttributeProto.AttributeType.INT, i: value };
}

function ints(name: string, values: number[]): Attribute {
  return { name, type: onnx.AttributeProto.AttributeType.INTS, ints: values };
}

function valueInfo(name: string, elemType: number, dims: (number | string)[]): GraphProto['input'][number] {
  const dim = dims.map((size) =>
    typeof size === 'number'
      ? { dimValue: size }
      : { dimParam: size === 'dynamic' ? 'kvs_infer_batch' : `kvs_infer_${size}` },
  );
  return onnx.ValueInfoProto.create({ name, type: { tensorType: { elemType, shape: { dim } } } });
}
