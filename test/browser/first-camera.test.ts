/**
 * What a newcomer does: `npm start`, the address that it prints, a camera through the form, and its first detection; with
 * the whole system behind it. `UPDATE_SCREENSHOTS=1` keeps the pictures that the README shows.
 * Invariant: the system is stopped as Ctrl-C stops it, and ends with 0.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandEnvironment, program } from '../cli/kvs-infer.ts';
import { chromiumPath, expectAccessible, launchBrowser, openPage } from './browser.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const picture = (name: string) =>
  process.env.UPDATE_SCREENSHOTS === '1' ? { path: join(root, 'docs', name) } : undefined;
/** Whose ever they are: it signs with keys of its own, and none of these may be seen. */
const keysAround = {
  ...{ AWS_ACCESS_KEY_ID: 'AKIAMARKED0000000000', AWS_SECRET_ACCESS_KEY: 'marked-key-77c3' },
  AWS_SESSION_TOKEN: 'marked-session-91dd',
};
/** A bound for what hangs. Scenes are drawn once, and all cameras are inferred in real seconds, which a busy machine lacks. */
const startMaxMs = 600_000;

let folder: string;
let system: ChildProcess;
let browser: Browser;
let url: string;
let said = '';

describe.skipIf(chromiumPath === null)('npm start', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kvs-infer-first-'));
    // The scenes of any other start, or those that the next one will find.
    const clips = join(root, '.local', 'clips');
    await mkdir(clips, { recursive: true });
    await symlink(clips, join(folder, 'clips'));
    const words = [program, 'start', '--folder', folder];
    const env = { ...commandEnvironment(folder), ...keysAround };
    system = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [system.stdout, system.stderr]) {
      stream?.on('data', (chunk) => {
        said += chunk;
      });
    }
    [url, browser] = await Promise.all([dashboardOf(system), launchBrowser()]);
  }, startMaxMs);
  afterAll(async () => {
    await browser?.close();
    const ended = once(system, 'exit');
    system.kill('SIGINT');
    expect((await ended)[0]).toBe(0);
    await rm(folder, { recursive: true, force: true });
  }, startMaxMs);

  it(
    'a camera that is added through the form runs, and what it sees appears',
    async () => {
      const page = await openPage(browser);
      page.setDefaultTimeout(startMaxMs);
      await page.goto(url);
      await page.getByText('back-door').waitFor();
      await page.getByRole('link', { name: 'Cameras', exact: true }).click();
      await page.getByRole('link', { name: 'Add a camera' }).click();
      await page.getByLabel('Id', { exact: true }).fill('my-camera');
      await page.getByLabel('Kinesis Video stream').fill('kvs-infer-spare');
      await page.getByLabel('Frames per second').fill('2');
      await page.getByText('the row can be used').waitFor();
      await page.getByRole('button', { name: 'Add the camera' }).click();
      await page.waitForURL('**/cameras/my-camera');
      await page.getByText('running', { exact: false }).first().waitFor();
      const tracks = page.getByRole('region', { name: 'Tracks' });
      await tracks
        .getByText(/car|truck|person/)
        .first()
        .waitFor();
      await page.getByRole('img', { name: /The frame in which the camera saw/ }).waitFor();
      await expectAccessible(page);
      const shot = picture('dashboard-camera.png');
      if (shot !== undefined) await page.screenshot(shot);
      await page.getByRole('link', { name: 'Overview' }).click();
      await page.getByText('7 cameras').waitFor();
      const whole = picture('dashboard.png');
      if (whole !== undefined) await page.screenshot({ ...whole, fullPage: true });
      page.tolerated.push('status of 404', 'status of 422');
      expect(page.complaints()).toEqual([]);
    },
    startMaxMs,
  );

  it('nothing that it has printed or logged until now has a key of who started it', async () => {
    const log = await readFile(join(folder, 'system.log'), 'utf8');
    expect(said).toContain(url);
    expect(log).toContain('first frame inferred');
    for (const [name, key] of Object.entries(keysAround)) {
      expect(said.includes(key), `${name} in its output`).toBe(false);
      expect(log.includes(key), `${name} in its log`).toBe(false);
    }
  });
});

async function dashboardOf({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error('the command has no output');
  const lines = createInterface({ input: stdout });
  for await (const line of lines) {
    const [, address] = /^dashboard: (\S+)/.exec(line) ?? [];
    if (address === undefined) continue;
    // Read on, so that the pipe never fills.
    stdout.resume();
    return address;
  }
  throw new Error('it ended before it printed the address of the dashboard');
}
