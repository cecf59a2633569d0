/**
 * A detector with the layers and sizes of YOLOv8n and random weights: it costs what the real one costs, and no licence
 * forbids its use. Built node by node after the published architecture (Ultralytics yolov8.yaml: depth 0.33, width 0.25;
 * 8.7 GFLOP at 640×640, 3.2 M parameters), exported as a stock file: float32 NCHW in, `[1, 84, anchors]` out.
 * Invariant: the same seed gives the same file; what it "detects" means nothing.
 */
import onnxProto from 'onnx-proto';
import { seededRandom } from '../../core/seeded-random.ts';

const { onnx } = onnxProto;
type NodeProto = InstanceType<typeof onnx.NodeProto>;
type TensorProto = InstanceType<typeof onnx.TensorProto>;

const CLASSES = 80;
/** Bins of the distribution that each side of a box is read from (DFL). */
const BINS = 16;
const ONNX_FLOAT = 1;
const ONNX_INT64 = 7;
/** A class bias so low that random weights propose next to nothing, as an empty street does. */
const CLASS_BIAS = -9;

type ConvOptions = { kernel?: number; stride?: number; activate?: boolean; bias?: number };

class Builder {
  readonly nodes: NodeProto[] = [];
  readonly weights: TensorProto[] = [];
  readonly #random: () => number;
  #names = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** @returns the name of the first output, or of the given one. */
  node(opType: string, input: string[], attributes: Record<string, number | number[] | string> = {}, outputs = 1) {
    const output = Array.from({ length: outputs }, () => this.#name());
    const attribute = Object.entries(attributes).map(([name, value]) =>
      onnx.AttributeProto.create(
        typeof value === 'number'
          ? { name, type: 2, i: value }
          : typeof value === 'string'
            ? { name, type: 3, s: new TextEncoder().encode(value) }
            : { name, type: 7, ints: value },
      ),
    );
    this.nodes.push(onnx.NodeProto.create({ opType, name: output[0] as string, input, output, attribute }));
    return output as [string, ...string[]];
  }

  floats(dims: number[], value: (index: number) => number): string {
    const name = this.#name();
    const data = Float32Array.from({ length: dims.reduce((size, dim) => size * dim, 1) }, (_, index) => value(index));
    this.weights.push(
      onnx.TensorProto.create({ name, dims, dataType: ONNX_FLOAT, rawData: new Uint8Array(data.buffer) }),
    );
    return name;
  }

  int64(values: number[]): string {
    const name = this.#name();
    const rawData = new Uint8Array(new BigInt64Array(values.map(BigInt)).buffer);
    this.weights.push(onnx.TensorProto.create({ name, dims: [values.length], dataType: ONNX_INT64, rawData }));
    return name;
  }

  conv(input: string, from: number, to: number, options: ConvOptions = {}): string {
    const { kernel = 3, stride = 1, activate = true, bias = 0 } = options;
    // He initialisation keeps values in range through the depth of the network.
    const scale = Math.sqrt(2.3 / (from * kernel * kernel));
    const weights = this.floats([to, from, kernel, kernel], () => this.#gaussian() * scale);
    const biases = this.floats([to], () => bias);
    const [out] = this.node('Conv', [input, weights, biases], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: Array.from({ length: 4 }, () => Math.floor(kernel / 2)),
    });
    if (!activate) return out;
    const [sigmoid] = this.node('Sigmoid', [out]);
    return this.node('Mul', [out, sigmoid])[0];
  }

  split(input: string, sizes: number[], axis: number): string[] {
    return [...this.node('Split', [input, this.int64(sizes)], { axis }, sizes.length)];
  }

  c2f(input: string, from: number, to: number, repeats: number, hasShortcut: boolean): string {
    const half = to / 2;
    const parts = this.split(this.conv(input, from, to, { kernel: 1 }), [half, half], 1);
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const last = parts.at(-1) as string;
      const inner = this.conv(this.conv(last, half, half), half, half);
      parts.push(hasShortcut ? this.node('Add', [last, inner])[0] : inner);
    }
    return this.conv(this.concat(parts), half * (2 + repeats), to, { kernel: 1 });
  }

  /** Spatial pyramid pooling, fast. */
  sppf(input: string, channels: number): string {
    const half = channels / 2;
    const parts = [this.conv(input, channels, half, { kernel: 1 })];
    for (let pool = 0; pool < 3; pool += 1) {
      const pooled = this.node('MaxPool', [parts.at(-1) as string], {
        kernel_shape: [5, 5],
        pads: [2, 2, 2, 2],
        strides: [1, 1],
      });
      parts.push(pooled[0]);
    }
    return this.conv(this.concat(parts), half * 4, channels, { kernel: 1 });
  }

  concat(inputs: string[], axis = 1): string {
    return this.node('Concat', inputs, { axis })[0];
  }

  upsample(input: string): string {
    const factors = this.floats([4], (index) => (index < 2 ? 1 : 2));
    const attributes = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
    return this.node('Resize', [input, '', factors], attributes)[0];
  }

