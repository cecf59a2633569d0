import { expect, it } from 'vitest';
import { isScheduled, scheduledIntervals } from '../../core/calendar.ts';
import { parseCameraRow } from '../../core/parse-camera-row.ts';
import { demoCameras } from './demo-cameras.ts';

const startMs = Date.parse('2026-11-24T10:00:41Z');
const cameras = new Map(demoCameras(startMs).map(({ row }) => [String(row.cameraId), parseCameraRow(row)]));
const camera = (id: string) => {
  const parsed = cameras.get(id)?.camera;
  if (!parsed) throw new Error(`no camera ${id}`);
  return parsed;
};

it('has six rows, of which exactly one is wrong, and its verdict says where', () => {
  expect(cameras.size).toBe(6);
  const wrong = [...cameras].filter(([, { camera: parsed }]) => parsed === null);
  expect(wrong.map(([id]) => id)).toEqual(['back-door']);
  expect(wrong[0]?.[1].issues.map((issue) => issue.path)).toEqual(['schedule.timeZone', 'schedule.windows[0].start']);
});

it('opens and closes a window within the first two and a half minutes, with time to warm up before it', () => {
  for (let second = 0; second < 60; second += 1) {
    const beginsMs = Math.floor(startMs / 60_000) * 60_000 + second * 1000;
    const dock = demoCameras(beginsMs).find(({ row }) => row.cameraId === 'dock');
    const parsed = parseCameraRow(dock?.row).camera;
    const [window] = parsed === null ? [] : scheduledIntervals(parsed, beginsMs, beginsMs + 600_000);
    expect(window?.startMs).toBeGreaterThanOrEqual(beginsMs + 12_000);
    expect(window?.endMs).toBeLessThanOrEqual(beginsMs + 150_000);
  }
});

it('holds one camera open by a dated override that ends', () => {
  expect(isScheduled(camera('yard'), startMs + 44_000)).toBe(true);
  expect(isScheduled(camera('yard'), startMs + 46_000)).toBe(false);
});
