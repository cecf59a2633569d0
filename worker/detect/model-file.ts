/**
 * Reads an ONNX file into its protobuf form, whatever the bytes are: weights kept in side files are taken in, and
 * everything that is not a readable model ends in MODEL_UNUSABLE.
 * Invariant: never throws anything but KvsInferError, and never reads outside the model's own folder.
 */
import { createHash } from 'node:crypto';
import { open, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import onnxProto from 'onnx-proto';
import { KvsInferError } from '../../core/errors.ts';

export type ModelProto = InstanceType<typeof onnxProto.onnx.ModelProto>;
export type GraphProto = InstanceType<typeof onnxProto.onnx.GraphProto>;
type TensorProto = InstanceType<typeof onnxProto.onnx.TensorProto>;

/** A protobuf message ends at 2 GiB; a detector of 1 GiB is far beyond any YOLO (YOLOv8x: 272 MB). */
export const MODEL_BYTES_MAX = 1024 * 1024 * 1024;
const EXTERNAL_DATA_LOCATION = 1;
/** Of loops within conditions; detectors have one or none. */
const GRAPH_DEPTH_MAX = 8;

export type ModelFile = {
  model: ModelProto;
  graph: GraphProto;
  /** SHA-256 of the file and of every side file it refers to. */
  sha256: string;
  /** Weights came from side files: the model is one file only when it is written anew. */
  hasSideFiles: boolean;
};

const exportHint = 'export again, e.g. `yolo export model=yolo11n.pt format=onnx`, and copy the whole file';

/** The one error for models that cannot run: what was expected, what came, and what to do. */
export function modelUnusable(
  modelPath: string,
  expected: string,
  came: string,
  hint: string,
  cause?: unknown,
): KvsInferError {
  return new KvsInferError('MODEL_UNUSABLE', `${path.basename(modelPath)}: expected ${expected}, got ${came}`, {
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** @throws KvsInferError MODEL_NOT_FOUND, MODEL_UNUSABLE */
export async function readModelFile(modelPath: string): Promise<ModelFile> {
  const bytes = await readModelBytes(modelPath);
  const model = decodeModel(modelPath, bytes);
  const graph = model.graph as GraphProto;
  const hash = createHash('sha256').update(bytes);
  const hasSideFiles = await takeInExternalData(modelPath, model, hash);
  return { model, graph, sha256: hash.digest('hex'), hasSideFiles };
}

async function readModelBytes(modelPath: string): Promise<Uint8Array> {
  let size: number;
  try {
    const found = await stat(modelPath);
    if (!found.isFile()) throw new Error('it is not a file');
    size = found.size;
  } catch (cause) {
    throw new KvsInferError('MODEL_NOT_FOUND', `expected an ONNX file at ${modelPath}: ${messageOf(cause)}`, {
      hint: 'give the path of a detector exported to ONNX',
      cause,
    });
  }
  if (size > MODEL_BYTES_MAX) {
    throw modelUnusable(modelPath, `at most ${MODEL_BYTES_MAX} bytes`, `${size} bytes`, 'use a smaller model');
  }
  try {
    return await readFile(modelPath);
  } catch (cause) {
    throw new KvsInferError('MODEL_NOT_FOUND', `${modelPath} cannot be read: ${messageOf(cause)}`, {
      hint: 'make the file readable for this user',
      cause,
    });
  }
}

/** @throws KvsInferError MODEL_UNUSABLE when the bytes are no complete ONNX model. */
export function decodeModel(modelPath: string, bytes: Uint8Array): ModelProto {
  if (bytes.length === 0) throw modelUnusable(modelPath, 'an ONNX model', 'an empty file', exportHint);
  let model: ModelProto;
  try {
    model = onnxProto.onnx.ModelProto.decode(bytes);
  } catch (cause) {
    const came = `bytes that are no ONNX protobuf (${bytes.length} bytes, truncated, corrupt or another format)`;
    throw modelUnusable(modelPath, 'an ONNX model', came, exportHint, cause);
  }
  const graph = model.graph;
  if (graph === null || graph === undefined || !graph.node?.length || !graph.output?.length) {
    throw modelUnusable(
      modelPath,
      'an ONNX model with a graph',
      `a file without one (${bytes.length} bytes)`,
      exportHint,
    );
  }
  return model;
}

/**
 * Weights in side files (`model.onnx.data`) become part of the model, so that the prepared copy is one file.
 * @returns whether there were any.
 */
async function takeInExternalData(
  modelPath: string,
  { graph, functions }: ModelProto,
  hash: ReturnType<typeof createHash>,
): Promise<boolean> {
  let totalBytes = 0;
  const places: NodesOf[] = [
    { nodes: graph?.node as GraphProto['node'], graph: graph as GraphProto },
    ...(functions ?? []).map(({ node }) => ({ nodes: (node ?? []) as GraphProto['node'] })),
  ];
  for (const tensor of places.flatMap((place) => [...tensorsOf(modelPath, place)])) {
    if (tensor.dataLocation !== EXTERNAL_DATA_LOCATION) continue;
    const entries = new Map((tensor.externalData ?? []).map((entry) => [entry.key, entry.value]));
    const data = await readExternalTensor(modelPath, tensor.name, entries, totalBytes);
    totalBytes += data.length;
    hash.update(data);
    tensor.rawData = data;
    tensor.dataLocation = 0;
    tensor.externalData = [];
  }
  return totalBytes > 0;
}

async function readExternalTensor(
  modelPath: string,
  tensorName: string,
  entries: Map<string | null | undefined, string | null | undefined>,
  bytesSoFar: number,
): Promise<Uint8Array> {
  const location = entries.get('location') ?? '';
  const refuse = (came: string, cause?: unknown) =>
    modelUnusable(
      modelPath,
      `the weights of tensor "${tensorName}" in the side file "${location}"`,
      came,
      'copy the side file beside the model, or export the model as one file',
      cause,
    );
  const folder = path.dirname(modelPath);
  const relative = path.relative(folder, path.resolve(folder, location));
  if (location === '' || relative.startsWith('..') || path.isAbsolute(relative) || path.isAbsolute(location)) {
    throw refuse("a path outside the model's folder");
  }
  const offset = Number(entries.get('offset') ?? 0);
  try {
    const realFolder = await realpath(folder);
    const realFile = await realpath(path.join(folder, location));
    if (path.relative(realFolder, realFile).startsWith('..')) throw new Error("a link out of the model's folder");
    await using file = await open(realFile, 'r');
    const { size } = await file.stat();
    const length = entries.has('length') ? Number(entries.get('length')) : size - offset;
    const fits = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
    if (!fits || offset + length > size || bytesSoFar + length > MODEL_BYTES_MAX) {
      throw new Error(`bytes ${offset}..${offset + length} asked of ${size}`);
    }
    const data = Buffer.alloc(length);
    const { bytesRead } = await file.read(data, 0, length, offset);
    if (bytesRead !== length) throw new Error(`${bytesRead} of ${length} bytes`);
    return data;
  } catch (cause) {
    throw refuse(messageOf(cause), cause);
  }
}

/** Every tensor that onnxruntime would read: of nested graphs, lists, sparse ones and the model's own functions too. */
function* tensorsOf(modelPath: string, { nodes, graph }: NodesOf, depth = 0): Generator<TensorProto> {
  if (depth > GRAPH_DEPTH_MAX) {
    throw modelUnusable(modelPath, `graphs within graphs at most ${GRAPH_DEPTH_MAX} deep`, 'deeper ones', exportHint);
  }
  yield* (graph?.initializer ?? []) as TensorProto[];
  yield* partsOf(graph?.sparseInitializer);
  for (const { attribute } of nodes) {
    for (const { t, g, tensors, graphs, sparseTensor, sparseTensors } of attribute ?? []) {
      if (t) yield t as TensorProto;
      yield* (tensors ?? []) as TensorProto[];
      yield* partsOf([...(sparseTensor ? [sparseTensor] : []), ...(sparseTensors ?? [])]);
      for (const inner of [...(g ? [g] : []), ...(graphs ?? [])] as GraphProto[]) {
        yield* tensorsOf(modelPath, { nodes: inner.node ?? [], graph: inner }, depth + 1);
      }
    }
  }
}

type NodesOf = { nodes: GraphProto['node']; graph?: GraphProto };

/** A sparse tensor is two: what it holds, and where. */
function partsOf(sparse: GraphProto['sparseInitializer'] | null | undefined): TensorProto[] {
  return (sparse ?? []).flatMap(({ values, indices }) => [values, indices]).filter(Boolean) as TensorProto[];
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
