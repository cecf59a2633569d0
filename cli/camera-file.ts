/**
 * Camera rows in YAML or JSON files, as people keep them beside their code: one row, a list of rows, or
 * `{ cameras: [rows] }`. Invariant: every failure names the file and, for syntax errors, the line.
 */
import { readFile } from 'node:fs/promises';
import { type LineCounter, parseDocument } from 'yaml';
import { KvsInferError } from '../core/errors.ts';

/** A registry of 2,000 cameras with long calendars stays well under this. */
const fileSizeMaxBytes = 16 * 1024 * 1024;

/** @throws KvsInferError CAMERA_FILE_UNREADABLE, CAMERA_FILE_INVALID when it is too large to be one. */
export async function readTextFile(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new KvsInferError('CAMERA_FILE_UNREADABLE', `cannot read ${path}: ${reason}`, {
      hint: 'give the path of a YAML or JSON file with a camera row',
      cause: error,
    });
  }
  if (text.length > fileSizeMaxBytes)
    throw invalid(path, `expected at most ${fileSizeMaxBytes} characters, got ${text.length}`);
  return text;
}

/** @returns the rows as written, unparsed; at least one. Errors: CAMERA_FILE_UNREADABLE, CAMERA_FILE_INVALID. */
export async function readCameraFile(path: string): Promise<unknown[]> {
  const { content } = parseYaml(path, await readTextFile(path));
  if (Array.isArray(content)) return nonEmpty(path, content);
  if (typeof content !== 'object' || content === null) {
    throw invalid(
      path,
      `expected a camera row, a list of rows or { cameras: [rows] }, got ${content === null ? 'an empty file' : typeof content}`,
    );
  }
  if ('cameras' in content) {
    if (!Array.isArray(content.cameras))
      throw invalid(path, `expected "cameras" to be a list, got ${typeof content.cameras}`);
    return nonEmpty(path, content.cameras);
  }
  return [content];
}

/** @param lineCounter learns where the lines begin. @throws KvsInferError CAMERA_FILE_INVALID */
export function parseYaml(path: string, text: string, lineCounter?: LineCounter) {
  const document = parseDocument(text, {
    prettyErrors: true,
    logLevel: 'error',
    ...(lineCounter === undefined ? {} : { lineCounter }),
  });
  const [syntaxError] = document.errors;
  if (syntaxError) throw invalid(path, syntaxError.message.split('\n')[0] ?? 'not YAML');
  try {
    // Aliases of aliases grow without end.
    return { document, content: document.toJS({ maxAliasCount: 100 }) as unknown };
  } catch (error) {
    throw invalid(path, error instanceof Error ? error.message : String(error));
  }
}

function nonEmpty(path: string, rows: unknown[]): unknown[] {
  if (rows.length === 0) throw invalid(path, 'expected at least one camera row, got an empty list');
  return rows;
}

function invalid(path: string, what: string): KvsInferError {
  return new KvsInferError('CAMERA_FILE_INVALID', `${path}: ${what}`, {
    hint: 'run "kvs-infer camera check" after mending it',
  });
}
