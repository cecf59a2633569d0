/**
 * How fast the dashboard is for who looks at it, in a real Chromium before the API on the local cloud: what is sent, when
 * something is painted, and whether two thousand cameras scroll without a dropped frame.
 * Invariant: each opening is a fresh browser context, so nothing comes from a cache.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { chromiumPath, launchBrowser, openPage } from '../test/browser/browser.ts';
import { type DashboardStage, startDashboardStage } from '../test/browser/dashboard-stage.ts';
import { siteFolder } from '../web/build-site.ts';
import type { Bench, Benchmark } from './benchmark.ts';

const cameraCount = 2_000;
const openings = 7;
const firstPaintGoalMs = 1_500;
const siteGoalKb = 250;
/** Two screens a second, for four seconds, as somebody who searches by eye. */
const scrollSeconds = 4;

export const dashboard: Benchmark = {
  name: 'dashboard',
  claim: 'The dashboard is painted within 1.5 s, is smaller than 250 kB, and scrolls 2,000 cameras without jank',
  async run(bench) {
    if (chromiumPath === null) return bench.skip('no Chromium is installed');
    const [stage, browser] = await Promise.all([startDashboardStage(), launchBrowser()]);
    try {
      bench.count('scripts and styles of all pages, gzip', 'kB', await sizeOfSite());
      const paintsMs: number[] = [];
      for (let opening = 0; opening < (bench.isQuick ? 1 : openings); opening += 1) {
        paintsMs.push(await firstPaintMs(stage, browser));
      }
      bench.told('first contentful paint', 'ms', paintsMs, { atMost: firstPaintGoalMs });
      await scrolls(bench, stage, browser);
    } finally {
      await browser.close();
      await stage.close();
    }
  },
};

async function sizeOfSite(): Promise<number> {
  const folder = path.join(siteFolder, 'assets');
  const files = await readdir(folder);
  const sizes = await Promise.all(files.map(async (file) => gzipSync(await readFile(path.join(folder, file))).length));
  const kb = sizes.reduce((sum, size) => sum + size, 0) / 1_000;
  if (kb > siteGoalKb) console.error(`the site is larger than ${siteGoalKb} kB`);
  return kb;
}

async function firstPaintMs(stage: DashboardStage, browser: Browser): Promise<number> {
  const page = await openPage(browser);
  await page.goto(stage.url);
  await page.getByRole('heading', { name: 'Watched now' }).waitFor();
  const atMs = await page.evaluate('performance.getEntriesByName("first-contentful-paint")[0].startTime');
  await page.context().close();
  return Number(atMs);
}

async function scrolls(bench: Bench, stage: DashboardStage, browser: Browser): Promise<void> {
  const [own] = (await stage.ask('GET', '/api/cameras')).body.cameras;
  const cameras = Array.from({ length: cameraCount }, (_, index) => ({ ...own, cameraId: `cam-${index}` }));
  const page = await openPage(browser);
  await page.route('**/api/cameras', (route) => route.fulfill({ json: { cameras } }));
  await page.goto(stage.url.replace('/#', '/cameras#'));
  await page.getByText('2,000 cameras').waitFor();
  const frames = (await page.evaluate(`new Promise((resolve) => {
    const table = document.querySelector('.rows');
    const frames = [];
    let before = performance.now();
    const started = before;
    const step = (now) => {
      frames.push(now - before);
      before = now;
      table.scrollTop += table.clientHeight / 30;
      if (now - started < ${scrollSeconds * 1_000}) requestAnimationFrame(step);
      else resolve(frames.slice(2));
    };
    requestAnimationFrame(step);
  })`)) as number[];
  await page.context().close();
  const sorted = [...frames].sort((a, b) => a - b);
  const rank = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
  bench.told('frame while 2,000 cameras scroll', 'ms', frames);
  bench.count('the same, 99th percentile', 'ms', rank(0.99));
  const late = frames.filter((ms) => ms > 50).length / frames.length;
  bench.count('frames later than 50 ms', '%', late * 100);
}
