/**
 * What an operator is promised of /healthz and /metrics, by name, asked of a running worker: one camera that is well and one
 * that sends a codec which cannot be decoded.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openCluster, segmentHeader, simpleBlock } from '../local/kinesisvideo/matroska-writer.ts';
import { RawProducer } from '../local/kinesisvideo/media-rig.test-factory.ts';
import {
  RIG_START_MS,
  rigAssignment,
  rigCamera,
  squareClip,
  startWorkerRig,
  type WorkerRig,
} from './worker-rig.test-factory.ts';

let rig: WorkerRig;
let metrics: string;
let health: { provider: string; models: { sha256: string }[]; cameras: { cameraId: string }[]; standbys: object[] };

beforeAll(async () => {
  rig = await startWorkerRig();
  await rig.stream('dock-1');
  await rig.createStream('dock-2');
  const bad = new RawProducer(rig.cloud.endpoint, 'dock-2', {});
  await bad.response;
  const worker = await rig.worker({ variables: { PUBLISH_FRAMES: 'all' } });
  await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
  const cameras = ['dock-1', 'dock-2'].map((id) => rigCamera({ cameraId: id, streamName: id, detect: { fps: 5 } }));
  await rig.assign(
    'worker-1',
    cameras.map((camera) => rigAssignment(camera)),
  );
  const order = { streamName: 'dock-3', model: 'default', sinceMs: RIG_START_MS };
  await rig.createStream('dock-3');
  await rig.updateWorker('worker-1', 'SET standbys = :value', { 'dock-3': order });
  const { codecPrivate, width, height, frames } = squareClip();
  bad.write(segmentHeader([{ number: 1, kind: 'video', codecId: 'V_VP9', width, height, codecPrivate }]));
  for (let second = 0; second < 8; second += 1) {
    bad.write(openCluster(rig.clock.nowMs()));
    for (const frame of frames.slice(0, 10)) bad.write(simpleBlock(1, frame.timestampMs, frame.keyframe, frame.data));
    await rig.step(1_000);
  }
  const get = (path: string) => fetch(`http://127.0.0.1:${worker.httpPort}${path}`);
  metrics = await (await get('/metrics')).text();
  health = (await (await get('/healthz')).json()) as typeof health;
  bad.request.end();
});
afterAll(() => rig.close());

/** @returns the series of a metric: its labels and value. */
function series(name: string): { labels: string; value: number }[] {
  const lines = metrics.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.map((line) => ({
    labels: /\{(.*)\}/.exec(line)?.[1] ?? '',
    value: Number(line.split(' ').at(-1)),
  }));
}

function sampleOf(name: string, labels = ''): number | undefined {
  return series(name).find((one) => one.labels === labels)?.value;
}

test('the provider in use and the hash of each model', () => {
  const models = series('kvs_infer_model_info');
  expect(models).toHaveLength(1);
  const [{ labels, value }] = models as [{ labels: string; value: number }];
  expect([value, labels]).toEqual([1, expect.stringMatching(/model="default",provider="cpu",.*sha256="[0-9a-f]{64}"/)]);
  expect(health.provider).toBe('cpu');
  expect(labels).toContain(`sha256="${health.models[0]?.sha256}"`);
});

test('the lag of each camera that has results', () => {
  // On the stepped clock a frame may be inferred in the very step in which it was captured.
  expect(sampleOf('kvs_infer_camera_lag_seconds', 'camera="dock-1"')).toBeGreaterThanOrEqual(0);
  expect(sampleOf('kvs_infer_camera_lag_seconds', 'camera="dock-2"')).toBeUndefined();
  expect(sampleOf('kvs_infer_camera_behind_live_edge_seconds', 'camera="dock-1"')).toBeGreaterThanOrEqual(0);
});

