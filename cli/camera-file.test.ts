/** Files that nobody should hand over: an error with a name, before they fill the memory. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KvsInferError } from '../core/errors.ts';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import { SeededRandom } from '../core/seeded-random.ts';
import { parseYaml, readCameraFile } from './camera-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvs-infer-camera-file-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ten = (name: string) => Array(10).fill(`*${name}`).join(', ');
const bomb = ['a0: &a0 [x, x]', ...Array.from({ length: 12 }, (_, at) => `a${at + 1}: &a${at + 1} [${ten(`a${at}`)}]`)];

test.each([
  ['aliases of aliases', bomb.join('\n')],
  ['more than 16 MB', `cameraId: ${'x'.repeat(17 * 1024 * 1024)}`],
  ['no YAML', 'a: [}'],
  ['no row', '7'],
])('%s', async (name, text) => {
  const path = join(folder, `${name.length}.yaml`);
  await writeFile(path, text);
  await expect(readCameraFile(path)).rejects.toMatchObject({ code: 'CAMERA_FILE_INVALID' });
});

test.each([
  ['lists in lists', '['.repeat(2_000)],
  ['maps in maps', '{a: '.repeat(2_000)],
  ['dashes', '- '.repeat(5_000)],
])('%s without end: an error with a name', (_, text) => {
  expect(() => parseYaml('deep.yaml', text)).toThrow(expect.objectContaining({ code: 'CAMERA_FILE_INVALID' }));
});

test('any text is rows or an error with a name, and rows are judged whatever they are', () => {
  const parts = [
    ...[
      'cameraId: a',
      'streamName: b',
      '&x',
      '*x',
      '<<: *x',
      '- ',
      '? ',
      ': ',
      '{',
      '}',
      '[',
      ']',
      '|',
      '>',
      '!!binary a',
      '!!set',
      '!a',
    ],
    ...[
      '\n',
      '\n  ',
      '\t',
      '"',
      "'",
      '#',
      '---\n',
      '...\n',
      '%YAML 9.9\n',
      '__proto__: {enabled: 1}',
      '0x1F',
      '.inf',
      '2026-11-24',
      '\u0000',
      '\ufeff',
    ],
  ];
  let rows = 0;
  for (let seed = 0; seed < 1_000; seed += 1) {
    const random = new SeededRandom(seed);
    const text = Array.from({ length: random.integer(1, 25) }, () => random.pick(parts)).join(
      random.pick(['', ' ', '\n']),
    );
    try {
      const { content } = parseYaml('any.yaml', text);
      const { camera, issues } = parseCameraRow(content);
      expect(camera !== null || issues.length > 0, `seed ${seed}`).toBe(true);
      rows += 1;
    } catch (error) {
      expect(error, `seed ${seed}: ${JSON.stringify(text)}`).toBeInstanceOf(KvsInferError);
    }
  }
  expect(rows).toBeGreaterThan(50);
  expect(({} as Record<string, unknown>).enabled).toBeUndefined();
});
