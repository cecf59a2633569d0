/** The control loop through its real events, against the local cloud, on a clock that is stepped. */
import { DeleteCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, describe, expect, it } from 'vitest';
import { readFleet } from '../aws/fleets.ts';
import { type ControlStage, type StageOptions, startControlStage } from './control-loop-stage.test-factory.ts';

const policy = { leadTimeDefaultMs: 120_000, scaleInDelayMs: 60_000, silentGraceMs: 120_000, maxWorkers: 3 };
const beforeEightMs = Date.parse('2026-11-24T07:50:00Z');

let stage: ControlStage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

async function started(options: Partial<StageOptions> = {}): Promise<ControlStage> {
  stage = await startControlStage({ startMs: beforeEightMs, policy, ...options });
  return stage;
}

/** A camera with a stream of its own that sends. */
async function sendingCamera(test: ControlStage, cameraId: string, row: Record<string, unknown> = {}) {
  await test.createStream(cameraId);
  test.flowing.add(cameraId);
  await test.putCamera({ cameraId, streamName: cameraId, ...row });
}

async function untilRunning(test: ControlStage, ...cameraIds: string[]) {
  for (let seconds = 0; seconds < 400; seconds += 10) {
    const cameras = await test.cameras();
    if (cameraIds.every((id) => cameras.find((state) => state.cameraId === id)?.phase === 'running')) return;
    await test.advance(10);
  }
  throw new Error(
    `not running: ${JSON.stringify((await test.cameras()).map((s) => [s.cameraId, s.phase, s.phaseReason]))}`,
  );
}