test('what became of the frames, by reason: of all, and of each camera', () => {
  const ofCamera = (camera: string, outcome: string) =>
    sampleOf('kvs_infer_camera_frames_total', `camera="${camera}",outcome="${outcome}"`) ?? 0;
  expect(ofCamera('dock-1', 'captured')).toBeGreaterThan(30);
  // Every second frame of ten a second is not wanted.
  expect(ofCamera('dock-1', 'sampling') / ofCamera('dock-1', 'captured')).toBeCloseTo(0.5, 1);
  expect(ofCamera('dock-1', 'decode-failed')).toBe(0);
  expect(ofCamera('dock-2', 'decode-failed')).toBeGreaterThan(10);
  expect(ofCamera('dock-2', 'inferred')).toBe(0);
  for (const outcome of ['captured', 'inferred', 'sampling', 'decode-failed']) {
    const all = sampleOf('kvs_infer_frames_total', `outcome="${outcome}"`);
    expect(all, outcome).toBe(ofCamera('dock-1', outcome) + ofCamera('dock-2', outcome));
  }
  expect(sampleOf('kvs_infer_frames_total', 'outcome="overload"')).toBe(0);
  const errors = sampleOf('kvs_infer_camera_media_errors_total', 'camera="dock-2",code="CODEC_UNSUPPORTED"');
  expect(errors).toBeGreaterThan(0);
  expect(errors).toBe(sampleOf('kvs_infer_media_errors_total', 'code="CODEC_UNSUPPORTED"'));
});

test('histograms of the stages, and the sizes of batches', () => {
  for (const stage of ['decode', 'queue', 'inference', 'ready-to-inferred', 'results']) {
    expect(sampleOf('kvs_infer_stage_seconds_count', `stage="${stage}"`), stage).toBeGreaterThan(10);
    expect(series('kvs_infer_stage_seconds_bucket').filter(({ labels }) => labels.includes(`"${stage}"`)).length).toBe(
      13,
    );
  }
  expect(sampleOf('kvs_infer_batch_frames_count')).toBeGreaterThan(10);
  // One model on a CPU takes frames one by one.
  expect(sampleOf('kvs_infer_batch_frames_sum')).toBe(sampleOf('kvs_infer_stage_seconds_count', 'stage="inference"'));
  expect(series('kvs_infer_batch_frames_bucket').map(({ labels }) => labels)).toEqual(
    ['1', '2', '4', '8', '16', '+Inf'].map((size) => `le="${size}"`),
  );
});

test('the cameras that it stands by for, with state and reason', () => {
  expect(health.standbys).toEqual([
    { cameraId: 'dock-3', sinceMs: RIG_START_MS, state: 'opening', reason: expect.stringMatching(/./) },
  ]);
  expect(series('kvs_infer_standbys')).toEqual([{ labels: 'state="opening"', value: 1 }]);
  expect(health.cameras.map(({ cameraId }) => cameraId)).not.toContain('dock-3');
});

test('the delay of the event loops', () => {
  for (const name of ['kvs_infer_main_loop_delay_p99_seconds', 'kvs_infer_decode_loop_delay_p99_seconds']) {
    expect(sampleOf(name), name).toBeGreaterThanOrEqual(0);
    expect(sampleOf(name), name).toBeLessThan(60);
  }
});

const hasGpu = existsSync('/proc/driver/nvidia/version');
test.skipIf(hasGpu)(
  `the GPU's memory is named, and has no value where there is none${hasGpu ? ' (skipped: there is one)' : ''}`,
  () => {
    for (const name of ['kvs_infer_gpu_memory_bytes', 'kvs_infer_gpu_load_ratio']) {
      expect(metrics).toContain(`# TYPE ${name} gauge`);
      expect(series(name), name).toEqual([]);
    }
  },
);

test('every metric that docs/operate.md names is there, and the other way round', async () => {
  const page = await readFile(new URL('../docs/operate.md', import.meta.url), 'utf8');
  const [, table = ''] = page.split('| metric (`kvs_infer_…`) |');
  const rows = (table.split('\n\n')[0] ?? '').split('\n').filter((row) => row.startsWith('| `'));
  const documented = rows.flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/`([a-z0-9_]+)`/g)].map(([, name]) => name),
  );
  const served = [...metrics.matchAll(/^# TYPE (?:kvs_infer_)?(\S+) /gm)].map(([, name]) => name);
  expect(served.sort()).toEqual(documented.sort());
});
