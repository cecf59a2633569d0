/**
 * For the tests of the worker's image: its Dockerfile as data, what an entry imports, and the production packages laid
 * out in a folder without asking a registry.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../', import.meta.url));
export type Instruction = { name: string; text: string };
export type Stage = { name: string; base: string; instructions: Instruction[] };

export function parseDockerfile(text: string): Stage[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replace(/\\\n/g, ' ')
    .split('\n');
  const parsed: Stage[] = [];
  for (const line of lines) {
    const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    const from = name === 'FROM' ? /^(\S+) AS (\S+)$/.exec(rest) : null;
    if (from !== null) parsed.push({ base: from[1] ?? '', name: from[2] ?? '', instructions: [] });
    else parsed.at(-1)?.instructions.push({ name, text: rest.trim() });
  }
  return parsed;
}

/** Files and packages reached from `entries` by imports, dynamic ones and threads included. */
export async function importsOf(entries: string[]): Promise<{ files: string[]; packages: string[] }> {
  const files = new Set<string>();
  const packages = new Set<string>();
  const pending = [...entries];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    const text = await readFile(path.join(root, file), 'utf8');
    const pattern = /(?:from|import)\s*\(?\s*'([^']+)'|new URL\('(\.[^']+)',\s*import\.meta\.url\)/g;
    for (const match of text.matchAll(pattern)) {
      const name = match[1] ?? match[2] ?? '';
      if (name.startsWith('.')) pending.push(path.join(path.dirname(file), name));
      else if (!name.startsWith('node:')) {
        packages.add(
          name
            .split('/')
            .slice(0, name.startsWith('@') ? 2 : 1)
            .join('/'),
        );
      }
    }
  }
  return { files: [...files], packages: [...packages] };
}

/** What `npm ci --omit=dev` would install, linked from what is installed here: the lock file says which. */
export async function installProduction(target: string): Promise<void> {
  const lock = JSON.parse(await readFile(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  const wanted = Object.entries(lock.packages)
    .filter(([name, { dev }]) => name.startsWith('node_modules/') && dev !== true)
    .map(([name]) => name.slice('node_modules/'.length))
    .filter((name) => !name.includes('/node_modules/') && existsSync(path.join(root, 'node_modules', name)));
  const scopes = new Set(wanted.filter((name) => name.startsWith('@')).map((name) => path.dirname(name)));
  for (const scope of scopes) await mkdir(path.join(target, scope));
  for (const name of wanted) {
    const [from, to] = [path.join(root, 'node_modules', name), path.join(target, name)];
    // Links cost nothing; another file system takes copies.
    await new Promise<void>((resolve, reject) => {
      execFile('cp', ['-al', from, to], (error) => {
        if (error === null) resolve();
        else cp(from, to, { recursive: true, force: true }).then(resolve, reject);
      });
    });
  }
}
