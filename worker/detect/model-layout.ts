/**
 * Recognises what kind of detector an ONNX graph is, from its declared input, outputs and metadata alone.
 * A layout is raw until recognised: the result is a complete ModelLayout or MODEL_UNUSABLE / MODEL_LABELS_MISMATCH
 * that says what was expected and what came. Pure; runs nothing.
 */
import path from 'node:path';
import { KvsInferError } from '../../core/errors.ts';
import { type GraphProto, type ModelProto, modelUnusable } from './model-file.ts';
import { parsePythonNames } from './model-labels.ts';

/** TensorProto.DataType numbers, from the ONNX specification. */
export const ONNX_FLOAT32 = 1;
export const ONNX_UINT8 = 2;
export const ONNX_INT64 = 7;
export const ONNX_FLOAT16 = 10;
const typeNames: Record<number, string> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  6: 'int32',
  7: 'int64',
  10: 'float16',
  11: 'double',
};

/** GatherElements, which the selection of the best candidates needs, exists from opset 11. */
const OPSET_MIN = 11;
/** What a model of free size gets: cameras are 16:9, and both sides are multiples of the largest stride, 32. */
export const DYNAMIC_SIZE_WIDTH = 640;
export const DYNAMIC_SIZE_HEIGHT = 384;
const INPUT_SIDE_MIN = 8;
const INPUT_SIDE_MAX = 4096;
const BATCH_MAX = 64;
/** Rows of an export that holds its own NMS, when its metadata does not say so (Ultralytics' max_det). */
const END_TO_END_ROWS = 300;
/** Of a side that stands alone: more are anchors (1344 at 256×256), fewer may be channels (84 for COCO). */
const UNLABELLED_CHANNELS_MAX = 1000;
/** YOLOv8-seg adds this many channels per box. */
const MASK_COEFFICIENTS = 32;

export type ModelLayout = {
  inputName: string;
  inputPrecision: 'float32' | 'float16';
  inputWidth: number;
  inputHeight: number;
  /** Frames that one run takes. */
  batch: number | 'dynamic';
  outputName: string;
  outputPrecision: 'float32' | 'float16';
  /** `[n, 4+classes, anchors]`, `[n, anchors, 4+classes]`, or `[n, rows, x1 y1 x2 y2 score class]`. */
  arrangement: 'channels-first' | 'anchors-first' | 'end-to-end';
  /** Boxes per frame; null when only a run can tell. */
  anchors: number | null;
  labels: string[];
  labelsFrom: 'file' | 'metadata' | 'numbered';
  opset: number;
};

type Tensor = { name: string; elementType: number; dims: (number | null)[] | null };

const detectorExpected = 'a YOLOv8/YOLO11 detector: one image input, output [n, 4+classes, anchors] or its transpose';
const detectorHint = 'export the detection variant, e.g. `yolo export model=yolo11n.pt format=onnx`';

/**
 * @param fileLabels labels from a file, which win over the model's own.
 * @throws KvsInferError MODEL_UNUSABLE, MODEL_LABELS_MISMATCH
 */
