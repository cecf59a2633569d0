/** Every line of a log has a name that is written down, so that a query or a filter built on it goes on working. */
import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const root = new URL('../', import.meta.url);
/** A call of a logger, and how its first argument begins: a quoted name, or anything else. */
const calls = /\blog(?:ger)?\??\.(debug|info|warn|error)\(\s*(?:'([^'\n]*)'|"([^"\n]*)"|(\S+))/g;
const rows = /^\| `([^`]+)` \| ([A-Z]+) \|/gm;

it('docs/log-events.md lists every event with its level, and none that nobody says', async () => {
  const said = new Set<string>();
  const unnamed: string[] = [];
  for (const folder of ['functions', 'worker']) {
    for (const entry of await readdir(new URL(folder, root), { recursive: true })) {
      if (!entry.endsWith('.ts') || /\.test(-factory)?\.ts$/.test(entry)) continue;
      const text = await readFile(new URL(`${folder}/${entry}`, root), 'utf8');
      for (const [, level = '', single, double, other] of text.matchAll(calls)) {
        if (other === undefined) said.add(`${single ?? double} ${level.toUpperCase()}`);
        else unnamed.push(`${folder}/${entry}: ${other}`);
      }
    }
  }
  expect(unnamed).toEqual([]);
  const page = await readFile(new URL('docs/log-events.md', root), 'utf8');
  const listed = [...page.matchAll(rows)].map(([, name, level]) => `${name} ${level}`);
  expect(listed.toSorted()).toEqual([...said].toSorted());
  expect(said.size).toBeGreaterThan(50);
});
