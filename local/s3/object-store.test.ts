import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileNameOf, ObjectStore } from './object-store.ts';

let folder: string;
let store: ObjectStore;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'kvs-infer-s3-')), 'inner');
  await mkdir(folder);
  store = await ObjectStore.open(folder);
  await store.createBucket('bucket', 1);
});
afterEach(() => rm(dirname(folder), { recursive: true }));

async function put(key: string, content: string): Promise<void> {
  const { file, size, md5 } = await store.receive('bucket', key, Readable.from([Buffer.from(content)]));
  await store.commit('bucket', { key, file, size, etag: md5.toString('hex'), lastModifiedMs: 2, headers: {} });
}
async function content(key: string): Promise<string | null> {
  const object = store.get('bucket', key);
  return object === undefined ? null : readFile(store.dataPath('bucket', object), 'utf8');
}

describe('ObjectStore', () => {
  it('stores any key inside its folder, apart from every other key', async () => {
    const keys = [
      '../../escape',
      '/etc/passwd',
      '..',
      '.',
      'a/../../b',
      'a\u0000b',
      'C:\\x',
      'A',
      'a',
      'a/',
      'a/b',
      '💥',
    ];
    for (const key of keys) await put(key, key);
    for (const key of keys) expect(await content(key)).toBe(key);
    expect(await readdir(dirname(folder))).toEqual(['inner']);
    expect((await readdir(join(folder, 'bucket', 'data'))).length).toBe(keys.length);
  });

  it('makes file names that are safe and distinct for any key', () => {
    const key = fc
      .array(fc.integer({ min: 0, max: 0xd7ff }), { minLength: 1, maxLength: 300 })
      .map((units) => String.fromCharCode(...units));
    fc.assert(
      fc.property(key, key, (one, other) => {
        const name = fileNameOf(one);
        expect(relative(folder, join(folder, name))).toBe(name);
        expect(name).toMatch(/^[A-Za-z0-9_.~-]{1,140}$/);
        expect(name.startsWith('.')).toBe(false);
        expect(fileNameOf(other).toLowerCase() === name.toLowerCase()).toBe(one === other);
      }),
    );
  });

  it('keeps the old object when an upload fails, and leaves no file of it', async () => {
    await put('key', 'old');
    const failing = async function* () {
      yield Buffer.from('new, but');
      throw new Error('cut short');
    };
    await expect(store.receive('bucket', 'key', Readable.from(failing()))).rejects.toThrow('cut short');
    expect(await content('key')).toBe('old');
    expect(await readdir(join(folder, 'bucket', 'data'))).toHaveLength(1);
  });

  it('survives a restart, and clears what a crash left half done', async () => {
    await put('kept', 'kept');
    await put('kept', 'replaced');
    await writeFile(join(folder, 'bucket', 'data', 'orphan.12345678'), 'never committed');
    await writeFile(join(folder, 'bucket', 'objects', 'x.json.12345678.draft'), '{');
    store = await ObjectStore.open(folder);
    expect(await content('kept')).toBe('replaced');
    expect(store.sortedKeys('bucket')).toEqual(['kept']);
    expect(await readdir(join(folder, 'bucket', 'data'))).toHaveLength(1);
    expect(await readdir(join(folder, 'bucket', 'objects'))).toHaveLength(1);
  });

  it('forgets an object and its files', async () => {
    await put('gone', 'x');
    await store.delete('bucket', 'gone');
    expect(await content('gone')).toBeNull();
    expect(await readdir(join(folder, 'bucket', 'data'))).toEqual([]);
  });
});