describe('the control loop', () => {
  it('starts a machine for a camera that is always on, and says why', async () => {
    const test = await started();
    await sendingCamera(test, 'dock-1');
    expect(await test.camera('dock-1')).toMatchObject({
      phase: 'waiting-capacity',
      phaseReason: 'waits for a worker',
    });
    await untilRunning(test, 'dock-1');
    expect(await test.camera('dock-1')).toMatchObject({ epoch: 1, phaseReason: expect.stringMatching(/^on worker /) });
    const [first] = await test.decisions();
    expect(first).toMatchObject({ trigger: 'camera changed', previous: { instances: 0 }, desired: { instances: 1 } });
    expect(first?.reason).toBe('1 camera wants 5 inferences/s now; start 1 worker');
    expect(test.log).toEqual([]);
    // Boot 60 s, registration 5 s, task start 0.5 s, first heartbeat with an inference 3 to 6 s later.
    const { leadTimeSamplesMs, leadTimeInstanceIds } = await readFleet(
      test.clients,
      test.names.tables.fleets,
      'default',
    );
    expect(leadTimeInstanceIds).toEqual(test.instances().map((instance) => instance.id));
    expect(leadTimeSamplesMs?.[0]).toBeGreaterThan(65_000);
    expect(leadTimeSamplesMs?.[0]).toBeLessThan(75_000);
  });

  it('lives through a window: warm before it opens, watching while it is open, nothing left after it', async () => {
    const test = await started();
    const schedule = { timeZone: 'UTC', windows: [{ start: '08:00', end: '08:04' }] };
    await sendingCamera(test, 'gate', { schedule });
    expect(await test.camera('gate')).toMatchObject({ phase: 'off-schedule' });
    expect(test.instances()).toHaveLength(0);
    await test.advance(8 * 60 + 5);
    expect(await test.camera('gate')).toMatchObject({ phase: 'warming' });
    expect(test.instances()).toHaveLength(1);
    await test.advance(2 * 60 - 5);
    const [worker] = await test.workers();
    expect(worker?.running.gate).toMatchObject({ state: 'running' });
    await test.advance(60);
    expect(await test.camera('gate')).toMatchObject({ phase: 'running' });
    await test.advance(7 * 60);
    expect(await test.camera('gate')).toMatchObject({ phase: 'off-schedule' });
    expect((await test.camera('gate'))?.ownerWorkerId).toBeUndefined();
    expect(test.instances()).toHaveLength(0);
    expect(await test.workers()).toEqual([]);
    const sentences = (await test.decisions()).flatMap((decision) => decision.actions).join('\n');
    expect(sentences).toMatch(
      /drains worker .*\n[\s\S]*set the ECS service from 1 to 0[\s\S]*terminated instance .*: worker .* is drained/,
    );
    expect(test.cloud.compute.listTasks().map((task) => task.stopCode)).not.toContain('TerminationNotice');
  });

  it('lets a silent camera go and takes it back when media returns', async () => {
    const test = await started();
    await sendingCamera(test, 'yard');
    await untilRunning(test, 'yard');
    test.flowing.delete('yard');
    await test.advance(6 * 60);
    expect(await test.camera('yard')).toMatchObject({
      phase: 'silent',
      phaseReason: expect.stringMatching(/^no media since/),
    });
    expect((await test.camera('yard'))?.ownerWorkerId).toBeUndefined();
    expect(test.instances()).toHaveLength(0);
    test.flowing.add('yard');
    await untilRunning(test, 'yard');
    expect((await test.camera('yard'))?.silentSinceMs).toBeUndefined();
  });

  it('moves the cameras of a killed worker to its successor under the next epoch', async () => {
    const test = await started();
    await sendingCamera(test, 'dock-1');
    await untilRunning(test, 'dock-1');
    const before = await test.camera('dock-1');
    test.cloud.compute.killTask(before?.ownerWorkerId ?? '', 'SIGKILL');
    await test.settle();
    await test.advance(20);
    const after = await test.camera('dock-1');
    expect(after?.epoch).toBe(2);
    expect(after?.ownerWorkerId).not.toBe(before?.ownerWorkerId);
    expect((await test.workers()).map((worker) => worker.workerId)).toEqual([after?.ownerWorkerId]);
  });

  it('waits for the lease of a worker that lost its network, and gives it nothing more', async () => {
    const test = await started();
    await sendingCamera(test, 'dock-1');
    await untilRunning(test, 'dock-1');
    const owner = (await test.camera('dock-1'))?.ownerWorkerId ?? '';
    test.mute.add(owner);
    await test.advance(90);
    const after = await test.camera('dock-1');
    expect(after?.ownerWorkerId).not.toBe(owner);
    const worker = (await test.workers()).find((candidate) => candidate.workerId === owner);
    expect(worker?.assignments).toEqual({});
  });

  it('drains a worker whose Spot instance is taken back and starts its replacement in the same run', async () => {
    const test = await started();
    await sendingCamera(test, 'dock-1');
    await untilRunning(test, 'dock-1');
    const [instance] = test.instances();
    test.cloud.compute.interruptSpot(instance?.id ?? '');
    await test.settle();
    const [worker] = await test.workers();
    expect(worker?.drain?.reason).toBe('EC2 takes its Spot instance back');
    expect(test.instances()).toHaveLength(2);
    await test.advance(180);
    await untilRunning(test, 'dock-1');
    expect(test.instances()).toHaveLength(1);
  });

  it('sheds the least important cameras when the fleet is as large as it may be', async () => {
    const test = await started({ policy: { ...policy, maxWorkers: 1 }, workerCapacity: 14 });
    await sendingCamera(test, 'low', { priority: 10 });
    await sendingCamera(test, 'middle', { priority: 50 });
    await untilRunning(test, 'low', 'middle');
    await sendingCamera(test, 'high', { priority: 90 });
    await untilRunning(test, 'high', 'middle');
    expect(await test.camera('low')).toMatchObject({ phase: 'shed' });
    const reasons = (await test.decisions()).map((decision) => decision.reason);
    expect(reasons).toContainEqual(
      expect.stringContaining('capped at 1 of 2 workers needed, 1 camera shed by priority'),
    );
    const exceptions = (await test.decisions()).at(-1)?.exceptions;
    expect(exceptions).toEqual([expect.objectContaining({ cameraId: 'low', phase: 'shed' })]);
  });

  it('removes a camera with its row, after its worker has let go', async () => {
    const test = await started();
    await sendingCamera(test, 'dock-1');
    await untilRunning(test, 'dock-1');
    await test.clients.documents.send(
      new DeleteCommand({ TableName: test.names.tables.cameras, Key: { cameraId: 'dock-1' } }),
    );
    await test.settle();
    expect(await test.camera('dock-1')).toMatchObject({ leaving: { toFleet: null } });
    await test.advance(70);
    expect(await test.camera('dock-1')).toBeUndefined();
    expect((await test.workers())[0]?.running ?? {}).toEqual({});
  });

  it('moves a camera to another fleet with its epoch', async () => {
    const test = await started({ fleets: ['default', 'night'] });
    await sendingCamera(test, 'dock-1');
    await untilRunning(test, 'dock-1');
    await test.putCamera({ cameraId: 'dock-1', streamName: 'dock-1', fleet: 'night' });
    await test.advance(100);
    expect(await test.camera('dock-1')).toBeUndefined();
    const [moved] = await test.cameras('night');
    expect(moved).toMatchObject({ cameraId: 'dock-1', epoch: 2, camera: { fleet: 'night' } });
    expect(moved?.leaving).toBeUndefined();
  });

  it('restarts a camera whose row changed what is to be detected, and continues after its checkpoint', async () => {
    const test = await started();
    await sendingCamera(test, 'dock-1');
    await untilRunning(test, 'dock-1');
    await test.putCamera({ cameraId: 'dock-1', streamName: 'dock-1', detect: { fps: 2 } });
    await test.advance(10);
    const [worker] = await test.workers();
    expect(worker?.assignments?.['dock-1']).toMatchObject({
      epoch: 2,
      camera: { detect: { fps: 2 } },
      resumeAfter: { fragmentNumber: expect.any(String) },
    });
  });

  it('accounts every scheduled second as inferred or blind', async () => {
    const test = await started();
    await sendingCamera(test, 'dock-1');
    await test.advance(10 * 60);
    const state = await test.camera('dock-1');
    const { queryAll } = await import('../aws/query-pages.ts');
    const entries = await queryAll(
      test.clients,
      test.names.tables.ledger,
      { name: 'cameraId', value: 'dock-1' },
      'read',
    );
    const total = (name: RegExp) =>
      entries
        .flatMap((entry) => Object.entries(entry))
        .reduce((sum, [key, value]) => sum + (name.test(key) ? Number(value) : 0), 0);
    const accounted = ((state?.accountedThroughMs ?? 0) - beforeEightMs) / 1000;
    expect(total(/^scheduledSeconds$/)).toBeCloseTo(accounted, 3);
    expect(total(/^(inferredSeconds|blind_.*)$/)).toBeCloseTo(accounted, 3);
    expect(total(/^inferredSeconds$/)).toBeGreaterThan(300);
    expect(total(/^blind_waiting-capacity$/)).toBeGreaterThan(30);
  });
});
