/** Where and how the command line runs models: the same settings as the worker's environment, with a person's defaults. */
import os from 'node:os';
import path from 'node:path';
import { KvsInferError } from '../core/errors.ts';
import type { Provider } from '../worker/detect/detector.ts';

/** More threads than this gain little on a YOLO nano and starve the decoder. */
const INFERENCE_THREADS_MAX = 4;

export function modelCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const userCache = environment.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache');
  return environment.CACHE_FOLDER ?? path.join(userCache, 'kvs-infer');
}

export function inferenceThreads(): number {
  return Math.min(INFERENCE_THREADS_MAX, os.availableParallelism());
}

/** @param text as in WORKER_PROVIDERS, e.g. `cuda,cpu`. */
export function parseProviders(text: string | undefined): Provider[] {
  const names = (text ?? 'cuda,cpu').split(',').map((name) => name.trim());
  const providers = names.filter((name): name is Provider => name === 'cuda' || name === 'cpu');
  if (providers.length === names.length) return providers;
  throw new KvsInferError('PROVIDERS_INVALID', `expected "cuda,cpu", "cuda" or "cpu", got "${text}"`, {
    hint: 'set WORKER_PROVIDERS to the providers to try, in order',
  });
}
