/** The whole worker against the local cloud, through the real SDK, on a stepped clock. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { frameRecordSchema, snapshotRecordSchema, trackRecordSchema } from '../core/records.ts';
import { VideoDecoder } from './decode/decoder.ts';
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
  const beside = await rig.clients.s3.send(
    new GetObjectCommand({ Bucket: rig.names.resultBucket, Key: exit?.snapshotKey?.replace('.jpg', '.json') }),
  );
  const about = snapshotRecordSchema.parse(JSON.parse((await beside.Body?.transformToString()) ?? ''));
  expect(about).toMatchObject({ key: exit?.snapshotKey, trackId: exit?.trackId });
  const picture = await rig.clients.s3.send(
    new GetObjectCommand({ Bucket: rig.names.resultBucket, Key: exit?.snapshotKey }),
  );
  expect([picture.ServerSideEncryption, picture.ContentType]).toEqual(['AES256', 'image/jpeg']);
  const jpeg = Buffer.from((await picture.Body?.transformToByteArray()) ?? []);
  const sizes: number[][] = [];
  const decoder = new VideoDecoder({ codec: 'mjpeg', codecPrivate: null });
  const onPicture: Parameters<typeof decoder.decode>[1] = ({ width, height }) => void sizes.push([width, height]);
  decoder.decode({ data: jpeg, timestampMs: 0, keyframe: true }, onPicture);
  decoder.flush(onPicture);
  decoder.close();
  expect(sizes).toEqual([[about.width, about.height]]);
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

/** Starts a worker that watches dock-1 and lets it publish some frames. */
async function watching(options: Parameters<WorkerRig['worker']>[0] = {}) {
  const producer = await rig.stream('dock-1');
  const worker = await rig.worker(options);
  await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
  const assignment = rigAssignment(rigCamera());
  await rig.assign('worker-1', [assignment]);
  await rig.until('frames are published', () => rig.recordCount() > 5);
  return { producer, worker, assignment };
}

async function idsAreUnique() {
  const ids = (await rig.records()).map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
}

test('a camera taken off the list is given back with its checkpoint, and its successor repeats and loses nothing', async () => {
  const { worker } = await watching();
  await rig.setList('worker-1', []);
  await rig.until('the release is written', async () => (await rig.cameraState('dock-1'))?.releasedEpoch === 1);
  const released = await rig.cameraState('dock-1');
  expect(released?.checkpoint?.fragmentNumber).toMatch(/^\d+$/);
  expect(worker.supervisor.running().size).toBe(0);
  const before = rig.recordCount();
  await rig.step(600);
  expect(rig.recordCount()).toBe(before);

  const checkpoint = released?.checkpoint;
  if (checkpoint === undefined) throw new Error('no checkpoint');
  const next = rigAssignment(rigCamera(), { epoch: 2, resumeAfter: checkpoint });
  await rig.assign('worker-1', [next]);
  await rig.until('the successor publishes', async () => (await rig.records()).some(({ epoch }) => epoch === 2));
  await rig.step(2_000);
  await idsAreUnique();
  const times = (await rig.records())
    .filter(({ schema }) => schema === 'kvs-infer/frame@1')
    .map(({ capturedAt }) => Date.parse(String(capturedAt)));
  const handover = times.filter((atMs) => atMs <= checkpoint.producerTimestampMs).length;
  expect(Math.min(...times.slice(handover))).toBeGreaterThan(checkpoint.producerTimestampMs);
});

test('a worker that cannot heartbeat for 15 s falls silent and publishes again when it can', async () => {
  const { worker } = await watching();
  const heal = rig.cloud.context.faults.inject(({ service }) => service === 'dynamodb', {
    status: 503,
    code: 'ServiceUnavailable',
    message: 'cut off',
  });
  await rig.until('the lease is lost', () => !worker.health().healthy, 20_000);
  expect(worker.health().problems.join()).toContain('lease');
  const silent = rig.recordCount();
  await rig.step(2_000);
  expect(rig.recordCount()).toBe(silent);
  heal();
  await rig.until('it publishes again', () => rig.recordCount() > silent);
  expect(worker.health().healthy).toBe(true);
  expect(await worker.registry.metrics()).toMatch(/records_total\{outcome="fenced"\} [1-9]/);
});

test('a camera whose epoch was lost is stopped at the next checkpoint without a release', async () => {
  const { worker } = await watching();
  const { Item, ...key } = { Item: await rig.cameraState('dock-1'), TableName: rig.names.tables.cameraStates };
  await rig.clients.documents.send(new PutCommand({ ...key, Item: { ...Item, ownerWorkerId: 'other', epoch: 2 } }));
  await rig.until('the camera is stopped', () => !worker.supervisor.running().has('dock-1'), 35_000);
  expect(await rig.cameraState('dock-1')).toMatchObject({ ownerWorkerId: 'other', epoch: 2 });
  expect(await rig.cameraState('dock-1')).not.toHaveProperty('releasedEpoch');
});

