/**
 * Successful answers in the encodings that AWS clients read. Invariant: every body has a length, so that a client's
 * keep-alive connection stays usable, and a CRC32 where the client checks one.
 */
import type { ServerResponse } from 'node:http';
import { crc32 } from 'node:zlib';
import { encode as encodeCbor } from 'cborg';

/** JSON 1.0/1.1 and REST JSON. @param contentType what the client sent, or `application/json`. */
export function sendJson(
  response: ServerResponse,
  value: unknown,
  options: { status?: number; contentType?: string; withCrc32?: boolean } = {},
): void {
  const body = Buffer.from(JSON.stringify(value));
  if (options.withCrc32 === true) response.setHeader('x-amz-crc32', crc32(body));
  send(response, options.status ?? 200, options.contentType ?? 'application/json', body);
}

/** Smithy RPC v2 CBOR. `undefined` members must have been left out: CBOR would encode them. */
export function sendCbor(response: ServerResponse, value: unknown, contentType = 'application/cbor'): void {
  if (contentType === 'application/cbor') response.setHeader('smithy-protocol', 'rpc-v2-cbor');
  send(response, 200, contentType, Buffer.from(encodeCbor(value)));
}

export function sendXml(response: ServerResponse, xml: string, status = 200): void {
  send(response, status, 'text/xml', Buffer.from(xml));
}

function send(response: ServerResponse, status: number, contentType: string, body: Buffer): void {
  response.statusCode = status;
  response.setHeader('content-type', contentType);
  response.setHeader('content-length', body.length);
  response.end(body);
}

/** Text for an XML element or attribute; characters that XML 1.0 cannot carry are written as references, as S3 does. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"'\p{Cc}]/gu, (character) => {
    const named: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
    return named[character] ?? `&#${character.charCodeAt(0)};`;
  });
}
