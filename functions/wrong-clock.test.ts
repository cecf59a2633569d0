/** The functions' machines have a clock that is wrong by half a minute: nobody loses a camera, and nothing is dated wrongly. */
import { afterEach, expect, it } from 'vitest';
import { readLedger } from '../aws/ledger.ts';
import { type ControlStage, startControlStage } from './control-loop-stage.test-factory.ts';

const policy = { leadTimeDefaultMs: 120_000, scaleInDelayMs: 60_000, silentGraceMs: 120_000, maxWorkers: 3 };
const startMs = Date.parse('2026-11-24T00:00:00Z');
let stage: ControlStage;
afterEach(() => stage.close());

async function startedWithCamera() {
  stage = await startControlStage({ startMs, policy });
  await stage.createStream('dock');
  stage.flowing.add('dock');
  await stage.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
  await stage.advance(300);
  return stage.camera('dock-1');
}

it.each([30_000, -30_000])('by %s ms for five minutes: the camera stays with its worker, and runs', async (aheadMs) => {
  const before = await startedWithCamera();
  expect(before).toMatchObject({ phase: 'running', epoch: 1 });
  stage.skew.functionsAheadMs = aheadMs;
  for (let minute = 0; minute < 5; minute += 1) {
    await stage.advance(60);
    expect(await stage.camera('dock-1')).toMatchObject({
      ...{ phase: 'running', epoch: 1, ownerWorkerId: before?.ownerWorkerId },
    });
  }
  stage.skew.functionsAheadMs = 0;
  await stage.advance(60);
  const after = await stage.camera('dock-1');
  expect(after).toMatchObject({ phase: 'running', epoch: 1, ownerWorkerId: before?.ownerWorkerId });
  const endMs = after?.accountedThroughMs ?? 0;
  expect(endMs).toBeLessThanOrEqual(stage.clock.nowMs());
  expect(endMs).toBeGreaterThan(stage.clock.nowMs() - 300_000);
  const { hours } = await readLedger(stage.clients, stage.names.tables.ledger, 'dock-1', startMs, endMs);
  const sum = (of: (hour: (typeof hours)[number]) => number) => hours.reduce((total, hour) => total + of(hour), 0);
  const blind = sum(({ blindSeconds }) => Object.values(blindSeconds).reduce((total, seconds) => total + seconds, 0));
  expect(sum(({ scheduledSeconds }) => scheduledSeconds)).toBeCloseTo((endMs - startMs) / 1_000, 0);
  expect(sum(({ inferredSeconds }) => inferredSeconds) + blind).toBeCloseTo((endMs - startMs) / 1_000, 0);
});

it.each([30_000, -30_000])(
  'by %s ms from the start: a worker that dies is found dead as soon as ever',
  async (aheadMs) => {
    stage = await startControlStage({ startMs, policy: { ...policy, minWorkers: 2 } });
    stage.skew.functionsAheadMs = aheadMs;
    await stage.createStream('dock');
    stage.flowing.add('dock');
    await stage.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
    await stage.advance(300);
    const before = await stage.camera('dock-1');
    expect(before).toMatchObject({ phase: 'running', epoch: 1 });
    stage.mute.add(before?.ownerWorkerId ?? '');
    await stage.advance(20);
    expect(await stage.camera('dock-1')).toMatchObject({ epoch: 1, ownerWorkerId: before?.ownerWorkerId });
    await stage.advance(100);
    expect(await stage.camera('dock-1')).toMatchObject({ phase: 'running', epoch: 2 });
  },
);