  #gaussian(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
  }

  #name(): string {
    return `t${this.#names++}`;
  }
}

/** @param width @param height of the input in pixels, multiples of 32. @returns the ONNX file. */
export function yolov8nShapedModel(width: number, height: number, seed = 1): Uint8Array {
  const b = new Builder(seed);
  let x = b.conv(b.conv('images', 3, 16, { stride: 2 }), 16, 32, { stride: 2 });
  const p3 = b.c2f(b.conv(b.c2f(x, 32, 32, 1, true), 32, 64, { stride: 2 }), 64, 64, 2, true);
  const p4 = b.c2f(b.conv(p3, 64, 128, { stride: 2 }), 128, 128, 2, true);
  x = b.c2f(b.conv(p4, 128, 256, { stride: 2 }), 256, 256, 1, true);
  const p5 = b.sppf(x, 256);
  const n4 = b.c2f(b.concat([b.upsample(p5), p4]), 384, 128, 1, false);
  const n3 = b.c2f(b.concat([b.upsample(n4), p3]), 192, 64, 1, false);
  const m4 = b.c2f(b.concat([b.conv(n3, 64, 64, { stride: 2 }), n4]), 192, 128, 1, false);
  const m5 = b.c2f(b.concat([b.conv(m4, 128, 128, { stride: 2 }), p5]), 384, 256, 1, false);
  const scales = [
    { input: n3, channels: 64, stride: 8 },
    { input: m4, channels: 128, stride: 16 },
    { input: m5, channels: 256, stride: 32 },
  ];
  const heads = scales.map(({ input, channels }) => {
    const box = b.conv(b.conv(b.conv(input, channels, 64), 64, 64), 64, 4 * BINS, { kernel: 1, activate: false });
    const hidden = b.conv(b.conv(input, channels, 80), 80, 80);
    const classes = b.conv(hidden, 80, CLASSES, { kernel: 1, activate: false, bias: CLASS_BIAS });
    return b.node('Reshape', [b.concat([box, classes]), b.int64([0, 4 * BINS + CLASSES, -1])])[0];
  });
  const anchors = scales.flatMap(({ stride }) => {
    const columns = width / stride;
    const count = columns * (height / stride);
    const centre = (index: number) => [(index % columns) + 0.5, Math.floor(index / columns) + 0.5] as const;
    return Array.from({ length: count }, (_, index) => ({ centre: centre(index), stride }));
  });
  const count = anchors.length;
  const [boxes, classes] = b.split(b.concat(heads, 2), [4 * BINS, CLASSES], 1) as [string, string];
  const [bins] = b.node('Reshape', [boxes, b.int64([0, 4, BINS, count])]);
  const [spread] = b.node('Softmax', [b.node('Transpose', [bins], { perm: [0, 2, 1, 3] })[0]], { axis: 1 });
  const expected = b.node('Conv', [spread, b.floats([1, BINS, 1, 1], (bin) => bin)], { kernel_shape: [1, 1] })[0];
  const [distances] = b.node('Reshape', [expected, b.int64([0, 4, count])]);
  const [leftTop, rightBottom] = b.split(distances, [2, 2], 1) as [string, string];
  const centres = b.floats([1, 2, count], (i) => anchors[i % count]?.centre[i < count ? 0 : 1] ?? 0);
  const [from] = b.node('Sub', [centres, leftTop]);
  const [to] = b.node('Add', [centres, rightBottom]);
  const half = b.floats([1], () => 0.5);
  const [middle] = b.node('Mul', [b.node('Add', [from, to])[0], half]);
  const [size] = b.node('Sub', [to, from]);
  const strides = b.floats([1, 1, count], (index) => anchors[index]?.stride ?? 0);
  const [scaled] = b.node('Mul', [b.concat([middle, size]), strides]);
  const [scores] = b.node('Sigmoid', [classes]);
  const [output] = b.node('Concat', [scaled, scores], { axis: 1 });
  const value = (name: string, dims: number[]) =>
    onnx.ValueInfoProto.create({
      name,
      type: { tensorType: { elemType: ONNX_FLOAT, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
    });
  const graph = onnx.GraphProto.create({
    name: 'yolov8n-shaped',
    node: b.nodes,
    initializer: b.weights,
    input: [value('images', [1, 3, height, width])],
    output: [value(output, [1, 4 + CLASSES, count])],
  });
  const names = Array.from({ length: CLASSES }, (_, index) => `${index}: 'class ${index}'`).join(', ');
  const model = onnx.ModelProto.create({
    irVersion: 8,
    producerName: 'kvs-infer bench',
    opsetImport: [{ domain: '', version: 13 }],
    graph,
    metadataProps: Object.entries({
      task: 'detect',
      names: `{${names}}`,
      stride: '32',
      imgsz: `[${height}, ${width}]`,
    }).map(([key, text]) => ({ key, value: text })),
  });
  return onnx.ModelProto.encode(model).finish();
}
