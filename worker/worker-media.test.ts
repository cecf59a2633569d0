/**
 * What a person sees of a worker whose cameras send what they should not, and whose GPU is not there: through the whole
 * worker, in its item, /healthz, /metrics and log. Other cameras are not disturbed, and nothing needs a restart.
 */
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openCluster, segmentHeader, simpleBlock } from '../local/kinesisvideo/matroska-writer.ts';
import { RawProducer } from '../local/kinesisvideo/media-rig.test-factory.ts';
import { jsonLog } from './runtime/log.ts';
import type { FrameCounts } from './session/frame-ledger.ts';
import type { RunningWorker } from './worker.ts';
import {
  RIG_START_MS,
  rigAssignment,
  rigCamera,
  squareClip,
  startWorkerRig,
  type WorkerRig,
} from './worker-rig.test-factory.ts';

let rig: WorkerRig;
beforeEach(async () => {
  rig = await startWorkerRig();
});
afterEach(() => rig.close());

const camera = (cameraId: string) => rigCamera({ cameraId, streamName: cameraId });

async function watching(cameraIds: string[], options: Parameters<WorkerRig['worker']>[0] = {}): Promise<RunningWorker> {
  const worker = await rig.worker({ ...options, variables: { PUBLISH_FRAMES: 'all', ...options.variables } });
  await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
  await rig.assign(
    'worker-1',
    cameraIds.map((cameraId) => rigAssignment(camera(cameraId))),
  );
  return worker;
}

const running = async (cameraId: string) => (await rig.workerItem())?.running[cameraId];
type Told = { cameraId: string; state: string; frames: FrameCounts | null; mediaErrors: Record<string, number> };
const told = (worker: RunningWorker, cameraId: string) =>
  (worker.health().about.cameras as Told[]).find((one) => one.cameraId === cameraId);
const toldState = (worker: RunningWorker, cameraId: string) => told(worker, cameraId)?.state;

/** A camera of which the test decides every second: a fragment of the clip's first second, at any time. */
async function rawCamera(cameraId: string) {
  await rig.createStream(cameraId);
  const producer = new RawProducer(rig.cloud.endpoint, cameraId, {});
  await producer.response;
  const { codecPrivate, width, height, frames } = squareClip();
  const track = { number: 1, kind: 'video', codecId: 'V_MPEG4/ISO/AVC', width, height, codecPrivate } as const;
  return {
    begin: (more: Partial<{ codecId: string }> = {}) => producer.write(segmentHeader([{ ...track, ...more }])),
    /** @param dataOf what is sent for a frame. */
    second: (timecodeMs: number, dataOf = (data: Uint8Array) => data) =>
      producer.write(
        openCluster(timecodeMs),
        ...frames
          .slice(0, 10)
          .map(({ timestampMs, keyframe, data }) => simpleBlock(1, timestampMs, keyframe, dataOf(data))),
      ),
    end: () => producer.request.end(),
  };
}

const hasGpu = existsSync('/proc/driver/nvidia/version');
const title = 'a worker that was promised a GPU and has none decodes on the CPU, and says so everywhere, once';
test.skipIf(hasGpu)(hasGpu ? `${title} (skipped: there is one)` : title, async () => {
  await rig.stream('dock-1');
  await rig.stream('dock-2');
  const lines: string[] = [];
  const log = jsonLog((line) => void lines.push(line), rig.clock, 'INFO', {});
  const worker = await watching(['dock-1'], { variables: { WORKER_PROVIDERS: 'cuda,cpu' }, log });
  const slow = rigCamera({ cameraId: 'dock-2', streamName: 'dock-2', detect: { fps: 1 } });
  await rig.assign('worker-1', [rigAssignment(camera('dock-1')), rigAssignment(slow)]);
  await rig.until('frames are published', () => rig.recordCount() > 30);
  await rig.step(6_000);
  const fallback = expect.stringMatching(/^h264_cuvid could not/);
  for (const [cameraId, frames] of [
    ['dock-1', 'all'],
    // Key frames come every second.
    ['dock-2', 'keyframes'],
  ] as const) {
    const decode = { codec: 'h264', frames, device: 'cpu', fallback };
    expect(await running(cameraId)).toMatchObject({
      state: 'running',
      reason: expect.stringMatching(/^media flows; decoded on the CPU: h264_cuvid could not be opened: /),
      decode,
    });
    expect(told(worker, cameraId)).toMatchObject({ decode, sessions: { opened: 1 }, mediaErrors: {} });
    expect(await worker.registry.metrics()).toContain(
      `kvs_infer_camera_decode_info{camera="${cameraId}",codec="h264",frames="${frames}",device="cpu"} 1`,
    );
  }
  const warnings = lines
    .map((line) => JSON.parse(line))
    .filter(({ message }) => message === 'a camera is decoded on the CPU');
  expect(warnings.map(({ cameraId }) => cameraId).sort()).toEqual(['dock-1', 'dock-2']);
});

