/**
 * The functions' machines have a clock that is wrong by half a minute, or stands still: nobody loses a camera, nobody who is dead
 * is believed alive, and nothing is dated wrongly.
 */
import { afterEach, expect, it } from 'vitest';
import { readLedger } from '../aws/ledger.ts';
import { type ControlStage, startControlStage } from './control-loop-stage.test-factory.ts';

const policy = { leadTimeDefaultMs: 120_000, scaleInDelayMs: 60_000, silentGraceMs: 120_000, maxWorkers: 3 };
const startMs = Date.parse('2026-11-24T00:00:00Z');
/** By so many milliseconds, or from now on. */
const wrongs = [30_000, -30_000, 'stands still'] as const;
let stage: ControlStage;
afterEach(() => stage.close());

async function start(minWorkers = 0) {
  stage = await startControlStage({ startMs, policy: { ...policy, minWorkers } });
  await stage.createStream('dock');
  stage.flowing.add('dock');
}

async function runningCamera() {
  await stage.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
  await stage.advance(300);
  const camera = await stage.camera('dock-1');
  expect(camera).toMatchObject({ phase: 'running', epoch: 1 });
  return camera?.ownerWorkerId ?? '';
}

function bend(wrong: (typeof wrongs)[number]) {
  if (wrong === 'stands still') stage.skew.functionsFrozenAtMs = stage.clock.nowMs();
  else stage.skew.functionsAheadMs = wrong;
}

it.each(wrongs)('%s for five minutes: the camera stays with its worker, and runs', async (wrong) => {
  await start();
  const ownerWorkerId = await runningCamera();
  const stays = { phase: 'running', epoch: 1, ownerWorkerId };
  bend(wrong);
  for (let minute = 0; minute < 5; minute += 1) {
    await stage.advance(60);
    expect(await stage.camera('dock-1')).toMatchObject(stays);
  }
  Object.assign(stage.skew, { functionsAheadMs: 0, functionsFrozenAtMs: null });
  await stage.advance(60);
  const after = await stage.camera('dock-1');
  expect(after).toMatchObject(stays);
  const endMs = after?.accountedThroughMs ?? 0;
  expect(endMs).toBeLessThanOrEqual(stage.clock.nowMs());
  expect(endMs).toBeGreaterThan(stage.clock.nowMs() - 300_000);
  const { hours } = await readLedger(stage.clients, stage.names.tables.ledger, 'dock-1', startMs, endMs);
  const sum = (of: (hour: (typeof hours)[number]) => number) => hours.reduce((total, hour) => total + of(hour), 0);
  const blind = sum(({ blindSeconds }) => Object.values(blindSeconds).reduce((total, seconds) => total + seconds, 0));
  expect(sum(({ scheduledSeconds }) => scheduledSeconds)).toBeCloseTo((endMs - startMs) / 1_000, 0);
  expect(sum(({ inferredSeconds }) => inferredSeconds) + blind).toBeCloseTo((endMs - startMs) / 1_000, 0);
});

it.each(wrongs)('%s from the start: a worker that dies is found dead, and not before it is', async (wrong) => {
  await start(2);
  bend(wrong);
  const ownerWorkerId = await runningCamera();
  stage.mute.add(ownerWorkerId);
  await stage.advance(20);
  expect(await stage.camera('dock-1')).toMatchObject({ epoch: 1, ownerWorkerId });
  await stage.advance(100);
  expect(await stage.camera('dock-1')).toMatchObject({ phase: 'running', epoch: 2 });
});
