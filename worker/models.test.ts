/** Cameras with models of their own on one worker, through the whole worker. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { blockModel, encodeModel } from './detect/block-model.test-factory.ts';
import { type CatalogueEntry, writeCatalogue } from './detect/model-catalogue.ts';
import { yoloxModel } from './detect/yolox-model.test-factory.ts';
import { rigAssignment, rigCamera, startWorkerRig, type WorkerRig } from './worker-rig.test-factory.ts';

let rig: WorkerRig;
beforeEach(async () => {
  rig = await startWorkerRig();
});
afterEach(() => rig.close());

const at = (name: string) => path.join(rig.folder, `${name}.onnx`);
const camera = (cameraId: string, model: string) =>
  rigCamera({ cameraId, streamName: cameraId, detect: { model, classes: [] }, snapshots: { on: 'never' } });

test('a YOLOv8 and a YOLOX at once; what nobody uses makes room; what does not fit is named, and nobody else disturbed', async () => {
  await writeFile(at('yard'), encodeModel(yoloxModel({ width: 96, height: 64, boxes: 'pixels' })));
  await writeFile(at('gate'), encodeModel(blockModel({ width: 96, height: 64 })));
  const worker = await rig.worker({ variables: { PUBLISH_FRAMES: 'all', MODEL_MEMORY_MB: '180' } });
  await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
  for (const streamName of ['one', 'two', 'three']) await rig.stream(streamName);
  const cameras = [camera('one', 'default'), camera('two', 'yard'), camera('three', 'gate')];
  await rig.assign(
    'worker-1',
    cameras.slice(0, 2).map((each) => rigAssignment(each)),
  );
  const models = async () => new Set((await rig.records()).map(({ model }) => String(model).split('@')[0]));
  await rig.until('both publish', async () => (await models()).size === 2);
  expect(await models()).toEqual(new Set(['default', 'yard']));

  await rig.assign(
    'worker-1',
    cameras.map((each) => rigAssignment(each)),
  );
  const running = async () => (await rig.workerItem())?.running ?? {};
  await rig.until('the third is refused', async () => (await running()).three?.state === 'failing');
  expect((await running()).three?.reason).toMatch(/MODEL_LIMIT: "gate" needs about \d+ MB, of 180 MB/);
  expect([(await running()).one?.state, (await running()).two?.state]).toEqual(['running', 'running']);

  await rig.assign(
    'worker-1',
    [cameras[0], cameras[2]].flatMap((each) => (each === undefined ? [] : [rigAssignment(each)])),
  );
  await rig.until('the third has its model', async () => (await models()).has('gate'), 90_000);
  const metrics = await worker.registry.metrics();
  expect([...metrics.matchAll(/model_info\{[^}]*model="(\w+)"/g)].map(([, name]) => name)).toEqual(['default', 'gate']);
});

test('a file that is not the one of the catalogue is refused by name', async () => {
  await writeFile(at('yard'), encodeModel(yoloxModel()));
  const entry: CatalogueEntry = {
    ...{ sha256: 'a'.repeat(64), bytes: 1, layout: 'yolox', input: { width: 64, height: 32, batch: 1 } },
    ...{ precision: 'float32', labels: ['red'], licence: null, source: 'y.onnx', addedAt: '2026-11-24T00:00:00.000Z' },
    measured: { provider: 'cpu', threads: 1, msPerFrame: 10 },
  };
  await writeCatalogue(rig.folder, { yard: entry });
  await rig.worker();
  await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
  await rig.stream('two');
  await rig.assign('worker-1', [rigAssignment(camera('two', 'yard'))]);
  await rig.until('it is refused', async () => (await rig.workerItem())?.running.two?.state === 'failing');
  expect((await rig.workerItem())?.running.two?.reason).toContain(
    'MODEL_CHANGED: yard.onnx: expected the content sha256:aaaa',
  );
});

test('a model of an unexpected shape is named with its camera, nobody else is disturbed, and a mended file is taken up', async () => {
  await writeFile(at('yard'), encodeModel(blockModel({ metadata: { task: 'segment' } })));
  const worker = await rig.worker({ variables: { PUBLISH_FRAMES: 'all' } });
  await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
  for (const streamName of ['one', 'two']) await rig.stream(streamName);
  await rig.assign('worker-1', [rigAssignment(camera('one', 'default')), rigAssignment(camera('two', 'yard'))]);
  const running = async () => (await rig.workerItem())?.running ?? {};
  await rig.until('it is refused', async () => (await running()).two?.state === 'failing');
  expect((await running()).two?.reason).toMatch(/^MODEL_UNUSABLE: yard\.onnx: expected .* got .*segment/);
  await rig.until('the other runs', async () => ((await running()).one?.framesInferred ?? 0) > 20);
  expect(worker.health().healthy).toBe(true);
  await writeFile(at('yard'), encodeModel(blockModel({ width: 80, height: 48 })));
  await rig.until('it runs', async () => (await running()).two?.state === 'running', 90_000);
  // A minute without a detector has its own cause.
  expect((await running()).two?.watch?.blind.map(({ cause }) => cause)).toContain('no-model');
  expect((await running()).one?.state).toBe('running');
});
