/**
 * The two wire protocols that ECS (JSON 1.1) and Auto Scaling / EC2 (Query in, XML out) speak, as the JavaScript SDK and the
 * Python CLI both send them. Invariant: an error goes out with AWS's code in the place where each client looks for it.
 */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';

/** A refusal with the code that AWS uses, e.g. `ClusterNotFoundException`, `ValidationError`. */
export class AwsRefusal extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = code;
    this.code = code;
    this.status = status;
  }
}

export type Fields = Record<string, unknown>;

export function sendJson(response: ServerResponse, status: number, body: unknown, type = 'application/x-amz-json-1.1') {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'x-amzn-requestid': randomUUID(),
  });
  response.end(text);
}

export function sendJsonRefusal(response: ServerResponse, refusal: AwsRefusal) {
  response.setHeader('x-amzn-errortype', refusal.code);
  sendJson(response, refusal.status, { __type: refusal.code, message: refusal.message });
}

/** `Filters.member.1.Name=x` → `{ Filters: [{ Name: 'x' }] }`; EC2's `Filter.1.Name` likewise. */
export function parseQuery(body: string): Fields {
  const root: Fields = {};
  for (const [key, value] of new URLSearchParams(body)) {
    const parts = key.split('.').filter((part) => part !== 'member');
    let node = root;
    for (const [index, part] of parts.entries()) {
      if (index === parts.length - 1) {
        node[part] = value;
        break;
      }
      const next = node[part];
      if (typeof next === 'object' && next !== null) node = next as Fields;
      else {
        const made: Fields = Object.create(null);
        node[part] = made;
        node = made;
      }
    }
  }
  return withLists(root) as Fields;
}

/** Objects whose keys are all positive numbers are lists. */
function withLists(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  if (entries.length > 0 && entries.every(([key]) => /^[1-9]\d*$/.test(key))) {
    return entries.sort((a, b) => Number(a[0]) - Number(b[0])).map(([, item]) => withLists(item));
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, withLists(item)]));
}

/** Values to XML: lists as `<member>` (Query) or `<item>` (EC2), Dates as ISO 8601; undefined and null are left out. */
export function toXml(value: unknown, listElement: 'member' | 'item'): string {
  if (value === undefined || value === null) return '';
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) {
    return value.map((item) => `<${listElement}>${toXml(item, listElement)}</${listElement}>`).join('');
  }
  if (typeof value === 'object') {
    return Object.entries(value)
      .filter(([, item]) => item !== undefined && item !== null)
      .map(([key, item]) => `<${key}>${toXml(item, listElement)}</${key}>`)
      .join('');
  }
  return escapeXml(String(value));
}

function escapeXml(text: string): string {
  return (
    text
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 cannot carry them
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '')
  );
}

export function sendQueryResult(response: ServerResponse, namespace: string, operation: string, result: Fields) {
  const requestId = randomUUID();
  sendXml(
    response,
    200,
    `<${operation}Response xmlns="${namespace}"><${operation}Result>${toXml(result, 'member')}</${operation}Result>` +
      `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${operation}Response>`,
  );
}

export function sendQueryRefusal(response: ServerResponse, namespace: string, refusal: AwsRefusal) {
  const type = refusal.status >= 500 ? 'Receiver' : 'Sender';
  const error = toXml({ Type: type, Code: refusal.code, Message: refusal.message }, 'member');
  sendXml(
    response,
    refusal.status,
    `<ErrorResponse xmlns="${namespace}"><Error>${error}</Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`,
  );
}

export function sendEc2Result(response: ServerResponse, namespace: string, operation: string, result: Fields) {
  sendXml(
    response,
    200,
    `<${operation}Response xmlns="${namespace}"><requestId>${randomUUID()}</requestId>${toXml(result, 'item')}</${operation}Response>`,
  );
}

export function sendEc2Refusal(response: ServerResponse, refusal: AwsRefusal) {
  const error = toXml({ Code: refusal.code, Message: refusal.message }, 'item');
  sendXml(
    response,
    refusal.status,
    `<Response><Errors><Error>${error}</Error></Errors><RequestID>${randomUUID()}</RequestID></Response>`,
  );
}

function sendXml(response: ServerResponse, status: number, body: string) {
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n${body}`;
  response.writeHead(status, { 'content-type': 'text/xml;charset=UTF-8', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
