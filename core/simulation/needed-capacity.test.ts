import { expect, it } from 'vitest';
import { policy } from '../control/fleet-factories.ts';
import { parseCameraRow } from '../parse-camera-row.ts';
import { clairvoyantMs, neededSteps } from './needed-capacity.ts';
import { calmSettings, meanMs } from './settings.ts';

const hourMs = 3_600_000;
const span = { startMs: 0, endMs: 24 * hourMs };
const { camera } = parseCameraRow({ cameraId: 'gate', streamName: 'gate', detect: { fps: 5 } });
if (camera === null) throw new Error('the row is valid');

function watched(startHour: number, endHour: number, silences: [number, number][] = []) {
  const between = ([start, end]: [number, number]) => ({ startMs: start * hourMs, endMs: end * hourMs });
  return {
    camera: camera as NonNullable<typeof camera>,
    intervals: [between([startHour, endHour])],
    silences: silences.map(between),
  };
}

it('counts loads and not cameras, and merges steps that need the same', () => {
  // Two cameras of 5 inferences per second fit one worker of 10, three do not.
  const cameras = [watched(8, 18), watched(9, 17), watched(10, 12)];
  const steps = neededSteps(cameras, 10, span, true);
  expect(steps.map(({ startMs, endMs, workers }) => [startMs / hourMs, endMs / hourMs, workers])).toEqual([
    [0, 8, 0],
    [8, 10, 1],
    [10, 12, 2],
    [12, 18, 1],
    [18, 24, 0],
  ]);
});

it('knows silences when it is told to, and a camera larger than a worker fills one', () => {
  const silent = watched(8, 18, [[10, 11]]);
  const workersAt = (steps: ReturnType<typeof neededSteps>, hour: number) =>
    steps.find(({ startMs, endMs }) => startMs <= hour * hourMs && hour * hourMs < endMs)?.workers;
  expect(workersAt(neededSteps([silent], 2, span, true), 10.5)).toBe(0);
  expect(workersAt(neededSteps([silent], 2, span, false), 10.5)).toBe(1);
});

it('boots just in time, and keeps an instance through a gap that is shorter than a boot', () => {
  const { registrationMs, taskStartMs, modelLoadMs, streamOpenMs } = calmSettings;
  const bootMs = [registrationMs, taskStartMs, modelLoadMs, streamOpenMs].reduce((sum, one) => sum + meanMs(one), 0);
  const paidMs = (cameras: ReturnType<typeof watched>[], minWorkers = 0) =>
    clairvoyantMs(neededSteps(cameras, 10, span, true), calmSettings, policy({ minWorkers, maxWorkers: 3 }), span);
  expect(paidMs([watched(8, 18)])).toBeCloseTo(10 * hourMs + bootMs, 3);
  expect(paidMs([watched(8, 12), watched(13, 18)])).toBeCloseTo(9 * hourMs + 2 * bootMs, 3);
  expect(paidMs([watched(8, 12), watched(12.05, 18)])).toBeCloseTo(10 * hourMs + bootMs, 3);
  expect(paidMs([watched(8, 18)], 1)).toBe(24 * hourMs);
  // Never more instances than the policy allows.
  expect(paidMs(Array.from({ length: 20 }, () => watched(0, 24)))).toBe(3 * 24 * hourMs);
});
