/**
 * The functions' bundles as SST's own Node builder makes them, for their sizes and for trying them out.
 * Invariant: the same esbuild and the same options as `sst deploy` uses; nothing is written unless a folder is given.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { platformFolder } from './platform.ts';

/**
 * Lambda unpacks a bundle at every cold start: what is larger has pulled in something that it does not need. The SDK's clients
 * and zod are most of it; camera-changed judges `text.pattern` with re2js, 170 kB; http-api describes itself,
 * 450 kB, and knows prices and the simulation.
 */
export const bundleBytesMax = 2_400_000;

export type Bundle = { name: string; bytes: number };
type Esbuild = { buildSync(options: Record<string, unknown>): { metafile: { outputs: Record<string, Bundle> } } };

const banner =
  "import { createRequire as topLevelCreateRequire } from 'module'; const require = topLevelCreateRequire(import.meta.url);";

/**
 * @param names files functions/<name>.ts
 * @param outdir where the bundles are written as <name>.mjs; without it they are only measured.
 */
export function bundleFunctions(root: string, names: readonly string[], outdir?: string): Bundle[] {
  const esbuild = createRequire(path.join(platformFolder(root), 'package.json'))('esbuild') as Esbuild;
  const { metafile } = esbuild.buildSync({
    absWorkingDir: root,
    entryPoints: names.map((name) => path.join(root, `functions/${name}.ts`)),
    outdir: outdir ?? path.join(root, 'bundles-that-are-not-written'),
    write: outdir !== undefined,
    metafile: true,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'esnext',
    mainFields: ['module', 'main'],
    banner: { js: banner },
    logLevel: 'silent',
  });
  return Object.entries(metafile.outputs)
    .map(([file, { bytes }]) => ({ name: path.basename(file, '.mjs'), bytes }))
    .sort((one, other) => names.indexOf(one.name) - names.indexOf(other.name));
}
