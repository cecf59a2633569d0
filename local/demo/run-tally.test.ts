import { expect, it } from 'vitest';
import type { CameraState, Decision, RunningCamera, WorkerItem } from '../../core/fleet-state.ts';
import { RunTally } from './run-tally.ts';

const running = (epoch: number, framesInferred: number, firstInferenceAtMs?: number) =>
  ({
    epoch,
    framesInferred,
    detections: framesInferred * 2,
    tracks: 1,
    ...(firstInferenceAtMs === undefined ? {} : { firstInferenceAtMs }),
  }) as RunningCamera;
const worker = (
  workerId: string,
  cameras: Record<string, RunningCamera>,
  lifecycle: WorkerItem['lifecycle'] = 'ready',
) => ({ workerId, lifecycle, running: cameras }) as WorkerItem;
const gate = { cameraId: 'gate', phase: 'running' } as CameraState;

it('adds up what different owners inferred and counts no frame twice', () => {
  const tally = new RunTally(1_000);
  tally.observe([gate], [worker('a', { gate: running(1, 10, 4_000) })]);
  tally.observe([gate], [worker('a', { gate: running(1, 25, 4_000) })]);
  tally.observe([gate], [worker('b', { gate: running(2, 5, 9_000) })]);
  // The first owner again, after its item was read late: nothing is added for it.
  tally.observe([gate], [worker('a', { gate: running(1, 20, 4_000) })]);
  expect(tally.cameras()).toEqual([
    { cameraId: 'gate', phase: 'running', framesInferred: 30, detections: 60, tracks: 2, firstInferenceMs: 3_000 },
  ]);
});

it('tells the largest fleet, the fleet at the end, and each change of size once', () => {
  const tally = new RunTally(0);
  const decide = (at: string, from: number, to: number) =>
    tally.decide({
      fleet: 'default',
      at,
      previous: { instances: from, tasks: 0 },
      desired: { instances: to, tasks: 0 },
    } as Decision);
  expect(decide('1', 0, 2)).toBe(true);
  expect(decide('1', 0, 2)).toBe(false);
  decide('2', 2, 2);
  decide('3', 2, 1);
  tally.observe([], [worker('a', {}), worker('b', {}, 'draining')]);
  tally.observe([], [worker('a', {}), worker('b', {}, 'stopped'), worker('c', {}, 'starting')]);
  expect(tally.fleet()).toEqual({ maxWorkers: 2, scaleUps: 1, scaleDowns: 1, finalWorkers: 1 });
});
