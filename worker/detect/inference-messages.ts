/**
 * What the inference thread and its client say to each other. Errors cross as plain data, because a structured clone
 * keeps neither the class nor the code of an Error.
 */
import { KvsInferError } from '../../core/errors.ts';
import type { BatchTiming, Provider, ProviderFailure } from './detector.ts';
import { messageOf } from './model-file.ts';
import type { Candidate } from './nms.ts';
import type { PreparedModel } from './prepare-model.ts';

export type InferenceSettings = {
  modelPath: string;
  cacheFolder: string;
  providers: readonly Provider[];
  intraOpThreads: number;
  labelsPath?: string;
  /** That of the catalogue's entry. */
  expectedSha256?: string;
};

export type ToThread = { type: 'detect'; id: number; buffers: ArrayBuffer[] } | { type: 'close' };

export type FromThread =
  | {
      type: 'ready';
      model: PreparedModel;
      provider: Provider;
      providerFailures: readonly ProviderFailure[];
      /** Why a GPU runs the model in full precision; null when it does not, or no GPU was asked for. */
      halfPrecisionRefused: string | null;
      inferencesPerSecond: number;
      timings: BatchTiming[];
    }
  | { type: 'failed'; error: PlainError }
  | { type: 'detected'; id: number; candidates: Candidate[][]; buffers: ArrayBuffer[]; inferenceMs: number }
  | { type: 'batch-failed'; id: number; error: PlainError };

export type PlainError = { code: string; message: string; hint: string; retryable: boolean };

export function toPlainError(error: unknown): PlainError {
  if (error instanceof KvsInferError) {
    return { code: error.code, message: error.message, hint: error.hint, retryable: error.retryable };
  }
  const hint = 'restart the worker; if it repeats, report it with the log';
  return { code: 'INFERENCE_FAILED', message: messageOf(error), hint, retryable: true };
}

export function fromPlainError({ code, message, hint, retryable }: PlainError): KvsInferError {
  return new KvsInferError(code, message, { hint, retryable });
}
