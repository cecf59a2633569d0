/**
 * Where results and models lie: the result stream, the bucket of snapshots and the bucket that instances fetch models
 * from. Invariant: both buckets are private, owner-enforced, encrypted and reachable over TLS alone; a model's key is its
 * hash, so an object never changes under a running worker.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { KvsInferError } from '../core/errors.ts';
import type { ResourceNames } from '../core/names.ts';
import { privateBucket } from './private-bucket.ts';
import type { Settings } from './settings.ts';

/** Kinesis keeps records for a day unless told otherwise; three survive a weekend's outage of a consumer. */
const streamRetentionHours = 72;

export type Model = { name: string; path: string; sha256: string };

/** Reads the models of the settings. @throws KvsInferError SETTINGS_INVALID naming every file that is not there. */
export function readModels({ models }: Settings, root: string): Model[] {
  const located = models.map(({ name, file }) => ({ name, file, path: resolve(root, file) }));
  const absent = located.filter(({ path }) => !existsSync(path));
  if (absent.length > 0) {
    const lines = absent.map(
      ({ name, file }) => `MODELS: ${file} (model "${name}") does not exist (put it there, or correct MODELS)`,
    );
    throw new KvsInferError('SETTINGS_INVALID', lines.join('\n  '), { hint: 'nothing was created' });
  }
  return located.map(({ name, path }) => ({
    name,
    path,
    sha256: createHash('sha256').update(readFileSync(path)).digest('hex'),
  }));
}

export function modelKey(sha256: string): string {
  return `models/${sha256}.onnx`;
}

export function storage(settings: Settings, names: ResourceNames, accountId: string, models: readonly Model[]) {
  const results = new sst.aws.KinesisStream('Results', {
    transform: {
      stream: (args, options) => {
        options.retainOnDelete = settings.isProduction;
        args.name = names.resultStream;
        args.streamModeDetails = { streamMode: 'ON_DEMAND' };
        args.shardCount = undefined;
        args.encryptionType = 'KMS';
        args.kmsKeyId = 'alias/aws/kinesis';
        args.retentionPeriod = streamRetentionHours;
      },
    },
  });
  const snapshots = privateBucket('Snapshots', {
    name: names.resultBucket,
    lifecycle: [
      { id: 'old-snapshots', prefix: `${settings.snapshots.prefix}/`, expiresIn: `${settings.snapshots.days} days` },
    ],
  });
  const modelsBucket = privateBucket('Models', { name: `kvs-infer-${settings.stage}-models-${accountId}` });
  for (const { name, sha256, path } of models) {
    new aws.s3.BucketObjectv2(`Model-${name}`, {
      bucket: modelsBucket.name,
      key: modelKey(sha256),
      source: new $util.asset.FileAsset(path),
      serverSideEncryption: 'AES256',
    });
  }
  return { results, snapshots, modelsBucket };
}

export type Storage = ReturnType<typeof storage>;
