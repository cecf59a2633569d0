/**
 * The worker's settings from its environment, parsed once at the entry; nothing else reads the environment.
 * Invariant: every wrong setting is named in one error, so that a deployment is corrected in one go.
 */
import os from 'node:os';
import { z } from 'zod';
import { fleetPattern } from '../core/camera.ts';
import { KvsInferError } from '../core/errors.ts';
import { type ChosenNames, chosenNames, s3PrefixPattern } from '../core/names.ts';
import { logLevels } from './runtime/log.ts';

const port = z.coerce.number().int().min(0).max(65_535);
const threads = z.coerce.number().int().min(1).max(64);
const url = z.url({ protocol: /^https?$/, error: 'expected an http(s) URL' });
const folder = z.string().min(1);

const providers = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(z.array(z.enum(['cuda', 'cpu'], 'expected "cuda,cpu", "cuda" or "cpu"')).min(1));

const shape = z.object({
  AWS_REGION: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'expected a region such as "ap-southeast-1"'),
  AWS_ENDPOINT_URL: url.optional(),
  LOG_LEVEL: z
    .string()
    .transform((text) => text.toUpperCase())
    .pipe(z.enum(logLevels))
    .default('INFO'),
  HTTP_PORT: port.default(8080),
  HTTP_HOST: z.string().optional(),
  KVS_INFER_STAGE: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,40}$/, 'expected 1 to 40 of A-Z a-z 0-9 -')
    .optional(),
  KVS_INFER_FLEET: z.string().regex(fleetPattern, 'expected 1 to 32 of a-z 0-9 -').default('default'),
  KVS_INFER_ACCOUNT_ID: z
    .string()
    .regex(/^\d{12}$/, 'expected the 12 digits of the AWS account')
    .optional(),
  MODELS_FOLDER: folder.default('/app/models'),
  CACHE_FOLDER: folder.default('/app/.cache'),
  WORKER_PROVIDERS: providers.default(['cuda', 'cpu']),
  INFERENCE_THREADS: threads.optional(),
  MODEL_MEMORY_MB: z.coerce.number().int().min(64).max(1_000_000).default(4_096),
  DECODE_THREADS: threads.default(1),
  DECODE_DEVICE: z.enum(['auto', 'cpu'], 'expected "auto" or "cpu"').default('auto'),
  INFERENCES_PER_SECOND_LIMIT: z.coerce.number().gt(0).optional(),
  ECS_AGENT_URI: url.optional(),
  ECS_CONTAINER_METADATA_URI_V4: url.optional(),
  CONFIG_FILE: z.string().min(1).optional(),
  RESULT_STREAM: z.string().min(1).optional(),
  RESULT_BUCKET: z.string().min(1).optional(),
  RESULT_TABLE: z.string().min(1).optional(),
  S3_PREFIX: z
    .string()
    .regex(s3PrefixPattern, 'expected parts of A-Z a-z 0-9 . _ - between slashes')
    .default('snapshots'),
  RESULT_DAYS: z.coerce.number().int().min(1).max(3_650).default(30),
  PUBLISH_FRAMES: z.enum(['all', 'detections', 'none']).default('detections'),
  KVS_INFER_PARENT_PIPE: z.enum(['stdin'], 'expected "stdin"').optional(),
});

export type WorkerEnvironment = {
  region: string;
  endpoint: string | undefined;
  logLevel: (typeof logLevels)[number];
  http: { host: string; port: number };
  /** Null in standalone mode. */
  control: { stage: string; fleet: string; accountId: string; names?: ChosenNames } | null;
  fleet: string;
  modelsFolder: string;
  cacheFolder: string;
  providers: ('cuda' | 'cpu')[];
  inferenceThreads: number;
  /** For all loaded models together. */
  modelMemoryBytes: number;
  decodeThreads: number;
  /** `auto`: the GPU's decoder is tried where a GPU was promised. */
  decodeDevice: 'auto' | 'cpu';
  inferencesPerSecondLimit: number | undefined;
  ecsAgentUri: string | undefined;
  ecsMetadataUri: string | undefined;
  /** Standalone mode: cameras come from this file. A stage wins over it. */
  configFile: string | undefined;
  /** Standalone mode: where results go, each optional; none = lines on stdout. */
  results: { stream?: string; bucket?: string; detectionsTable?: string };
  resultDays: number;
  publishFrames: 'all' | 'detections' | 'none';
  /** First part of a snapshot's key. */
  snapshotPrefix: string;
  parentPipe: 'stdin' | undefined;
};

