/**
 * ListFragments of the archived-media API: what a stream with retention holds, in pages. Invariant: pages of one listing
 * neither repeat nor skip a fragment that is still held.
 */
import { AwsError } from '../http/aws-error.ts';
import type { StoredFragment } from './fragment-store.ts';
import { retentionMsOf, type Stream } from './stream-registry.ts';

const MAX_RESULTS_DEFAULT = 100;
const MAX_RESULTS_MAX = 1000;

type Range = { byServer: boolean; fromMs: number; untilMs: number };

/** Only whole fragments of streams with retention are archived; the host buffer of the others is not listed. */
export function listFragments(stream: Stream, input: Record<string, unknown>, hostBufferMs: number): unknown {
  const maxResults = input.MaxResults ?? MAX_RESULTS_DEFAULT;
  if (
    typeof maxResults !== 'number' ||
    !Number.isInteger(maxResults) ||
    maxResults < 1 ||
    maxResults > MAX_RESULTS_MAX
  ) {
    throw invalid(`MaxResults must be a whole number of 1 to ${MAX_RESULTS_MAX}.`);
  }
  const range = input.FragmentSelector === undefined ? null : parseRange(input.FragmentSelector);
  const afterNumber = input.NextToken === undefined ? '' : decodeToken(String(input.NextToken));
  if (stream.definition.retentionHours === 0) return { Fragments: [] };
  const matching = stream.media
    .whole(retentionMsOf(stream.definition, hostBufferMs))
    .filter((fragment) => fragment.number > afterNumber && (range === null || isInside(fragment, range)));
  const page = matching.slice(0, maxResults);
  const last = page.at(-1);
  return {
    Fragments: page.map((fragment) => ({
      FragmentNumber: fragment.number,
      FragmentSizeInBytes: fragment.bytes,
      ProducerTimestamp: fragment.producerTimestampMs / 1000,
      ServerTimestamp: fragment.serverTimestampMs / 1000,
      FragmentLengthInMilliseconds: fragment.lastTimestampMs - fragment.producerTimestampMs,
    })),
    ...(matching.length > page.length && last !== undefined
      ? { NextToken: Buffer.from(last.number).toString('base64') }
      : {}),
  };
}

function isInside(fragment: StoredFragment, range: Range): boolean {
  const timestampMs = range.byServer ? fragment.serverTimestampMs : fragment.producerTimestampMs;
  return timestampMs >= range.fromMs && timestampMs <= range.untilMs;
}

function parseRange(value: unknown): Range {
  const selector = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const type = selector.FragmentSelectorType;
  if (type !== 'PRODUCER_TIMESTAMP' && type !== 'SERVER_TIMESTAMP') {
    throw invalid('FragmentSelectorType must be PRODUCER_TIMESTAMP or SERVER_TIMESTAMP.');
  }
  const { StartTimestamp: from, EndTimestamp: until } = (selector.TimestampRange ?? {}) as Record<string, unknown>;
  if (typeof from !== 'number' || typeof until !== 'number' || until < from) {
    throw invalid('TimestampRange needs a StartTimestamp and an EndTimestamp that is not before it.');
  }
  return { byServer: type === 'SERVER_TIMESTAMP', fromMs: Math.round(from * 1000), untilMs: Math.round(until * 1000) };
}

function decodeToken(token: string): string {
  const number = Buffer.from(token, 'base64').toString();
  if (!/^[0-9]{1,128}$/.test(number)) throw invalid('NextToken is not one that ListFragments returned.');
  return number;
}

function invalid(message: string): AwsError {
  return new AwsError(400, 'InvalidArgumentException', message);
}
