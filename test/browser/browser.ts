/**
 * A real Chromium for the tests of the dashboard. Where there is none the tests are skipped, and say so.
 * Invariants: what a page writes to its console as an error, and what it throws, fails the test that it happened in, unless
 * the test says that it expects it; nothing is waited for but what the page shows.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const places = [
  process.env.CHROME_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
export const chromiumPath = places.find((place) => place !== undefined && existsSync(place)) ?? null;
if (chromiumPath === null) {
  console.warn('no Chromium found: the browser tests are skipped (install chromium, or set CHROME_PATH)');
}

export function launchBrowser(): Promise<Browser> {
  // In containers without user namespaces Chromium has no sandbox of its own; it sees the local stage alone.
  return chromium.launch({ executablePath: chromiumPath ?? '', args: ['--no-sandbox'] });
}

export type WatchedPage = Page & {
  /** Parts of complaints that the test provokes: the browser itself writes every refused request to the console. */
  tolerated: string[];
  complaints(): string[];
};

export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options });
  const page = (await context.newPage()) as WatchedPage;
  page.setDefaultTimeout(20_000);
  const heard: string[] = [];
  page.tolerated = [];
  page.complaints = () => heard.filter((line) => !page.tolerated.some((part) => line.includes(part)));
  page.on('console', (message) => {
    if (message.type() === 'error') heard.push(message.text());
  });
  page.on('pageerror', (error) => heard.push(error.message));
  return page;
}

/** After each test: nothing was complained of that it did not provoke. */
export async function closeQuiet(page: WatchedPage): Promise<void> {
  const complaints = page.complaints();
  await page.context().close();
  expect(complaints).toEqual([]);
}

type AxeResults = {
  violations: { id: string; help: string; nodes: { target: unknown[]; failureSummary?: string }[] }[];
};

/** Everything that axe-core knows to look for, on what the page shows now. */
export async function expectAccessible(page: Page): Promise<void> {
  const path = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  // The page's policy forbids scripts from elsewhere; the debugger may.
  const isLoaded = await page.evaluate(() => 'axe' in globalThis);
  if (!isLoaded) {
    const { readFile } = await import('node:fs/promises');
    await page.evaluate(await readFile(path, 'utf8'));
  }
  const { violations } = await page.evaluate<AxeResults>('axe.run(document)');
  const words = violations.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}: ${nodes.map(({ target, failureSummary }) => `${target.join(' ')} (${failureSummary})`).join('; ')}`,
  );
  expect(words).toEqual([]);
}
