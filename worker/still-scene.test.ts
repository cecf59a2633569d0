/** A camera with a motion gate in front of a picture that does not change, through the whole worker. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { rigAssignment, rigCamera, squareClip, startWorkerRig, type WorkerRig } from './worker-rig.test-factory.ts';

let rig: WorkerRig;
beforeEach(async () => {
  rig = await startWorkerRig();
});
afterEach(() => rig.close());

/** The clip's first picture again and again: a bright square that stands still. */
function stillClip() {
  const clip = squareClip();
  const [first] = clip.frames;
  if (first === undefined) throw new Error('the clip is empty');
  return { ...clip, frames: clip.frames.map(({ timestampMs }) => ({ ...first, timestampMs })) };
}

test('what stands still stays one track, is hardly inferred, and counts as watched', async () => {
  await rig.stream('dock-1', stillClip());
  const worker = await rig.worker();
  await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
  const gate = { enabled: true, maxSkipMs: 20_000 };
  const camera = rigCamera({ detect: { motionGate: gate }, snapshots: { on: 'never' } });
  await rig.assign('worker-1', [rigAssignment(camera)]);
  await rig.until('the track is told', async () => (await rig.records()).some(({ event }) => event === 'enter'));
  await rig.step(6_000);
  const before = (await rig.workerItem())?.running['dock-1']?.framesInferred ?? 0;
  await rig.step(51_000);
  const running = (await rig.workerItem())?.running['dock-1'];
  // Ten frames a second came; one in 20 s was inferred.
  expect((running?.framesInferred ?? 0) - before).toBeLessThanOrEqual(4);
  expect(running?.dropped.static).toBeGreaterThan(450);
  expect(running?.state).toBe('running');
  expect(rig.clock.nowMs() - (running?.lastInferenceAtMs ?? 0)).toBeLessThan(6_000);

  const tracks = (await rig.records()).filter(({ schema }) => schema === 'kvs-infer/track@1');
  expect(tracks.map(({ event }) => event)).toEqual(['enter']);
  await rig.setList('worker-1', []);
  await rig.until('the release is written', async () => (await rig.cameraState('dock-1'))?.releasedEpoch === 1);
  const exit = (await rig.records()).find(({ event }) => event === 'exit');
  expect(Date.parse(String(exit?.lastSeenAt)) - Date.parse(String(exit?.firstSeenAt))).toBeGreaterThan(35_000);
  expect(worker.supervisor.running().size).toBe(0);
});
