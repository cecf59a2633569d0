/**
 * The folder that holds the local cloud's state, and the lock that keeps two processes from sharing it.
 * Invariant: the lock names a living process or it is stale; a process killed without cleaning up locks nobody out.
 */
import { linkSync, mkdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KvsInferError } from '../core/errors.ts';

const LOCK_FILE = 'lock.json';
/** Two starts may race for a stale lock; more rounds than this mean that something else keeps writing it. */
const ATTEMPTS_MAX = 5;

/** `startTicks` tells the process apart from a later one with the same id, as after a reboot or in a container. */
type Owner = { pid: number; startTicks: string | null; startedAt: string };

/**
 * @param fresh wipes what an earlier run left, once the lock is ours.
 * @returns releases the lock. Throws KvsInferError LOCAL_STATE_IN_USE.
 */
export async function claimDataFolder(folder: string, fresh: boolean): Promise<() => void> {
  mkdirSync(folder, { recursive: true });
  const lockPath = join(folder, LOCK_FILE);
  takeLock(folder, lockPath);
  if (fresh) {
    for (const name of await readdir(folder)) {
      if (name !== LOCK_FILE) await rm(join(folder, name), { recursive: true, force: true });
    }
  }
  return () => {
    if (readOwner(lockPath)?.pid === process.pid) rmSync(lockPath, { force: true });
  };
}

function takeLock(folder: string, lockPath: string): void {
  // Written aside and linked: the lock appears with its content or not at all, and only where there was none.
  const draftPath = join(folder, `lock.${process.pid}.draft`);
  const { pid } = process;
  const self: Owner = { pid, startTicks: startTicksOf(pid), startedAt: new Date().toISOString() };
  writeFileSync(draftPath, JSON.stringify(self));
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      try {
        linkSync(draftPath, lockPath);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const owner = readOwner(lockPath);
      if (owner !== null && isAlive(owner)) throw inUse(folder, owner);
      rmSync(lockPath, { force: true });
    }
    throw inUse(folder, readOwner(lockPath));
  } finally {
    unlinkSync(draftPath);
  }
}

function readOwner(lockPath: string): Owner | null {
  try {
    const owner = JSON.parse(readFileSync(lockPath, 'utf8')) as Owner;
    return Number.isSafeInteger(owner.pid) && owner.pid > 0 ? owner : null;
  } catch {
    return null;
  }
}

function isAlive({ pid, startTicks }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const ticks = startTicksOf(pid);
  return ticks === null || typeof startTicks !== 'string' || ticks === startTicks;
}

/** Linux: field 22 of /proc/<pid>/stat, counted after the name, which may itself hold spaces. Elsewhere null. */
function startTicksOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function inUse(folder: string, owner: Owner | null): KvsInferError {
  const who = owner === null ? 'another process' : `process ${owner.pid}, since ${owner.startedAt}`;
  return new KvsInferError('LOCAL_STATE_IN_USE', `the local state in ${folder} is in use by ${who}`, {
    hint: `stop that process, give this one a data folder of its own, or delete ${join(folder, LOCK_FILE)} if no such process runs`,
  });
}
