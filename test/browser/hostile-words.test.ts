/**
 * Words of cameras, models, readings, people and failures that are scripts, before a real Chromium: every page shows them as
 * text. Invariant: what ran would leave its mark, ask for an address that nobody has, or be refused aloud by the page's policy;
 * each of these fails the test.
 */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { saveVerdict } from '../../aws/camera-states.ts';
import { awsResultStore } from '../../aws/results.ts';
import { camera, noonMs } from '../../core/control/fleet-factories.ts';
import { chromiumPath, closeQuiet, launchBrowser, openPage, type WatchedPage } from './browser.ts';
import { type DashboardStage, startDashboardStage } from './dashboard-stage.ts';

const attack = (where: string) =>
  `"'><img src=//127.0.0.1:9/${where} onerror="document.title='ran-${where}'"><script>document.title='ran-${where}'</script>`;
const paths = ['/', '/cameras', '/cameras/dock-1', '/cameras/dock-1/edit', '/fleets/default', '/simulate'];

let stage: DashboardStage;
let browser: Browser;
let page: WatchedPage;

describe.skipIf(chromiumPath === null)('hostile words', () => {
  beforeAll(async () => {
    [stage, browser] = await Promise.all([startDashboardStage(), launchBrowser()]);
    const { clients, names } = stage;
    const table = names.tables.cameraStates;
    const issue = (path: string) => ({ severity: 'error', path: attack(path), message: attack('issue') }) as const;
    const verdict = { fleet: 'default', camera: null, issues: [issue('path')], sequenceNumber: '2' };
    // The console writes rows with any id.
    await saveVerdict(clients, table, { ...verdict, cameraId: attack('camera-id') }, noonMs);
    const watched = {
      ...camera('dock-1'),
      regions: [
        {
          ...{
            name: attack('region'),
            polygon: [
              [0, 0],
              [1, 0],
              [1, 1],
            ],
          },
        },
      ],
    };
    await saveVerdict(
      clients,
      table,
      {
        ...verdict,
        camera: watched as never,
        cameraId: 'dock-1',
        issues: [{ ...issue('warning'), severity: 'warning' }],
      },
      noonMs,
    );
    const row = { streamName: 'dock-1', colour: attack('colour') };
    await stage.ask('PUT', '/api/cameras/dock-1', { body: row, headers: { 'if-none-match': '*' } });
    const firstSeenAt = new Date(noonMs - 60_000).toISOString();
    await awsResultStore(clients, { detectionsTable: names.tables.detections }).putDetection?.({
      ...{
        cameraId: 'dock-1',
        trackId: attack('track'),
        'at#trackId': `${firstSeenAt}#t`,
        epoch: 1,
        workerId: attack('worker'),
      },
      ...{
        model: attack('model'),
        label: attack('label'),
        classId: 2,
        score: 0.9,
        box: [0.1, 0.2, 0.5, 0.6],
        firstSeenAt,
      },
      ...{
        lastSeenAt: firstSeenAt,
        ended: true,
        text: { value: attack('ocr'), score: 0.9 },
        regions: [attack('seen-in')],
      },
      ...{ snapshotKey: 'snapshots/dock-1/absent.jpg', expiresAt: 1 },
    });
    await stage.putDecision(1, 1, attack('reason'));
    const until = new Date(noonMs + 3_600_000).toISOString();
    await stage.ask('PUT', '/api/fleets/default/orders', { body: { pause: { until, reason: attack('order') } } });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await stage?.close();
  });
  afterEach(() => closeQuiet(page));

  it('are text on every page: nothing runs, nothing is asked of elsewhere, no element is made of them', async () => {
    page = await openPage(browser);
    // Pictures that are not there.
    page.tolerated.push('status of 404');
    const elsewhere: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('127.0.0.1:9/')) elsewhere.push(request.url());
    });
    let shown = '';
    for (const path of paths) {
      await page.goto(stage.url.replace('/#', `${path}#`));
      await page.getByRole('heading').first().waitFor();
      await page.waitForLoadState('load');
      if (path === '/cameras/dock-1') await page.getByText('onerror=').first().waitFor();
      if (path === '/fleets/default') await page.getByText('ran-reason').first().waitFor();
      shown += await page.evaluate(() => document.body.innerText);
      const made = await page.evaluate(() => ({
        scripts: [...document.querySelectorAll('body script')].map((one) => one.textContent),
        handlers: [...document.querySelectorAll('*')]
          .flatMap((one) => one.getAttributeNames())
          .filter((name) => name.startsWith('on')),
        links: [...document.querySelectorAll('a[href]')]
          .map((one) => (one as HTMLAnchorElement).protocol)
          .filter((one) => !/^https?:$/.test(one)),
      }));
      expect(made, path).toEqual({ scripts: [], handlers: [], links: [] });
      expect(await page.title(), path).not.toContain('ran-');
    }
    expect(elsewhere).toEqual([]);
    // The words came through, so that there was something to run.
    for (const where of ['camera-id', 'issue', 'label', 'ocr', 'reason'])
      expect(shown, where).toContain(`ran-${where}`);
  });

  it('would be refused by the page’s policy if they became elements: scripts, handlers, and forms to elsewhere', async () => {
    page = await openPage(browser);
    await page.goto(stage.url);
    await page.getByRole('heading').first().waitFor();
    page.tolerated.push('Content Security Policy', 'ERR_CONNECTION_REFUSED');
    const refused = await page.evaluateHandle(() => {
      const directives = new Set<string>();
      document.addEventListener('securitypolicyviolation', (event) => directives.add(event.effectiveDirective));
      const add = (html: string) => document.body.append(document.createRange().createContextualFragment(html));
      add(`<script>document.title = 'ran-inline'</script>`);
      add(`<button id="attacked" onclick="document.title = 'ran-handler'">x</button>`);
      add(`<script src="http://localhost:9/x.js"></script>`);
      add(`<object data="http://localhost:9/x"></object><base href="http://localhost:9/">`);
      add(`<form id="form" action="http://localhost:9/" method="post"><input name="x"></form>`);
      document.querySelector<HTMLButtonElement>('#attacked')?.click();
      document.querySelector<HTMLFormElement>('#form')?.requestSubmit();
      void fetch('http://localhost:9/').catch(() => {});
      return directives;
    });
    for (const directive of [
      'base-uri',
      'connect-src',
      'form-action',
      'object-src',
      'script-src-attr',
      'script-src-elem',
    ]) {
      await page.waitForFunction(([seen, one]) => seen.has(one), [refused, directive] as const);
    }
    expect(await page.title()).not.toContain('ran-');
  });
});
