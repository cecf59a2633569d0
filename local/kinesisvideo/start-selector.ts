/**
 * Where a GetMedia session begins: the request's StartSelector read strictly, and resolved against what a stream holds.
 * Invariant: FRAGMENT_NUMBER and CONTINUATION_TOKEN go on right after their fragment or not at all, so that a consumer
 * which resumes has neither a gap nor a repeat that it does not know of.
 */
import { AwsError } from '../http/aws-error.ts';
import type { FragmentStore, StoredFragment } from './fragment-store.ts';

export type StartSelector =
  | { type: 'NOW' }
  | { type: 'EARLIEST' }
  | { type: 'FRAGMENT_NUMBER' | 'CONTINUATION_TOKEN'; afterNumber: string }
  | { type: 'PRODUCER_TIMESTAMP' | 'SERVER_TIMESTAMP'; timestampMs: number };

/** `first`, when not null, is sent first; then whatever follows `after`. */
export type StartPosition = { first: StoredFragment | null; after: string };

/** Throws AwsError InvalidArgumentException. */
export function parseStartSelector(value: unknown): StartSelector {
  if (typeof value !== 'object' || value === null) throw invalid('StartSelector is required.');
  const selector = value as Record<string, unknown>;
  const type = selector.StartSelectorType;
  switch (type) {
    case 'NOW':
    case 'EARLIEST':
      return { type };
    case 'FRAGMENT_NUMBER':
    case 'CONTINUATION_TOKEN': {
      const member = type === 'FRAGMENT_NUMBER' ? 'AfterFragmentNumber' : 'ContinuationToken';
      const afterNumber = selector[member];
      const pattern = type === 'FRAGMENT_NUMBER' ? /^[0-9]{1,128}$/ : /^[a-zA-Z0-9_.-]{1,128}$/;
      if (typeof afterNumber !== 'string' || !pattern.test(afterNumber)) {
        throw invalid(`${member} must match ${pattern.source} when StartSelectorType is ${type}.`);
      }
      return { type, afterNumber };
    }
    case 'PRODUCER_TIMESTAMP':
    case 'SERVER_TIMESTAMP': {
      const seconds = selector.StartTimestamp;
      if (typeof seconds !== 'number' || !Number.isFinite(seconds)) {
        throw invalid(`StartTimestamp is required when StartSelectorType is ${type}.`);
      }
      return { type, timestampMs: Math.round(seconds * 1000) };
    }
    default:
      throw invalid(`StartSelectorType is unknown: ${String(type)}`);
  }
}

/** @returns null when the fragment to go on from is not known, or what follows it is no longer held. */
export function startPosition(
  selector: StartSelector,
  store: FragmentStore,
  retentionMs: number,
): StartPosition | null {
  const whole = store.whole(retentionMs);
  const latest = { first: store.arriving, after: store.newestNumber };
  switch (selector.type) {
    case 'NOW':
      // The fragment now arriving, from its key frame on; a silent stream begins with the next that comes.
      return latest;
    case 'EARLIEST':
      return whole[0] === undefined ? latest : { first: whole[0], after: whole[0].number };
    case 'FRAGMENT_NUMBER':
    case 'CONTINUATION_TOKEN':
      return store.canResumeAfter(selector.afterNumber) ? { first: null, after: selector.afterNumber } : null;
    case 'PRODUCER_TIMESTAMP':
    case 'SERVER_TIMESTAMP': {
      const byServer = selector.type === 'SERVER_TIMESTAMP';
      const first = whole.find((fragment) => {
        const lengthMs = fragment.lastTimestampMs - fragment.producerTimestampMs;
        const startMs = byServer ? fragment.serverTimestampMs : fragment.producerTimestampMs;
        return startMs + lengthMs >= selector.timestampMs;
      });
      return first === undefined ? latest : { first, after: first.number };
    }
  }
}

function invalid(message: string): AwsError {
  return new AwsError(400, 'InvalidArgumentException', message);
}
