/** Every error that a person may meet is in the operating guide, so that a code on a screen can be looked up. */
import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const root = new URL('../', import.meta.url);

it('docs/operate.md lists every error code', async () => {
  const guide = await readFile(new URL('docs/operate.md', root), 'utf8');
  const missing = new Set<string>();
  for (const folder of ['core', 'aws', 'functions', 'worker', 'local', 'cli']) {
    for (const entry of await readdir(new URL(folder, root), { recursive: true })) {
      if (!entry.endsWith('.ts') || /\.test(-factory)?\.ts$/.test(entry)) continue;
      const text = await readFile(new URL(`${folder}/${entry}`, root), 'utf8');
      for (const [, code] of text.matchAll(/new KvsInferError\(\s*'([A-Z][A-Z0-9_]+)'/g)) {
        if (code !== undefined && !guide.includes(`\`${code}\``)) missing.add(`${code} (${folder}/${entry})`);
      }
    }
  }
  expect([...missing]).toEqual([]);
});
