/**
 * Opens an address in the browser of whoever sits here, by the program that each system has for it.
 * Invariant: nothing waits for it, and where there is none, a line says so.
 */
import { spawn } from 'node:child_process';

const openers: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  // `start` is no program but a word of the shell; its first quoted argument would be a title.
  win32: ['cmd', '/c', 'start', ''],
};

export function openBrowser(url: string, say: (line: string) => void): void {
  const [program, ...words] = openers[process.platform] ?? ['xdg-open'];
  const child = spawn(program, [...words, url], { stdio: 'ignore', detached: true });
  const failed = () => say('no browser could be opened here: open the dashboard by its address');
  child.once('error', failed);
  child.once('exit', (code) => {
    if (code !== 0 && code !== null) failed();
  });
  child.unref();
}
