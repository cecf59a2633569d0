/**
 * Recognises the head of a detector from the shape of its output, its class names and the input's size: YOLOv8 and YOLO11,
 * either way round or with their NMS inside, and YOLOX. Everything else is refused by the name that it most likely has.
 * Pure.
 */
import path from 'node:path';
import { KvsInferError } from '../../core/errors.ts';
import { ONNX_FLOAT16, ONNX_FLOAT32, type Refuse, shown, type Tensor } from './declared-tensor.ts';
import type { ModelLayout } from './model-layout.ts';

/** Rows of an export that holds its own NMS, when its metadata does not say so (Ultralytics' max_det). */
const END_TO_END_ROWS = 300;
/** Of a side that stands alone: more are anchors (1344 at 256×256), fewer may be channels (84 for COCO). */
const UNLABELLED_CHANNELS_MAX = 1000;
/** YOLOv8-seg adds this many channels per box. */
const MASK_COEFFICIENTS = 32;
/** YOLOX's head has one anchor per cell of these grids; the P6 variant of the larger models adds stride 64. */
const YOLOX_STRIDES: readonly (readonly number[])[] = [
  [8, 16, 32],
  [8, 16, 32, 64],
];
/** Anchors per cell in YOLOv5. */
const YOLOV5_ANCHORS_PER_CELL = 3;

export type OutputContext = {
  modelPath: string;
  /** The model's own, or those of a file; null without. */
  labels: string[] | null;
  labelsFromFile: boolean;
  metadata: ReadonlyMap<string, string>;
  input: { inputWidth: number; inputHeight: number };
  refuse: Refuse;
  /** Where the card names it. */
  family?: 'yolov8' | 'yolox';
};

type OutputLayout = Pick<ModelLayout, 'arrangement' | 'anchors' | 'objectness' | 'boxes' | 'strides'> & {
  classes: number;
};
type Yolov8Layout = Pick<OutputLayout, 'arrangement' | 'anchors' | 'classes'>;

/** @throws KvsInferError MODEL_UNUSABLE, MODEL_LABELS_MISMATCH */
export function readOutput(output: Tensor, context: OutputContext): OutputLayout {
  const { refuse } = context;
  const isFloat = output.elementType === ONNX_FLOAT32 || output.elementType === ONNX_FLOAT16;
  if (!isFloat || output.dims === null || output.dims.length !== 3) {
    const kind = output.dims?.length === 2 ? ' (a classification model?)' : '';
    throw refuse(`the output ${shown(output)}${kind}`);
  }
  const [, first = null, second = null] = output.dims;
  const isYolox = context.family === undefined ? looksLikeYolox(first, second, context) : context.family === 'yolox';
  if (isYolox) return readYolox(output, first, second, context);
  return { ...readYolov8(output, first, second, context), objectness: false, boxes: 'pixels', strides: [] };
}

/**
 * `[n, anchors, 5+classes]` with one anchor per cell. Without class names the same shape could be a transposed YOLOv8, but
 * that exporter always writes names, and YOLOX's never does.
 */
function looksLikeYolox(
  first: number | null,
  second: number | null,
  { labels, metadata, input }: OutputContext,
): boolean {
  if (first === null || second === null || yoloxStrides(first, input) === null) return false;
  if (labels !== null) return second === 5 + labels.length;
  return second > 5 && second < first && !metadata.has('names') && !metadata.has('task');
}

function readYolox(output: Tensor, first: number | null, second: number | null, context: OutputContext): OutputLayout {
  const { labels, input, refuse } = context;
  const { inputWidth, inputHeight } = input;
  const counted = second ?? (labels === null ? null : 5 + labels.length);
  if (counted === null || counted < 6) {
    throw refuse(
      `the output ${shown(output)} where YOLOX has [n, anchors, 5+classes]`,
      'give the class names, or another layout',
    );
  }
  const anchors = first ?? anchorsOf(YOLOX_STRIDES[0] ?? [], input);
  const strides = yoloxStrides(anchors, input);
  if (strides === null) {
    const expected = [...new Set(YOLOX_STRIDES.map((one) => anchorsOf(one, input)))].join(' or ');
    throw refuse(
      `the output ${shown(output)} where YOLOX at ${inputWidth}×${inputHeight} has ${expected} anchors`,
      'export it at this size with the strides 8, 16, 32 (and 64), or name another layout',
    );
  }
  if (labels !== null && labels.length !== counted - 5) {
    throw labelsMismatch(context.modelPath, output, counted - 5, labels.length, '');
  }
  return { arrangement: 'anchors-first', anchors, classes: counted - 5, objectness: true, boxes: 'unknown', strides };
}

function yoloxStrides(anchors: number, input: OutputContext['input']): readonly number[] | null {
  return YOLOX_STRIDES.find((strides) => anchorsOf(strides, input) === anchors) ?? null;
}

/** Cells of the grids, as YOLOX counts them: what is left over at the edge has none. */
function anchorsOf(strides: readonly number[], { inputWidth, inputHeight }: OutputContext['input']): number {
  return strides.reduce((sum, stride) => sum + Math.floor(inputWidth / stride) * Math.floor(inputHeight / stride), 0);
}

function readYolov8(output: Tensor, first: number | null, second: number | null, context: OutputContext): Yolov8Layout {
  const { labels, metadata, refuse } = context;
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
  if (labels !== null) throw mismatch(output, first, counted, context);
  if (counted < 5 || first === second) throw refuse(`the output ${shown(output)}`);
  return {
    arrangement: channelsFirst ? 'channels-first' : 'anchors-first',
    anchors: channelsFirst ? second : first,
    classes: counted - 4,
  };
}

/** The model's own names are right, so another count means another head; a labels file is more likely wrong itself. */
function mismatch(output: Tensor, first: number | null, channels: number, context: OutputContext): KvsInferError {
  const { modelPath, labels, labelsFromFile, input, refuse } = context;
  if (channels < 5) return refuse(`the output ${shown(output)}`);
  const surplus = channels - 4 - (labels?.length ?? 0);
  const isYolov5 = first === YOLOV5_ANCHORS_PER_CELL * anchorsOf(YOLOX_STRIDES[0] ?? [], input);
  const head =
    surplus === MASK_COEFFICIENTS
      ? 'a segmentation model'
      : surplus === 1
        ? isYolov5
          ? 'a YOLOv5 head with an objectness score'
          : 'an oriented-box head, or an objectness score as in YOLOv5 and YOLOX but not the anchors of YOLOX at this size'
        : null;
  if (head !== null && !labelsFromFile) return refuse(`the output ${shown(output)}: ${head}`);
  return labelsMismatch(
    modelPath,
    output,
    channels - 4,
    labels?.length ?? 0,
    head === null ? '' : `; or is it ${head}?`,
  );
}

function labelsMismatch(modelPath: string, output: Tensor, expected: number, came: number, or: string): KvsInferError {
  return new KvsInferError(
    'MODEL_LABELS_MISMATCH',
    `${path.basename(modelPath)}: expected ${expected} labels for the output ${shown(output)}, got ${came}`,
    { hint: `give the labels that belong to this model, one per class${or}` },
  );
}
