/**
 * GetObject and HeadObject: headers as they were put, conditional requests, and byte ranges.
 * Invariant: the body sent has exactly the length that its header says, or the connection is cut.
 */
import { createReadStream } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { AwsError } from '../http/aws-error.ts';
import type { LocalRequest } from '../service.ts';
import type { ObjectStore, StoredObject } from './object-store.ts';

/** `start` and `end` are inclusive. */
type ByteRange = { start: number; end: number };

export async function getObject(
  store: ObjectStore,
  bucket: string,
  object: StoredObject,
  request: LocalRequest,
  response: ServerResponse,
): Promise<void> {
  const { headers } = request.message;
  const etag = `"${object.etag}"`;
  if (headers['if-match'] !== undefined && headers['if-match'] !== etag && headers['if-match'] !== '*') {
    throw new AwsError(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
  }
  response.setHeader('etag', etag);
  response.setHeader('last-modified', new Date(object.lastModifiedMs).toUTCString());
  if (headers['if-none-match'] === etag) {
    response.statusCode = 304;
    response.end();
    return;
  }
  const range = parseRange(headers.range, object.size);
  setObjectHeaders(object, request, response, range !== null);
  const length = range === null ? object.size : range.end - range.start + 1;
  response.statusCode = range === null ? 200 : 206;
  if (range !== null) response.setHeader('content-range', `bytes ${range.start}-${range.end}/${object.size}`);
  response.setHeader('accept-ranges', 'bytes');
  response.setHeader('content-length', length);
  if (request.method === 'HEAD' || length === 0) {
    response.end();
    return;
  }
  const file = createReadStream(store.dataPath(bucket, object), range ?? {});
  try {
    await pipeline(file, response);
  } catch (error) {
    // A client that stops reading is no failure of ours.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

function setObjectHeaders(
  object: StoredObject,
  request: LocalRequest,
  response: ServerResponse,
  partial: boolean,
): void {
  const wantsChecksum = request.message.headers['x-amz-checksum-mode'] === 'ENABLED' && !partial;
  for (const [name, value] of Object.entries(object.headers)) {
    if (name.startsWith('x-amz-checksum-') && !wantsChecksum) continue;
    response.setHeader(name, value);
  }
  for (const name of ['content-type', 'content-disposition', 'cache-control', 'content-encoding', 'content-language']) {
    const override = request.query.get(`response-${name}`);
    if (override !== null) response.setHeader(name, override);
  }
}

/** One range, as S3 supports; anything it does not understand is ignored and the whole object is sent. */
function parseRange(header: string | undefined, size: number): ByteRange | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return null;
  const [first, last] = [match[1] ?? '', match[2] ?? ''];
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start >= size || (first === '' && Number(last) === 0)) {
    throw new AwsError(416, 'InvalidRange', 'The requested range is not satisfiable');
  }
  return end < start ? null : { start, end };
}
