/**
 * S3 of the local cloud, path-style (`/bucket/key`): the calls that snapshots, the CLI's `s3 ls` and `s3 cp` and presigned
 * links need, on a folder. Written here because the ready-made server corrupts streamed bodies.
 * Invariant: what it does not do it refuses with NotImplemented, instead of doing something else.
 */
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import { AwsError } from '../http/aws-error.ts';
import { refusingDiskFull } from '../http/disk-full.ts';
import { escapeXml, sendXml } from '../http/respond.ts';
import type { CloudContext, LocalRequest, LocalService } from '../service.ts';
import { getObject } from './get-object.ts';
import { listBuckets, listObjects } from './list-objects.ts';
import { ObjectStore, type StoredObject } from './object-store.ts';
import { putObject } from './put-object.ts';

/** S3: keys are at most 1024 bytes of UTF-8, and DeleteObjects takes at most 1000 of them. */
const KEY_BYTES_MAX = 1024;
const DELETES_MAX = 1000;
const DELETE_BODY_BYTES_MAX = 2 * 1024 * 1024;
const bucketPattern = /^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** Sub-resources of objects and buckets that do not exist here. */
const unsupportedQueries = [
  'uploads',
  'uploadId',
  'acl',
  'tagging',
  'versioning',
  'lifecycle',
  'policy',
  'cors',
  'encryption',
  'notification',
];

/** What V8 takes for an object's entry beside its key; the content is on disk. */
const OBJECT_ENTRY_BYTES = 800;

export type S3Service = LocalService & {
  /** Idempotent. */
  createBucket(name: string): Promise<void>;
  /** Objects whose key starts with `prefix`, in key order. */
  objects(bucket: string, prefix?: string): StoredObject[];
};

