/**
 * Puts the deployment together offline: bundles sst.config.ts with SST's platform, runs it once per scenario under
 * Pulumi's mocks, and returns the resource graphs. What `kvs-infer validate` and the deployment tests look at.
 * Invariant: no network and no credentials once the platform is installed; settings that are refused come back as the
 * same message that `sst deploy` would print.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { KvsInferError } from '../../core/errors.ts';
import type { GraphData } from './graph.ts';
import { ensurePlatform, platformFolder } from './platform.ts';
import type { Scenario } from './scenario.ts';

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');
/** A scenario takes about a second, and ten on a machine that is busy with other things. */
const timeoutMs = 300_000;
/** Found in the platform's own node_modules: the versions that `sst deploy` runs. */
const platformPackages = ['@pulumi/*', '@pulumiverse/*', '@aws-sdk/*', '@smithy/*', 'esbuild', 'archiver', 'glob'];

/** Some of the platform's packages are CommonJS; `var`, because others declare the same names themselves. */
const commonJsNames = [
  "import { createRequire as __createRequire } from 'node:module';",
  'var require = __createRequire(import.meta.url), __dirname = import.meta.dirname, __filename = import.meta.filename;',
].join('\n');

type Esbuild = { build(options: Record<string, unknown>): Promise<unknown> };

/** @throws KvsInferError PLATFORM_UNAVAILABLE, SYNTHESIS_FAILED. A scenario's own errors are in its graph. */
export async function synthesise(
  scenarios: readonly Scenario[],
  say: (line: string) => void = () => {},
): Promise<GraphData[]> {
  await ensurePlatform(root, say);
  const platform = platformFolder(root);
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'kvs-infer-graphs-'));
  // Beside the platform's node_modules, where its imports resolve.
  const bundle = path.join(platform, `synthesis.${process.pid}.${Date.now()}.mjs`);
  try {
    const esbuild = createRequire(path.join(platform, 'package.json'))('esbuild') as Esbuild;
    await esbuild.build({
      entryPoints: [path.join(root, 'stacks/synthesis/child.ts')],
      outfile: bundle,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'esnext',
      logLevel: 'silent',
      external: platformPackages,
      alias: { 'sst-platform': path.join(platform, 'src') },
      banner: { js: commonJsNames },
    });
    const scenariosFile = path.join(work, 'scenarios.json');
    const graphsFile = path.join(work, 'graphs.json');
    fs.writeFileSync(scenariosFile, JSON.stringify(scenarios));
    await runChild([bundle, root, scenariosFile, graphsFile]);
    return JSON.parse(fs.readFileSync(graphsFile, 'utf8')) as GraphData[];
  } finally {
    fs.rmSync(bundle, { force: true });
    fs.rmSync(work, { recursive: true, force: true });
  }
}

async function runChild(args: string[]): Promise<void> {
  // Without source maps: Pulumi keeps a stack trace of every promise, and to map them all was half of the time. The bundle names
  // the file of each of its parts.
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
  });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-8_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = await new Promise<string | number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  if (ended !== 0) {
    throw new KvsInferError('SYNTHESIS_FAILED', `the deployment program ended with ${ended}: ${output.trim()}`, {
      hint: 'run "npm run check" and "npx sst install", then try again',
    });
  }
}
