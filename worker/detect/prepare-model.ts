/**
 * Makes a stock detector export ready to run: reads it, recognises it, rewrites its ends, and keeps the result in a
 * cache named by the content, so that every later start skips the work.
 * Invariant: a cache entry is used only when its own hash still fits; a damaged one is rebuilt, and a half-written one
 * can never be seen, because entries appear by rename.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import onnxProto from 'onnx-proto';
import { z } from 'zod';
import { KvsInferError } from '../../core/errors.ts';
import { ONNX_FLOAT16 } from './declared-tensor.ts';
import { convertToHalfPrecision, halfPrecisionObstacle } from './half-precision.ts';
import { cardBeside, embeddedCard, type ModelCard } from './model-card.ts';
import { type GraphProto, messageOf, modelUnusable, readModelFile } from './model-file.ts';
import { CANDIDATES_MAX, GRAPH_VERSION, rewriteGraph } from './model-graph.ts';
import { readLabelsFile } from './model-labels.ts';
import { type ModelLayout, recogniseLayout } from './model-layout.ts';
import { probeBoxForm } from './yolox-probe.ts';

const preparedModelSchema = z.strictObject({
  /** The prepared ONNX file, in the cache folder. */
  path: z.string(),
  /** SHA-256 of the source file, hex. */
  sha256: z.string().length(64),
  /** File name of the source without `.onnx`. */
  name: z.string(),
  /** Label i belongs to class i. */
  labels: z.array(z.string()),
  labelsFrom: z.enum(['file', 'metadata', 'numbered']),
  inputWidth: z.int(),
  inputHeight: z.int(),
  /** Of the weights. The frames are uint8 in every case. */
  precision: z.enum(['float32', 'float16', 'int8']),
  /** Frames that one run takes: any number, or exactly this many. */
  batch: z.union([z.literal('dynamic'), z.int().min(1)]),
  /** `center`: cx, cy, width, height. `corners`: x1, y1, x2, y2. Input pixels in both. */
  boxForm: z.enum(['center', 'corners']),
  /** As recognised; YOLO11 has the layout of YOLOv8. */
  family: z.enum(['yolov8', 'yolox']),
  /** Where frames are padded. */
  padding: z.enum(['around', 'bottom-right']),
  candidatesMax: z.int().min(1),
});

/** Everything that a detector needs to know; plain data, so that it can cross threads. */
export type PreparedModel = z.infer<typeof preparedModelSchema>;

const cacheEntrySchema = z.strictObject({ preparedSha256: z.string(), model: preparedModelSchema });

export type PrepareOptions = {
  /** Created when absent. */
  cacheFolder: string;
  /** Wins over the names in the model. Without it, `<model>.labels.txt|yaml|json` beside the model is used if there. */
  labelsPath?: string;
  /** What a person said of the model; wins over the card beside the model and the one within it, attribute by attribute. */
  card?: ModelCard;
  /** Refuses a file with another content: that of a catalogue's entry. */
  expectedSha256?: string;
  /** Half precision for GPUs. A model that cannot be converted comes back as it is: `precision` says which. */
  halfPrecision?: boolean;
};

/**
 * @throws KvsInferError MODEL_NOT_FOUND, MODEL_CHANGED, MODEL_UNUSABLE, MODEL_LABELS_MISMATCH, MODEL_LABELS_UNREADABLE,
 * MODEL_CARD_INVALID, MODEL_CACHE_UNWRITABLE
 */
