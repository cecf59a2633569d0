/** What the product is made of: every package of the lock file has a licence that allows what is done with it, by name where it asks for more. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const root = new URL('../', import.meta.url);
type LockedPackage = { license?: string; dev?: boolean; integrity?: string; resolved?: string; link?: boolean };

const allowed = new Set([
  ...['MIT', 'MIT-0', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', '0BSD', 'BlueOak-1.0.0', 'Unlicense'],
  ...['MIT OR Apache-2.0', '(MIT OR CC0-1.0)', 'CC0-1.0', 'Python-2.0', 'MPL-2.0'],
]);
/** Packages whose lock entry does not say it, or that contain more than it says; docs/security.md names them too. */
const named: Readonly<Record<string, string>> = {
  '@shinyoshiaki/jspack': 'BSD-3-Clause by its file LICENSE; its package.json states none',
  'dejavu-fonts-ttf': 'Bitstream Vera licence; for drawn test scenes alone',
};

const lock = JSON.parse(await readFile(new URL('package-lock.json', root), 'utf8')) as {
  packages: Record<string, LockedPackage>;
};
const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
const nameOf = (path: string) => path.replace(/^.*node_modules\//, '');

it('every package has a licence of the list, or is named with its own', () => {
  expect(packages.length).toBeGreaterThan(200);
  const others = packages.flatMap(([path, { license = 'none' }]) => (allowed.has(license) ? [] : [nameOf(path)]));
  expect([...new Set(others)].sort()).toEqual(Object.keys(named).sort());
});

it('every package comes from the registry with an integrity hash', () => {
  const without = packages.filter(([, { integrity, link }]) => integrity === undefined && link !== true);
  expect(without.map(([path]) => path)).toEqual([]);
});

it('the parts under the GPL, and the packages without a licence of their own, are named in the security page', async () => {
  const page = await readFile(new URL('docs/security.md', root), 'utf8');
  for (const name of ['node-av', 'FFmpeg', 'GPL', ...Object.keys(named)]) expect(page).toContain(name);
});

it('actions of the example workflow are pinned to commits', async () => {
  const workflow = await readFile(new URL('docs/deploy-workflow.yml', root), 'utf8');
  const uses = [...workflow.matchAll(/uses: (\S+)/g)].map(([, action]) => action);
  expect(uses.length).toBeGreaterThan(3);
  for (const action of uses) expect(action).toMatch(/^[\w.-]+\/[\w.-]+@[0-9a-f]{40}$/);
});
