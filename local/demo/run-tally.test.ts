import { expect, it } from 'vitest';
import type { Decision } from '../../core/control/record.ts';
import type { CameraState, RunningCamera, WorkerItem } from '../../core/fleet-state.ts';
import { RunTally } from './run-tally.ts';

const nowMs = 100_000;
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
) => ({ workerId, lifecycle, running: cameras, heartbeatAtMs: nowMs, startedAtMs: 2_000 }) as WorkerItem;
const gate = { cameraId: 'gate', phase: 'running' } as CameraState;

it('adds up what different owners inferred and counts no frame twice', () => {
  const tally = new RunTally(1_000);
  tally.observe([gate], [worker('a', { gate: running(1, 10, 4_000) })], nowMs);
  tally.observe([gate], [worker('a', { gate: running(1, 25, 4_000) })], nowMs);
  tally.observe([gate], [worker('b', { gate: running(2, 5, 9_000) })], nowMs);
  // The first owner again, after its item was read late: nothing is added for it.
  tally.observe([gate], [worker('a', { gate: running(1, 20, 4_000) })], nowMs);
  expect(tally.cameras()).toEqual([
    { cameraId: 'gate', phase: 'running', framesInferred: 30, detections: 60, tracks: 2, firstInferenceMs: 3_000 },
  ]);
});

it('leaves out what the workers of an earlier run did, whose items are still there', () => {
  const tally = new RunTally(3_000);
  tally.observe([gate], [worker('a', { gate: running(1, 10, 2_500) })], nowMs);
  expect(tally.cameras()).toEqual([
    { cameraId: 'gate', phase: 'running', framesInferred: 0, detections: 0, tracks: 0, firstInferenceMs: null },
  ]);
  expect(tally.fleet().maxWorkers).toBe(0);
});

it('tells the largest fleet, the fleet at the end, and each new target once', () => {
  const tally = new RunTally(0);
  const decide = (instances: number, tasks: number) => tally.decide({ desired: { instances, tasks } } as Decision);
  expect([decide(2, 0), decide(2, 0), decide(2, 2), decide(1, 2), decide(1, 2)]).toEqual([
    true,
    false,
    true,
    true,
    false,
  ]);
  tally.observe([], [worker('a', {}), worker('b', {}, 'draining')], nowMs);
  // The one that drained is gone, though its item is still there.
  const gone = { ...worker('b', {}, 'draining'), heartbeatAtMs: nowMs - 10_000 };
  tally.observe([], [worker('a', {}), gone, worker('c', {}, 'starting'), worker('d', {})], nowMs);
  // Control was told that its task stopped; its own last word is younger than that of its successor.
  const ended = { ...worker('d', {}, 'draining'), stoppedAtMs: nowMs };
  tally.observe([], [worker('a', {}), ended, worker('e', {})], nowMs);
  tally.observe([], [worker('a', {}), worker('e', {}, 'stopped')], nowMs);
  expect(tally.fleet()).toEqual({ maxWorkers: 2, scaleUps: 1, scaleDowns: 1, finalWorkers: 1 });
});
