/** Files that nobody should hand over: an error with a name, before they fill the memory. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCameraFile } from './camera-file.ts';

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
