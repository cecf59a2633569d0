/**
 * The one port of the local cloud: reads whom each request is for, applies injected faults, and hands it to a service.
 * It exists so that every AWS client works with one endpoint URL and every service gets the same limits and errors.
 * Invariant: whatever a client sends or a service throws, the process lives on and the client gets an AWS error.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { decode as decodeCbor } from 'cborg';
import type { DefaultLimits } from '../default-limits.ts';
import type { Faults, LocalRequest, LocalService } from '../service.ts';
import { type AddressedRequest, addressOf, callerOf, faultOperation } from './addressed-request.ts';
import { AwsError, sendError } from './aws-error.ts';
import { listenOnLoopback } from './listen.ts';
import { foreignHost } from './loopback-hosts.ts';
import { BODY_BYTES_DEFAULT_MAX, contentOf, readWhole, tooLarge } from './request-body.ts';

/** Longer than the 60 s for which SDK clients keep idle sockets, so that the client always closes first. */
const KEEP_ALIVE_MS = 75_000;

export type HttpFront = {
  readonly port: number;
  /** Adds a service under its scopes; later ones win, so that a test can replace one. */
  register(service: LocalService): void;
  close(): Promise<void>;
};

export type FrontOptions = {
  port: number;
  portSearch: boolean;
  faults: Faults;
  limits?: DefaultLimits;
  /** What answers are dated; the machine's when left out. */
  nowMs?: () => number;
  /** One line per unexpected failure; stderr when left out. */
  log?: (line: string) => void;
};

