/** A camera that moves: its next worker stands by before its owner is asked, and whatever goes wrong ends as it did before. */
import { expect, it } from 'vitest';
import type { CameraState, StandbyReport, WorkerItem } from '../fleet-state.ts';
import { assignmentsOf } from './assignment-list.ts';
import { decide } from './decide.ts';
import { afterChanges, camera, noonMs, observation, policy, report, state, worker } from './fleet-factories.ts';
import { spotDrain, standbysMax, standbysOf, standbyWaitMs } from './handover.ts';

const handover = { sinceMs: noonMs - 2_000, reason: 'test', handover: {} };
const given = (epoch = 1, cameraId = 'gate') => ({ epoch, camera: camera(cameraId), assignedAtMs: noonMs - 60_000 });
const owned = (more: Partial<CameraState> = {}) => state('gate', { ownerWorkerId: 'w1', epoch: 1, ...more });
/** Leaves, and watches on. */
const leaving = (more: Partial<WorkerItem> = {}) => {
  const assignments = { gate: given() };
  return worker('w1', {
    drain: handover,
    lifecycle: 'draining',
    standingBy: {},
    assignments,
    running: { gate: report() },
    ...more,
  });
};
const next = (gate?: Partial<StandbyReport>, more: Partial<WorkerItem> = {}) => {
  const standby: StandbyReport = { sinceMs: noonMs - 3_000, state: 'ready', reason: '', ...gate };
  return worker('w2', { standingBy: gate === undefined ? {} : { gate: standby }, ...more });
};
const prepared = { successorWorkerId: 'w2', successorSinceMs: noonMs - 3_000 };
const changesOf = (cameras: CameraState[], workers: WorkerItem[], nowMs = noonMs) =>
  decide(observation(cameras, workers), policy(), nowMs).changes;
const step = (gate: CameraState, workers: WorkerItem[], nowMs = noonMs) =>
  changesOf([gate], workers, nowMs).map(({ ownership }) => ownership)[0] ?? null;

it('goes step by step: stand by, give up, take over; the camera is running all the while', () => {
  const [prepare] = changesOf([owned()], [leaving(), next()]);
  expect(prepare?.ownership).toEqual({
    kind: 'prepare',
    cameraId: 'gate',
    workerId: 'w2',
    reason: 'its worker leaves',
  });
  expect(prepare?.next).toMatchObject({ phase: 'running', ownerWorkerId: 'w1', epoch: 1, successorWorkerId: 'w2' });
  if (prepare === undefined) return;
  const seen = afterChanges(observation([owned()], [leaving(), next()]), [prepare]);
  expect(standbysOf(next(), seen.cameras)).toEqual({ gate: { streamName: 'gate', model: 'default', sinceMs: noonMs } });

  expect(step(owned(prepared), [leaving(), next({ state: 'opening' })])).toBeNull();
  expect(step(owned(prepared), [leaving(), next({})])).toMatchObject({
    kind: 'release',
    reason: 'worker w2 stands by',
  });
  const released = owned({ ...prepared, phase: 'running', releaseRequestedAtMs: noonMs - 1_000, releasedEpoch: 1 });
  const checkpoint = { fragmentNumber: '7', producerTimestampMs: noonMs };
  const watch = { sinceMs: noonMs - 60_000, throughMs: noonMs - 500, blind: [] };
  const handed = { ...released, checkpoint, watch };
  const [give] = changesOf([handed], [leaving(), next({}), worker('w0', { standingBy: {} })]);
  expect(give?.ownership).toEqual({ kind: 'give', cameraId: 'gate', workerId: 'w2', epoch: 2, clean: true });
  expect(give?.next).toMatchObject({ phase: 'running', phaseReason: 'on worker w2' });
  expect(give?.next.successorWorkerId).toBeUndefined();
  const list = assignmentsOf(next({}), give === undefined ? [] : [give.next], new Set(['gate']));
  expect(list.gate).toMatchObject({ epoch: 2, resumeAfter: checkpoint, watchedUntilMs: noonMs - 500 });
  // Its next heartbeat is still to come.
  expect(changesOf(give === undefined ? [] : [give.next], [next({}, { assignments: list })])).toEqual([]);
});

