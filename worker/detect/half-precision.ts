/**
 * Turns a float32 detector into half precision for GPUs, whose tensor cores run it about twice as fast in half the
 * memory: weights and constants become float16, casts to float32 become casts to float16, and the declared input and
 * output with them. The ends that model-graph.ts adds cast from bytes and back to float32 as for any float16 export.
 * Invariant: a graph is converted as a whole or not at all; what is not known to work in float16 is an obstacle.
 */
import onnxProto from 'onnx-proto';
import { ONNX_FLOAT16, ONNX_FLOAT32 } from './declared-tensor.ts';
import type { GraphProto, ModelProto } from './model-file.ts';
import type { ModelLayout } from './model-layout.ts';

const { onnx } = onnxProto;
type Tensor = InstanceType<typeof onnx.TensorProto>;
type Node = GraphProto['node'][number];

/** The largest finite float16; weights beyond it are clamped, as every converter does. */
const HALF_MAX = 65_504;

/** Operators of YOLOv8, YOLO11 and YOLOX exports that onnxruntime runs in float16 on CUDA, and those that only move shapes. */
const convertible = new Set(
  [
    'Add AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape Conv ConvTranspose DepthToSpace Div',
    'Dropout Equal Erf Exp Expand Flatten Floor Gather GatherElements Gemm GlobalAveragePool Greater HardSigmoid HardSwish',
    'Identity LeakyRelu Less Log MatMul Max MaxPool Min Mul Neg Not Pad Pow Range ReduceMax ReduceMean ReduceSum Relu',
    'Reshape Resize Shape Sigmoid Slice Softmax Softplus Split Sqrt Squeeze Sub Tanh Tile Transpose Unsqueeze Where',
  ].flatMap((line) => line.split(' ')),
);
/** Inputs that the standard types as float32 whatever the data are: Resize's region of interest and scales. */
const floatInputs: Record<string, readonly number[]> = { Resize: [1, 2] };

/** @returns why the graph cannot be converted, or null when it can. */
export function halfPrecisionObstacle(graph: GraphProto, layout: ModelLayout): string | null {
  if (layout.inputPrecision !== 'float32' || layout.outputPrecision !== 'float32') return 'it is not a float32 model';
  for (const node of graph.node) {
    const type = node.opType ?? '';
    if (node.domain && node.domain !== 'ai.onnx') return `operator ${type} of ${node.domain}`;
    if (!convertible.has(type)) return `operator ${type}`;
    if ((node.attribute ?? []).some((attribute) => attribute.g || attribute.graphs?.length))
      return `the graph inside a ${type}`;
    // Range knows no float16.
    if (type === 'Range' && (node.input ?? []).some((name) => isFloatConstant(graph, name))) return 'a Range of floats';
  }
  return null;
}

/** Changes `model` in place. @returns the layout that it has afterwards. */
export function convertToHalfPrecision(model: ModelProto, layout: ModelLayout): ModelLayout {
  const graph = model.graph as GraphProto;
  const kept = namesKeptInFloat(graph);
  const copies = new Map<string, string>();
  for (const tensor of [...(graph.initializer as Tensor[])]) {
    if (tensor.dataType !== ONNX_FLOAT32) continue;
    const uses = usesOf(graph, tensor.name ?? '');
    if (uses.float === 0) convertTensor(tensor);
    else if (uses.half > 0) {
      const name = `kvs_infer/half/${tensor.name}`;
      const copy = onnx.TensorProto.create({ ...tensor, name });
      convertTensor(copy as Tensor);
      graph.initializer.push(copy);
      copies.set(tensor.name ?? '', name);
    }
  }
  for (const node of graph.node) {
    const floats = floatInputs[node.opType ?? ''] ?? [];
    node.input = (node.input ?? []).map((name, index) => (floats.includes(index) ? name : (copies.get(name) ?? name)));
    convertNode(node, kept);
  }
  for (const end of [...graph.input, ...graph.output]) {
    const type = end.type?.tensorType;
    const isWeight = graph.initializer.some((tensor) => tensor.name === end.name && tensor.dataType === ONNX_FLOAT32);
    if (type?.elemType === ONNX_FLOAT32 && !isWeight) type.elemType = ONNX_FLOAT16;
  }
  // Types of what lies between are worked out again when the model is opened.
  graph.valueInfo = [];
  return { ...layout, inputPrecision: 'float16', outputPrecision: 'float16' };
}

/** Results of Constant nodes that only go where float32 is demanded. */
function namesKeptInFloat(graph: GraphProto): ReadonlySet<string> {
  const constants = graph.node.filter((node) => node.opType === 'Constant').flatMap((node) => node.output ?? []);
  return new Set(constants.filter((name) => usesOf(graph, name).float > 0));
}

function usesOf(graph: GraphProto, name: string): { float: number; half: number } {
  let float = 0;
  let half = 0;
  for (const node of graph.node) {
    for (const [index, input] of (node.input ?? []).entries()) {
      if (input !== name) continue;
      if (floatInputs[node.opType ?? '']?.includes(index)) float += 1;
      else half += 1;
    }
  }
  return { float, half };
}

function convertNode(node: Node, kept: ReadonlySet<string>): void {
  if (node.opType === 'Constant' && (node.output ?? []).some((name) => kept.has(name))) return;
  for (const attribute of node.attribute ?? []) {
    if (attribute.t?.dataType === ONNX_FLOAT32) convertTensor(attribute.t as Tensor);
    if (node.opType === 'Cast' && attribute.name === 'to' && Number(attribute.i) === ONNX_FLOAT32)
      attribute.i = ONNX_FLOAT16;
  }
}

function isFloatConstant(graph: GraphProto, name: string): boolean {
  const isFloat = (tensor: { dataType?: number | null } | null | undefined) => tensor?.dataType === ONNX_FLOAT32;
  if (graph.initializer.some((tensor) => tensor.name === name && isFloat(tensor))) return true;
  const maker = graph.node.find((node) => node.output?.includes(name));
  const attribute = (wanted: string) => maker?.attribute?.find((one) => one.name === wanted);
  if (maker?.opType === 'Constant') return isFloat(attribute('value')?.t);
  return maker?.opType === 'Cast' && Number(attribute('to')?.i) === ONNX_FLOAT32;
}

function convertTensor(tensor: Tensor): void {
  const values = floatsOf(tensor);
  const half = new Float16Array(values.length);
  for (const [index, value] of values.entries()) half[index] = Math.min(HALF_MAX, Math.max(-HALF_MAX, value));
  tensor.dataType = ONNX_FLOAT16;
  tensor.floatData = [];
  tensor.rawData = new Uint8Array(half.buffer);
}

/** Raw data is little-endian and need not be aligned. */
function floatsOf(tensor: Tensor): ArrayLike<number> & { entries(): IterableIterator<[number, number]> } {
  const raw = tensor.rawData;
  if (raw === null || raw === undefined || raw.length === 0) return tensor.floatData ?? [];
  return new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
}
