/**
 * Recognises what kind of detector an ONNX graph is, from its declared input, outputs and metadata alone.
 * A layout is raw until recognised: the result is a complete ModelLayout or MODEL_UNUSABLE / MODEL_LABELS_MISMATCH
 * that says what was expected and what came. Pure; runs nothing.
 */
import type { LetterboxPadding } from '../decode/letterbox.ts';
import { ONNX_FLOAT16, ONNX_FLOAT32, type Refuse, shown, type Tensor, tensorOf } from './declared-tensor.ts';
import type { ModelCard } from './model-card.ts';
import { type GraphProto, type ModelProto, modelUnusable } from './model-file.ts';
import { parsePythonNames } from './model-labels.ts';
import { readOutput } from './output-layout.ts';

/** GatherElements, which the selection of the best candidates needs, exists from opset 11. */
const OPSET_MIN = 11;
/** What a model of free size gets: cameras are 16:9, and both sides are multiples of the largest stride, 32. */
export const DYNAMIC_SIZE_WIDTH = 640;
export const DYNAMIC_SIZE_HEIGHT = 384;
const INPUT_SIDE_MIN = 8;
const INPUT_SIDE_MAX = 4096;
const BATCH_MAX = 64;
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
  /** YOLOX: an objectness score stands before those of the classes, and multiplies them. */
  objectness: boolean;
  /** `grid`: offsets and logarithms of sizes, relative to cells of `strides`; `unknown`: one of the two, only a run tells. */
  boxes: BoxForm | 'unknown';
  /** Of the grids that the anchors lie on, in their order; empty where nobody needs to know. */
  strides: readonly number[];
  colours: 'rgb' | 'bgr';
  /** What 255 becomes in the model's input. */
  pixelMax: 1 | 255;
  /** Where the picture lies in the input. */
  padding: LetterboxPadding;
  /** Boxes per frame; null when only a run can tell. */
  anchors: number | null;
  labels: string[];
  labelsFrom: 'file' | 'metadata' | 'numbered';
  opset: number;
};

export type BoxForm = 'pixels' | 'grid';

const detectorExpected =
  'a YOLOv8/YOLO11 detector (one image input, output [n, 4+classes, anchors] or its transpose) or YOLOX ([n, anchors, 5+classes])';
const detectorHint = 'export the detection variant, e.g. `yolo export model=yolo11n.pt format=onnx`';

/**
 * @param fileLabels labels from a file or a card, which win over the model's own.
 * @param card what is known beside the graph.
 * @throws KvsInferError MODEL_UNUSABLE, MODEL_LABELS_MISMATCH
 */
export function recogniseLayout(
  modelPath: string,
  model: ModelProto,
  fileLabels: string[] | null,
  card: ModelCard = {},
): ModelLayout {
  const graph = model.graph as GraphProto;
  const metadata = new Map((model.metadataProps ?? []).map((entry) => [entry.key ?? '', entry.value ?? '']));
  const refuse: Refuse = (came, hint = detectorHint) => modelUnusable(modelPath, detectorExpected, came, hint);

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
  const described = readOutput(output, {
    ...{ modelPath, labels, labelsFromFile: fileLabels !== null, metadata, input: inputShape, refuse },
    ...(card.layout === undefined ? {} : { family: card.layout === 'yolox' ? 'yolox' : 'yolov8' }),
  });
  const isYolox = described.objectness;

  return {
    ...inputShape,
    inputName: input.name,
    outputName: output.name,
    outputPrecision: output.elementType === ONNX_FLOAT16 ? 'float16' : 'float32',
    ...described,
    boxes: described.boxes === 'unknown' ? (card.boxes ?? 'unknown') : described.boxes,
    // As YOLOX's own preprocessing: OpenCV's colour order, no scaling, the picture in the corner.
    colours: card.colours ?? (isYolox ? 'bgr' : 'rgb'),
    pixelMax: (card.pixels ?? (isYolox ? '0..255' : '0..1')) === '0..255' ? 255 : 1,
    padding: isYolox ? 'bottom-right' : 'around',
    labels: labels ?? Array.from({ length: described.classes }, (_, id) => `class${id}`),
    labelsFrom: fileLabels !== null ? 'file' : labels !== null ? 'metadata' : 'numbered',
    opset,
  };
}

function readInput(
  input: Tensor,
  refuse: Refuse,
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

function defaultOpset(model: ModelProto): number | null {
  const entry = (model.opsetImport ?? []).find(({ domain }) => !domain || domain === 'ai.onnx');
  const version = Number(entry?.version ?? Number.NaN);
  return Number.isSafeInteger(version) ? version : null;
}
