/** `camera import` as an operator runs it, against the registry of a local cloud. */
import { beforeAll, expect, it } from 'vitest';
import { putCameraRow } from '../../aws/camera-registry.ts';
import { readCameraRow } from '../../aws/camera-row.ts';
import { planChanges, writeChanges } from '../../cli/row-changes.ts';
import { cloudStage, localKeys, region, tables } from './cloud-stage.ts';
import { documentOf, expectFailure, kvsInfer, temporaryFolder } from './kvs-infer.ts';

const folder = temporaryFolder();
const cloud = cloudStage();
let file: string;
beforeAll(async () => {
  file = await folder.write('cameras.yaml', original);
});

const original = `device: cuda:0
cameras:
  - id: north-door
    kvs_stream_name: north-door-stream
    fps_target: 5
    roi:
      enabled: true
      polygons:
        - { name: step, points: [[192, 540], [960, 540], [960, 1080]] }
    pipeline:
      - type: weapon
        weapon: { yolo_weights: s3://models/weapon-v2.pt, conf_threshold: 0.6 }
    routing:
      snapshot: { upload_crops: true }
  - id: lot
    kvs_stream_name: lot-stream
    fps_target: 2
    pipeline:
      - type: alpr
        alpr: { plate_detector_weights: /models/plates.pt }
    routing:
      snapshot: { upload_crops: true }
`;

function run(...words: string[]) {
  const place = ['--stage', 'test', '--region', region, '--endpoint-url', cloud.endpoint];
  return kvsInfer(['camera', ...words, ...place], undefined, localKeys);
}

it('tells what has no place by line and what would change, and writes only when it is told to', async () => {
  await putCameraRow(cloud.clients, tables.cameras, { cameraId: 'yard', streamName: 'yard' });
  const dry = await run('import', file, '--dry-run');
  expect(dry).toMatchObject({ exitCode: 0, stderr: '' });
  expect(dry.stdout).toBe(`what the file says and a row does not:
  line 1: device: a worker uses the GPU of its instance
  line 9: roi.polygons: drawn in pixels, and the size of the picture is not in the file: give --frame-size 1920x1080, or the whole picture is looked at
  line 14, 22: routing.snapshot.upload_crops: the whole picture is stored, and the box in the JSON beside it

models that the rows name; export each to ONNX and add it to the stage (docs/models.md):
  weapon-v2: from s3://models/weapon-v2.pt, for north-door
  plates: from /models/plates.pt, for lot

north-door: new
lot: new
not in the file, and left alone: yard
2 would be written
`);
  const unasked = await run('import', file);
  expect(unasked).toMatchObject({ exitCode: 2, stdout: dry.stdout });
  expect(unasked.stderr).toMatch(/^kvs-infer: NOT_CONFIRMED: .*--yes/);
  expect(await readCameraRow(cloud.clients, tables.cameras, 'lot')).toBeNull();

  const done = documentOf(await run('import', file, '--frame-size', '1920x1080', '--yes', '--json'));
  expect(done).toMatchObject({
    outcome: 'written',
    changes: [
      { cameraId: 'north-door', change: 'new', written: true, problem: null },
      { cameraId: 'lot', change: 'new', written: true, problem: null },
    ],
    leftAlone: ['yard'],
  });
  expect(await readCameraRow(cloud.clients, tables.cameras, 'lot')).toEqual({
    ...{ cameraId: 'lot', streamName: 'lot-stream', detect: { model: 'plates', fps: 2 }, text: { enabled: true } },
  });
});

it('takes nothing away that somebody has set since, and a second time changes nothing', async () => {
  const row = await readCameraRow(cloud.clients, tables.cameras, 'lot');
  const motionGate = { enabled: true };
  const since = { ...row, priority: 80, detect: { ...(row?.detect as object), fps: 1, motionGate } };
  await putCameraRow(cloud.clients, tables.cameras, since);
  const again = await run('import', file, '--frame-size', '1920x1080', '--yes');
  expect(again.stdout).toContain('north-door: unchanged\nlot: changed\n  detect: ');
  expect(again.stdout).toMatch(/\n1 written\n$/);
  expect(await readCameraRow(cloud.clients, tables.cameras, 'lot')).toEqual({
    ...{ ...since, detect: { model: 'plates', fps: 2, motionGate } },
  });
  expect((await run('import', file, '--frame-size', '1920x1080')).stdout).toMatch(/\n0 written\n$/);
});

it('refuses a file of this system, a wrong row and YAML that is none, before it writes or asks', async () => {
  const ours = await folder.write('ours.yaml', '- { cameraId: a, streamName: a }\n');
  const wrong = await folder.write(
    'wrong.yaml',
    'cameras:\n  - { id: a b, kvs_stream_name: s }\n  - { id: ok, kvs_stream_name: s }\n',
  );
  const broken = await folder.write('broken.yaml', 'cameras:\n  - id: "a\n');
  expectFailure(await run('import', ours, '--yes'), 1, 'CAMERA_FILE_NOT_ORIGINAL', 'camera put');
  expectFailure(await run('put', file), 1, 'CAMERA_INVALID', 'camera import');
  expectFailure(await run('import', wrong, '--yes'), 1, 'CAMERA_INVALID', 'cameraId', '"a b"');
  expectFailure(await run('import', broken, '--yes'), 1, 'CAMERA_FILE_INVALID', 'broken.yaml', /line \d/);
  expect(await readCameraRow(cloud.clients, tables.cameras, 'ok')).toBeNull();
});

it('a row that somebody else changed after the difference was shown is not written, is named, and stops no other', async () => {
  const stage = { clients: cloud.clients, tables, stage: 'test' };
  const rows = ['yard', 'new-one'].map((cameraId) => ({ cameraId, streamName: 'other' }));
  const planned = await planChanges(stage, rows);
  await putCameraRow(cloud.clients, tables.cameras, { cameraId: 'yard', streamName: 'yard', priority: 99 });
  const said: unknown[] = [];
  const original = console.error;
  console.error = (line) => said.push(line);
  await writeChanges(stage, planned).finally(() => {
    console.error = original;
  });
  expect(process.exitCode).toBe(1);
  process.exitCode = 0;
  expect(said).toEqual([expect.stringMatching(/^kvs-infer: ROWS_NOT_WRITTEN: 1 of 2 rows are not written: yard \(/)]);
  expect(planned.map(({ change }) => change)).toMatchObject([
    { cameraId: 'yard', written: false, problem: expect.stringContaining('CAMERA_CHANGED') },
    { cameraId: 'new-one', written: true, problem: null },
  ]);
  expect(await readCameraRow(cloud.clients, tables.cameras, 'yard')).toMatchObject({ priority: 99 });
});

it('refuses a file whose aliases grow without end, by name', async () => {
  const ten = (name: string) => Array(10).fill(`*${name}`).join(', ');
  const lines = Array.from({ length: 12 }, (_, at) => `a${at + 1}: &a${at + 1} [${ten(`a${at}`)}]`);
  const bomb = await folder.write('bomb.yaml', ['a0: &a0 [x, x]', ...lines].join('\n'));
  expectFailure(await run('import', bomb, '--yes'), 1, 'CAMERA_FILE_INVALID', 'bomb.yaml');
});
