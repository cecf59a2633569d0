/**
 * Builds the dashboard into web/dist when its sources are newer than the last build: before `npm start` serves it and before
 * a deployment uploads it. Also a command: `node web/build-site.ts`.
 * Invariant: a build that failed leaves the last good one in place.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const webFolder = fileURLToPath(new URL('.', import.meta.url));
const rootFolder = fileURLToPath(new URL('../', import.meta.url));
export const siteFolder = join(webFolder, 'dist');
const stampName = '.sources';
/** The dashboard takes types and rules from core/, and its packages from the lock file. */
const sources = [webFolder, join(rootFolder, 'core'), join(rootFolder, 'package-lock.json')];

/** @returns whether anything had to be built. @throws Error what Vite has to say */
export async function buildSite({ onBuild = () => {} }: { onBuild?: () => void } = {}): Promise<boolean> {
  const stamp = await stampOfSources();
  if ((await stampOfSite()) === stamp) return false;
  onBuild();
  const fresh = `${siteFolder}.${process.pid}`;
  try {
    await runVite(fresh);
    await writeFile(join(fresh, stampName), stamp);
    await rm(siteFolder, { recursive: true, force: true });
    await rename(fresh, siteFolder).catch(async (error: unknown) => {
      // Somebody else has built the same at the same time.
      if ((await stampOfSite()) !== stamp) throw error;
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return true;
}

/** In a process of its own, so that whoever asks gets the same build: tests have an environment that makes another. */
async function runVite(outDir: string): Promise<void> {
  const vite = createRequire(import.meta.url).resolve('vite/package.json');
  const words = [join(dirname(vite), 'bin', 'vite.js'), 'build', '--config', join(webFolder, 'vite.config.ts')];
  const env = { ...process.env, NODE_ENV: 'production' };
  await promisify(execFile)(process.execPath, [...words, '--logLevel', 'error', '--outDir', outDir], { env });
}

const stampOfSite = () => readFile(join(siteFolder, stampName), 'utf8').catch(() => '');

async function stampOfSources(): Promise<string> {
  const hash = createHash('sha256');
  for (const source of sources) {
    const names = await readdir(source, { recursive: true, withFileTypes: true }).catch(() => null);
    const files = names?.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)) ?? [
      source,
    ];
    for (const file of files.sort()) {
      if (relative(webFolder, file).startsWith('dist')) continue;
      hash.update(`${relative(rootFolder, file)}\n`).update(await readFile(file));
    }
  }
  return hash.digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isBuilt = await buildSite();
  console.log(isBuilt ? 'the dashboard is built' : 'the dashboard is up to date');
}
