/**
 * Builds the dashboard into web/dist when its sources are newer than the last build: before `npm start` serves it and before
 * a deployment uploads it. Also a command: `node web/build-site.ts`.
 * Invariant: a build that failed leaves the last good one in place.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const webFolder = fileURLToPath(new URL('.', import.meta.url));
const rootFolder = fileURLToPath(new URL('../', import.meta.url));
export const siteFolder = join(webFolder, 'dist');
const stampName = '.sources';
/** The dashboard takes types and rules from core/, and its packages from the lock file. */
const sources = [webFolder, join(rootFolder, 'core'), join(rootFolder, 'package-lock.json')];

/** @returns whether anything had to be built. @throws Error what Vite has to say */
export async function buildSite({ onBuild = () => {} }: { onBuild?: () => void } = {}): Promise<boolean> {
  const stamp = await stampOfSources();
  if ((await readFile(join(siteFolder, stampName), 'utf8').catch(() => '')) === stamp) return false;
  onBuild();
  const { build } = await import('vite');
  const fresh = `${siteFolder}.${process.pid}`;
  try {
    await build({ configFile: join(webFolder, 'vite.config.ts'), logLevel: 'error', build: { outDir: fresh } });
    await writeFile(join(fresh, stampName), stamp);
    await rm(siteFolder, { recursive: true, force: true });
    await rename(fresh, siteFolder);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return true;
}

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
