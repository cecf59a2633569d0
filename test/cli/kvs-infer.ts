/**
 * Runs the real `kvs-infer` as a script would: a process of its own, its two streams apart, its exit code.
 * Invariant: every run ends within RUN_MAX_MS and touches nothing outside its folder.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect } from 'vitest';

export const program = fileURLToPath(new URL('../../cli/kvs-infer.mjs', import.meta.url));
/** A busy machine starts Node slowly; a command that hangs is killed. */
const RUN_MAX_MS = 60_000;

export type Ended = { exitCode: number; stdout: string; stderr: string };

/** A folder for the tests of one file, removed with them. */
export function temporaryFolder(): {
  path: (name: string) => string;
  write: (name: string, content: string | Uint8Array) => Promise<string>;
} {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kvs-infer-command-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, name);
  return {
    path,
    async write(name, content) {
      await writeFile(path(name), content);
      return path(name);
    },
  };
}

/** Nothing of the caller's own settings reaches the command, but where programs are found. */
export function commandEnvironment(cacheFolder = tmpdir()): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, CACHE_FOLDER: cacheFolder, WORKER_PROVIDERS: 'cpu', NO_COLOR: '1' };
}

/** @param more of the environment. */
export function kvsInfer(words: readonly string[], cacheFolder?: string, more: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const options = {
      env: { ...commandEnvironment(cacheFolder), ...more },
      timeout: RUN_MAX_MS,
      killSignal: 'SIGKILL',
    } as const;
    execFile(process.execPath, [program, ...words], options, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : error.code;
      if (typeof exitCode === 'number') resolve({ exitCode, stdout, stderr });
      else reject(error);
    });
  });
}

/** Ran well: the one JSON document on stdout, nothing on stderr. */
export function documentOf({ exitCode, stdout, stderr }: Ended): unknown {
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout);
}

/** Nothing on stdout, and one line `kvs-infer: CODE: what (what to do)` on stderr that says `what`. */
export function expectFailure(ended: Ended, exitCode: 1 | 2, code: string, ...what: (string | RegExp)[]): void {
  expect(ended.stdout).toBe('');
  expect(ended.stderr).toMatch(new RegExp(`^kvs-infer: ${code}: [^\\n]+ \\([^\\n]+\\)\\n$`));
  expect(ended.exitCode).toBe(exitCode);
  for (const words of what) expect(ended.stderr).toMatch(words);
}
