/**
 * The pages of a camera, of a fleet and of a simulation in a real browser, before a stage whose control loop runs by a clock
 * that is stepped.
 */
import { DeleteObjectsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startModelRollout } from '../../aws/model-rollouts.ts';
import { awsResultStore } from '../../aws/results.ts';
import { type ControlStage, startControlStage } from '../../functions/control-loop-stage.test-factory.ts';
import { type DashboardServer, startDashboardServer } from '../../local/http/dashboard-server.ts';
import { buildSite, siteFolder } from '../../web/build-site.ts';
import { chromiumPath, closeQuiet, expectAccessible, launchBrowser, openPage, type WatchedPage } from './browser.ts';

const policy = { leadTimeDefaultMs: 120_000, scaleInDelayMs: 60_000, silentGraceMs: 120_000, maxWorkers: 3 };
const startMs = Date.parse('2026-11-24T07:50:00Z');
/** A JPEG of one grey pixel, which a browser can draw. */
const pixel = Buffer.from(
  '/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA=',
  'base64',
);

let stage: ControlStage;
let server: DashboardServer;
let browser: Browser;
let page: WatchedPage;
const open = (path: string) => page.goto(server.url.replace('/#', `${path}#`));
const region = (name: string) => page.getByRole('region', { name });

async function putTrack(minutesAgo: number, trackId: string, snapshotKey?: string) {
  const firstSeenAt = new Date(stage.clock.nowMs() - minutesAgo * 60_000).toISOString();
  await awsResultStore(stage.clients, { detectionsTable: stage.names.tables.detections }).putDetection?.({
    ...{ cameraId: 'dock-1', trackId, 'at#trackId': `${firstSeenAt}#${trackId}`, epoch: 1, workerId: 'w', model: 'm' },
    ...{ label: 'car', classId: 2, score: 0.93, box: [0.1, 0.2, 0.5, 0.6], firstSeenAt, lastSeenAt: firstSeenAt },
    ...{ ended: true, text: { value: 'SGX1234A', score: 0.97 }, expiresAt: 1 },
    ...(snapshotKey === undefined ? {} : { snapshotKey }),
  });
}

async function putPicture(key: string) {
  const put = (Key: string, Body: Uint8Array | string, ContentType: string) =>
    stage.clients.s3.send(
      new PutObjectCommand({
        ...{ Bucket: stage.names.resultBucket, Key, Body, ContentType, ServerSideEncryption: 'AES256' },
      }),
    );
  await put(`${key}.jpg`, pixel, 'image/jpeg');
  const record = {
    ...{ capturedAt: new Date(stage.clock.nowMs()).toISOString(), width: 1920, height: 1080 },
    detections: [{ label: 'car', classId: 2, score: 0.93, box: [0.1, 0.2, 0.5, 0.6], trackId: 't-1' }],
  };
  await put(`${key}.json`, JSON.stringify(record), 'application/json');
}

