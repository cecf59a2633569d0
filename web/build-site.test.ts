/** What the dashboard weighs, and that its build is made once. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { buildSite, siteFolder } from './build-site.ts';

it('is built once, and has less than 250 kB of scripts and styles in all, as they are sent', async () => {
  await buildSite();
  expect(await buildSite()).toBe(false);
  const assets = join(siteFolder, 'assets');
  const files = (await readdir(assets)).filter((file) => /\.(js|css)$/.test(file));
  const bytes = await Promise.all(files.map(async (file) => gzipSync(await readFile(join(assets, file))).length));
  const total = bytes.reduce((sum, size) => sum + size, 0);
  expect(total).toBeGreaterThan(50_000);
  expect(total).toBeLessThan(250_000);
  // React's own build for development is half as large again.
  const texts = await Promise.all(files.map((file) => readFile(join(assets, file), 'utf8')));
  expect(texts.some((text) => text.includes('Download the React DevTools'))).toBe(false);
});

it('has no script and no style in the page itself, which its policy would refuse', async () => {
  await buildSite();
  const page = await readFile(join(siteFolder, 'index.html'), 'utf8');
  expect(page).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>/);
  expect(page).not.toMatch(/<style|style=|\bon\w+=/);
});
