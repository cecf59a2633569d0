/**
 * What the bundled detector finds in drawn scenes, frame by frame beside what was drawn: the clip is encoded and decoded as
 * a camera's would be, and the detector is the worker's own. Invariant: the same scene and rate give the same frames.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Detection } from '../../core/records.ts';
import { readTruth, type SceneClipSettings } from '../../local/scenes/clip.ts';
import { ensureSceneClip } from '../../local/scenes/clip-maker.ts';
import { countsAsTruth, type ObjectTruth } from '../../local/scenes/truth.ts';
import { letterboxGeometry } from '../../worker/decode/letterbox.ts';
import { decodeMediaFile } from '../../worker/decode/media-file.ts';
import { toDetections } from '../../worker/detect/detections.ts';
import { Detector } from '../../worker/detect/detector.ts';
import { suppress } from '../../worker/detect/nms.ts';
import { prepareModel } from '../../worker/detect/prepare-model.ts';
import type { TrueObject } from './mot-metrics.ts';

const modelPath = fileURLToPath(new URL('../../models/demo-detector.onnx', import.meta.url));
const cacheFolder = fileURLToPath(new URL('../../.local/bench/', import.meta.url));
/** Below this a box is noise also to a tracker (ByteTrack's lower threshold). */
const SCORE_MIN = 0.1;
const IOU = 0.5;

export type SceneFrame = { atMs: number; detections: Detection[]; truth: TrueObject[] };

/**
 * The timetable of a scene repeats, and so do its objects' ids: what comes back after so long without being in view comes
 * as somebody else. Nobody remembers a car that long.
 */
const PASSAGE_ENDS_AFTER_MS = 5_000;

/** @param every of the clip's frames, one in so many. */
export async function sceneDetections(scenes: readonly SceneClipSettings[], every: number): Promise<SceneFrame[][]> {
  const folder = await mkdtemp(join(tmpdir(), 'kvs-infer-bench-'));
  const model = await prepareModel(modelPath, { cacheFolder: folder });
  const detector = await Detector.create(model, { providers: ['cpu'], intraOpThreads: 2 });
  try {
    const found: SceneFrame[][] = [];
    for (const scene of scenes) found.push(await framesOf(scene, every, detector));
    return found;
  } finally {
    await detector.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function framesOf(scene: SceneClipSettings, every: number, detector: Detector): Promise<SceneFrame[]> {
  const clip = await ensureSceneClip(scene, { cacheFolder });
  const truth = await readTruth(clip);
  const { model } = detector;
  const geometry = letterboxGeometry(clip.width, clip.height, model.inputWidth, model.inputHeight);
  const frames: SceneFrame[] = [];
  const pixels: Uint8Array[] = [];
  const passages = new Map<string, { number: number; lastInViewMs: number }>();
  const passageOf = (objectId: string, counts: boolean, atMs: number): string => {
    const known = passages.get(objectId) ?? { number: 0, lastInViewMs: atMs };
    if (counts && atMs - known.lastInViewMs > PASSAGE_ENDS_AFTER_MS) known.number += 1;
    if (counts) known.lastInViewMs = atMs;
    passages.set(objectId, known);
    return `${objectId}/${known.number}`;
  };
  let index = 0;
  await decodeMediaFile(clip.mkvPath, {
    onPicture: (picture) => {
      if (index % every === 0) {
        const buffer = new Uint8Array(detector.bytesPerFrame);
        picture.letterboxInto(buffer, geometry);
        pixels.push(buffer);
        const objects = truth.frames[index]?.objects ?? [];
        const atMs = Math.round((index * 1000) / clip.fps);
        const truthOf = (object: ObjectTruth): TrueObject => {
          const counts = countsAsTruth(object, clip.width / clip.height);
          return { objectId: passageOf(object.objectId, counts, atMs), box: object.box, counts };
        };
        frames.push({ atMs, detections: [], truth: objects.map(truthOf) });
      }
      index += 1;
    },
    async afterPacket() {
      const waiting = pixels.splice(0);
      for (const [offset, candidates] of (await detector.detectFrames(waiting)).entries()) {
        const frame = frames[frames.length - waiting.length + offset];
        const kept = suppress(candidates, { confidence: SCORE_MIN, iou: IOU, classIds: null });
        if (frame !== undefined) frame.detections = toDetections(kept, model.labels, geometry);
      }
    },
  });
  return frames;
}
