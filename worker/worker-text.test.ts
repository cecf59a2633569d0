/**
 * Text through the whole worker, with the real detector and the real text models: a drawn street goes in as H.264, plates
 * come out as events, on detections and in the table. And what happens when text cannot be read: nothing else.
 */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Detection, snapshotRecordSchema, type TrackRecord, trackRecordSchema } from '../core/records.ts';
import type { H264Clip } from '../local/kinesisvideo/clip-timeline.ts';
import { type ClipContent, readClip, readTruth, type SceneClip } from '../local/scenes/clip.ts';
import { ensureSceneClip } from '../local/scenes/clip-maker.ts';
import { publishedSchemas } from './published-schemas.test-factory.ts';
import { rigAssignment, rigCamera, startWorkerRig } from './worker-rig.test-factory.ts';

const detector = path.join(import.meta.dirname, '../models/demo-detector.onnx');
/** The seed is used for nothing else. */
const street = { kind: 'street', seed: 8_950_044, width: 1280, height: 720, fps: 5, periodMs: 10_000 } as const;
/** In this piece of it, which begins with a keyframe, three plates are wider than 60 px for three frames or more. */
const piece = { fromMs: 8_000, durationMs: 2_000 };
/** The street is drawn in three seconds, and both models at work on 12 frames are three more of a core, on a machine that has other tests to run. */
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
  'plates are told as events, stand on later detections, in the item of their track and beside the picture taken before',
  async () => {
    const problemOf = await publishedSchemas();
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
        // Of the moment in which a track is first told: no text has settled then.
        snapshots: { on: 'enter', maxPerMinute: 100 },
      });
      await rig.assign('worker-1', [
        rigAssignment({ ...camera, smoothing: { window: 5, minHits: 2, maxMissMs: 800 } }),
      ]);
      const inferred = () => [...worker.supervisor.runs()].reduce((sum, run) => sum + run.framesInferred, 0);
      await rig.until('the clip has been seen', () => inferred() >= 12);
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
      expect(new Set(right.map(({ text }) => text?.value)).size, valuesOf(texts)).toBeGreaterThanOrEqual(3);
      expect(right.length / texts.length, valuesOf(texts)).toBeGreaterThanOrEqual(0.7);
      expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
      for (const { trackId, text, id } of texts) {
        expect(id).toBe(`street/${trackId}/text/${text?.value}`);
        const told = texts.filter((other) => other.trackId === trackId).at(-1)?.text?.value;
        const exit = tracks.find((other) => other.trackId === trackId && other.event === 'exit');
        expect(exit?.text?.value).toBe(told);
        expect((await rig.detectionItems('street')).find((item) => item.trackId === trackId)?.text?.value).toBe(told);
      }
      expect(records.map(problemOf).filter((problem) => problem !== null)).toEqual([]);
      let late = 0;
      for (const exit of tracks.filter(({ event }) => event === 'exit')) {
        const about = snapshotRecordSchema.parse(await rig.objectOf(exit.snapshotKey?.replace(/jpg$/, 'json')));
        expect(problemOf(about)).toBeNull();
        expect(about.text?.value).toBe(exit.text?.value);
        const settled = texts.find(({ trackId }) => trackId === exit.trackId);
        if (settled !== undefined && settled.at > about.capturedAt) late += 1;
      }
      expect(late).toBeGreaterThanOrEqual(3);
      const rewritten = /deliveries_total\{kind="snapshot-text",outcome="delivered"\} (\d+)/;
      expect(Number(rewritten.exec(await worker.registry.metrics())?.[1])).toBeGreaterThanOrEqual(late);
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

test('a charset that the recogniser lacks is named with its camera alone; detection goes on, and a mended row ends it', async () => {
  const rig = await startWorkerRig();
  try {
    for (const streamName of ['dock-1', 'dock-2']) await rig.stream(streamName);
    await rig.worker();
    await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
    const assign = (charset: string, epoch: number) =>
      rig.assign('worker-1', [
        rigAssignment(rigCamera({ text: { enabled: true, charset } }), { epoch }),
        rigAssignment(rigCamera({ cameraId: 'dock-2', streamName: 'dock-2', text: { enabled: true } })),
      ]);
    const running = async (cameraId: string) => (await rig.workerItem())?.running[cameraId];
    await assign('0-9\u{1F697}', 1);
    await rig.until('it is named', async () =>
      ((await running('dock-1'))?.reason ?? '').includes('TEXT_CHARSET_UNKNOWN'),
    );
    expect(await running('dock-1')).toMatchObject({ state: 'running', reason: expect.stringContaining('\u{1F697}') });
    await rig.until('frames are published', () => rig.recordCount() > 5);
    expect((await running('dock-2'))?.reason).not.toContain('TEXT_');
    // A row that changes comes with the next epoch.
    await assign('0-9', 2);
    await rig.until('it is over', async () => !((await running('dock-1'))?.reason ?? 'TEXT_').includes('TEXT_'));
    expect(await running('dock-1')).toMatchObject({ state: 'running' });
  } finally {
    await rig.close();
  }
});
