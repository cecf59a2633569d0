/** `kvs-infer simulate` as a script runs it: the document, the same seed twice, the picture, and wrong calls. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { documentOf, expectFailure, kvsInfer, temporaryFolder } from './kvs-infer.ts';

const folder = temporaryFolder();
const rows = `
cameras:
  - cameraId: dock-1
    streamName: kvs-infer-dock-1
    schedule: { timeZone: Europe/Berlin, windows: [{ start: "08:00", end: "18:00" }] }
  - cameraId: gate
    streamName: kvs-infer-gate
    fleet: north
    schedule: { timeZone: Europe/Berlin, windows: [{ start: "07:00", end: "12:00" }] }
  - cameraId: "<script>alert(1)</script>"
    streamName: kvs-infer-broken
`;
const span = ['--from', '2026-11-23T00:00:00Z', '--days', '2'];

type Outcome = {
  scheduledCameraSeconds: number;
  inferredCameraSeconds: number;
  coverage: number;
  blindSecondsByCause: Record<string, number>;
  instanceHours: number;
  costUsd: number;
  readyBy: { windows: number; hit: number; missed: number; latenessP95Ms: number };
};
type Week = Outcome & {
  fleets: number;
  skipped: { cameraId: string }[];
  baselines: Record<'alwaysOn' | 'scheduledActions' | 'ecsTargetTracking', Outcome>;
  clairvoyant: { instanceHours: number; ratio: number };
};

describe('kvs-infer simulate', () => {
  it('prints one document with the same figures for us and for each other way, and replays by its seed', async () => {
    const file = await folder.write('cameras.yaml', rows);
    const play = async (...words: string[]) =>
      documentOf(await kvsInfer(['simulate', file, ...span, '--json', ...words])) as Week;
    const week = await play();
    expect(week.fleets).toBe(2);
    expect(week.skipped).toHaveLength(1);
    expect(Object.keys(week.baselines)).toEqual(['alwaysOn', 'scheduledActions', 'ecsTargetTracking']);
    for (const outcome of [week, ...Object.values(week.baselines)]) {
      const blindSeconds = Object.values(outcome.blindSecondsByCause).reduce((sum, one) => sum + one, 0);
      expect(outcome.scheduledCameraSeconds).toBe(2 * (10 + 5) * 3_600);
      expect(outcome.inferredCameraSeconds + blindSeconds).toBeCloseTo(outcome.scheduledCameraSeconds, 6);
      expect(outcome.readyBy.windows).toBe(4);
      expect(outcome.readyBy.hit + outcome.readyBy.missed).toBe(4);
      expect(outcome.costUsd).toBeGreaterThan(0);
    }
    expect(week.baselines.alwaysOn.instanceHours).toBeCloseTo(2 * 48, 0);
    expect(week.instanceHours).toBeLessThan(0.5 * week.baselines.alwaysOn.instanceHours);
    expect(week.clairvoyant.instanceHours).toBeGreaterThanOrEqual(30);
    expect(await play('--seed', '1')).toEqual(week);
    expect(await play('--seed', '2')).not.toEqual(week);
  });

  it('tells people the same, and draws it', async () => {
    const file = await folder.write('cameras.yaml', rows);
    const page = folder.path('week.html');
    const ended = await kvsInfer(['simulate', file, ...span, '--html', page]);
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
    expect(ended.stdout).toContain(
      '2 cameras in 2 fleets, 2026-11-23T00:00:00.000Z to 2026-11-25T00:00:00.000Z, seed 1',
    );
    expect(ended.stdout).toMatch(/GPU instance hours .*\d/);
    expect(ended.stdout).toContain('left out: <script>');
    expect(ended.stdout).toContain('ECS target tracking');
    const html = await readFile(page, 'utf8');
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(html).not.toContain('<script');
    expect(html.match(/<svg /g)).toHaveLength(2);
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('tells wrong calls from what cannot be simulated', async () => {
    const file = await folder.write('cameras.yaml', rows);
    expectFailure(await kvsInfer(['simulate']), 2, 'CAMERAS_NOT_CHOSEN', '--stage');
    expectFailure(await kvsInfer(['simulate', file, '--days', '0']), 2, 'USAGE', 'from');
    expectFailure(await kvsInfer(['simulate', file, '--from', 'monday']), 2, 'WRONG_INSTANT', 'monday');
    expectFailure(await kvsInfer(['simulate', file, '--silent-share', '0.7']), 2, 'USAGE', '0 to 0.5');
    expectFailure(await kvsInfer(['simulate', file, '--instance-type', 'p9.huge']), 1, 'PRICE_UNKNOWN', 'p9.huge');
    const wrong = await folder.write('wrong.yaml', 'cameraId: a\n');
    expectFailure(await kvsInfer(['simulate', wrong]), 1, 'CAMERAS_MISSING', 'streamName');
    const nowhere = folder.path('no/such/folder/week.html');
    expectFailure(await kvsInfer(['simulate', file, ...span, '--html', nowhere]), 1, 'OUTPUT_UNWRITABLE', 'week.html');
  });
});
