/** The pieces that test models are put together from. */
import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;
type Attribute = Parameters<typeof onnx.AttributeProto.create>[0];
export type FloatType = 'float32' | 'float16';

const elementTypes = { float32: 1, float16: 10 };

export function float(name: string, dims: number[], values: number[], type: FloatType = 'float32') {
  const rawData = type === 'float16' ? new Float16Array(values) : new Float32Array(values);
  return onnx.TensorProto.create({ name, dims, dataType: elementTypes[type], rawData: new Uint8Array(rawData.buffer) });
}

export function int64(name: string, values: number[]) {
  const rawData = new Uint8Array(new BigInt64Array(values.map(BigInt)).buffer);
  return onnx.TensorProto.create({ name, dims: [values.length], dataType: 7, rawData });
}

/** A node that is named like its only output. */
export function node(opType: string, input: string[], output: string, attribute: Attribute[] = []) {
  const attributes = attribute.map((fields) => onnx.AttributeProto.create(fields));
  return onnx.NodeProto.create({ opType, name: output, input, output: [output], attribute: attributes });
}

export const ints = (name: string, values: number[]): Attribute => ({ name, type: 7, ints: values });
export const int = (name: string, value: number): Attribute => ({ name, type: 2, i: value });

/** A declared input or output; a word in place of a size leaves it free. */
export function value(name: string, dims: (number | string)[], type: FloatType = 'float32') {
  const dim = dims.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return onnx.ValueInfoProto.create({ name, type: { tensorType: { elemType: elementTypes[type], shape: { dim } } } });
}

export function modelOf(
  graph: Parameters<typeof onnx.GraphProto.create>[0],
  opset: number,
  metadata: Record<string, string>,
) {
  return onnx.ModelProto.create({
    irVersion: 8,
    producerName: 'kvs-infer tests',
    opsetImport: [{ domain: '', version: opset }],
    graph: onnx.GraphProto.create(graph),
    metadataProps: Object.entries(metadata).map(([key, text]) => ({ key, value: text })),
  });
}