/** @throws KvsInferError ENVIRONMENT_INVALID naming every wrong setting. */
export function parseWorkerEnvironment(variables: Record<string, string | undefined>): WorkerEnvironment {
  // An empty value is how shells and templates say "not set".
  const given = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = shape.safeParse(given);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map(({ path, message }) => {
        const name = String(path[0]);
        const value = given[name];
        return value === undefined ? `${name} is not set` : `${name}=${JSON.stringify(value)}: ${message}`;
      });
  if (given.CONFIG_FILE === undefined || given.KVS_INFER_STAGE !== undefined) {
    for (const name of ['KVS_INFER_STAGE', 'KVS_INFER_ACCOUNT_ID']) {
      if (given[name] === undefined) problems.push(`${name} is not set (or set CONFIG_FILE to run standalone)`);
    }
  }
  if (!parsed.success || problems.length > 0) {
    throw new KvsInferError('ENVIRONMENT_INVALID', problems.join('; '), {
      hint: 'correct these environment variables and start the worker again',
    });
  }
  const e = parsed.data;
  // The deployed task names both: the file is for whoever runs the same image without a control plane.
  const isStandalone = e.CONFIG_FILE !== undefined && e.KVS_INFER_STAGE === undefined;
  const names = chosenNames(given);
  const named = Object.keys(names).length === 0 ? {} : { names };
  return {
    region: e.AWS_REGION,
    endpoint: e.AWS_ENDPOINT_URL,
    logLevel: e.LOG_LEVEL,
    http: { host: e.HTTP_HOST ?? (isLoopback(e.AWS_ENDPOINT_URL) ? '127.0.0.1' : '0.0.0.0'), port: e.HTTP_PORT },
    control: isStandalone
      ? null
      : { stage: e.KVS_INFER_STAGE ?? '', fleet: e.KVS_INFER_FLEET, accountId: e.KVS_INFER_ACCOUNT_ID ?? '', ...named },
    fleet: e.KVS_INFER_FLEET,
    modelsFolder: e.MODELS_FOLDER,
    cacheFolder: e.CACHE_FOLDER,
    providers: e.WORKER_PROVIDERS,
    inferenceThreads: e.INFERENCE_THREADS ?? os.availableParallelism(),
    modelMemoryBytes: e.MODEL_MEMORY_MB * 1024 * 1024,
    decodeThreads: e.DECODE_THREADS,
    decodeDevice: e.DECODE_DEVICE,
    inferencesPerSecondLimit: e.INFERENCES_PER_SECOND_LIMIT,
    ecsAgentUri: e.ECS_AGENT_URI,
    ecsMetadataUri: e.ECS_CONTAINER_METADATA_URI_V4,
    configFile: isStandalone ? e.CONFIG_FILE : undefined,
    results: {
      ...(e.RESULT_STREAM === undefined ? {} : { stream: e.RESULT_STREAM }),
      ...(e.RESULT_BUCKET === undefined ? {} : { bucket: e.RESULT_BUCKET }),
      ...(e.RESULT_TABLE === undefined ? {} : { detectionsTable: e.RESULT_TABLE }),
    },
    resultDays: e.RESULT_DAYS,
    publishFrames: e.PUBLISH_FRAMES,
    snapshotPrefix: e.S3_PREFIX,
    parentPipe: e.KVS_INFER_PARENT_PIPE,
  };
}

/** A worker that was promised a GPU has its decoder tried, unless somebody says otherwise. */
export function decodesOnGpu({
  providers,
  decodeDevice,
}: Pick<WorkerEnvironment, 'providers' | 'decodeDevice'>): boolean {
  return decodeDevice === 'auto' && providers.includes('cuda');
}

function isLoopback(endpoint: string | undefined): boolean {
  return endpoint !== undefined && /^(localhost|127\.|\[::1\])/.test(new URL(endpoint).host);
}
