/** The overview and the table of cameras in a real browser: what they show, to whom, and when things go wrong. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { functionAlarms } from '../../core/alarms.ts';
import type { SteppedClock } from '../../local/clock.ts';
import { chromiumPath, closeQuiet, expectAccessible, launchBrowser, openPage, type WatchedPage } from './browser.ts';
import { type DashboardStage, startDashboardStage } from './dashboard-stage.ts';

let stage: DashboardStage;
let browser: Browser;
let page: WatchedPage;
const heading = (name: string) => page.getByRole('heading', { name });

describe.skipIf(chromiumPath === null)('the dashboard', () => {
  beforeAll(async () => {
    [stage, browser] = await Promise.all([startDashboardStage(), launchBrowser()]);
    await stage.putDecision(120, 0, 'no camera wants anything now');
    await stage.putDecision(30, 2, '9 cameras want 45 inferences/s now; grow to 2 workers');
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.close();
  });
  afterEach(() => closeQuiet(page));

  it('answers at one glance, in both themes, to everybody', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      page = await openPage(browser, { colorScheme });
      await page.goto(stage.url);
      await heading('Watched now').waitFor();
      await page.getByText('9 cameras want 45 inferences/s now').waitFor();
      await page.getByText('Now 2 workers, 2 needed.').waitFor();
      await expectAccessible(page);
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      expect(ground).toBe(colorScheme === 'light' ? 'rgb(246, 247, 249)' : 'rgb(18, 21, 26)');
      // The token is for the tab alone.
      expect(page.url()).toBe(`${stage.origin}/`);
      if (colorScheme === 'light') await page.context().close();
    }
  });

  it('shows the alarms that ring, the newest first, and that they cannot be read', async () => {
    page = await openPage(browser);
    const { cloudWatch } = stage.cloud;
    const [alarm] = functionAlarms([{ id: 'reconcile', name: 'reconcile' }], 'reconcile', 'camera-changed');
    if (alarm === undefined) throw new Error('there is no alarm');
    const onChange = () => {};
    const watch = cloudWatch.watchAlarms({ prefix: 'kvs-infer-test', alarms: [alarm], eachMinute: onChange, onChange });
    // No run leaves a datapoint, and silence counts as bad.
    await (stage.deps.clock as SteppedClock).step(60_000, async () => {});
    await page.goto(stage.url);
    const region = page.getByRole('region', { name: 'Alarms that ring' });
    await region.getByRole('heading', { name: 'An alarm rings' }).waitFor();
    await region.getByText('The control loop has not run for 5 minutes').waitFor();
    await region.getByText('Look at the schedule and its function.').waitFor();
    await region.getByText('no-reconcile').waitFor();
    await expectAccessible(page);
    watch.close();

    const unreadable = { ringing: [], unreadable: 'AWS_ACCESS_DENIED' };
    await page.route('**/api/overview', async (route) => {
      const { body } = await stage.ask('GET', '/api/overview');
      await route.fulfill({ json: { ...body, alarms: unreadable } });
    });
    await page.getByText('The alarms cannot be read (AWS_ACCESS_DENIED): one may ring.').waitFor();
    await heading('Watched now').waitFor();
    await expectAccessible(page);
  });

  it('is painted from what its own address sends, and from little of it', async () => {
    page = await openPage(browser);
    await page.goto(stage.url);
    await heading('Watched now').waitFor();
    const { paintMs, bytes } = await page.evaluate(() => ({
      paintMs: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
      bytes: performance
        .getEntriesByType('resource')
        .map((entry) => entry as PerformanceResourceTiming)
        .filter(({ name }) => name.includes('/assets/'))
        .reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0),
    }));
    // Nothing is compressed on loopback: 250 kB of gzip are some 800 kB as they are read.
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(800_000);
    expect(paintMs).toBeGreaterThan(0);
  });

  it('is used by keyboard alone: to the content, to the pages, to a camera', async () => {
    page = await openPage(browser);
    await page.goto(stage.url);
    await heading('Watched now').waitFor();
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('To the content');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Cameras');
    await page.keyboard.press('Enter');
    await heading('Cameras').waitFor();
    await page.getByRole('searchbox').focus();
    await page.keyboard.type('dock');
    await page.getByRole('link', { name: 'dock-1' }).waitFor();
    expect(page.url()).toBe(`${stage.origin}/cameras?text=dock`);
  });

  it('shows ten thousand cameras: drawn where one looks, found by a word, sorted by a click', async () => {
    page = await openPage(browser);
    // As many as five full fleets; the tables of the local cloud would take a minute to fill.
    const [own] = (await stage.ask('GET', '/api/cameras')).body.cameras;
    const named = (index: number) => ({ ...own, cameraId: `cam-${String(index).padStart(5, '0')}` });
    const cameras = [own, ...Array.from({ length: 10_000 }, (_, index) => named(index))];
    await page.route('**/api/cameras', (route) => route.fulfill({ json: { cameras } }));
    await page.goto(stage.url.replace('/#', '/cameras#'));
    await page.getByText('10,001 cameras').waitFor();
    expect(await page.locator('tbody tr').count()).toBeLessThan(60);
    await page.getByRole('button', { name: 'Camera' }).click();
    await page.getByRole('link', { name: 'dock-1' }).waitFor();
    await page.getByRole('searchbox').fill('cam-07777');
    await page.getByRole('link', { name: 'cam-07777' }).waitFor();
    await page.getByText('1 of 10,001 cameras').waitFor();
    await page.getByRole('searchbox').fill('');
    await page.getByText('10,001 cameras', { exact: true }).waitFor();
    await page.getByRole('region', { name: 'Table of cameras' }).focus();
    await page.keyboard.press('End');
    await page.getByRole('link', { name: 'cam-00000' }).waitFor();
    await expectAccessible(page);
  });

  it('says what a stranger has to do, and that a token is no good any more', async () => {
    page = await openPage(browser);
    page.tolerated.push('status of 401');
    await page.goto(stage.origin);
    await page.getByText('Open the address that npm start printed').waitFor();
    await page.goto(`${stage.origin}/cameras#token=another-token`);
    await page.getByText('You are not signed in any more').waitFor();
    // The page behind it comes in a part of its own.
    await heading('Cameras').waitFor();
    await expectAccessible(page);
  });

  it('keeps what it has heard when the connection is lost, says so, and goes on by itself', async () => {
    page = await openPage(browser);
    await page.goto(stage.url);
    await heading('Watched now').waitFor();
    await page.context().setOffline(true);
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.getByText('The connection is lost').waitFor({ timeout: 30_000 });
    await page.getByText('9 cameras want 45 inferences/s now').waitFor();
    await page.context().setOffline(false);
    await page.getByText('The connection is lost').waitFor({ state: 'detached', timeout: 30_000 });
    page.tolerated.push('ERR_INTERNET_DISCONNECTED');
  });

  it('shows a script for the text that it is', async () => {
    const { saveVerdict } = await import('../../aws/camera-states.ts');
    const message = '<img src=x onerror="globalThis.hurt = true"><script>globalThis.hurt = true</script>';
    await saveVerdict(
      stage.clients,
      stage.names.tables.cameraStates,
      {
        ...{ fleet: 'default', cameraId: 'a-script', camera: null, sequenceNumber: '1' },
        issues: [{ severity: 'error', path: 'streamName', message }],
      },
      Date.parse('2026-11-24T12:00:00Z'),
    );
    page = await openPage(browser);
    await page.goto(stage.url.replace('/#', '/cameras#'));
    await page.getByRole('searchbox').fill('a-script');
    await page.getByText('<script>').first().waitFor();
    expect(await page.evaluate(() => 'hurt' in globalThis)).toBe(false);
  });

  it('fits a phone: nothing is wider than the screen but the table, which scrolls in itself', async () => {
    page = await openPage(browser, { viewport: { width: 360, height: 740 } });
    for (const path of ['/', '/cameras']) {
      await page.goto(stage.url.replace('/#', `${path}#`));
      await page.locator('main h1').waitFor({ state: 'attached' });
      await page.getByText(path === '/' ? 'Now 2 workers' : '2 cameras').waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(360);
    }
  });
});
