/** What holds for the whole deployment: it type-checks, nothing in it is left undefined, and its functions are small. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { settingNames } from '../../stacks/settings.ts';
import { bundleBytesMax, bundleFunctions } from '../../stacks/synthesis/bundles.ts';
import { graphOf, isSynthesised, type ScenarioName } from './graphs.ts';

const functionNames = ['reconcile', 'capacity-changed', 'camera-changed', 'http-api'];
const root = fileURLToPath(new URL('../../', import.meta.url));

describe('settings', () => {
  it('.env.example explains each of them', () => {
    const lines = readFileSync(join(root, '.env.example'), 'utf8').split('\n');
    const named = lines.flatMap((line) => /^#? ?([A-Z][A-Z0-9_]+)=/.exec(line)?.[1] ?? []);
    expect(named.sort()).toEqual([...settingNames].sort());
  });
});

describe.skipIf(!isSynthesised)('the deployment', () => {
  it.each(['test', 'production', 'endpoints', 'existingNat', 'chosen'] as ScenarioName[])(
    '%s: leaves nothing undefined',
    (name) => {
      const graph = graphOf(name);
      expect(graph.all('aws:lambda/function:Function')).toHaveLength(graph.all('sst:aws:Function').length);
      for (const resource of graph.resources.filter(({ type }) => type.startsWith('aws:'))) {
        expect(/undefined|Calling \[toString\]/.exec(JSON.stringify(resource.inputs)), resource.name).toBeNull();
      }
    },
  );

  it('type-checks against the platform that deploys it', () => {
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', join(root, 'stacks/tsconfig.json')], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  }, 60_000);

  it('its functions bundle small, and each bundle has its handler', () => {
    const outdir = mkdtempSync(join(tmpdir(), 'kvs-infer-bundles-'));
    try {
      const bundles = bundleFunctions(root, functionNames, outdir);
      expect(bundles.map(({ name }) => name)).toEqual(functionNames);
      for (const { name, bytes } of bundles) {
        expect(bytes, name).toBe(statSync(join(outdir, `${name}.mjs`)).size);
        expect(bytes, name).toBeLessThan(bundleBytesMax);
      }
      // Importing needs neither a region nor credentials.
      const look = functionNames.map((name) => `typeof (await import('./${name}.mjs')).handler`).join(' + ');
      const options = { cwd: outdir, env: {}, encoding: 'utf8' } as const;
      const args = ['--input-type=module', '-e', `process.stdout.write(${look})`];
      expect(spawnSync(process.execPath, args, options)).toMatchObject({
        stdout: 'function'.repeat(functionNames.length),
        stderr: '',
      });
    } finally {
      rmSync(outdir, { recursive: true, force: true });
    }
  }, 60_000);
});
