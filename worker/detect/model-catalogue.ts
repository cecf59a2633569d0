/**
 * The catalogue of a models folder, `catalogue.json` beside the files: what each model is, where it came from, and the hash
 * that a worker holds the file to. Written by `kvs-infer model add` alone; a folder without one works too.
 * Invariant: it appears by rename, so that nobody ever reads half of it; what cannot be read as a catalogue is an error and
 * never an empty one.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { modelPattern } from '../../core/camera.ts';
import { KvsInferError } from '../../core/errors.ts';
import { messageOf } from './model-file.ts';

export const catalogueFileName = 'catalogue.json';

const entrySchema = z.strictObject({
  /** Of the file in this folder, hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().min(1),
  layout: z.enum(['yolov8', 'yolox']),
  input: z.strictObject({ width: z.int(), height: z.int(), batch: z.union([z.literal('dynamic'), z.int()]) }),
  precision: z.enum(['float32', 'float16', 'int8']),
  labels: z.array(z.string()),
  licence: z.string().nullable(),
  /** Name of the file that was added. */
  source: z.string(),
  addedAt: z.iso.datetime(),
  /** Where it was added: what a run takes there, per frame, in the best batch. */
  measured: z.strictObject({
    provider: z.enum(['cuda', 'cpu']),
    threads: z.int().min(1),
    msPerFrame: z.number().min(0),
  }),
});
const catalogueSchema = z.strictObject({
  version: z.literal(1),
  models: z.record(z.string().regex(modelPattern), entrySchema),
});

export type CatalogueEntry = z.infer<typeof entrySchema>;
/** By the name that cameras use. */
export type Catalogue = Record<string, CatalogueEntry>;

/** @returns an empty catalogue when the folder has none. @throws KvsInferError MODEL_CATALOGUE_INVALID */
export async function readCatalogue(folder: string): Promise<Catalogue> {
  const file = path.join(folder, catalogueFileName);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')) return {};
    throw invalid(file, messageOf(cause), cause);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(file, messageOf(cause), cause);
  }
  const parsed = catalogueSchema.safeParse(value);
  if (parsed.success) return parsed.data.models;
  throw invalid(
    file,
    parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`).join('; '),
  );
}

/** @throws KvsInferError MODELS_FOLDER_UNWRITABLE */
export async function writeCatalogue(folder: string, models: Catalogue): Promise<void> {
  const sorted = Object.fromEntries(Object.entries(models).sort(([a], [b]) => (a < b ? -1 : 1)));
  const text = JSON.stringify({ version: 1, models: sorted } satisfies z.infer<typeof catalogueSchema>, null, 2);
  const temporary = path.join(folder, `.${catalogueFileName}.${randomUUID()}.part`);
  try {
    await writeFile(temporary, `${text}\n`);
    await rename(temporary, path.join(folder, catalogueFileName));
  } catch (cause) {
    await rm(temporary, { force: true });
    throw folderUnwritable(folder, cause);
  }
}

export function folderUnwritable(folder: string, cause: unknown): KvsInferError {
  return new KvsInferError('MODELS_FOLDER_UNWRITABLE', `${folder}: ${messageOf(cause)}`, {
    hint: 'name a folder that can be written and has room, with --folder or MODELS_FOLDER',
    cause,
  });
}

function invalid(file: string, what: string, cause?: unknown): KvsInferError {
  return new KvsInferError('MODEL_CATALOGUE_INVALID', `${file}: ${what}`, {
    hint: 'restore it, or move it away and add the models again with `kvs-infer model add`',
    ...(cause === undefined ? {} : { cause }),
  });
}
