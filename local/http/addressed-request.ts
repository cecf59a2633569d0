/**
 * Whom a request is for: the signing name in its SigV4 credential scope, the operation, and the wire protocol, read from
 * headers and query alone. Signatures are not verified: the local cloud listens on loopback and has no secrets.
 * Invariant: never throws, whatever the headers hold; what cannot be read is empty.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { WireProtocol } from '../service.ts';

export type AddressedRequest = { scope: string; operation: string; protocol: WireProtocol };

const restServices = new Map<string, WireProtocol>([
  ['s3', 'rest-xml'],
  ['kinesisvideo', 'rest-json'],
  ['scheduler', 'rest-json'],
]);

/** Paths that are called without a signature, by the service that answers them: the ECS agent's endpoints. */
const unsignedPaths: readonly { prefix: string; scope: string }[] = [
  { prefix: '/ecs-agent/', scope: 'ecs' },
  { prefix: '/v4/', scope: 'ecs' },
  { prefix: '/task-protection/', scope: 'ecs' },
];

/** @returns scope '' when the request is neither signed nor on a known unsigned path. */
export function addressOf(path: string, query: URLSearchParams, headers: IncomingHttpHeaders): AddressedRequest {
  const signed = credentialScope(headers.authorization) || credentialScope(query.get('X-Amz-Credential') ?? undefined);
  const scope = signed || (unsignedPaths.find(({ prefix }) => path.startsWith(prefix))?.scope ?? '');
  if (signed === '' && scope !== '') return { scope, operation: '', protocol: 'rest-json' };

  const contentType = String(headers['content-type'] ?? '').toLowerCase();
  const target = headers['x-amz-target'];
  if (typeof target === 'string') {
    const protocol = contentType.includes('cbor') ? 'cbor' : 'json';
    return { scope, operation: target.slice(target.lastIndexOf('.') + 1), protocol };
  }
  const rpc = /^\/service\/[^/]+\/operation\/([^/]+)$/.exec(path)?.[1];
  if (rpc !== undefined) return { scope, operation: rpc, protocol: contentType.includes('json') ? 'json' : 'cbor' };

  const rest = restServices.get(scope);
  if (rest !== undefined) return { scope, operation: '', protocol: rest };
  if (scope !== '' && (contentType.startsWith('application/x-www-form-urlencoded') || query.has('Action'))) {
    // The Action of a form is in its body; the front fills it in.
    return { scope, operation: query.get('Action') ?? '', protocol: scope === 'ec2' ? 'ec2' : 'query' };
  }
  return { scope, operation: '', protocol: scope === '' ? 'rest-xml' : 'rest-json' };
}

/** The access key id in the signature; empty when there is none. */
export function callerOf(query: URLSearchParams, headers: IncomingHttpHeaders): string {
  const credential =
    /Credential=([^,\s]+)/.exec(headers.authorization ?? '')?.[1] ?? query.get('X-Amz-Credential') ?? '';
  return credential.split('/').slice(0, -4).join('/');
}

/** `…Credential=AKID/20261123/eu-west-1/dynamodb/aws4_request,…` or the bare credential of a presigned URL. */
function credentialScope(text: string | undefined): string {
  if (text === undefined) return '';
  const credential = /Credential=([^,\s]+)/.exec(text)?.[1] ?? (text.includes(' ') ? '' : text);
  const parts = credential.split('/');
  // SigV4a credentials have no region: AKID/date/service/aws4_request. An access key may itself hold slashes.
  return parts.at(-1) === 'aws4_request' && parts.length >= 4 ? (parts.at(-2) ?? '') : '';
}

/**
 * The operation and resource that a fault rule sees. REST services have no operation on the wire, so S3's is named
 * after the method and KVS's after the path, as their SDK commands are.
 */
export function faultOperation(
  request: AddressedRequest,
  method: string,
  path: string,
  query: URLSearchParams,
): string {
  if (request.operation !== '') return request.operation;
  if (request.scope === 's3') return s3Operation(method, path, query);
  const last = path.slice(path.lastIndexOf('/') + 1);
  return request.scope === 'kinesisvideo' ? last.charAt(0).toUpperCase() + last.slice(1) : `${method} ${path}`;
}

function s3Operation(method: string, path: string, query: URLSearchParams): string {
  const segments = path.split('/').filter((segment) => segment !== '');
  if (segments.length === 0) return 'ListBuckets';
  const onObject = segments.length > 1;
  if (method === 'POST' && query.has('delete')) return 'DeleteObjects';
  if (method === 'GET' && !onObject) return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
  const verb = { GET: 'Get', PUT: onObject ? 'Put' : 'Create', HEAD: 'Head', DELETE: 'Delete' }[method] ?? method;
  return `${verb}${onObject ? 'Object' : 'Bucket'}`;
}
