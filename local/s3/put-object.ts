/**
 * PutObject: the body goes to disk as it arrives, is checked against every digest that the client sent, and becomes the
 * object only then. Invariant: a body that was cut short or damaged never replaces an object.
 */
import type { ServerResponse } from 'node:http';
import { AwsChunkedDecoder } from '../http/aws-chunked.ts';
import { AwsError } from '../http/aws-error.ts';
import type { LocalRequest } from '../service.ts';
import type { ObjectStore, Received, StoredObject } from './object-store.ts';

/** S3's limit for one PutObject. */
const OBJECT_BYTES_MAX = 5 * 1024 ** 3;
/** S3: the sum of user metadata, in bytes. */
const METADATA_BYTES_MAX = 2048;

const keptHeaders = [
  'content-type',
  'content-encoding',
  'content-disposition',
  'content-language',
  'cache-control',
  'expires',
];
const checksumHeaders = ['crc32', 'crc32c', 'crc64nvme', 'sha1', 'sha256'].map((name) => `x-amz-checksum-${name}`);

export async function putObject(
  store: ObjectStore,
  bucket: string,
  key: string,
  request: LocalRequest,
  response: ServerResponse,
  nowMs: number,
): Promise<void> {
  const { headers } = request.message;
  if (headers['x-amz-copy-source'] !== undefined) {
    throw new AwsError(501, 'NotImplemented', 'The local S3 does not copy objects; read and put them.');
  }
  const declared = Number(headers['x-amz-decoded-content-length'] ?? headers['content-length'] ?? Number.NaN);
  if (declared > OBJECT_BYTES_MAX)
    throw new AwsError(400, 'EntityTooLarge', `An object holds at most ${OBJECT_BYTES_MAX} bytes.`);
  const mayNotExist = headers['if-none-match'] === '*';
  if (mayNotExist && store.get(bucket, key) !== undefined) throw preconditionFailed();
  const kept = headersToKeep(headers);

  const content = request.content();
  const received = await store.receive(bucket, key, content).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ERR_STREAM_PREMATURE_CLOSE' || error.code === 'ECONNRESET') {
      throw new AwsError(400, 'IncompleteBody', 'The connection closed before the whole body arrived.');
    }
    throw error;
  });
  const trailers = content instanceof AwsChunkedDecoder ? content.trailers : {};
  try {
    if (Number.isFinite(declared) && received.size !== declared) {
      throw new AwsError(400, 'IncompleteBody', `Expected ${declared} bytes, got ${received.size}.`);
    }
    checkDigests(received, { ...headers, ...trailers });
    if (mayNotExist && store.get(bucket, key) !== undefined) throw preconditionFailed();
  } catch (error) {
    await store.discard(bucket, received);
    throw error;
  }

  const checksums = Object.fromEntries(
    checksumHeaders.flatMap((name) => {
      const value = headers[name] ?? trailers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
  const object: StoredObject = {
    key,
    file: received.file,
    size: received.size,
    etag: received.md5.toString('hex'),
    lastModifiedMs: nowMs,
    headers: { ...kept, ...checksums },
  };
  await store.commit(bucket, object);
  response.setHeader('etag', `"${object.etag}"`);
  response.setHeader('x-amz-server-side-encryption', kept['x-amz-server-side-encryption'] ?? 'AES256');
  for (const [name, value] of Object.entries(checksums)) response.setHeader(name, value);
  response.setHeader('content-length', 0);
  response.end();
}

function headersToKeep(headers: LocalRequest['message']['headers']): Record<string, string> {
  const kept: Record<string, string> = {};
  let metadataBytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') continue;
    if (name.startsWith('x-amz-meta-')) metadataBytes += name.length - 'x-amz-meta-'.length + value.length;
    else if (!keptHeaders.includes(name)) continue;
    kept[name] = value;
  }
  if (metadataBytes > METADATA_BYTES_MAX) {
    throw new AwsError(400, 'MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size');
  }
  // The transfer's framing is not the object's encoding.
  const encoding = (kept['content-encoding'] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '' && part !== 'aws-chunked')
    .join(', ');
  if (encoding === '') delete kept['content-encoding'];
  else kept['content-encoding'] = encoding;
  // S3 encrypts everything since 2023; KMS does not exist here, but its name is given back.
  const encryption = headers['x-amz-server-side-encryption'];
  kept['x-amz-server-side-encryption'] = typeof encryption === 'string' ? encryption : 'AES256';
  kept['content-type'] ??= 'binary/octet-stream';
  return kept;
}

/** CRC32C and CRC64NVME are stored and given back, but not checked: Node has neither. */
function checkDigests(received: Received, sent: Record<string, unknown>): void {
  const expected: Record<string, Buffer> = {
    'content-md5': received.md5,
    'x-amz-checksum-crc32': received.crc32,
    'x-amz-checksum-sha1': received.sha1,
    'x-amz-checksum-sha256': received.sha256,
  };
  for (const [name, digest] of Object.entries(expected)) {
    const value = sent[name];
    if (typeof value === 'string' && value !== digest.toString('base64')) {
      throw new AwsError(400, 'BadDigest', `The ${name} you specified did not match what we received.`);
    }
  }
  const contentHash = sent['x-amz-content-sha256'];
  if (
    typeof contentHash === 'string' &&
    /^[0-9a-f]{64}$/.test(contentHash) &&
    contentHash !== received.sha256.toString('hex')
  ) {
    throw new AwsError(
      400,
      'XAmzContentSHA256Mismatch',
      'The provided x-amz-content-sha256 does not match what was computed.',
    );
  }
}

function preconditionFailed(): AwsError {
  return new AwsError(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
}