describe.skipIf(chromiumPath === null)('the dashboard', () => {
  beforeAll(async () => {
    [stage, browser] = await Promise.all([startControlStage({ startMs, policy }), launchBrowser(), buildSite()]);
    server = await startDashboardServer({ deps: stage.deps, siteFolder, port: 0, portSearch: false });
    for (const cameraId of ['dock-1', 'gate']) {
      await stage.createStream(cameraId);
      stage.flowing.add(cameraId);
      await stage.putCamera({ cameraId, streamName: cameraId, colour: 'red' });
    }
    await stage.advance(180);
    await putPicture('snapshots/dock-1/one');
    await putTrack(1, 't-1', 'snapshots/dock-1/one.jpg');
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await stage?.close();
  });
  afterEach(() => closeQuiet(page));

  it('shows a camera: why it is so, its picture with boxes or without, its tracks, its verdict', async () => {
    page = await openPage(browser);
    await open('/cameras/dock-1');
    await region('State').getByText('running').waitFor();
    await region('State').getByText('colour').waitFor();
    const boxes = region('Snapshot').locator('rect');
    await boxes.waitFor();
    await region('Snapshot').getByRole('checkbox').uncheck();
    expect(await boxes.count()).toBe(0);
    await region('Tracks').getByText('SGX1234A').waitFor();
    await region('Coverage').waitFor();
    await expectAccessible(page);
    await page.getByText('Live: changes appear as they happen.').waitFor();
    await putTrack(0, 't-live');
    await stage.advance(5);
    await region('What has just happened').getByText('car at dock-1, 93 % sure, reads SGX1234A').nth(1).waitFor();
    await region('Tracks').getByRole('listitem').nth(1).waitFor();
  });

  it('says that a snapshot is gone, and keeps what is known of the track', async () => {
    const Objects = [{ Key: 'snapshots/dock-1/one.jpg' }, { Key: 'snapshots/dock-1/one.json' }];
    await stage.clients.s3.send(new DeleteObjectsCommand({ Bucket: stage.names.resultBucket, Delete: { Objects } }));
    page = await openPage(browser);
    await open('/cameras/dock-1');
    await region('Snapshot').getByText('The snapshot is gone').waitFor();
    await region('Snapshot').getByText('car, 93 % sure, reads SGX1234A').waitFor();
    await expectAccessible(page);
    // The browser itself writes the refused picture to the console.
    page.tolerated.push('status of 404');
  });

  it('pauses a fleet until an instant, shows its phases change by itself, and resumes', async () => {
    page = await openPage(browser);
    await open('/fleets');
    await page.waitForURL('**/fleets/default');
    await region('Size').getByText('2 running').waitFor();
    await region('Workers').getByRole('link', { name: 'dock-1' }).waitFor();
    await expectAccessible(page);
    await page.getByLabel('Reason').fill('works on the roof');
    await page.getByRole('button', { name: 'Pause the fleet' }).click();
    await region('Orders').getByText('works on the roof').waitFor();
    await page.getByText('Ordered: the next run').waitFor();
    await stage.advance(90);
    await region('Size').getByText('2 running').waitFor({ state: 'detached' });
    await region('Decisions').getByText('paused').first().waitFor();
    await page.getByRole('button', { name: 'Resume now' }).click();
    await region('Orders').getByText('None: the schedules alone decide.').waitFor();
    await stage.advance(240);
    await region('Size').getByText('2 running').waitFor();
  });

  it('plays another schedule, shows what it saves and misses, and saves it over the version that was played', async () => {
    page = await openPage(browser);
    await open('/simulate?camera=gate');
    await page.getByLabel('Time zone').fill('UTC');
    await page.getByLabel('Days to play').fill('2');
    await page.getByRole('button', { name: 'Play the days' }).click();
    await region('Result').getByText('Windows ready in time').waitFor();
    await region('Result').getByText('gate changed: 48.0 h →').waitFor();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Save this schedule' }).click();
    await page.getByText('gate: saved').waitFor();
    await stage.settle();
    expect((await stage.camera('gate'))?.camera?.schedule).toMatchObject({ timeZone: 'UTC' });
    await page.getByLabel('Hours').selectOption('always');
    await page.getByRole('button', { name: 'Play the days' }).click();
    await region('Result').getByText('gate changed: 20.0 h →').waitFor();
    await stage.putCamera({ cameraId: 'gate', streamName: 'gate', priority: 70 });
    await page.getByRole('button', { name: 'Save this schedule' }).click();
    await page.getByText('gate: not saved: somebody else changed it meanwhile').waitFor();
    page.tolerated.push('status of 412');
  });

  it('asks for pages where there is no stream, and says when the connection is lost and when it is back', async () => {
    page = await openPage(browser);
    const at = new Date(stage.clock.nowMs()).toISOString();
    const event = { id: 'phase/dock-1/1', at, kind: 'phase', fleet: 'default', cameraId: 'dock-1', phase: 'silent' };
    const events = [{ ...event, words: 'dock-1 is silent: the cable is cut' }];
    let isCut = false;
    await page.route('**/api/events*', (route) =>
      isCut ? route.abort() : route.fulfill({ json: { events, after: at, more: false } }),
    );
    await open('/cameras/dock-1');
    await page.getByText('Looks for changes every 5 seconds.').waitFor();
    await region('What has just happened').getByText('the cable is cut').waitFor();
    const placed = page.waitForRequest((request) => request.url().includes(`after=${encodeURIComponent(at)}`));
    await placed;
    isCut = true;
    await page.getByText('What is shown is as it was last heard').waitFor();
    await page.unroute('**/api/events*');
    await page.getByText('Live: changes appear as they happen.').waitFor();
    page.tolerated.push('ERR_FAILED', 'status of 404');
  });

  it('tells how a new version of a model does', async () => {
    const wish = { version: 'default@2', by: 'somebody', reason: 'sees forklifts', canaryCameras: ['gate'] };
    await startModelRollout(stage.clients, stage.names.tables, 'default', wish, stage.clock.nowMs());
    page = await openPage(browser);
    await open('/fleets/default');
    await region('Models').getByText('rollout of default@2: ordered').waitFor();
    await expectAccessible(page);
  });

  it('offers no orders and no simulation to who may only look', async () => {
    page = await openPage(browser);
    const me = { name: 'viewer@example.com', role: 'viewer', stage: 'test', region: 'x', fleets: ['default'] };
    await page.route('**/api/me', (route) => route.fulfill({ json: me }));
    await open('/fleets/default');
    await region('Orders').getByText('Operators may pause this fleet').waitFor();
    expect(await page.getByRole('button', { name: 'Pause the fleet' }).count()).toBe(0);
    await open('/simulate?camera=gate');
    await page.getByText('Only operators may have a change played.').waitFor();
    expect(await page.getByRole('button', { name: 'Play the days' }).isDisabled()).toBe(true);
  });

  it('fits a phone, in the dark', async () => {
    page = await openPage(browser, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
    for (const [path, shown] of [
      ['/cameras/dock-1', 'Tracks'],
      ['/fleets/default', 'Workers'],
      ['/simulate', 'Play the days'],
    ] as const) {
      await open(path);
      const region = page.getByRole('region', { name: shown });
      await region.or(page.getByRole('button', { name: shown })).waitFor();
      await expectAccessible(page);
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(360);
    }
    page.tolerated.push('status of 404');
  });
});
