/**
 * Where class names come from: the `names` entry that Ultralytics writes into the model (a Python dict as text), or a
 * labels file (one per line, or a YAML/JSON list or `names:` mapping).
 * Invariant: labels are dense, label i belongs to class i; anything else is an error that names the class.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { KvsInferError } from '../../core/errors.ts';
import { messageOf } from './model-file.ts';

/** Open Images has 601 classes, LVIS 1203, ImageNet-21k 21,841: beyond that it is no list of labels. */
const LABELS_MAX = 30_000;

const stringToken = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/y;
const integerToken = /\d{1,9}/y;

/**
 * Reads `{0: 'person', 1: "traffic light"}` or `['person', …]`.
 * @returns null when the text is neither, or has gaps.
 */
export function parsePythonNames(text: string): string[] | null {
  const source = text.trim();
  const isDict = source.startsWith('{') && source.endsWith('}');
  const isList = source.startsWith('[') && source.endsWith(']');
  if (!isDict && !isList) return null;
  const labels: string[] = [];
  const end = source.length - 1;
  let at = 1;
  const skipSpace = () => {
    while (at < end && /\s/.test(source[at] as string)) at += 1;
  };
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  for (skipSpace(); at < end; skipSpace()) {
    let index = labels.length;
    if (isDict) {
      const key = take(integerToken);
      skipSpace();
      if (key === null || source[at] !== ':') return null;
      index = Number(key[0]);
      at += 1;
      skipSpace();
    }
    const value = take(stringToken);
    if (value === null || index !== labels.length || labels.length >= LABELS_MAX) return null;
    labels.push((value[1] ?? value[2] ?? '').replace(/\\(.)/g, '$1'));
    skipSpace();
    if (at < end && source[at] !== ',') return null;
    at += 1;
  }
  return labels.length === 0 ? null : labels;
}

/** @throws KvsInferError MODEL_LABELS_UNREADABLE */
export async function readLabelsFile(labelsPath: string): Promise<string[]> {
  const refuse = (came: string, cause?: unknown) =>
    new KvsInferError('MODEL_LABELS_UNREADABLE', `${labelsPath}: expected one label per line or a list, got ${came}`, {
      hint: 'write one label per line, in the order of the class ids, or a YAML/JSON list',
      ...(cause === undefined ? {} : { cause }),
    });
  let text: string;
  try {
    text = await readFile(labelsPath, 'utf8');
  } catch (cause) {
    throw refuse(`no readable file: ${messageOf(cause)}`, cause);
  }
  let labels: string[] | string;
  try {
    labels = parseLabelsText(text, path.extname(labelsPath).toLowerCase());
  } catch (cause) {
    throw refuse(messageOf(cause), cause);
  }
  if (typeof labels === 'string') throw refuse(labels);
  if (labels.length === 0) throw refuse('no labels');
  if (labels.length > LABELS_MAX) throw refuse(`${labels.length} labels`);
  return labels;
}

/** @returns the labels, or what is wrong with the text. */
export function parseLabelsText(text: string, extension: string): string[] | string {
  const structured = ['.yaml', '.yml', '.json'].includes(extension) || /^\s*[[{]|^names\s*:/m.test(text.slice(0, 4096));
  if (!structured) {
    if (text.includes('\u0000')) return 'binary data';
    const lines = text.split(/\r?\n/).map((line) => line.trim());
    while (lines.at(-1) === '') lines.pop();
    const blank = lines.indexOf('');
    return blank === -1 ? lines : `a blank line for class ${blank}`;
  }
  const parsed: unknown = parse(text, { maxAliasCount: 0, logLevel: 'error' });
  const names = isRecord(parsed) && 'names' in parsed ? parsed.names : parsed;
  if (Array.isArray(names)) return allStrings(names);
  if (!isRecord(names)) return 'neither a list nor a mapping of names';
  const entries = Object.entries(names);
  const ordered = entries.map((_, index) => names[String(index)]);
  const gap = ordered.indexOf(undefined);
  return gap === -1 ? allStrings(ordered) : `a mapping without class ${gap}`;
}

function allStrings(values: unknown[]): string[] | string {
  const wrong = values.findIndex((value) => typeof value !== 'string' && typeof value !== 'number');
  return wrong === -1 ? values.map(String) : `no text for class ${wrong}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
