/**
 * A folder of models as the command line keeps it: files under the names that cameras use, and the catalogue beside them.
 * Invariant: a file appears under its name only after it has run here, by rename; what was given beside it (card, labels)
 * is written into it, so that the one file is enough wherever it is copied.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { modelPattern } from '../core/camera.ts';
import { KvsInferError } from '../core/errors.ts';
import { nearestName } from '../core/nearest-name.ts';
import type { ModelCard } from '../worker/detect/model-card.ts';
import {
  type CatalogueEntry,
  folderUnwritable,
  readCatalogue,
  writeCatalogue,
} from '../worker/detect/model-catalogue.ts';
import { checkModel, type ModelCheck } from './model-check.ts';

export type AddOptions = {
  folder: string;
  /** Null: the file's own. */
  name: string | null;
  labelsPath?: string;
  card: ModelCard;
  replace: boolean;
};
export type AddedModel = { name: string; folder: string; entry: CatalogueEntry; check: ModelCheck; already: boolean };

export type ListedModel = {
  name: string;
  /** `changed`: the file is not the one that was added; workers refuse it. `uncatalogued`: it was not added, and runs. */
  state: 'ok' | 'changed' | 'missing' | 'uncatalogued';
  file: string;
  entry: CatalogueEntry | null;
};

/** @throws KvsInferError MODEL_*, MODELS_FOLDER_UNWRITABLE */
export async function addModel(file: string, options: AddOptions): Promise<AddedModel> {
  const { folder } = options;
  const name = options.name ?? path.basename(file).replace(/\.onnx$/i, '');
  if (!modelPattern.test(name)) throw nameInvalid(name);
  const catalogue = await readCatalogue(folder);
  const target = path.join(folder, `${name}.onnx`);
  // A folder of its own, so that errors name the file as it will be called.
  const workshop = path.join(folder, `.add-${randomUUID()}`);
  const candidate = path.join(workshop, `${name}.onnx`);
  try {
    await mkdir(workshop, { recursive: true }).catch((cause) => {
      throw folderUnwritable(folder, cause);
    });
    const licence = await placeComplete(file, candidate, options);
    const [came, there] = [await hashOf(candidate), await hashOf(target)];
    const already = came === there && catalogue[name]?.sha256 === came;
    if (there !== null && came !== there && !options.replace) throw exists(name, folder);
    const check = await checkModel(candidate);
    const entry = entryOf(check, { source: path.basename(file), licence });
    await rename(candidate, target).catch((cause) => {
      throw folderUnwritable(folder, cause);
    });
    await writeCatalogue(folder, { ...catalogue, [name]: entry });
    return { name, folder, entry, check: { ...check, file: target }, already };
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** @throws KvsInferError MODEL_CATALOGUE_INVALID */
export async function listModels(folder: string): Promise<ListedModel[]> {
  const catalogue = await readCatalogue(folder);
  const files = (await readdir(folder).catch(() => [])).filter((file) => file.endsWith('.onnx'));
  const names = new Set([...Object.keys(catalogue), ...files.map((file) => file.replace(/\.onnx$/, ''))]);
  const listed: ListedModel[] = [];
  for (const name of [...names].sort()) {
    const file = path.join(folder, `${name}.onnx`);
    const entry = catalogue[name] ?? null;
    const sha256 = entry === null ? null : await hashOf(file);
    const state =
      entry === null ? 'uncatalogued' : sha256 === null ? 'missing' : sha256 === entry.sha256 ? 'ok' : 'changed';
    listed.push({ name, state, file, entry });
  }
  return listed;
}

/**
 * A file as it is, or a name of the folder: then it is held to the hash of its entry.
 * @throws KvsInferError MODEL_NOT_FOUND, which names the nearest name
 */
export async function locateModel(given: string, folder: string): Promise<{ file: string; expectedSha256?: string }> {
  if ((await stat(given).catch(() => null))?.isFile()) return { file: given };
  const listed = await listModels(folder);
  const found = listed.find(({ name }) => name === given);
  if (found !== undefined) {
    return { file: found.file, ...(found.entry === null ? {} : { expectedSha256: found.entry.sha256 }) };
  }
  const nearest = nearestName(
    given,
    listed.map(({ name }) => name),
  );
  throw new KvsInferError(
    'MODEL_NOT_FOUND',
    `expected an ONNX file or the name of a model in ${folder}, got "${given}"`,
    {
      hint: nearest === undefined ? 'give a path, or see `kvs-infer model list`' : `did you mean "${nearest}"?`,
    },
  );
}

/** @returns the licence that the model or its card names. */
async function placeComplete(
  file: string,
  target: string,
  { labelsPath, card, folder }: AddOptions,
): Promise<string | null> {
  const { readModelFile } = await import('../worker/detect/model-file.ts');
  const { cardBeside, embedCard, embeddedCard } = await import('../worker/detect/model-card.ts');
  const { labelsBeside } = await import('../worker/detect/prepare-model.ts');
  const { readLabelsFile } = await import('../worker/detect/model-labels.ts');
  const { default: onnxProto } = await import('onnx-proto');
  const { model, hasSideFiles } = await readModelFile(file);
  const labelsFile = labelsPath ?? (await labelsBeside(file));
  const within = embeddedCard(model, path.basename(file));
  const given: ModelCard = {
    ...(await cardBeside(file)),
    ...(labelsFile === null ? {} : { labels: await readLabelsFile(labelsFile) }),
    ...card,
  };
  const full = { ...within, ...given };
  const isAsItIs = Object.keys(given).length === 0 && !hasSideFiles;
  try {
    if (isAsItIs) await copyFile(file, target);
    else {
      embedCard(model, full);
      await writeFile(target, onnxProto.onnx.ModelProto.encode(model).finish());
    }
  } catch (cause) {
    throw folderUnwritable(folder, cause);
  }
  // Ultralytics' exporter writes one.
  return full.licence ?? model.metadataProps?.find(({ key }) => key === 'license')?.value ?? null;
}

function entryOf(check: ModelCheck, about: { source: string; licence: string | null }): CatalogueEntry {
  const best = check.timings.reduce((a, b) => (b.msPerFrame < a.msPerFrame ? b : a));
  return {
    sha256: check.sha256,
    bytes: check.bytes,
    layout: check.layout,
    input: check.input,
    precision: check.precision,
    labels: check.classes,
    licence: about.licence,
    source: about.source,
    addedAt: new Date().toISOString(),
    measured: { provider: check.provider, threads: best.threads, msPerFrame: best.msPerFrame },
  };
}

/** SHA-256 of a file, hex; null when there is none. */
async function hashOf(file: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk);
  } catch {
    return null;
  }
  return hash.digest('hex');
}

function nameInvalid(name: string): KvsInferError {
  return new KvsInferError(
    'MODEL_NAME_INVALID',
    `expected 1 to 64 of A-Z a-z 0-9 . _ -, or name@version, got "${name}"`,
    {
      hint: 'choose the name that cameras will use with --name',
    },
  );
}

function exists(name: string, folder: string): KvsInferError {
  return new KvsInferError('MODEL_EXISTS', `${folder} has another model "${name}"`, {
    hint: 'choose another with --name, or give --replace; running workers keep the old one until they restart',
  });
}
