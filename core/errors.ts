/**
 * The one error class that people meet. Every failure that a user, an operator or a retry policy must tell apart
 * carries a stable code, what happened, what to do about it, and whether trying again can help.
 * Invariant: `message` says what was expected and what came; `hint` says what to do.
 */
export type ErrorDetails = {
  /** What the operator should do, as an imperative phrase. */
  hint: string;
  /** True when the same call may succeed later without anything being changed. */
  retryable?: boolean;
  cause?: unknown;
};

export class KvsInferError extends Error {
  readonly code: string;
  readonly hint: string;
  readonly retryable: boolean;

  /** @param code stable upper-case identifier, e.g. `MODEL_UNUSABLE`; scripts match on it. */
  constructor(code: string, message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'KvsInferError';
    this.code = code;
    this.hint = details.hint;
    this.retryable = details.retryable ?? false;
  }
}

/**
 * What the command line prints on stderr: `kvs-infer: CODE: what happened (what to do)`. A message of several lines gets
 * its hint on a line of its own, because the last line is one of a list.
 */
export function formatError(error: unknown): string {
  if (error instanceof KvsInferError) {
    const gap = error.message.includes('\n') ? '\n' : ' ';
    return `kvs-infer: ${error.code}: ${error.message}${gap}(${error.hint})`;
  }
  const message = error instanceof Error ? error.message : String(error);
  return `kvs-infer: UNEXPECTED: ${message} (this is a bug in kvs-infer; run again with LOG_LEVEL=DEBUG and report it)`;
}