test('a camera that sends another codec is named with counts, the other is not disturbed, and it runs again by itself', async () => {
  await rig.stream('dock-1');
  const bad = await rawCamera('dock-2');
  const worker = await watching(['dock-1', 'dock-2']);
  bad.begin({ codecId: 'V_VP9' });
  for (let second = 0; second < 12; second += 1) {
    bad.second(rig.clock.nowMs());
    await rig.step(1_000);
  }
  const good = [...worker.supervisor.runs()].find(({ cameraId }) => cameraId === 'dock-1');
  expect(good?.framesInferred).toBeGreaterThan(80);
  expect(Object.keys(good?.report?.frames.dropped ?? {}).filter((reason) => reason !== 'sampling')).toEqual([]);
  expect(told(worker, 'dock-2')).toMatchObject({
    state: 'failing',
    reason: expect.stringMatching(/frames gave no picture, none did: CODEC_UNSUPPORTED: .*V_VP9/),
    mediaErrors: { CODEC_UNSUPPORTED: expect.any(Number) },
  });
  expect(told(worker, 'dock-1')).toMatchObject({ state: 'running', mediaErrors: {} });
  const counted = /media_errors_total\{code="CODEC_UNSUPPORTED"\} (\d+)/.exec(await worker.registry.metrics());
  expect(Number(counted?.[1])).toBeGreaterThan(8);
  expect(worker.health().healthy).toBe(true);
  bad.end();
  await rig.step(1_000);
  const mended = await rawCamera('dock-2');
  mended.begin();
  for (let second = 0; second < 12; second += 1) {
    mended.second(rig.clock.nowMs());
    await rig.step(1_000);
  }
  expect(told(worker, 'dock-2')).toMatchObject({ state: 'running', decode: { codec: 'h264', device: 'cpu' } });
});

test('frames without a byte are counted by name, the other camera is not disturbed, and it runs again by itself', async () => {
  await rig.stream('dock-1');
  const bad = await rawCamera('dock-2');
  const worker = await watching(['dock-1', 'dock-2']);
  bad.begin();
  for (let second = 0; second < 12; second += 1) {
    bad.second(rig.clock.nowMs(), () => new Uint8Array(0));
    await rig.step(1_000);
  }
  expect(told(worker, 'dock-2')).toMatchObject({
    state: 'failing',
    reason: expect.stringMatching(/frames gave no picture, none did: FRAME_EMPTY: /),
    mediaErrors: { FRAME_EMPTY: expect.any(Number) },
  });
  const { mediaErrors, frames } = told(worker, 'dock-2') ?? {};
  expect(mediaErrors?.FRAME_EMPTY).toBeGreaterThan(80);
  expect(frames?.dropped['decode-failed']).toBe(mediaErrors?.FRAME_EMPTY);
  expect(told(worker, 'dock-1')).toMatchObject({ state: 'running', mediaErrors: {} });
  expect(told(worker, 'dock-1')?.frames?.inferred).toBeGreaterThan(80);
  expect(worker.health().healthy).toBe(true);
  for (let second = 0; second < 12; second += 1) {
    bad.second(rig.clock.nowMs());
    await rig.step(1_000);
  }
  expect(told(worker, 'dock-2')).toMatchObject({ state: 'running' });
  expect(told(worker, 'dock-2')?.frames?.inferred).toBeGreaterThan(80);
});