it('a word about an earlier attempt is no word about this one', () => {
  expect(step(owned(prepared), [leaving(), next({ sinceMs: noonMs - 90_000 })])).toBeNull();
});

it('a successor that does not come up in time is given the camera as before', () => {
  const late = { ...prepared, successorSinceMs: noonMs - standbyWaitMs };
  const failing = next({ sinceMs: late.successorSinceMs, state: 'failing' });
  expect(step(owned({ ...late, successorSinceMs: late.successorSinceMs + 1 }), [leaving(), failing])).toBeNull();
  expect(step(owned(late), [leaving(), failing])).toMatchObject({ kind: 'release', reason: 'its worker leaves' });
});

it('a successor that is gone gives way to another, and one that is not needed any more is told so', () => {
  const w3 = worker('w3', { standingBy: {} });
  const gone = next({}, { heartbeatAtMs: noonMs - 60_000 });
  expect(step(owned(prepared), [leaving(), gone, w3])).toMatchObject({ kind: 'prepare', workerId: 'w3' });
  expect(step(owned(prepared), [leaving(), gone])).toEqual({ kind: 'call-off', cameraId: 'gate', workerId: 'w2' });
});

it('an owner that dies meanwhile loses the camera to the successor, which begins at the live edge', () => {
  const dead = leaving({ heartbeatAtMs: noonMs - 60_000 });
  expect(step(owned(prepared), [dead, next({})])).toMatchObject({
    kind: 'give',
    workerId: 'w2',
    epoch: 2,
    clean: false,
  });
});

it('workers that do not know how, and cameras that nobody sees, move as before', () => {
  const { standingBy: _, ...old } = next();
  expect(step(owned(), [leaving(), old as WorkerItem])).toMatchObject({ kind: 'release' });
  const silent = leaving({ running: { gate: report({ state: 'silent' }) } });
  expect(step(owned(), [silent, next()])).toMatchObject({ kind: 'release' });
  const { standingBy: _by, ...oldOwner } = leaving();
  expect(step(owned(), [oldOwner as WorkerItem, next()])).toBeNull();
});

it('without room elsewhere a camera stays with the worker that leaves, until that gives it up', () => {
  expect(step(owned(), [leaving()])).toBeNull();
  const untilMs = noonMs + 10_000;
  const doomed = leaving({ drain: { ...handover, handover: { untilMs } } });
  expect(step(owned(), [doomed], untilMs - 1)).toBeNull();
  // From then on its own word counts: the next owner waits for the release, as ever.
  const fresh = (worker: WorkerItem) => ({ ...worker, heartbeatAtMs: untilMs });
  expect(step(owned(), [fresh(doomed), fresh(next())], untilMs + 1)).toBeNull();
});

it('in a rollout the camera without a place is given up last, because its worker must go for another to come', () => {
  const drain = { ...handover, keepInstance: true as const };
  const yard = state('yard', { ownerWorkerId: 'w1', epoch: 1 }, { priority: 10, detect: { fps: 18 } });
  const running = { gate: report(), yard: report() };
  const assignments = { gate: given(), yard: given(1, 'yard') };
  const old = leaving({ drain, running, assignments });
  const kinds = (cameras: CameraState[], workers: WorkerItem[]) =>
    changesOf(cameras, workers).flatMap(({ ownership }) =>
      ownership === null ? [] : [`${ownership.kind} ${ownership.cameraId}`],
    );
  expect(kinds([owned(), yard], [old, next()])).toEqual(['prepare gate']);
  const elsewhere = owned({ ownerWorkerId: 'w2', epoch: 2 });
  const taken = next(undefined, { running: { gate: report({ epoch: 2 }) }, assignments: { gate: given(2) } });
  expect(kinds([elsewhere, yard], [leaving({ drain, running: { yard: report() } }), taken])).toEqual(['release yard']);
});

