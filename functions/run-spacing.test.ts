/** Storms of events: a bounded number of runs and calls answers them, nothing is missed, and what is urgent waits for nothing. */
import type { Context } from 'aws-lambda';
import { afterEach, expect, it, vi } from 'vitest';
import { readRunState } from '../aws/run-turns.ts';
import { runSpacingMs } from '../core/control/run-spacing.ts';
import { buildCameraChangedHandler } from './camera-changed.ts';
import { buildCapacityChangedHandler } from './capacity-changed.ts';
import { type ControlStage, startControlStage } from './control-loop-stage.test-factory.ts';
import { completeDeps } from './handler-deps.ts';
import { buildReconcileHandler } from './reconcile.ts';
import { reconcileSoon } from './reconcile-fleet.ts';

const startMs = Date.parse('2026-11-24T00:00:05Z');
const policy = { leadTimeDefaultMs: 120_000, maxWorkers: 40, defaultInferencesPerSecond: 20 };
let stage: ControlStage;
afterEach(() => stage?.close());

/** Names of the calls from now on. */
function counted(): string[] {
  const calls: string[] = [];
  stage.cloud.context.faults.inject(
    ({ operation }) => {
      calls.push(operation);
      return false;
    },
    { status: 500, code: 'never', message: '' },
  );
  return calls;
}

const emit = (type: string, detail: Record<string, unknown>) =>
  stage.cloud.context.emit({
    source: stage.names.eventSource,
    'detail-type': type,
    detail: { fleet: 'default', ...detail },
  });
const runsIn = (calls: readonly string[]) => calls.filter((call) => call === 'DescribeServices').length;

it('a hundred events within ten seconds are answered by five runs at once and one each five seconds, the last after the last event', async () => {
  stage = await startControlStage({ startMs, policy });
  const calls = counted();
  for (let second = 0; second < 10; second += 1) {
    for (let count = 0; count < 10; count += 1) emit('Worker Drained', { workerId: `w-${second}-${count}` });
    await stage.advance(1);
  }
  const atTheEnd = runsIn(calls);
  expect(atTheEnd).toBeGreaterThanOrEqual(5);
  await stage.advance(5);
  expect(runsIn(calls)).toBe(atTheEnd + 1);
  expect(runsIn(calls)).toBeLessThanOrEqual(8);
  await stage.advance(20);
  expect(runsIn(calls)).toBe(atTheEnd + 1);
  expect(await readRunState(stage.clients, stage.names.tables.fleets, 'default')).toMatchObject({
    spacedThroughMs: expect.any(Number),
  });
});

it('what a shared run answers is seen by it: rows of a storm are decided within five seconds, each of them', async () => {
  stage = await startControlStage({ startMs, policy });
  await stage.createStream('dock');
  const calls = counted();
  // That its window opens soon is what a run says, and not the verdict on its row.
  const schedule = { timeZone: 'UTC', windows: [{ start: '00:02', end: '18:00' }] };
  for (let index = 0; index < 30; index += 1) {
    await stage.putCamera({ cameraId: `camera-${index}`, streamName: 'dock', detect: { fps: 1 }, schedule });
  }
  const decided = async () => (await stage.cameras()).filter(({ phase }) => phase === 'warming').length;
  expect(await decided()).toBe(5);
  await stage.advance(5);
  expect(await decided()).toBe(30);
  expect(runsIn(calls)).toBe(6);
  const last = (await stage.decisions()).at(-1);
  expect(last?.trigger).toBe(`${stage.names.eventSource}: Cameras Changed (and what came in the 5 s before)`);
});

it('a Spot notice is answered in its own invocation, however many runs there were', async () => {
  stage = await startControlStage({ startMs, policy });
  await stage.createStream('dock');
  stage.flowing.add('dock');
  await stage.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
  await stage.advance(180);
  const [instance] = stage.instances();
  for (let count = 0; count < 10; count += 1) {
    emit('Worker Drained', { workerId: `w-${count}` });
    await stage.settle();
  }
  const turn = await readRunState(stage.clients, stage.names.tables.fleets, 'default');
  expect(turn.dueRun?.atMs).toBeGreaterThan(stage.clock.nowMs());
  const calls = counted();
  stage.cloud.compute.interruptSpot(instance?.id ?? '');
  await stage.settle();
  expect((await stage.workers())[0]?.drain?.reason).toContain('Spot');
  expect(stage.instances()).toHaveLength(2);
  // The worker knows where it runs: a wave of notices asks ECS for no instance by itself.
  expect(calls.filter((call) => call === 'ListContainerInstances').length).toBe(runsIn(calls));
  // The run that was due has been done by this one.
  expect((await readRunState(stage.clients, stage.names.tables.fleets, 'default')).dueRun).toBeUndefined();
});

it('a wait that was killed costs its turn, not the news: the next event or the minute goes on', async () => {
  stage = await startControlStage({ startMs, policy });
  const waits = Promise.withResolvers<void>();
  const wait = () => {
    waits.resolve();
    return new Promise<void>(() => {});
  };
  const killed = { ...completeDeps(stage.deps, 'test'), wait };
  for (let count = 0; count < 6; count += 1) {
    await Promise.race([reconcileSoon(killed, 'default', 'event'), waits.promise]);
  }
  const table = stage.names.tables.fleets;
  expect((await readRunState(stage.clients, table, 'default')).dueRun).toBeDefined();
  const deps = completeDeps(stage.deps, 'test');
  expect(await reconcileSoon(deps, 'default', 'joins')).toMatchObject({ outcome: 'shared', runs: 0 });
  await stage.clock.step(2 * runSpacingMs + 1, stage.settle);
  expect(await reconcileSoon(deps, 'default', 'late')).toMatchObject({ outcome: 'done', runs: 1 });
  expect((await readRunState(stage.clients, table, 'default')).dueRun).toBeUndefined();
});

it('an invocation that waits for its turn is ended by Lambda alone: no timer of the machine lets go of its run', async () => {
  stage = await startControlStage({ startMs, policy });
  // A timer would be set by it.
  const getRemainingTimeInMillis = vi.fn(() => 60_000);
  const context = { functionName: 'test', awsRequestId: 'r', getRemainingTimeInMillis } as unknown as Context;
  const event = { source: stage.names.eventSource, 'detail-type': 'Worker Drained', detail: { fleet: 'default' } };
  const handlers = [buildCapacityChangedHandler, buildReconcileHandler].map((build) => build(stage.deps));
  for (const handler of handlers) expect(await handler(event as never, context)).toMatchObject([{ runs: 1 }]);
  await buildCameraChangedHandler(stage.deps)({ Records: [] }, context);
  expect(getRemainingTimeInMillis).not.toHaveBeenCalled();
});