export async function prepareModel(modelPath: string, options: PrepareOptions): Promise<PreparedModel> {
  const { model, graph, sha256 } = await readModelFile(modelPath);
  if (options.expectedSha256 !== undefined && options.expectedSha256 !== sha256)
    throw modelChanged(modelPath, options.expectedSha256, sha256);
  const name = path.basename(modelPath).replace(/\.onnx$/i, '');
  const card: ModelCard = {
    ...embeddedCard(model, path.basename(modelPath)),
    ...(await cardBeside(modelPath)),
    ...options.card,
  };
  const labelsPath = options.labelsPath ?? (await labelsBeside(modelPath));
  const fileLabels = labelsPath === null ? (card.labels ?? null) : await readLabelsFile(labelsPath);

  const { layout: family, colours, pixels, boxes } = card;
  const said = Object.values({ family, colours, pixels, boxes }).some((value) => value !== undefined);
  const labelsKey = fileLabels === null ? '' : `-${shortHashOf(fileLabels)}`;
  const cardKey = said ? `-card-${shortHashOf([family, colours, pixels, boxes])}` : '';
  const halfKey = options.halfPrecision ? '-half' : '';
  const key = `${sha256.slice(0, 40)}-v${GRAPH_VERSION}${labelsKey}${cardKey}${halfKey}`;
  const entryPath = path.join(options.cacheFolder, key);
  const cached = await readCacheEntry(entryPath);
  if (cached !== null && cached.sha256 === sha256) return { ...cached, name };

  let layout = recogniseLayout(modelPath, model, fileLabels, card);
  if (layout.boxes === 'unknown') layout = { ...layout, boxes: await probeBoxForm(modelPath, model, layout) };
  const converts =
    options.halfPrecision === true &&
    precisionOf(graph, layout) === 'float32' &&
    halfPrecisionObstacle(graph, layout) === null;
  const precision = converts ? 'float16' : precisionOf(graph, layout);
  let bytes: Uint8Array;
  try {
    rewriteGraph(model, converts ? convertToHalfPrecision(model, layout) : layout);
    bytes = onnxProto.onnx.ModelProto.encode(model).finish();
  } catch (cause) {
    // Only a graph with fields of the wrong kind gets here: decoding is laxer than encoding.
    throw modelUnusable(modelPath, 'a well-formed ONNX graph', messageOf(cause), 'export the model again', cause);
  }
  const prepared: PreparedModel = {
    path: `${entryPath}.onnx`,
    sha256,
    name,
    labels: layout.labels,
    labelsFrom: layout.labelsFrom,
    inputWidth: layout.inputWidth,
    inputHeight: layout.inputHeight,
    precision,
    batch: layout.batch,
    family: layout.objectness ? 'yolox' : 'yolov8',
    padding: layout.padding,
    boxForm: layout.arrangement === 'end-to-end' ? 'corners' : 'center',
    candidatesMax: Math.min(CANDIDATES_MAX, layout.anchors ?? CANDIDATES_MAX),
  };
  await writeCacheEntry(options.cacheFolder, entryPath, bytes, prepared);
  return prepared;
}

/** How records name the model: file name and the start of its content hash. */
export function modelReference(model: Pick<PreparedModel, 'name' | 'sha256'>): string {
  return `${model.name}@sha256:${model.sha256.slice(0, 12)}`;
}

/** The labels file beside a model, or null. */
export async function labelsBeside(modelPath: string): Promise<string | null> {
  for (const extension of ['txt', 'yaml', 'json']) {
    const candidate = `${modelPath.replace(/\.onnx$/i, '')}.labels.${extension}`;
    const found = await stat(candidate).catch(() => null);
    if (found?.isFile()) return candidate;
  }
  return null;
}

function precisionOf(graph: GraphProto, layout: ModelLayout): PreparedModel['precision'] {
  const quantised = /^(ConvInteger|QLinearConv|MatMulInteger|QuantizeLinear|DequantizeLinear)$/;
  if (graph.node.some((node) => quantised.test(node.opType ?? ''))) return 'int8';
  const half = graph.initializer.some((tensor) => tensor.dataType === ONNX_FLOAT16 && (tensor.dims?.length ?? 0) > 1);
  return half || layout.inputPrecision === 'float16' ? 'float16' : 'float32';
}

/** @returns null when there is no entry, or a damaged one. */
async function readCacheEntry(entryPath: string): Promise<PreparedModel | null> {
  try {
    const entry = cacheEntrySchema.parse(JSON.parse(await readFile(`${entryPath}.json`, 'utf8')));
    const bytes = await readFile(`${entryPath}.onnx`);
    if (sha256Of(bytes) !== entry.preparedSha256) return null;
    // The folder may have been moved or mounted elsewhere since.
    return { ...entry.model, path: `${entryPath}.onnx` };
  } catch {
    return null;
  }
}

async function writeCacheEntry(
  cacheFolder: string,
  entryPath: string,
  bytes: Uint8Array,
  model: PreparedModel,
): Promise<void> {
  const entry = JSON.stringify({ preparedSha256: sha256Of(bytes), model } satisfies z.infer<typeof cacheEntrySchema>);
  try {
    await mkdir(cacheFolder, { recursive: true });
    await writeByRename(`${entryPath}.onnx`, bytes);
    await writeByRename(`${entryPath}.json`, entry);
  } catch (cause) {
    throw new KvsInferError('MODEL_CACHE_UNWRITABLE', `${cacheFolder}: ${messageOf(cause)}`, {
      hint: 'free disk space, or name a writable folder with CACHE_FOLDER',
      retryable: true,
      cause,
    });
  }
}

async function writeByRename(target: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${target}.${randomUUID()}.part`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function shortHashOf(value: unknown): string {
  return sha256Of(Buffer.from(JSON.stringify(value))).slice(0, 8);
}

function modelChanged(modelPath: string, expected: string, came: string): KvsInferError {
  const short = (sha256: string) => `sha256:${sha256.slice(0, 12)}`;
  return new KvsInferError(
    'MODEL_CHANGED',
    `${path.basename(modelPath)}: expected the content ${short(expected)} that the catalogue has, got ${short(came)}`,
    { hint: 'copy the right file there, or add this one with `kvs-infer model add --replace`' },
  );
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