test('bytes that are damaged on their way are counted by name, beside a camera that is not disturbed', async () => {
  await rig.stream('dock-1');
  await rig.stream('dock-2');
  const worker = await watching(['dock-1', 'dock-2']);
  await rig.until('both run', () => ['dock-1', 'dock-2'].every((id) => toldState(worker, id) === 'running'));
  for (let second = 0; second < 12; second += 1) {
    rig.cloud.kinesisVideo.mediaFaults.corruptMedia('dock-2', 400, 700 * (second % 3));
    await rig.step(1_000);
  }
  const { mediaErrors, frames } = told(worker, 'dock-2') ?? {};
  expect(Object.keys(mediaErrors ?? {}).join()).toMatch(/MATROSKA_|DECODE_FAILED|KVS_FRAGMENT_TAGS/);
  expect(told(worker, 'dock-1')).toMatchObject({ state: 'running', mediaErrors: {} });
  const before = frames?.inferred ?? 0;
  await rig.step(5_000);
  expect(told(worker, 'dock-2')?.state).toBe('running');
  expect(told(worker, 'dock-2')?.frames?.inferred).toBeGreaterThan(before + 30);
});

test.each([
  ['1970', 0],
  ['2200', Date.UTC(2200, 0, 1)],
])('a camera whose clock says %s is watched like any other, at the times that it tells', async (year, startMs) => {
  const wrong = await rawCamera('dock-2');
  const worker = await watching(['dock-2']);
  wrong.begin();
  for (let second = 0; second < 8; second += 1) {
    wrong.second(startMs + second * 1_000);
    await rig.step(1_000);
  }
  await rig.until('frames are published', () => rig.recordCount() > 50);
  expect(told(worker, 'dock-2')).toMatchObject({ state: 'running', mediaErrors: {} });
  const records = await rig.records();
  const frames = records.filter(({ schema }) => schema === 'kvs-infer/frame@1');
  expect(new Set(frames.map(({ capturedAt }) => String(capturedAt).slice(0, 4)))).toEqual(new Set([year]));
  const items = await rig.detectionItems('dock-2');
  expect(items.length).toBeGreaterThan(0);
  // Kept for as long as others: by the worker's clock, not the camera's.
  for (const { expiresAt } of items) {
    expect(Number(expiresAt) * 1_000 - RIG_START_MS).toBeGreaterThan(29 * 86_400_000);
    expect(Number(expiresAt) * 1_000 - RIG_START_MS).toBeLessThan(31 * 86_400_000);
  }
  const pictures = rig.cloud.s3.objects(rig.names.resultBucket, 'snapshots/').map(({ key }) => key);
  expect(pictures.filter((key) => key.startsWith(`snapshots/dock-2/${year}/`)).length).toBeGreaterThan(0);
});

test.each([
  ['back from 2200', Date.UTC(2200, 0, 1)],
  ['on from 1970', 0],
  ['back by half a second', RIG_START_MS + 3_600_000],
])('a camera whose clock is set %s as it runs is watched on, and tracks end and begin', async (_, wrongMs) => {
  const lines: string[] = [];
  const log = jsonLog((line) => void lines.push(line), rig.clock, 'WARN', {});
  let set = await rawCamera('dock-2');
  const worker = await watching(['dock-2'], { log });
  set.begin();
  for (let second = 0; second < 6; second += 1) {
    set.second(wrongMs + second * 1_000);
    await rig.step(1_000);
  }
  const inferred = () => told(worker, 'dock-2')?.frames?.inferred ?? 0;
  await rig.until('it is watched', () => inferred() > 20);
  const before = inferred();
  // KVS takes no fragment that begins before the last one of its connection: the producer connects anew.
  set.end();
  await rig.step(200);
  set = await rawCamera('dock-2');
  set.begin();
  const rightMs = wrongMs === RIG_START_MS + 3_600_000 ? wrongMs + 5_500 : RIG_START_MS + 10_000;
  for (let second = 0; second < 8; second += 1) {
    set.second(rightMs + second * 1_000);
    await rig.step(1_000);
  }
  expect(told(worker, 'dock-2')).toMatchObject({ state: 'running', mediaErrors: {} });
  // Frames whose moments were taken before the clock was set are left out.
  expect(inferred() - before).toBeGreaterThanOrEqual(70);
  const records = await rig.records();
  expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
  const tracks = records.filter(({ schema }) => schema === 'kvs-infer/track@1');
  const after = tracks.filter(
    ({ at }) => Date.parse(String(at)) >= rightMs && Date.parse(String(at)) < rightMs + 8_000,
  );
  const events = (event: string) => after.filter((track) => track.event === event).length;
  expect(events('enter')).toBeGreaterThan(3);
  expect(events('exit')).toBeGreaterThan(3);
  expect(lines).toEqual([]);
});
