/**
 * Why a GetMedia session ended, where nothing but the connection itself tells.
 * Invariant: each is retryable; a session is always opened again.
 */
import { KvsInferError } from '../../core/errors.ts';

/** GetMedia answers 200 first and says later, as a tag in the media, why there will be no more. */
export const streamEndings: ReadonlySet<string> = new Set(['STREAM_FRAGMENT_GONE', 'KVS_STREAM_ERROR']);

export function sessionBroken(cause: unknown): KvsInferError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new KvsInferError('STREAM_SESSION_BROKEN', `the media connection broke: ${message}`, {
    hint: 'it is opened again after the last complete fragment',
    retryable: true,
    cause,
  });
}

/** The host took the connection and has not said a word. */
export function openTimedOut(streamName: string, timeoutMs: number, cause: unknown): KvsInferError {
  return new KvsInferError('STREAM_UNREACHABLE', `no answer for stream ${streamName} within ${timeoutMs / 1_000} s`, {
    hint: 'check the route or the endpoint for Kinesis Video Streams; it is tried again',
    retryable: true,
    cause,
  });
}
