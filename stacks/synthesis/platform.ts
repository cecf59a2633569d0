/**
 * SST's platform (`.sst/platform`: its components and the Pulumi SDK), which every look at the deployment needs. `sst`
 * unpacks it once per checkout; this does so where it is absent, and says what it does.
 * Invariant: an unfinished installation is never taken for a finished one.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { KvsInferError } from '../../core/errors.ts';

/** Measured: 25 to 40 s on two cores, 72 s with ten other processes on them; a slow registry beside tests gets four times that. */
const installTimeoutMs = 300_000;

/** Wrong settings come as one line each. */
const saidLinesMax = 40;

export function platformFolder(root: string): string {
  return path.join(root, '.sst/platform');
}

function isInstalled(root: string): boolean {
  const folder = platformFolder(root);
  return (
    ['src/components/index.ts', 'node_modules/@pulumi/aws/package.json', 'node_modules/esbuild/package.json'].every(
      (file) => fs.existsSync(path.join(folder, file)),
    ) && fs.existsSync(path.join(root, '.sst/provider-lock.json'))
  );
}

/** @throws KvsInferError PLATFORM_UNAVAILABLE when it cannot be installed, such as without a registry. */
export async function ensurePlatform(root: string, say: (line: string) => void): Promise<void> {
  if (isInstalled(root)) return;
  const startedAt = performance.now();
  say('installing the SST platform into .sst/ (once, about half a minute) …');
  const environment = {
    // sst.config.ts refuses to say which providers it needs without a region; which one does not matter here.
    AWS_REGION: 'us-east-1',
    ...process.env,
    SST_SKIP_DEPENDENCY_CHECK: '1',
    NO_BUN: '1',
    SST_TELEMETRY_DISABLED: '1',
  };
  const child = spawn(path.join(root, 'node_modules/.bin/sst'), ['install', '--stage', 'synthesis'], {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: installTimeoutMs,
  });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const failure = await new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? null : `sst install ended with ${signal ?? code}`));
  });
  if (failure !== null || !isInstalled(root)) {
    const said = output.trim().split('\n').slice(-saidLinesMax).join('\n');
    throw new KvsInferError('PLATFORM_UNAVAILABLE', `${failure ?? 'the SST platform is incomplete'}: ${said}`, {
      hint: 'run "npx sst install" with access to the npm registry; it needs no AWS account',
    });
  }
  say(`installed the SST platform in ${Math.round((performance.now() - startedAt) / 1000)} s`);
}
