/**
 * What a graph cannot say of itself: its family where the shape is ambiguous, colour order, range of pixel values, form of
 * its boxes, class names, licence. It comes from a file beside the model, `<model>.card.yaml` (or .yml, .json), or from the
 * model's own metadata, where `kvs-infer model add` puts it so that one file is enough.
 * Invariant: a card is complete and right or refused with every issue; one beside the model wins, attribute by attribute.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import onnxProto from 'onnx-proto';
import { parse } from 'yaml';
import { z } from 'zod';
import { KvsInferError } from '../../core/errors.ts';
import { type ModelProto, messageOf } from './model-file.ts';

const metadataKey = 'kvs_infer.card';
/** Open Images has 601 classes, LVIS 1203. */
const LABELS_MAX = 30_000;

export const modelFamilies = ['yolov8', 'yolo11', 'yolox'] as const;
export const colourOrders = ['rgb', 'bgr'] as const;
export const pixelRanges = ['0..1', '0..255'] as const;
export const boxForms = ['pixels', 'grid'] as const;

export const modelCardSchema = z.strictObject({
  /** yolov8 and yolo11 have the same layout. */
  layout: z.enum(modelFamilies).optional(),
  colours: z.enum(colourOrders).optional(),
  /** What the model wants its input in; frames are bytes. */
  pixels: z.enum(pixelRanges).optional(),
  /** YOLOX: `pixels` when it was exported with decode_in_inference, `grid` (its export script's default) when not. */
  boxes: z.enum(boxForms).optional(),
  /** Label i belongs to class i. */
  labels: z.array(z.string().min(1).max(200)).min(1).max(LABELS_MAX).optional(),
  licence: z.string().min(1).max(200).optional(),
});
export type ModelCard = z.infer<typeof modelCardSchema>;

const attributes = Object.keys(modelCardSchema.shape).join(', ');

/** @param from named in the error. @throws KvsInferError MODEL_CARD_INVALID */
export function parseModelCard(value: unknown, from: string): ModelCard {
  const parsed = modelCardSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the card'}: ${issue.message}`);
  throw invalid(from, issues.join('; '));
}

/** The card in the file beside the model; null without one. @throws KvsInferError MODEL_CARD_INVALID */
export async function cardBeside(modelPath: string): Promise<ModelCard | null> {
  for (const extension of ['yaml', 'yml', 'json']) {
    const file = `${modelPath.replace(/\.onnx$/i, '')}.card.${extension}`;
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw invalid(path.basename(file), messageOf(cause), cause);
    }
    let value: unknown;
    try {
      value = parse(text, { maxAliasCount: 0, logLevel: 'error' });
    } catch (cause) {
      throw invalid(path.basename(file), messageOf(cause), cause);
    }
    return parseModelCard(value, path.basename(file));
  }
  return null;
}

/** The card in the model's metadata; empty without one. @throws KvsInferError MODEL_CARD_INVALID */
export function embeddedCard(model: ModelProto, modelName: string): ModelCard {
  const text = model.metadataProps?.find(({ key }) => key === metadataKey)?.value;
  if (text === undefined || text === null) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(`${modelName}, metadata ${metadataKey}`, messageOf(cause), cause);
  }
  return parseModelCard(value, `${modelName}, metadata ${metadataKey}`);
}

/** Changes `model` in place: it carries this card and no other. */
export function embedCard(model: ModelProto, card: ModelCard): void {
  const entry = onnxProto.onnx.StringStringEntryProto.create({ key: metadataKey, value: JSON.stringify(card) });
  model.metadataProps = [...(model.metadataProps ?? []).filter(({ key }) => key !== metadataKey), entry];
}

function invalid(from: string, what: string, cause?: unknown): KvsInferError {
  return new KvsInferError('MODEL_CARD_INVALID', `${from}: ${what}`, {
    hint: `write some of ${attributes}; models/README.md says what they mean`,
    ...(cause === undefined ? {} : { cause }),
  });
}