export async function startHttpFront(options: FrontOptions): Promise<HttpFront> {
  let closing = false;
  const write = options.log ?? ((line: string) => process.stderr.write(`${line}\n`));
  // Requests that closing cuts off fail for a reason that nobody needs to read.
  const log = (line: string) => {
    if (!closing) write(line);
  };
  const services = new Map<string, LocalService>();
  // Media uploads and downloads last as long as their cameras: no limit on a request's duration.
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (message, response) => {
    if (options.nowMs !== undefined) response.setHeader('date', new Date(options.nowMs()).toUTCString());
    void answer(message, response, services, options, log);
  });
  server.timeout = 0;
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    else socket.destroy();
  });
  const port = await listenOnLoopback(server, options.port, options.portSearch);
  return {
    port,
    register: (service) => {
      for (const scope of service.scopes) services.set(scope, service);
    },
    close() {
      closing = true;
      return closeServer(server);
    },
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function answer(
  message: IncomingMessage,
  response: ServerResponse,
  services: ReadonlyMap<string, LocalService>,
  { faults, limits }: Pick<FrontOptions, 'faults' | 'limits'>,
  log: (line: string) => void,
): Promise<void> {
  const requestId = randomUUID();
  response.setHeader('x-amzn-requestid', requestId);
  response.setHeader('x-amz-request-id', requestId);
  // A client that goes away is normal; without listeners its error would end the process.
  message.on('error', () => {});
  response.on('error', () => {});

  const method = message.method ?? 'GET';
  const { path, query } = splitUrl(message.url ?? '/');
  const address = addressOf(path, query, message.headers);
  const contentType = String(message.headers['content-type'] ?? '');
  try {
    refuseForeignOrigins(message);
    const request = localRequest(message, address, { requestId, method, path, query });
    const service = services.get(address.scope);
    if (service === undefined) throw unknownScope(address.scope, [...services.keys()]);
    if (address.operation === '' && (address.protocol === 'query' || address.protocol === 'ec2')) {
      request.operation = new URLSearchParams((await request.body()).toString()).get('Action') ?? '';
    }
    const fault = await faultFor(request, faults);
    if (fault?.network !== undefined) {
      if (fault.network === 'reset') message.socket.destroy();
      return;
    }
    if (fault !== null) throw new AwsError(fault.status, fault.code, fault.message);
    limits?.admit(request.scope, request.operation);
    await service.handle(request, response);
  } catch (thrown) {
    const clientGone = message.destroyed && !message.complete;
    let error = thrown instanceof AwsError ? thrown : null;
    if (error === null) {
      const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      if (!clientGone) {
        log(
          `kvs-infer local cloud: 500 InternalFailure: ${address.scope} ${address.operation || `${method} ${path}`}: ${detail}`,
        );
      }
      error = new AwsError(500, 'InternalFailure', 'The local cloud failed on this request; its stderr says why.');
    }
    // Nobody reads the rest of the upload any more: the connection cannot be used again.
    if (!message.complete) response.shouldKeepAlive = false;
    sendError({ protocol: address.protocol, requestId, path, contentType, method }, response, error);
  }
}

function localRequest(
  message: IncomingMessage,
  address: AddressedRequest,
  parts: Pick<LocalRequest, 'requestId' | 'method' | 'path' | 'query'>,
): LocalRequest {
  let whole: Promise<Buffer> | undefined;
  return {
    ...address,
    ...parts,
    message,
    content: () => contentOf(message),
    async body(limitBytes = BODY_BYTES_DEFAULT_MAX) {
      whole ??= readWhole(contentOf(message), Math.max(limitBytes, BODY_BYTES_DEFAULT_MAX));
      const body = await whole;
      if (body.length > limitBytes) throw tooLarge(limitBytes);
      return body;
    },
  };
}

/** Decoded path: an S3 key keeps its `%2F` as `/`; a bad escape stays as it was written. */
function splitUrl(url: string): { path: string; query: URLSearchParams } {
  const mark = url.indexOf('?');
  const encoded = mark < 0 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  try {
    return { path: decodeURIComponent(encoded), query };
  } catch {
    return { path: encoded, query };
  }
}

/** Signatures are not checked here. */
function refuseForeignOrigins({ headers }: IncomingMessage): void {
  const foreign = foreignHost(headers.origin, headers.host);
  if (foreign === null) return;
  throw new AwsError(403, 'AccessDenied', `The local cloud answers requests to loopback only, not ${foreign}.`);
}

function unknownScope(scope: string, known: string[]): AwsError {
  if (scope === '') {
    return new AwsError(
      403,
      'AccessDenied',
      'The request is not signed. Any credentials will do: the local cloud does not verify them.',
    );
  }
  return new AwsError(
    501,
    'NotImplemented',
    `The local cloud has no service "${scope}"; it has ${known.sort().join(', ')}.`,
  );
}

/** The body is read for the resource's name only where it is a short document, never where it is media. */
async function faultFor(request: LocalRequest, faults: Faults) {
  const isDocument = request.protocol !== 'rest-xml' && request.path.toLowerCase() !== '/putmedia';
  const body = isDocument ? await request.body() : Buffer.alloc(0);
  const call = {
    service: request.scope,
    operation: faultOperation(request, request.method, request.path, request.query),
    caller: callerOf(request.query, request.message.headers),
    get resource() {
      return resourceOf(request, body);
    },
  };
  return faults.take(call);
}

const resourceMembers = ['TableName', 'StreamName', 'StreamARN', 'AutoScalingGroupName', 'service', 'cluster', 'Name'];

function resourceOf(request: LocalRequest, body: Buffer): string {
  const streamHeader = request.message.headers['x-amzn-stream-name'];
  if (typeof streamHeader === 'string') return streamHeader;
  if (request.protocol === 'rest-xml') return request.path.slice(1);
  try {
    const isForm = request.protocol === 'query' || request.protocol === 'ec2';
    const document = (
      isForm
        ? Object.fromEntries(new URLSearchParams(body.toString()))
        : request.protocol === 'cbor'
          ? decodeCbor(body)
          : JSON.parse(body.toString() || '{}')
    ) as Record<string, unknown>;
    const member = resourceMembers.find((name) => typeof document[name] === 'string');
    return member === undefined ? '' : String(document[member]);
  } catch {
    return '';
  }
}
