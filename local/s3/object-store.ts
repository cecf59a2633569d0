/**
 * Buckets and objects in a folder: each object is a data file of its own and a small JSON file that names it. The JSON
 * file's rename is the moment at which an upload exists, so a crash leaves the old object or the new one, never a mix.
 * Invariant: nothing outside the folder is ever touched, whatever characters a key holds: file names are made from the
 * key's hash, with a readable prefix for people who look into the folder.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';

export type StoredObject = {
  key: string;
  /** Name of the data file; changes with every upload. */
  file: string;
  size: number;
  /** MD5 of the content, hexadecimal. */
  etag: string;
  lastModifiedMs: number;
  /** Headers to give back: content-type, content-encoding, cache-control, x-amz-meta-…, checksums. */
  headers: Record<string, string>;
};
export type Received = { file: string; size: number; md5: Buffer; sha1: Buffer; sha256: Buffer; crc32: Buffer };

type Bucket = { createdAtMs: number; objects: Map<string, StoredObject>; sortedKeys: string[] | null };

export class ObjectStore {
  readonly #folder: string;
  readonly #temporary: boolean;
  readonly #buckets = new Map<string, Bucket>();

  private constructor(folder: string, temporary: boolean) {
    this.#folder = folder;
    this.#temporary = temporary;
  }

  /** @param folder null: a temporary folder that goes with `close`, since objects may be larger than memory. */
  static async open(folder: string | null): Promise<ObjectStore> {
    const root = folder ?? (await mkdtemp(join(tmpdir(), 'kvs-infer-s3-')));
    await mkdir(root, { recursive: true });
    const store = new ObjectStore(root, folder === null);
    for (const entry of await readdir(root, { withFileTypes: true })) {
      if (entry.isDirectory()) await store.#restore(entry.name);
    }
    return store;
  }

  buckets(): { name: string; createdAtMs: number }[] {
    return [...this.#buckets].map(([name, { createdAtMs }]) => ({ name, createdAtMs })).sort(byName);
  }

  hasBucket(name: string): boolean {
    return this.#buckets.has(name);
  }

  async createBucket(name: string, nowMs: number): Promise<void> {
    await mkdir(this.#path(name, 'data'), { recursive: true });
    await mkdir(this.#path(name, 'objects'), { recursive: true });
    await writeFile(this.#path(name, 'bucket.json'), JSON.stringify({ createdAtMs: nowMs }));
    this.#buckets.set(name, { createdAtMs: nowMs, objects: new Map(), sortedKeys: null });
  }

  async deleteBucket(name: string): Promise<void> {
    this.#buckets.delete(name);
    await rm(join(this.#folder, name), { recursive: true, force: true });
  }

  get(bucket: string, key: string): StoredObject | undefined {
    return this.#buckets.get(bucket)?.objects.get(key);
  }

  dataPath(bucket: string, object: StoredObject): string {
    return this.#path(bucket, 'data', object.file);
  }

  /** All keys of a bucket in order, for listings. */
  sortedKeys(bucket: string): readonly string[] {
    const found = this.#buckets.get(bucket);
    if (found === undefined) return [];
    found.sortedKeys ??= [...found.objects.keys()].sort();
    return found.sortedKeys;
  }

  /** Streams a body into a data file that belongs to no object yet. On any failure the file is gone. */
  async receive(bucket: string, key: string, content: Readable): Promise<Received> {
    const file = `${fileNameOf(key)}.${randomUUID().slice(0, 8)}`;
    const path = this.#path(bucket, 'data', file);
    const [md5, sha1, sha256] = [createHash('md5'), createHash('sha1'), createHash('sha256')];
    let size = 0;
    let checksum = 0;
    async function* measured(source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        size += chunk.length;
        checksum = crc32(chunk, checksum);
        for (const hash of [md5, sha1, sha256]) hash.update(chunk);
        yield chunk;
      }
    }
    try {
      await pipeline(content, measured, createWriteStream(path, { flags: 'wx' }));
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    const crcBytes = Buffer.alloc(4);
    crcBytes.writeUInt32BE(checksum >>> 0);
    return { file, size, md5: md5.digest(), sha1: sha1.digest(), sha256: sha256.digest(), crc32: crcBytes };
  }

  async discard(bucket: string, { file }: Received): Promise<void> {
    await rm(this.#path(bucket, 'data', file), { force: true });
  }

  /** Makes a received file the object; the one that it replaces is deleted. */
  async commit(bucketName: string, object: StoredObject): Promise<void> {
    const bucket = this.#buckets.get(bucketName);
    if (bucket === undefined) throw new Error(`bucket ${bucketName} was deleted during an upload`);
    const path = this.#path(bucketName, 'objects', `${fileNameOf(object.key)}.json`);
    const draft = `${path}.${object.file.slice(-8)}.draft`;
    try {
      await writeFile(draft, JSON.stringify(object));
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      await rm(this.dataPath(bucketName, object), { force: true });
      throw error;
    }
    const replaced = bucket.objects.get(object.key);
    bucket.objects.set(object.key, object);
    if (replaced === undefined) bucket.sortedKeys = null;
    else await unlink(this.dataPath(bucketName, replaced)).catch(() => {});
  }

  async delete(bucketName: string, key: string): Promise<void> {
    const bucket = this.#buckets.get(bucketName);
    const object = bucket?.objects.get(key);
    if (bucket === undefined || object === undefined) return;
    bucket.objects.delete(key);
    bucket.sortedKeys = null;
    await rm(this.#path(bucketName, 'objects', `${fileNameOf(key)}.json`), { force: true });
    await rm(this.dataPath(bucketName, object), { force: true });
  }

  async close(): Promise<void> {
    if (this.#temporary) await rm(this.#folder, { recursive: true, force: true });
  }

  /** Bucket names are checked before they come here: lower case, digits, dots and dashes, never `..`. */
  #path(bucket: string, ...parts: string[]): string {
    return join(this.#folder, bucket, ...parts);
  }

  async #restore(name: string): Promise<void> {
    const about = await readFile(this.#path(name, 'bucket.json'), 'utf8').catch(() => null);
    if (about === null) return;
    const objects = new Map<string, StoredObject>();
    for (const file of await readdir(this.#path(name, 'objects'))) {
      const path = this.#path(name, 'objects', file);
      if (!file.endsWith('.json')) await rm(path, { force: true });
      else {
        const object = JSON.parse(await readFile(path, 'utf8')) as StoredObject;
        objects.set(object.key, object);
      }
    }
    // Data files that no object names were being uploaded when the process ended.
    const named = new Set([...objects.values()].map(({ file }) => file));
    for (const file of await readdir(this.#path(name, 'data'))) {
      if (!named.has(file)) await rm(this.#path(name, 'data', file), { force: true });
    }
    const { createdAtMs } = JSON.parse(about) as { createdAtMs: number };
    this.#buckets.set(name, { createdAtMs, objects, sortedKeys: null });
  }
}

/** At most 140 characters, safe on every file system, different for keys that differ in case alone. */
export function fileNameOf(key: string): string {
  const readable = key
    .replace(/[^A-Za-z0-9_-]+/g, '.')
    .slice(-100)
    .replace(/^\.+/, '');
  return `${readable}~${createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
}

function byName(left: { name: string }, right: { name: string }): number {
  return left.name < right.name ? -1 : 1;
}
