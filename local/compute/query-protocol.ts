/**
 * AWS's Query protocol, which Auto Scaling speaks, and EC2's dialect of it: dotted form fields in, XML out.
 * Invariant: lists and structures come out of a form exactly as the client put them in; unknown fields are kept, not read.
 */
import type { ServerResponse } from 'node:http';
import { escapeXml, sendXml } from '../http/respond.ts';
import type { LocalRequest } from '../service.ts';
import type { Fields } from './request-fields.ts';

const autoScalingNamespace = 'http://autoscaling.amazonaws.com/doc/2011-01-01/';
const ec2Namespace = 'http://ec2.amazonaws.com/doc/2016-11-15/';

/** `Filters.member.1.Name=x` → `{ Filters: [{ Name: 'x' }] }`; EC2's `Filter.1.Name` likewise. */
export function parseQuery(form: string): Fields {
  const root: Fields = Object.create(null);
  for (const [key, value] of new URLSearchParams(form)) {
    const parts = key.split('.').filter((part) => part !== 'member');
    const last = parts.pop();
    if (last === undefined) continue;
    let node = root;
    for (const part of parts) {
      const next = node[part];
      if (typeof next === 'object' && next !== null) node = next as Fields;
      else {
        const made: Fields = Object.create(null);
        node[part] = made;
        node = made;
      }
    }
    node[last] = value;
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

export function sendQueryResult(
  request: LocalRequest,
  response: ServerResponse,
  operation: string,
  result: Fields,
): void {
  const opened = `<?xml version="1.0" encoding="UTF-8"?>\n<${operation}Response xmlns=`;
  const closed = `</${operation}Response>`;
  if (request.scope === 'ec2') {
    const body = `<requestId>${request.requestId}</requestId>${toXml(result, 'item')}`;
    sendXml(response, `${opened}"${ec2Namespace}">${body}${closed}`);
    return;
  }
  const body = `<${operation}Result>${toXml(result, 'member')}</${operation}Result>`;
  const metadata = `<ResponseMetadata><RequestId>${request.requestId}</RequestId></ResponseMetadata>`;
  sendXml(response, `${opened}"${autoScalingNamespace}">${body}${metadata}${closed}`);
}
