/**
 * Text through the whole worker, with the real detector and the real text models: a drawn street goes in as H.264, plates
 * come out as events, on detections and in the table. And what happens when text cannot be read: nothing else.
 */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Detection, type TrackRecord, trackRecordSchema } from '../core/records.ts';
import type { H264Clip } from '../local/kinesisvideo/clip-timeline.ts';
import { type ClipContent, readClip, readTruth, type SceneClip } from '../local/scenes/clip.ts';
import { ensureSceneClip } from '../local/scenes/clip-maker.ts';
import { rigAssignment, rigCamera, startWorkerRig } from './worker-rig.test-factory.ts';

const detector = path.join(import.meta.dirname, '../models/demo-detector.onnx');
/** The seed is used for nothing else. */
const street = { kind: 'street', seed: 8_950_044, width: 1280, height: 720, fps: 5, periodMs: 10_000 } as const;
/** In this piece of it, which begins with a keyframe, four plates are wider than 60 px for four frames or more. */
const piece = { fromMs: 6_000, durationMs: 4_000 };
/** Both models at work on 22 frames are eight seconds of a core, on a machine that has other tests to run. */
const timeoutMs = 120_000;

let folder: string;
let clip: SceneClip;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-text-'));
  const settings = { ...street, density: 0.6, quiet: false, backdrop: 'suburb' } as const;
  clip = await ensureSceneClip(settings, { cacheFolder: folder });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test(
  'plates are told as events, stand on later detections and in the item of their track',
  async () => {
    const rig = await startWorkerRig();
    try {
      await copyFile(detector, path.join(rig.folder, 'street.onnx'));
      await rig.stream('street', pieceOf(await readClip(clip)));
      const worker = await rig.worker();
      await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
      const classes = ['car', 'truck', 'bus'];
      const camera = rigCamera({
        ...{ cameraId: 'street', streamName: 'street' },
        detect: { model: 'street', fps: 5, confidence: 0.35, classes },
        text: { enabled: true, classes, pattern: '[A-Z0-9-]{6,9}' },
      });
      await rig.assign('worker-1', [
        rigAssignment({ ...camera, smoothing: { window: 5, minHits: 2, maxMissMs: 800 } }),
      ]);
      const inferred = () => [...worker.supervisor.runs()].reduce((sum, run) => sum + run.framesInferred, 0);
      await rig.until('the clip has been seen', () => inferred() >= 22);
      await rig.setList('worker-1', []);
      await rig.until('it is given back', async () => (await rig.cameraState('street'))?.releasedEpoch === 1);

      const records = await rig.records();
      const tracks = records
        .filter(({ schema }) => schema === 'kvs-infer/track@1')
        .map((r) => trackRecordSchema.parse(r));
      const texts = tracks.filter(({ event }) => event === 'text');
      const plates = new Set(
        (await readTruth(clip)).frames.flatMap(({ objects }) => objects.flatMap(({ plate }) => plate?.value ?? [])),
      );
      const right = texts.filter(({ text }) => plates.has(text?.value ?? ''));
      expect(new Set(right.map(({ text }) => text?.value)).size, valuesOf(texts)).toBeGreaterThanOrEqual(4);
      expect(right.length / texts.length, valuesOf(texts)).toBeGreaterThanOrEqual(0.7);
      expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
      for (const { trackId, text, id } of texts) {
        expect(id).toBe(`street/${trackId}/text/${text?.value}`);
        const told = texts.filter((other) => other.trackId === trackId).at(-1)?.text?.value;
        const exit = tracks.find((other) => other.trackId === trackId && other.event === 'exit');
        expect(exit?.text?.value).toBe(told);
        expect((await rig.detectionItems('street')).find((item) => item.trackId === trackId)?.text?.value).toBe(told);
      }
      const onFrames = records.flatMap(({ detections = [] }) =>
        (detections as Detection[]).flatMap(({ text }) => text?.value ?? []),
      );
      expect(onFrames.filter((value) => plates.has(value)).length).toBeGreaterThan(3);
      expect(await worker.registry.metrics()).toMatch(/text_readings_total\{outcome="read"\} [1-9]/);
    } finally {
      await rig.close();
    }
  },
  timeoutMs,
);

function pieceOf(content: ClipContent): H264Clip {
  const frames = content.frames
    .map((frame) => ({ ...frame, timestampMs: frame.timestampMs - piece.fromMs }))
    .filter(({ timestampMs }) => timestampMs >= 0 && timestampMs < piece.durationMs);
  return { ...content, frames, durationMs: piece.durationMs };
}

function valuesOf(texts: readonly TrackRecord[]): string {
  return texts.map(({ text }) => text?.value).join(' ');
}

test('a charset that the recogniser lacks is named with the camera; detection goes on', async () => {
  const rig = await startWorkerRig();
  try {
    await rig.stream('dock-1');
    await rig.worker();
    await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
    const camera = rigCamera({ text: { enabled: true, charset: '0-9\u{1F697}' } });
    await rig.assign('worker-1', [rigAssignment(camera)]);
    await rig.until('it is named', async () =>
      ((await rig.workerItem())?.running['dock-1']?.reason ?? '').includes('TEXT_CHARSET_UNKNOWN'),
    );
    expect((await rig.workerItem())?.running['dock-1']?.state).toBe('running');
    await rig.until('frames are published', () => rig.recordCount() > 5);
  } finally {
    await rig.close();
  }
});
