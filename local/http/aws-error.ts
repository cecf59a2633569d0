/**
 * An error as AWS would answer it: a status, a code and a message, rendered in whatever protocol the request came in.
 * Services throw it; the front alone turns it into bytes, so one place knows six encodings of a failure.
 * Invariant: what is not an AwsError is never shown to a client beyond `InternalFailure`.
 */
import type { ServerResponse } from 'node:http';
import { encode as encodeCbor } from 'cborg';
import type { LocalRequest, WireProtocol } from '../service.ts';
import { escapeXml } from './respond.ts';

export class AwsError extends Error {
  readonly status: number;
  readonly code: string;
  /** Further members of the error's shape, e.g. `CancellationReasons` or `Item`. */
  readonly members: Record<string, unknown>;

  /** @param code the AWS error code without a namespace, e.g. `ResourceNotFoundException`. */
  constructor(status: number, code: string, message: string, members: Record<string, unknown> = {}) {
    super(message);
    this.name = 'AwsError';
    this.status = status;
    this.code = code;
    this.members = members;
  }
}

type Failed = Pick<LocalRequest, 'protocol' | 'requestId' | 'path'> & { contentType: string; method: string };

/** Writes the error, unless the answer has begun: then the connection is cut, which clients treat as a failure too. */
export function sendError(request: Failed, response: ServerResponse, error: AwsError): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const { contentType, body } = renderError(request, error);
  response.statusCode = error.status;
  response.setHeader('x-amzn-errortype', error.code);
  if (request.protocol === 'cbor' && contentType === 'application/cbor') {
    response.setHeader('smithy-protocol', 'rpc-v2-cbor');
  }
  response.setHeader('content-type', contentType);
  response.setHeader('content-length', body.length);
  response.end(request.method === 'HEAD' ? undefined : body);
}

function renderError(request: Failed, error: AwsError): { contentType: string; body: Buffer } {
  const shape = { __type: error.code, message: error.message, ...error.members };
  const render: Record<WireProtocol, () => { contentType: string; body: string | Uint8Array }> = {
    json: () => ({ contentType: request.contentType || 'application/x-amz-json-1.0', body: JSON.stringify(shape) }),
    'rest-json': () => ({
      contentType: 'application/json',
      body: JSON.stringify({ ...shape, Message: error.message }),
    }),
    cbor: () => ({ contentType: request.contentType || 'application/cbor', body: encodeCbor(shape) }),
    query: () => ({
      contentType: 'text/xml',
      body:
        `<ErrorResponse><Error><Type>${error.status < 500 ? 'Sender' : 'Receiver'}</Type>${codeAndMessage(error)}` +
        `</Error><RequestId>${request.requestId}</RequestId></ErrorResponse>`,
    }),
    ec2: () => ({
      contentType: 'text/xml',
      body:
        `<Response><Errors><Error>${codeAndMessage(error)}</Error></Errors>` +
        `<RequestID>${request.requestId}</RequestID></Response>`,
    }),
    'rest-xml': () => ({
      contentType: 'application/xml',
      body:
        `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${codeAndMessage(error)}` +
        `<Resource>${escapeXml(request.path)}</Resource><RequestId>${request.requestId}</RequestId></Error>`,
    }),
  };
  const { contentType, body } = render[request.protocol]();
  return { contentType, body: Buffer.from(body) };
}

function codeAndMessage(error: AwsError): string {
  return `<Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>`;
}
