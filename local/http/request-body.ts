/**
 * The body of one request, read once. Invariant: never more than the caller's limit is held in memory, and what the
 * caller gets is the payload: `aws-chunked` framing and gzip (CloudWatch clients compress) are already removed.
 */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AwsChunkedDecoder } from './aws-chunked.ts';
import { AwsError } from './aws-error.ts';

/** DynamoDB's own request limit; the largest of the services that take whole bodies. */
export const BODY_BYTES_DEFAULT_MAX = 16 * 1024 * 1024;

export function contentOf(message: IncomingMessage): Readable {
  const encodings = String(message.headers['content-encoding'] ?? '').toLowerCase();
  const streamingHash = String(message.headers['x-amz-content-sha256'] ?? '').startsWith('STREAMING-');
  let content: Readable = message;
  if (streamingHash || encodings.includes('aws-chunked')) content = chain(content, new AwsChunkedDecoder());
  // S3 keeps gzip as the object's own encoding; only API calls are compressed in transit.
  if (/\bgzip\b/.test(encodings) && message.headers['x-amz-content-sha256'] === undefined) {
    content = chain(content, createGunzip());
  }
  return content;
}

function chain<Next extends Readable & NodeJS.WritableStream>(from: Readable, to: Next): Next {
  // The error reaches whoever reads `to`; the callback only keeps it from being thrown a second time.
  pipeline(from, to, () => {});
  return to;
}

export async function readWhole(content: Readable, limitBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  // Not destroyed when the limit is passed: the refusal still has to travel over the same connection.
  for await (const part of content.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > limitBytes) throw tooLarge(limitBytes);
    parts.push(part);
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, bytes);
}

export function tooLarge(limitBytes: number): AwsError {
  return new AwsError(413, 'RequestEntityTooLarge', `The request body is larger than ${limitBytes} bytes.`);
}