export function recogniseLayout(modelPath: string, model: ModelProto, fileLabels: string[] | null): ModelLayout {
  const graph = model.graph as GraphProto;
  const metadata = new Map((model.metadataProps ?? []).map((entry) => [entry.key ?? '', entry.value ?? '']));
  const refuse = (came: string, hint = detectorHint) => modelUnusable(modelPath, detectorExpected, came, hint);

  const task = metadata.get('task');
  if (task !== undefined && task !== 'detect') throw refuse(`a model for the task "${task}"`);
  const opset = defaultOpset(model);
  if (opset === null || opset < OPSET_MIN) {
    throw refuse(`ONNX opset ${opset ?? 'none'}`, `export with opset ${OPSET_MIN} or later, e.g. opset=17`);
  }

  const initialised = new Set((graph.initializer ?? []).map((tensor) => tensor.name));
  const inputs = (graph.input ?? []).filter((input) => !initialised.has(input.name)).map(tensorOf);
  const input = inputs[0];
  if (input === undefined || inputs.length > 1)
    throw refuse(`${inputs.length} inputs: ${inputs.map(shown).join(', ')}`);
  const inputShape = readInput(input, refuse);

  const outputs = (graph.output ?? []).map(tensorOf);
  const output = outputs[0] as Tensor;
  if (outputs.length > 1) {
    const masks = outputs.some((other) => other.dims?.length === 4);
    throw refuse(
      `${outputs.length} outputs${masks ? ' (a segmentation model or a raw head)' : ''}: ${outputs.map(shown).join(', ')}`,
    );
  }
  const embedded = metadata.get('names');
  const labels = fileLabels ?? (embedded === undefined ? null : parsePythonNames(embedded));
  const described = readOutput(modelPath, output, labels, fileLabels !== null, metadata, refuse);

  return {
    ...inputShape,
    inputName: input.name,
    outputName: output.name,
    outputPrecision: output.elementType === ONNX_FLOAT16 ? 'float16' : 'float32',
    ...described,
    labels: labels ?? Array.from({ length: described.classes }, (_, id) => `class${id}`),
    labelsFrom: fileLabels !== null ? 'file' : labels !== null ? 'metadata' : 'numbered',
    opset,
  };
}

function readInput(
  input: Tensor,
  refuse: (came: string, hint?: string) => KvsInferError,
): Pick<ModelLayout, 'inputPrecision' | 'inputWidth' | 'inputHeight' | 'batch'> {
  const { dims } = input;
  const isFloat = input.elementType === ONNX_FLOAT32 || input.elementType === ONNX_FLOAT16;
  if (!isFloat || dims === null || dims.length !== 4) {
    throw refuse(`the input ${shown(input)} where float32 or float16 [n, 3, height, width] belongs`);
  }
  const [batch = null, channels = null, height = null, width = null] = dims;
  if (channels !== null && channels !== 3) {
    throw refuse(`the input ${shown(input)} with ${channels} channels where 3 (RGB, planar) belong`);
  }
  const sides = [width ?? DYNAMIC_SIZE_WIDTH, height ?? DYNAMIC_SIZE_HEIGHT] as const;
  if (sides.some((side) => side < INPUT_SIDE_MIN || side > INPUT_SIDE_MAX)) {
    throw refuse(`the input ${shown(input)}; sides from ${INPUT_SIDE_MIN} to ${INPUT_SIDE_MAX} are possible`);
  }
  if (batch !== null && batch > BATCH_MAX) throw refuse(`the input ${shown(input)}: a batch over ${BATCH_MAX}`);
  return {
    inputPrecision: input.elementType === ONNX_FLOAT16 ? 'float16' : 'float32',
    inputWidth: sides[0],
    inputHeight: sides[1],
    batch: batch ?? 'dynamic',
  };
}

