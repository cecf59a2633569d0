/** Adding and editing cameras in a real browser: what is typed, drawn, refused, and changed by two people at once. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { viewer } from '../../functions/api/gateway-event.test-factory.ts';
import { chromiumPath, closeQuiet, expectAccessible, launchBrowser, openPage, type WatchedPage } from './browser.ts';
import { type DashboardStage, startDashboardStage } from './dashboard-stage.ts';

let stage: DashboardStage;
let browser: Browser;
let page: WatchedPage;
const rowOf = async (cameraId: string) => (await stage.ask('GET', `/api/cameras/${cameraId}`)).body.row;
const put = (
  row: { cameraId: string } & Record<string, unknown>,
  headers: Record<string, string> = { 'if-none-match': '*' },
) => stage.ask('PUT', `/api/cameras/${row.cameraId}`, { body: row, headers });
const open = (path: string) => page.goto(stage.url.replace('/#', `${path}#`));
const judgedGood = () => page.getByText('the row can be used').waitFor();

describe.skipIf(chromiumPath === null)('the camera form', () => {
  beforeAll(async () => {
    [stage, browser] = await Promise.all([startDashboardStage(), launchBrowser()]);
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.close();
  });
  afterEach(() => closeQuiet(page));
  const expectRefused = (status: number) => page.tolerated.push(`status of ${status}`);

  it('adds a camera with the windows and regions that were drawn, in its own zone whatever the viewer’s', async () => {
    page = await openPage(browser, { timezoneId: 'America/Lima' });
    await open('/cameras');
    await page.getByRole('link', { name: 'Add a camera' }).click();
    await page.getByLabel('Id', { exact: true }).fill('gate-1');
    await page.getByLabel('Kinesis Video stream').fill('gate-stream');
    await page.getByLabel('In weekly windows').check();
    await page.getByLabel('Time zone of the camera').fill('Asia/Singapore');
    await page.getByText(/it is \w+.* there; here \(America\/Lima\) it is/).waitFor();
    // A stroke over Wednesday, from a quarter to three quarters of the day.
    const track = page.locator('.week-track').nth(2);
    await track.scrollIntoViewIfNeeded();
    const box = (await track.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    await page.mouse.move(box.x + box.width * 0.25, box.y + 8);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.75, box.y + 8, { steps: 4 });
    await page.mouse.up();
    await page.getByRole('button', { name: 'Add a region' }).click();
    const frame = page.locator('.region-picture');
    await frame.scrollIntoViewIfNeeded();
    for (const [x, y] of [
      [0.2, 0.2],
      [0.8, 0.2],
      [0.5, 0.7],
    ] as const) {
      const size = (await frame.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
      await page.mouse.click(size.x + size.width * x, size.y + size.height * y);
    }
    await page.getByText('an area of 3 corners').waitFor();
    await judgedGood();
    expectRefused(422);
    expectRefused(404);
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Add the camera' }).click();
    await page.waitForURL('**/cameras/gate-1');
    const row = await rowOf('gate-1');
    expect(row).toMatchObject({
      cameraId: 'gate-1',
      streamName: 'gate-stream',
      schedule: { timeZone: 'Asia/Singapore', windows: [{ days: ['wed'], start: '06:00', end: '18:00' }] },
    });
    const [region] = row.regions;
    expect(region.name).toBe('region-1');
    for (const [index, [x, y]] of [
      [0.2, 0.2],
      [0.8, 0.2],
      [0.5, 0.7],
    ].entries()) {
      expect(region.polygon[index][0]).toBeCloseTo(x ?? 0, 1);
      expect(region.polygon[index][1]).toBeCloseTo(y ?? 0, 1);
    }
  });

  it('says beside the window what is wrong with it, and does not save', async () => {
    await put({ cameraId: 'dock-9', streamName: 'dock-9' });
    page = await openPage(browser);
    await open('/cameras/dock-9/edit');
    await page.getByLabel('In weekly windows').check();
    await page.getByRole('button', { name: 'Add a window' }).first().click();
    const window = page.getByRole('list', { name: 'Windows' }).getByRole('listitem').first();
    await window.getByLabel('from').fill('8 o’clock');
    await window.getByText('expected a local time HH:MM').waitFor();
    expect(await page.getByRole('button', { name: 'Save' }).isDisabled()).toBe(true);
    expect(await window.getByLabel('from').getAttribute('aria-invalid')).toBe('true');
    await window.getByLabel('from').fill('08:00');
    await judgedGood();
    await page.getByLabel('Frames per second').fill('99');
    await page.getByText('1 thing to correct').waitFor();
    const described = await page.getByLabel('Frames per second').getAttribute('aria-describedby');
    expect(await page.locator(`[id="${described}"]`).textContent()).toContain('60');
    expectRefused(422);
    expectRefused(404);
    expect(await rowOf('dock-9')).toEqual({ cameraId: 'dock-9', streamName: 'dock-9' });
  });

  it('shows both when two people changed one camera, and lets one choose', async () => {
    const before = await put({ cameraId: 'twice', streamName: 'twice' });
    page = await openPage(browser);
    await open('/cameras/twice/edit');
    await page.getByLabel('Priority').fill('70');
    await put({ cameraId: 'twice', streamName: 'elsewhere' }, { 'if-match': String(before.headers.etag) });
    await judgedGood();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Somebody else has changed this camera').waitFor();
    expect(await page.getByRole('row').allTextContents()).toEqual([
      'AttributeYoursStored',
      'priority70not set',
      'streamName"twice""elsewhere"',
    ]);
    await expectAccessible(page);
    expect(await rowOf('twice')).toEqual({ cameraId: 'twice', streamName: 'elsewhere' });
    await page.getByRole('button', { name: 'Write mine over it' }).click();
    await page.waitForURL('**/cameras/twice');
    expect(await rowOf('twice')).toEqual({ cameraId: 'twice', streamName: 'twice', priority: 70 });
    expectRefused(412);
    expectRefused(404);
  });

  it('removes nothing that somebody else has just changed without showing it', async () => {
    const before = await put({ cameraId: 'gone', streamName: 'gone' });
    page = await openPage(browser);
    expectRefused(412);
    expectRefused(404);
    await open('/cameras/gone/edit');
    await judgedGood();
    await put({ cameraId: 'gone', streamName: 'elsewhere' }, { 'if-match': String(before.headers.etag) });
    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Remove the camera' }).click();
    await page.getByText('Somebody else has changed this camera').waitFor();
    expect(await rowOf('gone')).toEqual({ cameraId: 'gone', streamName: 'elsewhere' });
    await page.getByRole('button', { name: 'Remove it all the same' }).click();
    await page.waitForURL('**/cameras');
    expect((await stage.ask('GET', '/api/cameras/gone')).status).toBe(404);
  });

  it('knows a save again whose answer was lost', async () => {
    await put({ cameraId: 'lost', streamName: 'lost' });
    page = await openPage(browser);
    expectRefused(412);
    expectRefused(404);
    page.tolerated.push('ERR_FAILED');
    await open('/cameras/lost/edit');
    await page.getByLabel('Priority').fill('80');
    await judgedGood();
    let isConnected = false;
    await page.route('**/api/cameras/lost', async (route) => {
      if (isConnected || route.request().method() !== 'PUT') return route.continue();
      isConnected = true;
      await route.fetch();
      return route.abort();
    });
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('nobody knows whether it arrived').waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.waitForURL('**/cameras/lost');
    expect(await rowOf('lost')).toEqual({ cameraId: 'lost', streamName: 'lost', priority: 80 });
  });

  it('asks nothing about a new camera but for its verdict, however it is typed', async () => {
    page = await openPage(browser);
    expectRefused(422);
    await open('/new-camera');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.getByLabel('Kinesis Video stream').fill('some-stream');
    await page.getByLabel('Id', { exact: true }).pressSequentially('a-camera-with-a-long-name');
    await judgedGood();
    expect(asked.filter((path) => path.endsWith('/snapshot'))).toEqual([]);
    expect(asked.filter((path) => path.startsWith('/api/cameras/')).length).toBeLessThan(10);
  });

  it('moves corners by keyboard, and takes them out', async () => {
    const polygon = [
      [0.1, 0.1],
      [0.5, 0.1],
      [0.5, 0.5],
      [0.1, 0.5],
    ];
    await put({ cameraId: 'keys', streamName: 'keys', regions: [{ name: 'yard', polygon }] });
    page = await openPage(browser);
    await open('/cameras/keys/edit');
    await page.getByRole('button', { name: 'Corner 1 of yard' }).focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    await page.getByRole('button', { name: 'Corner 1 of yard: 11 % from the left, 11 % from the top' }).waitFor();
    await page.getByRole('button', { name: 'Corner 4 of yard' }).focus();
    await page.keyboard.press('Delete');
    await judgedGood();
    await page.getByRole('button', { name: 'Save' }).focus();
    await page.keyboard.press('Enter');
    await page.waitForURL('**/cameras/keys');
    expect((await rowOf('keys')).regions).toEqual([{ name: 'yard', polygon: [[0.11, 0.11], ...polygon.slice(1, 3)] }]);
    expectRefused(404);
  });

  it('keeps exceptions by date, and removes a camera after asking', async () => {
    const schedule = { timeZone: 'UTC', windows: [{ start: '08:00', end: '18:00' }] };
    await put({ cameraId: 'holiday', streamName: 'holiday', schedule });
    page = await openPage(browser);
    await open('/cameras/holiday/edit');
    await page.getByLabel('Date').fill('2026-12-25');
    await page.getByRole('button', { name: 'Nothing starts on this date' }).click();
    await judgedGood();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.waitForURL('**/cameras/holiday');
    expect((await rowOf('holiday')).schedule.exceptions).toEqual([{ date: '2026-12-25', windows: [] }]);
    await open('/cameras/holiday/edit');
    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Remove the camera' }).click();
    await page.waitForURL('**/cameras');
    expect((await stage.ask('GET', '/api/cameras/holiday')).status).toBe(404);
    expectRefused(404);
  });

  it('shows who may only look no way to change anything', async () => {
    page = await openPage(browser);
    const { name } = { name: viewer.email };
    await page.route('**/api/me', (route) =>
      route.fulfill({ json: { name, role: 'viewer', stage: 'test', region: 'ap-southeast-1', fleets: ['default'] } }),
    );
    await put({ cameraId: 'look', streamName: 'look' });
    await open('/cameras');
    await page.getByText(name).waitFor();
    expect(await page.getByRole('link', { name: 'Add a camera' }).count()).toBe(0);
    await open('/cameras/look/edit');
    await page.getByText('You may look').waitFor();
    expect(await page.getByLabel('Kinesis Video stream').isDisabled()).toBe(true);
    expect(await page.getByRole('button', { name: 'Save' }).isDisabled()).toBe(true);
    expectRefused(404);
  });
});
