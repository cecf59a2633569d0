/** The S3 calls of snapshots and of people who look at them, with the real client. */
import { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { beforeAll, expect, it } from 'vitest';
import { clientOptions, describeContract } from './targets.ts';

const Bucket = 'contract-bucket';

describeContract('S3', (target) => {
  let s3: S3Client;
  const put = (Key: string, Body: string, options: object = {}) =>
    s3.send(new PutObjectCommand({ Bucket, Key, Body, ...options }));
  const get = async (Key: string, options: object = {}) => {
    const output = await s3.send(new GetObjectCommand({ Bucket, Key, ...options }));
    return { output, text: (await output.Body?.transformToString()) ?? '' };
  };

  beforeAll(async () => {
    s3 = new S3Client({ ...clientOptions(target()), forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket }));
  });

  it('knows its buckets', async () => {
    await s3.send(new HeadBucketCommand({ Bucket }));
    expect((await s3.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name)).toContain(Bucket);
    await expect(s3.send(new HeadBucketCommand({ Bucket: 'nobody' }))).rejects.toMatchObject({ name: 'NotFound' });
    await expect(s3.send(new DeleteBucketCommand({ Bucket: 'nobody' }))).rejects.toMatchObject({
      name: 'NoSuchBucket',
    });
  });

  it('gives an object back with its type, metadata, encryption and ETag', async () => {
    const { ETag } = await put('snapshots/dock-1/a.jpg', 'hello world', {
      ContentType: 'image/jpeg',
      Metadata: { camera: 'dock-1' },
      ServerSideEncryption: 'AES256',
    });
    expect(ETag).toBe('"5eb63bbbe01eeed093cb22bb8f5acdc3"');
    const { output, text } = await get('snapshots/dock-1/a.jpg');
    expect(text).toBe('hello world');
    expect(output).toMatchObject({
      ContentType: 'image/jpeg',
      Metadata: { camera: 'dock-1' },
      ServerSideEncryption: 'AES256',
      ContentLength: 11,
      ETag,
    });
    expect((await get('snapshots/dock-1/a.jpg', { Range: 'bytes=6-' })).text).toBe('world');
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'snapshots/dock-1/a.jpg' }));
    expect(head.ContentLength).toBe(11);
  });

  it('takes a stream, whose body travels in chunks', async () => {
    const size = 300_000;
    const parts = [Buffer.alloc(100_000, 'a'), Buffer.alloc(200_000, 'b')];
    await s3.send(new PutObjectCommand({ Bucket, Key: 'stream', Body: Readable.from(parts), ContentLength: size }));
    const { text } = await get('stream');
    expect([text.length, text.slice(99_999, 100_001)]).toEqual([size, 'ab']);
  });

  it('keeps odd keys apart and inside the bucket', async () => {
    const keys = [
      'odd/ä ö+&=?#%.jpg',
      'odd/UPPER',
      'odd/upper',
      'odd/a',
      'odd/a/b',
      'odd/..b/x',
      `odd/${'l'.repeat(900)}`,
    ];
    for (const key of keys) await put(key, key);
    for (const key of keys) expect((await get(key)).text).toBe(key);
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'odd/' }));
    expect(new Set(Contents?.map(({ Key }) => Key))).toEqual(new Set(keys));
  });

  it('lists by prefix and delimiter, page by page', async () => {
    for (const key of ['list/a/1', 'list/a/2', 'list/b', 'list/c/1', 'list/d']) await put(key, 'x');
    const found: string[] = [];
    let token: string | undefined;
    do {
      const page = await s3.send(
        new ListObjectsV2Command({
          Bucket,
          Prefix: 'list/',
          Delimiter: '/',
          MaxKeys: 2,
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      );
      found.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix ?? ''));
      found.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ''));
      token = page.NextContinuationToken;
    } while (token !== undefined);
    expect(found.sort()).toEqual(['list/a/', 'list/b', 'list/c/', 'list/d']);
  });

  it('deletes one, many, and what is not there', async () => {
    for (const key of ['gone/1', 'gone/2', 'gone/3']) await put(key, 'x');
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'gone/1' }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'gone/1' }));
    const Objects = [{ Key: 'gone/2' }, { Key: 'gone/3' }];
    const { Deleted } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(Deleted).toHaveLength(2);
    expect((await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'gone/' }))).KeyCount).toBe(0);
    await expect(get('gone/1')).rejects.toMatchObject({ name: 'NoSuchKey' });
  });
});