function readOutput(
  modelPath: string,
  output: Tensor,
  labels: string[] | null,
  labelsFromFile: boolean,
  metadata: Map<string, string>,
  refuse: (came: string, hint?: string) => KvsInferError,
): Pick<ModelLayout, 'arrangement' | 'anchors'> & { classes: number } {
  const isFloat = output.elementType === ONNX_FLOAT32 || output.elementType === ONNX_FLOAT16;
  if (!isFloat || output.dims === null || output.dims.length !== 3) {
    const kind = output.dims?.length === 2 ? ' (a classification model?)' : '';
    throw refuse(`the output ${shown(output)}${kind}`);
  }
  const [, first = null, second = null] = output.dims;
  const saysEndToEnd = metadata.get('end2end') === 'True' || /'nms':\s*True/.test(metadata.get('args') ?? '');
  if (second === 6 && (saysEndToEnd || first === END_TO_END_ROWS)) {
    if (labels === null) throw refuse(`${shown(output)} and no class names`, 'give the class names with a labels file');
    return { arrangement: 'end-to-end', anchors: first, classes: labels.length };
  }
  const channels = labels === null ? null : 4 + labels.length;
  if (channels !== null && first === channels) {
    return { arrangement: 'channels-first', anchors: second, classes: channels - 4 };
  }
  if (channels !== null && second === channels) {
    return { arrangement: 'anchors-first', anchors: first, classes: channels - 4 };
  }
  if (first === null && second === null) {
    throw refuse(`the output ${shown(output)} of unknown size`, 'export with a fixed size, or simplify the model');
  }
  const sized = first ?? second ?? 0;
  if (first === null || second === null) {
    // Exports of free size often name only one side of the output, and not always the right one.
    if (channels !== null && sized > channels + MASK_COEFFICIENTS) {
      return {
        arrangement: first === null ? 'channels-first' : 'anchors-first',
        anchors: sized,
        classes: channels - 4,
      };
    }
    if (channels === null && sized > UNLABELLED_CHANNELS_MAX) {
      throw refuse(`the output ${shown(output)} and no class names`, 'give the class names with a labels file');
    }
  }
  // Without labels the shorter side holds the classes: anchors are hundreds to thousands.
  const channelsFirst = second === null || (first !== null && first <= second);
  const counted = (channelsFirst ? first : second) as number;
  if (labels !== null) throw mismatch(modelPath, output, labels.length, labelsFromFile, counted, refuse);
  if (counted < 5 || first === second) throw refuse(`the output ${shown(output)}`);
  return {
    arrangement: channelsFirst ? 'channels-first' : 'anchors-first',
    anchors: channelsFirst ? second : first,
    classes: counted - 4,
  };
}

/** The model's own names are right, so another count means another head; a labels file is more likely wrong itself. */
function mismatch(
  modelPath: string,
  output: Tensor,
  labelCount: number,
  labelsFromFile: boolean,
  channels: number,
  refuse: (came: string, hint?: string) => KvsInferError,
): KvsInferError {
  if (channels < 5) return refuse(`the output ${shown(output)}`);
  const surplus = channels - 4 - labelCount;
  const head =
    surplus === MASK_COEFFICIENTS
      ? 'a segmentation model'
      : surplus === 1
        ? 'a YOLOv5/YOLOX head with an objectness score, or an oriented-box head'
        : null;
  if (head !== null && !labelsFromFile) return refuse(`the output ${shown(output)}: ${head}`);
  return new KvsInferError(
    'MODEL_LABELS_MISMATCH',
    `${path.basename(modelPath)}: expected ${channels - 4} labels for the output ${shown(output)}, got ${labelCount}`,
    {
      hint: `give the labels file that belongs to this model, one label per class${head === null ? '' : `; or is it ${head}?`}`,
    },
  );
}

function defaultOpset(model: ModelProto): number | null {
  const entry = (model.opsetImport ?? []).find(({ domain }) => !domain || domain === 'ai.onnx');
  const version = Number(entry?.version ?? Number.NaN);
  return Number.isSafeInteger(version) ? version : null;
}

function tensorOf(info: GraphProto['input'][number]): Tensor {
  const type = info.type?.tensorType;
  const dims = type?.shape?.dim?.map((dim) => {
    const value = Number(dim.dimValue ?? 0);
    return Number.isSafeInteger(value) && value > 0 ? value : null;
  });
  return { name: info.name ?? '', elementType: type?.elemType ?? 0, dims: dims ?? null };
}

function shown({ name, elementType, dims }: Tensor): string {
  const type = typeNames[elementType] ?? `type ${elementType}`;
  return `"${name.slice(0, 60)}" ${type} [${dims === null ? 'no shape' : dims.slice(0, 8).map((dim) => dim ?? '?')}]`;
}
