/** The whole worker against the local cloud, through the real SDK, on a stepped clock. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { frameRecordSchema, trackRecordSchema } from '../core/records.ts';
import { rigAssignment, rigCamera, startWorkerRig, type WorkerRig } from './worker-rig.test-factory.ts';

let rig: WorkerRig;
beforeEach(async () => {
  rig = await startWorkerRig();
});
afterEach(() => rig.close());

test('an assigned camera is watched: records, track items and pictures arrive, every frame is accounted for', async () => {
  await rig.stream('dock-1');
  const worker = await rig.worker();
  await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
  await rig.assign('worker-1', [rigAssignment(rigCamera())]);
  await rig.until('a track ended', async () =>
    (await rig.records()).some(({ schema, event }) => schema === 'kvs-infer/track@1' && event === 'exit'),
  );
  const records = await rig.records();
  const frames = records.filter(({ schema }) => schema === 'kvs-infer/frame@1').map((r) => frameRecordSchema.parse(r));
  const tracks = records.filter(({ schema }) => schema === 'kvs-infer/track@1').map((r) => trackRecordSchema.parse(r));
  expect(frames.length).toBeGreaterThan(3);
  expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
  expect(tracks.map(({ event }) => event)).toContain('enter');
  const exit = tracks.find(({ event }) => event === 'exit');
  expect(exit?.snapshotKey).toMatch(/^snapshots\/dock-1\/2026\/11\/24\/\d{9}-.+\.jpg$/);
  await rig.step(200);
  const pictures = rig.cloud.s3.objects(rig.names.resultBucket, 'snapshots/').map(({ key }) => key);
  expect(pictures).toContain(exit?.snapshotKey);
  expect(pictures).toContain(exit?.snapshotKey?.replace('.jpg', '.json'));
  const items = await rig.detectionItems('dock-1');
  const item = items.find(({ trackId }) => trackId === exit?.trackId);
  expect(item).toMatchObject({ label: 'red', ended: true, snapshotKey: exit?.snapshotKey });
  await rig.step(3_000);
  const running = (await rig.workerItem())?.running['dock-1'];
  expect(running).toMatchObject({ epoch: 1, state: 'running' });
  expect(running?.fps).toBeGreaterThan(8);
  expect(running?.fps).toBeLessThan(12);
  expect(worker.health()).toMatchObject({ healthy: true, ready: true });
});
