/**
 * The worker's image: its repository, and the image itself, built from worker/Dockerfile unless the settings name one.
 * Invariant: tasks run an image by digest; the tag is the hash of what the image is made of, so no tag ever moves.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../settings.ts';

/** Enough to roll back some releases; a CUDA image has gigabytes. */
const imagesKept = 10;
/** What worker/Dockerfile copies into the image. */
const sources = [
  'core',
  'aws',
  'worker',
  'cli/camera-file.ts',
  'package.json',
  'package-lock.json',
  '.npmrc',
  'LICENSE',
];

export function repository(settings: Settings) {
  const repository = new aws.ecr.Repository('WorkerRepository', {
    name: settings.names.repository,
    imageScanningConfiguration: { scanOnPush: true },
    imageTagMutability: 'IMMUTABLE',
    encryptionConfigurations: [{ encryptionType: 'AES256' }],
    forceDelete: !settings.isProduction,
  });
  new aws.ecr.LifecyclePolicy('WorkerRepositoryLifecycle', {
    repository: repository.name,
    policy: JSON.stringify({
      rules: [
        {
          rulePriority: 1,
          description: `keep the last ${imagesKept} images`,
          selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: imagesKept },
          action: { type: 'expire' },
        },
      ],
    }),
  });
  return repository;
}

/** @returns the image by digest. */
export function workerImage(settings: Settings, repository: aws.ecr.Repository, root: string): $util.Output<string> {
  if (settings.imageUri !== undefined) return $output(settings.imageUri);
  const login = aws.ecr.getAuthorizationTokenOutput({ registryId: repository.registryId });
  const image = new dockerbuild.Image('WorkerImage', {
    tags: [$interpolate`${repository.repositoryUrl}:${contentHash(root)}`],
    context: { location: root },
    dockerfile: { location: join(root, 'worker/Dockerfile') },
    platforms: ['linux/amd64'],
    push: true,
    // A preview must not take minutes; the deployment builds.
    buildOnPreview: false,
    registries: [{ address: login.proxyEndpoint, username: login.userName, password: login.password }],
  });
  return image.ref;
}

function contentHash(root: string): string {
  const hash = createHash('sha256');
  for (const source of sources) {
    for (const file of filesOf(join(root, source))) {
      if (/\.test(-factory)?\.ts$/.test(file)) continue;
      hash.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0');
    }
  }
  return hash.digest('hex').slice(0, 20);
}

function filesOf(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry) => filesOf(join(path, entry.name)));
  } catch {
    return [path];
  }
}

/** The one repository that tasks pull from: ours, or that of a chosen image which lies elsewhere in ECR. */
export function pulledRepository(settings: Settings, repository: aws.ecr.Repository): $util.Input<string> {
  const parts = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com\/([^@:]+)/.exec(settings.imageUri ?? '');
  if (parts === null) return repository.arn;
  const [, account, region, name] = parts;
  return `arn:aws:ecr:${region}:${account}:repository/${name}`;
}