export async function createS3Service(context: CloudContext): Promise<S3Service> {
  const store = await ObjectStore.open(context.dataFolder === null ? null : join(context.dataFolder, 's3'));
  const parser = new XMLParser({
    ignoreAttributes: true,
    parseTagValue: false,
    trimValues: false,
    isArray: (name) => name === 'Object',
  });

  async function handle(request: LocalRequest, response: ServerResponse): Promise<void> {
    const { method, query } = request;
    const { bucket, key } = addressed(request.path);
    const unsupported = unsupportedQueries.find((name) => query.has(name));
    if (unsupported !== undefined) throw notImplemented(`?${unsupported}`);
    if (bucket === '') {
      if (method !== 'GET') throw methodNotAllowed();
      return sendXml(response, listBuckets(store, context.accountId));
    }
    if (key === '' && method === 'PUT') return createBucket(bucket, response);
    if (!store.hasBucket(bucket)) throw new AwsError(404, 'NoSuchBucket', 'The specified bucket does not exist');
    return key === '' ? handleBucket(bucket, request, response) : handleObject(bucket, key, request, response);
  }

  async function createBucket(bucket: string, response: ServerResponse): Promise<void> {
    if (!bucketPattern.test(bucket)) throw new AwsError(400, 'InvalidBucketName', 'The specified bucket is not valid.');
    if (store.hasBucket(bucket)) {
      throw new AwsError(
        409,
        'BucketAlreadyOwnedByYou',
        'Your previous request to create the named bucket succeeded and you already own it.',
      );
    }
    await store.createBucket(bucket, context.clock.nowMs());
    response.setHeader('location', `/${bucket}`);
    sendEmpty(response, 200);
  }

  async function handleBucket(bucket: string, request: LocalRequest, response: ServerResponse): Promise<void> {
    const { method, query } = request;
    if (method === 'HEAD') {
      response.setHeader('x-amz-bucket-region', context.region);
      return sendEmpty(response, 200);
    }
    if (method === 'GET' && query.has('location')) {
      // us-east-1 is written as no constraint at all.
      const region = context.region === 'us-east-1' ? '' : context.region;
      return sendXml(
        response,
        `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${region}</LocationConstraint>`,
      );
    }
    if (method === 'GET') return sendXml(response, listObjects(store, bucket, query));
    if (method === 'POST' && query.has('delete')) return deleteObjects(bucket, request, response);
    if (method !== 'DELETE') throw methodNotAllowed();
    if (store.sortedKeys(bucket).length > 0) {
      throw new AwsError(409, 'BucketNotEmpty', 'The bucket you tried to delete is not empty');
    }
    await store.deleteBucket(bucket);
    return sendEmpty(response, 204);
  }

  async function handleObject(
    bucket: string,
    key: string,
    request: LocalRequest,
    response: ServerResponse,
  ): Promise<void> {
    if (Buffer.byteLength(key) > KEY_BYTES_MAX) throw new AwsError(400, 'KeyTooLongError', 'Your key is too long');
    if (request.method === 'PUT') {
      return refusingDiskFull('S3', () => putObject(store, bucket, key, request, response, context.clock.nowMs()));
    }
    if (request.method === 'DELETE') {
      await store.delete(bucket, key);
      return sendEmpty(response, 204);
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
    const object = store.get(bucket, key);
    if (object === undefined) throw new AwsError(404, 'NoSuchKey', 'The specified key does not exist.');
    return getObject(store, bucket, object, request, response);
  }

  async function deleteObjects(bucket: string, request: LocalRequest, response: ServerResponse): Promise<void> {
    const { keys, quiet } = parseDelete(parser, await request.body(DELETE_BODY_BYTES_MAX));
    for (const key of keys) await store.delete(bucket, key);
    const deleted = quiet ? '' : keys.map((key) => `<Deleted><Key>${escapeXml(key)}</Key></Deleted>`).join('');
    sendXml(response, `<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${deleted}</DeleteResult>`);
  }

  return {
    scopes: ['s3'],
    handle,
    async createBucket(name) {
      if (!store.hasBucket(name)) await store.createBucket(name, context.clock.nowMs());
    },
    objects(bucket, prefix = '') {
      const keys = store.sortedKeys(bucket).filter((key) => key.startsWith(prefix));
      return keys.flatMap((key) => store.get(bucket, key) ?? []);
    },
    held() {
      const objects = store.buckets().flatMap(({ name }) => [...store.sortedKeys(name)]);
      const bytes = objects.reduce((sum, key) => sum + 2 * key.length + OBJECT_ENTRY_BYTES, 0);
      return [
        { store: 's3: names of objects', items: objects.length, bytes, bound: 'none: objects stay until deleted' },
      ];
    },
    close: () => store.close(),
  };
}

/** `/bucket/some/key` → bucket and key; a key may itself start with or contain slashes. */
function addressed(path: string): { bucket: string; key: string } {
  const slash = path.indexOf('/', 1);
  return slash < 0 ? { bucket: path.slice(1), key: '' } : { bucket: path.slice(1, slash), key: path.slice(slash + 1) };
}

function parseDelete(parser: XMLParser, body: Buffer): { keys: string[]; quiet: boolean } {
  let document: { Delete?: { Object?: { Key?: unknown }[]; Quiet?: unknown } };
  try {
    document = parser.parse(body) as typeof document;
  } catch {
    document = {};
  }
  const keys = document.Delete?.Object?.map(({ Key }) => String(Key ?? '')) ?? [];
  if (keys.length === 0 || keys.length > DELETES_MAX || keys.includes('')) {
    throw new AwsError(400, 'MalformedXML', `Expected a Delete document with 1 to ${DELETES_MAX} keys.`);
  }
  return { keys, quiet: document.Delete?.Quiet === 'true' };
}

function sendEmpty(response: ServerResponse, status: number): void {
  response.statusCode = status;
  if (status !== 204) response.setHeader('content-length', 0);
  response.end();
}

function notImplemented(what: string): AwsError {
  return new AwsError(501, 'NotImplemented', `The local S3 does not implement ${what}.`);
}

function methodNotAllowed(): AwsError {
  return new AwsError(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.');
}
