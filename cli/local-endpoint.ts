/**
 * How other commands find the `npm start` that runs on this machine: it leaves its endpoint in its folder, and the stage
 * `local` is found there. Invariant: the file is there only while its process lives; what a killed one left is not taken.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KvsInferError } from '../core/errors.ts';

export const localStage = 'local';
export const localFolder = '.local';
const fileName = 'endpoint.json';

export type RunningLocalStage = { endpoint: string; region: string; dashboard: string; log: string; pid: number };

/** Readable by its owner alone, because the dashboard's address carries its token. @returns takes it away again. */
export function announceLocalStage(folder: string, running: Omit<RunningLocalStage, 'pid'>): () => void {
  const path = join(folder, fileName);
  // Anew, so that the mode counts.
  rmSync(path, { force: true });
  writeFileSync(path, `${JSON.stringify({ ...running, pid: process.pid }, null, 2)}\n`, { mode: 0o600 });
  return () => rmSync(path, { force: true });
}

/** In the folder at hand, else where this program is. */
const foldersDefault = [resolve(localFolder), fileURLToPath(new URL(`../${localFolder}`, import.meta.url))];

/** @returns null when none runs. */
export async function findLocalStage(folders = foldersDefault): Promise<RunningLocalStage | null> {
  for (const folder of new Set(folders)) {
    const running = await readAnnouncement(join(folder, fileName));
    if (running !== null && isAlive(running.pid)) return running;
  }
  return null;
}

/** @throws KvsInferError LOCAL_STAGE_NOT_RUNNING */
export async function runningLocalStage(): Promise<RunningLocalStage> {
  const running = await findLocalStage();
  if (running !== null) return running;
  throw new KvsInferError('LOCAL_STAGE_NOT_RUNNING', `no "npm start" runs here for the stage "${localStage}"`, {
    hint: 'start it in another terminal; with a --folder of its own, give its address with --endpoint-url',
  });
}

async function readAnnouncement(path: string): Promise<RunningLocalStage | null> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as RunningLocalStage;
    return URL.canParse(value.endpoint) && Number.isSafeInteger(value.pid) && value.pid > 0 ? value : null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
