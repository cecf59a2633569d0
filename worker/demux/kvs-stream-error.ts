/**
 * Errors that KVS sends inside the media: GetMedia answers 200 and reports later failures as tags before it ends the
 * response. Codes and meanings follow the GetMedia API reference ("AWS_KINESISVIDEO_ERROR_CODE", "..._ERROR_ID").
 * Invariant: a tag set without an error tag gives null.
 */
import { KvsInferError } from '../../core/errors.ts';

const meanings: Record<string, { what: string; hint: string; retryable: boolean }> = {
  '3002': { what: 'error writing to the stream', hint: 'open GetMedia again', retryable: true },
  '4000': {
    what: 'requested fragment is not found',
    hint: 'reading goes on at the live edge: the fragment has left the retention; raise it to keep more',
    retryable: true,
  },
  '4500': {
    what: "access denied for the stream's KMS key",
    hint: 'allow kms:Decrypt for the task role',
    retryable: false,
  },
  '4501': { what: "stream's KMS key is disabled", hint: 'enable the KMS key', retryable: false },
  '4502': { what: "validation error on the stream's KMS key", hint: "check the stream's KMS key", retryable: false },
  '4503': { what: 'KMS key used in the stream is unavailable', hint: 'open GetMedia again later', retryable: true },
  '4504': {
    what: 'invalid usage of the KMS key used in the stream',
    hint: "check the stream's KMS key",
    retryable: false,
  },
  '4505': {
    what: 'invalid state of the KMS key used in the stream',
    hint: "check the stream's KMS key",
    retryable: false,
  },
  '4506': {
    what: 'unable to find the KMS key used in the stream',
    hint: "check the stream's KMS key",
    retryable: false,
  },
  '5000': { what: 'internal error of KVS', hint: 'open GetMedia again', retryable: true },
};

const fragmentNotFound = '4000';

/** @returns the error that these tags carry, STREAM_FRAGMENT_GONE or KVS_STREAM_ERROR; null when they carry none. */
export function kvsStreamError(tags: Record<string, string>): KvsInferError | null {
  const code = tags.AWS_KINESISVIDEO_ERROR_CODE ?? tags.AWS_KINESISVIDEO_EXCEPTION_ERROR_CODE;
  const errorId = tags.AWS_KINESISVIDEO_ERROR_ID;
  if (code === undefined && errorId === undefined) return null;
  const meaning = meanings[errorId ?? ''] ?? meanings[code ?? ''];
  const described = tags.AWS_KINESISVIDEO_EXCEPTION_MESSAGE ?? meaning?.what ?? 'no description';
  const named = [errorId, code].filter((part) => part !== undefined).join(' ');
  const ours = errorId === fragmentNotFound ? 'STREAM_FRAGMENT_GONE' : 'KVS_STREAM_ERROR';
  return new KvsInferError(ours, `KVS ended the media with error ${named}: ${described}`, {
    hint: meaning?.hint ?? 'open GetMedia again',
    retryable: meaning?.retryable ?? true,
  });
}
