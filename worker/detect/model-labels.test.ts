/** Class names as people and exporters write them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parsePythonNames, readLabelsFile } from './model-labels.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-labels-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('a labels file', () => {
  const read = async (extension: string, content: string | Uint8Array) => {
    const file = path.join(folder, `labels.${extension}`);
    await writeFile(file, content);
    return readLabelsFile(file);
  };

  test.each([
    ['txt', ''],
    ['txt', 'one\n\nthree'],
    ['txt', 'one\u0000two'],
    ['yaml', 'names: { 0: one, 2: three }'],
    ['yaml', 'names: [[1]]'],
    ['yaml', 'names: 3'],
    ['json', '{"a": 1'],
    ['json', '[]'],
    // Aliases can grow a small file without bound.
    ['yaml', '- &a one\n- *a\n'],
  ])('that is none is refused: .%s %j', async (extension, content) => {
    await expect(read(extension, content)).rejects.toMatchObject({ code: 'MODEL_LABELS_UNREADABLE' });
  });

  test('that is not there is refused', async () => {
    await expect(readLabelsFile(path.join(folder, 'absent.txt'))).rejects.toMatchObject({
      code: 'MODEL_LABELS_UNREADABLE',
    });
  });

  test('names with spaces, quotes and numbers stay as they are', async () => {
    expect(await read('txt', "traffic light\ndriver's\n007")).toEqual(['traffic light', "driver's", '007']);
    expect(await read('yaml', "- traffic light\n- driver's\n- 7")).toEqual(['traffic light', "driver's", '7']);
  });

  test('any bytes give labels or the named error', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('txt', 'yaml', 'json'),
        fc.uint8Array({ maxLength: 60 }),
        async (type, bytes) => {
          const outcome = await read(type, bytes).catch((error: unknown) => error);
          if (Array.isArray(outcome)) expect(outcome.every((label) => typeof label === 'string')).toBe(true);
          else expect(outcome).toMatchObject({ code: 'MODEL_LABELS_UNREADABLE' });
        },
      ),
    );
  });
});

describe('Python text in the metadata', () => {
  test('any labels survive', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), (labels) => {
        const quoted = labels.map((label) => `'${label.replace(/[\\']/g, '\\$&')}'`);
        const dict = `{${quoted.map((label, id) => `${id}: ${label}`).join(', ')}}`;
        expect(parsePythonNames(dict)).toEqual(labels);
        expect(parsePythonNames(`[${quoted.join(',')}]`)).toEqual(labels);
      }),
    );
  });

  test('both quotes, a trailing comma, and everything else is none', () => {
    expect(parsePythonNames(`{0: "driver's", 1: 'b',}`)).toEqual(["driver's", 'b']);
    for (const wrong of ['', '{}', '{0: 1}', "{1: 'a'}", "{0: 'a' 1: 'b'}", "{0: 'a", 'names', "{0: 'a', 2: 'b'}"]) {
      expect(parsePythonNames(wrong)).toBeNull();
    }
  });

  test('any text ends', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('{', '}', '[', ']', "'", '"', '\\', ':', ',', ' ', '0', 'a') }),
        (text) => {
          const labels = parsePythonNames(text);
          expect(labels === null || labels.length > 0).toBe(true);
        },
      ),
    );
  });
});