it('a worker stands by for a few cameras at a time, the most important first', () => {
  const ids = Array.from({ length: standbysMax + 3 }, (_, index) => `c${String(index).padStart(2, '0')}`);
  const cameras = ids.map((id, index) =>
    state(id, { ownerWorkerId: 'w1', epoch: 1 }, { priority: index, detect: { fps: 1 } }),
  );
  const running = Object.fromEntries(ids.map((id) => [id, report()]));
  const old = leaving({ running, assignments: {} });
  const prepares = (states: CameraState[]) =>
    changesOf(states, [old, next()]).flatMap(({ ownership }) =>
      ownership?.kind === 'prepare' ? [ownership.cameraId] : [],
    );
  expect(prepares(cameras)).toEqual(ids.slice(3));
  const busy = cameras.map((one, index) => (index < 2 ? one : { ...one, ...prepared }));
  expect(prepares(busy)).toEqual([]);
});

it('a Spot notice leaves 95 s from the time that EC2 said it, however late it comes; a recommendation has no end', () => {
  expect(spotDrain(noonMs, noonMs + 1_500).handover).toEqual({ untilMs: noonMs + 95_000 });
  expect(spotDrain(noonMs + 5_000, noonMs).handover).toEqual({ untilMs: noonMs + 95_000 });
  expect(spotDrain(null, noonMs).handover).toEqual({});
});

it('a row that is deleted while its next worker stands by: it is released, nobody stands by, and then it is gone', () => {
  const gone = { leaving: { toFleet: null, sinceMs: noonMs } };
  const [release] = changesOf([owned({ ...prepared, ...gone })], [leaving(), next({})]);
  expect(release?.ownership).toMatchObject({ kind: 'release', reason: 'its row was removed' });
  const asked = owned({ ...prepared, ...gone, releaseRequestedAtMs: noonMs, releasedEpoch: 1 });
  const end = decide(observation([asked], [leaving({ running: {} }), next({})]), policy(), noonMs);
  expect(end.departures.map(({ state: departed }) => departed.cameraId)).toEqual(['gate']);
  expect(end.changes.filter(({ ownership }) => ownership?.kind === 'give')).toEqual([]);
  expect(standbysOf(next({}), [])).toEqual({});
});

it('the machine that a camera has left stays until its next worker has begun: ECS could stop that one in its place', () => {
  const drained = leaving({ running: {}, assignments: {}, drainedAtMs: noonMs - 500 });
  const released = owned({ releaseRequestedAtMs: noonMs - 3_000, releasedEpoch: 1 });
  const order = (gate: CameraState, second: WorkerItem) => {
    const { plan } = decide(observation([gate], [drained, second]), policy(), noonMs);
    return { setTasks: plan.setTasks, terminations: plan.terminations.length };
  };
  const stays = { setTasks: null, terminations: 0 };
  expect(order(released, next())).toEqual(stays);
  const given2 = owned({ ownerWorkerId: 'w2', epoch: 2, ownedSinceMs: noonMs - 1_000 });
  const assignments = { gate: given(2) };
  expect(order(given2, next(undefined, { assignments }))).toEqual(stays);
  const begun = next(undefined, { assignments, running: { gate: report({ epoch: 2, state: 'starting' }) } });
  expect(order(given2, begun)).toEqual({ setTasks: 1, terminations: 1 });
  // It was given long ago and is not begun: nobody waits for that.
  const stuck = owned({ ownerWorkerId: 'w2', epoch: 2, ownedSinceMs: noonMs - 60_000 });
  expect(order(stuck, next(undefined, { assignments }))).toEqual({ setTasks: 1, terminations: 1 });
});
