/**
 * One trace id leads from what happened (a row that was written, a tick, a Spot notice) through the decision and the worker's
 * list to the first frame that the worker infers of the camera.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { cameraRow } from './camera-that-sends.ts';
import { type SteppedSystem, startSteppedSystem } from './stepped-system.ts';

// A test takes seconds; on a machine that is busy with other things it may take longer, and nothing in it measures that.
vi.setConfig({ testTimeout: 240_000 });

const minuteMs = 60_000;
const form = /^1-[0-9a-f]{8}-[0-9a-f]{24}$/;
let system: SteppedSystem;
afterEach(() => system.close());

/** A worker is ready, and a camera sends that no row names yet. */
async function waiting() {
  system = await startSteppedSystem({ start: '2026-11-24T09:00:20Z', policy: { minWorkers: 1 } });
  await system.createStream('dock-1');
  system.send('dock-1');
  const isReady = async () => (await system.workers()).some(({ lifecycle }) => lifecycle === 'ready');
  await system.passUntilSo('a worker is ready', isReady, 10 * minuteMs, 5_000);
}

const lineOf = (message: string) =>
  system.tasks.lines.find((line) => line.message === message && line.cameraId === 'dock-1');

async function firstInference() {
  const isInferred = () => lineOf('first frame inferred') !== undefined;
  await system.passUntilSo('a frame is inferred', isInferred, 5 * minuteMs);
  return lineOf('first frame inferred');
}

const given = async () =>
  (await system.decisions()).find(({ actions }) => actions.some((action) => action.startsWith('gives camera dock-1')));

test('a row that is written: decision, list and first frame have the id of its change', async () => {
  await waiting();
  await system.putRow(cameraRow('dock-1'));
  const { rowTraceId: id = '' } = await system.camera('dock-1');
  expect(id).toMatch(form);
  // The second in which the row changed.
  expect(Number.parseInt(id.slice(2, 10), 16)).toBe(Math.floor(system.clock.nowMs() / 1_000));
  expect(await firstInference()).toMatchObject({ traceId: id, rowTraceId: id, epoch: 1 });
  expect(lineOf('camera started')).toMatchObject({ traceId: id, rowTraceId: id });
  expect(await given()).toMatchObject({ trigger: 'camera changed', traceId: id });
  const [worker] = await system.workers();
  expect(worker?.assignments?.['dock-1']).toMatchObject({ traceId: id, rowTraceId: id });
  expect(worker?.listsTraceId).toBe(id);
  // Ticks come and go under ids of their own: the list is not written for these.
  await system.pass(3 * minuteMs);
  expect((await system.workers())[0]).toMatchObject({
    listsTraceId: id,
    assignments: { 'dock-1': { traceId: id } },
  });
  // The worker's own write says it too.
  expect((await system.camera('dock-1')).watchTraceId).toBe(id);
});

test('a window that opens: the id is that of the tick, and the row’s stands beside it', async () => {
  await waiting();
  const schedule = { timeZone: 'UTC', windows: [{ start: '09:30', end: '10:00' }] };
  await system.putRow(cameraRow('dock-1', { schedule }));
  const { rowTraceId = '' } = await system.camera('dock-1');
  await system.passUntil('2026-11-24T09:29:00Z');
  const line = await firstInference();
  const decision = await given();
  expect(decision).toMatchObject({ trigger: 'schedule', traceId: expect.stringMatching(form) });
  expect(decision?.traceId).not.toBe(rowTraceId);
  expect(line).toMatchObject({ traceId: decision?.traceId, rowTraceId });
  const [worker] = await system.workers();
  expect(worker?.assignments?.['dock-1']).toMatchObject({ traceId: decision?.traceId, rowTraceId });
});

test('a row that is removed: the worker lets go under the id of that change', async () => {
  await waiting();
  await system.putRow(cameraRow('dock-1'));
  const started = await firstInference();
  await system.removeRow('dock-1');
  const isStopped = () => lineOf('camera stopped') !== undefined;
  await system.passUntilSo('it is stopped', isStopped, minuteMs);
  const stopped = lineOf('camera stopped');
  const decision = (await system.decisions()).find(({ actions }) =>
    actions.some((action) => action.includes('to give up camera dock-1')),
  );
  expect(stopped).toMatchObject({ traceId: decision?.traceId, rowTraceId: started?.rowTraceId });
  expect(stopped?.traceId).toMatch(form);
  expect(stopped?.traceId).not.toBe(started?.traceId);
  // What the worker tells control leads on under the same id: the camera goes.
  await system.settle();
  const removal = (await system.decisions()).find(({ actions }) => actions.includes('removed camera dock-1'));
  expect(removal).toMatchObject({ traceId: stopped?.traceId, trigger: expect.stringContaining('Camera Released') });
  expect(removal?.traceLinks).toEqual([expect.stringMatching(form)]);
});
