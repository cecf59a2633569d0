/** Who owns a camera when events cross each other: never two at once, and never nobody for good. */
import { afterEach, expect, it } from 'vitest';
import { applyDecision } from '../aws/apply.ts';
import { saveVerdict } from '../aws/camera-states.ts';
import { readFleet } from '../aws/fleets.ts';
import { observeFleet } from '../aws/observe.ts';
import { decide } from '../core/control/decide.ts';
import { type ControlStage, type StageOptions, startControlStage } from './control-loop-stage.test-factory.ts';

const policy = { leadTimeDefaultMs: 120_000, scaleInDelayMs: 60_000, silentGraceMs: 120_000, maxWorkers: 3 };
let stage: ControlStage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

async function started(options: Partial<StageOptions> = {}): Promise<ControlStage> {
  stage = await startControlStage({ startMs: Date.parse('2026-11-24T00:00:00Z'), policy, ...options });
  await stage.createStream('dock');
  stage.flowing.add('dock');
  return stage;
}

/** One run of the control loop in two halves, so that something can happen between seeing and doing. */
async function halfRun(test: ControlStage, nowMs: number) {
  const { clients, environment } = test.deps;
  const { names, stage: name, activityPeriodMs } = environment;
  const surroundings = { clients, stage: name, names, activityPeriodMs };
  const item = await readFleet(clients, names.tables.fleets, 'default');
  const observation = await observeFleet(surroundings, item, environment.policy, nowMs);
  const decision = decide(observation, environment.policy, nowMs);
  return { decision, finish: () => applyDecision(surroundings, observation, decision) };
}

it('a silent worker that speaks again while its camera is being given away keeps it', async () => {
  const test = await started();
  await test.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
  await test.advance(140);
  const before = await test.camera('dock-1');
  expect(before).toMatchObject({ phase: 'running', epoch: 1 });

  const run = await halfRun(test, test.clock.nowMs() + 30_000);
  expect(run.decision.changes[0]?.ownership).toMatchObject({ kind: 'disown', reason: 'is gone' });
  await test.advance(5);
  const { actions } = await run.finish();
  expect(actions).toContainEqual(
    expect.stringMatching(/^left undone, the world had moved: emptied the list of silent/),
  );
  expect(await test.camera('dock-1')).toMatchObject({ ownerWorkerId: before?.ownerWorkerId, epoch: 1 });
  expect((await test.workers())[0]?.running['dock-1']).toMatchObject({ epoch: 1 });
});

it('a silent worker finds an empty list when it speaks after its camera was given away', async () => {
  const test = await started();
  await test.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
  await test.advance(140);
  const run = await halfRun(test, test.clock.nowMs() + 30_000);
  const { failures } = await run.finish();
  expect(failures).toEqual([]);
  expect(await test.camera('dock-1')).toMatchObject({ epoch: 1 });
  expect((await test.camera('dock-1'))?.ownerWorkerId).toBeUndefined();
  await test.advance(5);
  const workers = await test.workers();
  expect(workers.flatMap(({ assignments, running }) => Object.keys({ ...assignments, ...running }))).toEqual([]);
});

it('a row that moves on to a third fleet, or changes, before it has left the first has one state at every moment', async () => {
  const fleets = ['default', 'east', 'west'];
  const test = await started({ fleets });
  const row = { cameraId: 'dock-1', streamName: 'dock' };
  await test.putCamera({ ...row, fleet: 'default' });
  await test.advance(140);
  const holders = async () => {
    const states = await Promise.all(fleets.map((fleet) => test.camera('dock-1', fleet)));
    return states.flatMap((state) => (state === undefined ? [] : [state.fleet]));
  };
  expect(await test.camera('dock-1')).toMatchObject({ phase: 'running' });
  // The owner hears nothing, so that the first fleet cannot let go yet.
  const owner = (await test.camera('dock-1'))?.ownerWorkerId ?? '';
  test.mute.add(owner);
  await test.putCamera({ ...row, fleet: 'east' });
  await test.putCamera({ ...row, fleet: 'east', priority: 60 });
  expect(await holders()).toEqual(['default']);
  await test.putCamera({ ...row, fleet: 'west' });
  expect(await holders()).toEqual(['default']);
  test.mute.delete(owner);
  await test.advance(200);
  expect(await holders()).toEqual(['west']);
  expect(await test.camera('dock-1', 'west')).toMatchObject({ phase: 'running', epoch: 2 });
});

it('a verdict that comes too late for a fleet that has let its camera go brings nothing back to life there', async () => {
  const test = await started({ fleets: ['default', 'east'] });
  const verdict = { fleet: 'default', cameraId: 'dock-1', camera: null, issues: [], sequenceNumber: '7' };
  const table = test.names.tables.cameraStates;
  expect(await saveVerdict(test.clients, table, verdict, test.clock.nowMs(), 'east')).toBe(false);
  expect(await test.cameras()).toEqual([]);
  expect(await saveVerdict(test.clients, table, verdict, test.clock.nowMs())).toBe(true);
});

it('a worker that hangs for good is replaced: its task is stopped, and its successor takes the camera', async () => {
  const test = await started();
  await test.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
  await test.advance(140);
  const hung = (await test.camera('dock-1'))?.ownerWorkerId ?? '';
  test.mute.add(hung);
  await test.advance(300);
  const after = await test.camera('dock-1');
  expect(after).toMatchObject({ phase: 'running', epoch: 2 });
  expect(after?.ownerWorkerId).not.toBe(hung);
  expect(test.cloud.compute.listTasks().find((task) => task.taskId === hung)).toMatchObject({ lastStatus: 'STOPPED' });
});

it('a hung worker whose task cannot be stopped stays in sight, and is told to stop in each run until ECS says that it is gone', async () => {
  const test = await started();
  await test.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
  await test.advance(140);
  const hung = (await test.camera('dock-1'))?.ownerWorkerId ?? '';
  let asked = 0;
  const isAsked = ({ operation }: { operation: string }) => {
    if (operation === 'StopTask') asked += 1;
    return operation === 'StopTask';
  };
  const denied = { status: 400, code: 'AccessDeniedException', message: 'no' };
  const heal = test.cloud.context.faults.inject(isAsked, denied);
  test.mute.add(hung);
  const task = () => test.cloud.compute.listTasks().find(({ taskId }) => taskId === hung);
  const isInSight = async () => (await test.workers()).some(({ workerId }) => workerId === hung);
  await test.advance(300);
  expect(asked).toBeGreaterThan(1);
  expect(task()).toMatchObject({ lastStatus: 'RUNNING' });
  expect(await isInSight()).toBe(true);
  heal();
  await test.advance(240);
  expect(task()).toMatchObject({ lastStatus: 'STOPPED' });
  expect(await isInSight()).toBe(false);
});