test('the drain flag empties the worker, which stays until it is told to stop', async () => {
  const { worker } = await watching();
  await rig.updateWorker('worker-1', 'SET drain = :value', { sinceMs: rig.clock.nowMs(), reason: 'scale-in' });
  await rig.until('the camera is released', async () => (await rig.cameraState('dock-1'))?.releasedEpoch === 1);
  await rig.step(3_000);
  expect(await rig.workerItem()).toMatchObject({ lifecycle: 'draining', running: {} });
  expect(worker.health().healthy).toBe(true);
  // Control may not have noticed yet and gives it one more: it is declined.
  await rig.assign('worker-1', [rigAssignment(rigCamera({ cameraId: 'late' }), { epoch: 3 })]);
  await rig.until('the late camera is declined', async () => (await rig.cameraState('late'))?.releasedEpoch === 3);
});

test('stop releases every camera and says so in the last heartbeat', async () => {
  const { worker } = await watching();
  let isStopped = false;
  void worker.stop('SIGTERM').then(() => {
    isStopped = true;
  });
  await rig.until('the worker has stopped', () => isStopped, 30_000);
  await worker.drained;
  expect(await rig.workerItem()).toMatchObject({ lifecycle: 'stopped', running: {} });
  expect(await rig.cameraState('dock-1')).toMatchObject({ releasedEpoch: 1 });
});

test('an unknown stream, an unusable model and a silent camera are named; the others go on', async () => {
  const { producer, worker } = await watching();
  await writeFile(path.join(rig.folder, 'broken.onnx'), 'not a model');
  const cameras = [
    rigCamera(),
    rigCamera({ cameraId: 'nowhere', streamName: 'nowhere' }),
    rigCamera({ cameraId: 'modelless', detect: { model: 'broken' } }),
    rigCamera({ cameraId: 'missing', detect: { model: 'no-such' } }),
  ];
  await rig.assign(
    'worker-1',
    cameras.map((camera) => rigAssignment(camera)),
  );
  const running = async () => (await rig.workerItem())?.running ?? {};
  await rig.until('all are reported', async () => {
    const states = await running();
    return ['nowhere', 'modelless', 'missing'].every((id) => states[id]?.state === 'failing');
  });
  const states = await running();
  expect(states.nowhere?.reason).toContain('STREAM_NOT_FOUND');
  expect(states.modelless?.reason).toContain('MODEL_UNUSABLE');
  expect(states.missing?.reason).toContain('MODEL_NOT_FOUND');
  expect(states['dock-1']?.state).toBe('running');
  producer.pause();
  await rig.until('silence is noticed', async () => (await running())['dock-1']?.state === 'silent');
  producer.resume();
  await rig.until('media is back', async () => (await running())['dock-1']?.state === 'running');
  await idsAreUnique();
  for (const run of worker.supervisor.runs()) {
    if (run.report === null) continue;
    const { captured, inferred, dropped, outstanding } = run.report.frames;
    const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
    expect(captured).toBe(inferred + lost + outstanding);
  }
});

test('health, readiness and metrics are served', async () => {
  const { worker } = await watching();
  await rig.step(1_100);
  const get = (path: string) => fetch(`http://127.0.0.1:${worker.httpPort}${path}`);
  const health = await get('/healthz');
  expect(health.status).toBe(200);
  expect(await health.json()).toMatchObject({
    ...{ status: 'ok', provider: 'cpu', lifecycle: 'ready' },
    models: [{ model: 'default', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }],
    cameras: [{ cameraId: 'dock-1', state: 'running', frames: { captured: expect.any(Number) } }],
  });
  expect((await get('/readyz')).status).toBe(200);
  expect((await get('/nothing')).status).toBe(404);
  const metrics = await (await get('/metrics')).text();
  expect(metrics).toMatch(/kvs_infer_frames_total\{outcome="inferred"\} [1-9]/);
  expect(metrics).toMatch(/kvs_infer_records_total\{outcome="published"\} [1-9]/);
  expect(metrics).toMatch(/kvs_infer_model_info\{.*provider="cpu".*sha256="[0-9a-f]{64}"\} 1/);
  expect(metrics).toMatch(/kvs_infer_camera_lag_seconds\{camera="dock-1"\} [0-9.]+/);
  expect(metrics).toMatch(/kvs_infer_published_lag_seconds_count [1-9]/);
  expect(metrics).toMatch(/process_cpu_seconds_total [0-9.]+/);
  worker.supervisor.stop('dock-1', true, 'a test');
  await rig.step(1_100);
  expect(await (await get('/metrics')).text()).not.toContain('camera="dock-1"');
});

test('a promised GPU that is absent fails the health check', async () => {
  const worker = await rig.worker({ variables: { WORKER_PROVIDERS: 'cuda,cpu' } });
  expect(worker.health()).toMatchObject({ healthy: false });
  expect(worker.health().problems.join()).toContain('a GPU was promised');
});

test('a default model that cannot be used ends the start with its name', async () => {
  await writeFile(path.join(rig.folder, 'default.onnx'), 'not a model');
  await expect(rig.worker()).rejects.toMatchObject({ code: 'MODEL_UNUSABLE' });
});
