/** From where and from when on a new owner watches a camera. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CameraState, RunningCamera } from '../fleet-state.ts';
import { assignmentsOf, isListUpToDate, sameAssignments } from './assignment-list.ts';
import { decide } from './decide.ts';
import { camera, noonMs, observation, policy, report, state, worker } from './fleet-factories.ts';

const checkpoint = { fragmentNumber: '17', producerTimestampMs: noonMs - 5_000 };
const released = { epoch: 3, releasedEpoch: 3, checkpoint };

function given(handed: CameraState) {
  const { changes } = decide(observation([handed], [worker('w1'), worker('w2')]), policy(), noonMs);
  const [change] = changes;
  if (change?.ownership?.kind !== 'give') throw new Error(`not given: ${JSON.stringify(change)}`);
  return { ownership: change.ownership, next: change.next };
}

it('a camera that goes from owner to owner continues after its checkpoint', () => {
  const handedOver = state('gate', { ...released, ownerWorkerId: 'gone', releaseRequestedAtMs: noonMs - 2_000 });
  expect(given(handedOver).ownership).toMatchObject({ epoch: 4, clean: true });
});

it('a camera that nobody had in between begins at the live edge: its last checkpoint may be of yesterday', () => {
  expect(given(state('gate', released)).ownership).toMatchObject({ epoch: 4, clean: false });
});

it('a camera given ahead of its window is watched from the start of the window on', () => {
  const schedule = { timeZone: 'UTC', windows: [{ start: '12:01', end: '13:00' }] };
  expect(given(state('gate', {}, { schedule })).next.ownedSinceMs).toBe(noonMs + 60_000);
  expect(given(state('gate')).next.ownedSinceMs).toBe(noonMs);
});

it('a camera is not moved for room before its owner has begun, nor while it starts: what was never run is never released', () => {
  const crowd = ['a', 'b', 'c'].map((id) => state(id, { ownerWorkerId: 'w1', epoch: 1 }, { detect: { fps: 6 } }));
  const movesWhen = (begun: string[], given: Partial<RunningCamera> = {}) =>
    decide(
      observation(crowd, [
        worker('w1', { running: Object.fromEntries(begun.map((id) => [id, report(given)])) }),
        worker('w2'),
      ]),
      policy(),
      noonMs,
    ).changes.flatMap(({ ownership }) => (ownership?.kind === 'release' ? [ownership.cameraId] : []));
  expect(movesWhen([])).toEqual([]);
  expect(movesWhen(['a', 'b', 'c'], { state: 'starting' })).toEqual([]);
  expect(movesWhen(['a', 'b', 'c'])).toHaveLength(1);
  expect(movesWhen(['a', 'b', 'c'], { state: 'silent' })).toHaveLength(1);
});

it('a camera that its owner lists for long and does not begin is asked back, for only another epoch starts it', () => {
  const gate = state('gate', { ownerWorkerId: 'w1', epoch: 1, ownedSinceMs: noonMs - 60_000 });
  const seen = (heardMs: number, running = {}) => {
    const assignments = { gate: { epoch: 1, camera: camera('gate'), assignedAtMs: noonMs - 60_000 } };
    const owner = worker('w1', { assignments, running, heartbeatAtMs: noonMs - 60_000 + heardMs });
    return decide(observation([gate], [owner]), policy({ workerDeadAfterMs: 60_001 }), noonMs).changes.flatMap(
      ({ ownership }) => ownership ?? [],
    );
  };
  expect(seen(3_000)).toEqual([]);
  expect(seen(59_000, { gate: report() })).toEqual([]);
  expect(seen(59_000)).toEqual([
    { kind: 'release', cameraId: 'gate', workerId: 'w1', reason: 'its worker does not begin it' },
  ]);
});

it('a worker learns the hours of a changed row under the same epoch, and nothing else of it', () => {
  const always = state('gate', { ownerWorkerId: 'w1', epoch: 2, ownedSinceMs: noonMs - 60_000 });
  const seen = worker('w1');
  const before = assignmentsOf(seen, [always], new Set());
  const after = (row: Record<string, unknown>) =>
    assignmentsOf({ ...seen, assignments: before }, [{ ...always, camera: camera('gate', row) }], new Set());
  const evening = { schedule: { timeZone: 'UTC', windows: [{ start: '18:00', end: '19:00' }] } };
  expect(sameAssignments(before, after({}))).toBe(true);
  expect(sameAssignments(before, after(evening))).toBe(false);
  expect(after(evening).gate).toMatchObject({ epoch: 2, camera: evening });
  expect(sameAssignments(before, after({ detect: { fps: 9 } }))).toBe(true);
  expect(after({ ...evening, detect: { fps: 9 } }).gate?.camera).toEqual(always.camera);
});

it('a list is not another one for its traces alone; what is new in it has the id of the run, what is known keeps its own', () => {
  const cameras = ['gate', 'yard'].map((id) => state(id, { ownerWorkerId: 'w1', epoch: 2, rowTraceId: `row-${id}` }));
  const listOf = (assignments: ReturnType<typeof assignmentsOf>, seen: CameraState[], traceId: string | null) =>
    assignmentsOf({ ...worker('w1'), assignments }, seen, new Set(), undefined, traceId);
  const first = listOf({}, cameras.slice(0, 1), 'run-1');
  expect(first.gate).toMatchObject({ traceId: 'run-1', rowTraceId: 'row-gate' });
  const second = listOf(first, cameras, 'run-2');
  expect(second).toMatchObject({ gate: { traceId: 'run-1' }, yard: { traceId: 'run-2', rowTraceId: 'row-yard' } });
  const later = cameras.map((one) => ({ ...one, rowTraceId: 'row-later' }));
  expect(sameAssignments(second, listOf(second, later, 'run-3'))).toBe(true);
  // Of an older version: without ids.
  const old = listOf(
    {},
    cameras.map(({ rowTraceId: _, ...one }) => one),
    null,
  );
  expect(JSON.stringify(old)).not.toContain('raceId');
  expect(sameAssignments(old, listOf(old, cameras, 'run-1'))).toBe(true);
});

it('a silent camera is listened to by the emptiest worker that is there anyway, and calls for none', () => {
  const streamsOf = (seen: ReturnType<typeof observation>) => ({
    ...seen,
    streams: { ...seen.streams, activeAtMs: new Map([['yard', null]]) },
  });
  const busy = state('gate', { ownerWorkerId: 'w1', epoch: 1 });
  const assignments = { gate: { epoch: 1, camera: camera('gate'), assignedAtMs: noonMs - 60_000 } };
  const w1 = worker('w1', { assignments, running: { gate: report() } });
  const override = { minWorkers: 2, until: '2026-11-24T13:00:00Z', reason: '' };
  const seen = streamsOf(observation([busy, state('yard')], [w1, worker('w2')]));
  const { changes, plan } = decide({ ...seen, fleet: { ...seen.fleet, override } }, policy(), noonMs);
  const yard = changes.find(({ cameraId }) => cameraId === 'yard');
  expect(yard?.ownership).toMatchObject({ kind: 'give', workerId: 'w2' });
  expect(yard?.next).toMatchObject({ phase: 'silent', phaseReason: expect.stringContaining('no media since') });
  expect(plan.inputs).toMatchObject({ workersNeeded: 1, inferencesPerSecondNow: 5 });
  const alone = decide(streamsOf(observation([state('yard')], [])), policy(), noonMs);
  expect(alone.plan.desired.instances).toBe(0);
  expect(alone.changes.flatMap(({ ownership }) => ownership ?? [])).toEqual([]);
});

it('a list that is told to be up to date is the one that would be written', () => {
  const ids = ['a', 'b', 'c'];
  const written = camera('a');
  const one = fc.record({
    isOwned: fc.boolean(),
    epoch: fc.integer({ min: 1, max: 2 }),
    isReleased: fc.boolean(),
    isAskedBack: fc.boolean(),
    listedEpoch: fc.option(fc.integer({ min: 1, max: 2 })),
  });
  const outcomes = new Set<boolean>();
  fc.assert(
    fc.property(fc.tuple(one, one, one), (drawn) => {
      const cameras = drawn.map(({ isOwned, epoch, isReleased, isAskedBack }, index) =>
        state(ids[index] ?? '', {
          camera: written,
          ...{ ownerWorkerId: isOwned ? 'w1' : 'w2', epoch, ...(isReleased ? { releasedEpoch: epoch } : {}) },
          ...(isAskedBack ? { releaseRequestedAtMs: noonMs } : {}),
        }),
      );
      const assignments = Object.fromEntries(
        drawn.flatMap(({ listedEpoch }, index) =>
          listedEpoch === null ? [] : [[ids[index], { epoch: listedEpoch, camera: written, assignedAtMs: noonMs }]],
        ),
      );
      const owner = worker('w1', { assignments });
      const isSame = sameAssignments(assignmentsOf(owner, cameras, new Set()), assignments);
      expect(isListUpToDate(owner, cameras)).toBe(isSame);
      outcomes.add(isSame);
    }),
    { numRuns: 500 },
  );
  expect(outcomes.size).toBe(2);
});
