/**
 * The trace id that leads from a cause (a change of a row, a tick, an event of the cloud) through the decision to the worker's
 * first frame (docs/decisions/0038). It has the form of AWS X-Ray's: `1-`, the second in 8 hex digits, 24 hex digits.
 * Invariant: an id explains and decides nothing: whatever lacks one, or has one of another form, is handled alike.
 */

/** `links`: other causes that the same run answers. */
export type Trace = { traceId: string; links?: readonly string[] };

const pattern = /^1-[0-9a-f]{8}-[0-9a-f]{24}$/;
const linksMax = 20;

/** @param digits hex, at least 24 of them, that tell this cause from every other. */
export function traceIdOf(digits: string, atMs: number): string {
  const seconds = Math.max(0, Math.floor(atMs / 1_000)) % 2 ** 32;
  return `1-${seconds.toString(16).padStart(8, '0')}-${digits.slice(0, 24)}`;
}

export function traceIdIn(value: unknown): string | null {
  return typeof value === 'string' && pattern.test(value) ? value : null;
}

/** When its cause came, to the second. */
export function beganAtMs(traceId: string): number {
  return Number.parseInt(traceId.slice(2, 10), 16) * 1_000;
}

/** @param header `_X_AMZN_TRACE_ID`: `Root=1-…;Parent=…;Sampled=0`. */
export function traceIdOfHeader(header: string | undefined): string | null {
  const root = header?.split(';').find((part) => part.startsWith('Root='));
  return traceIdIn(root?.slice('Root='.length));
}

/** As decisions and log lines have it. */
export function traceFields({ traceId, links = [] }: Trace): { traceId: string; traceLinks?: string[] } {
  const others = [...new Set(links)].filter((link) => link !== traceId).slice(0, linksMax);
  return { traceId, ...(others.length === 0 ? {} : { traceLinks: others }) };
}
