/**
 * What the motion gate saves, and what it costs in objects that come and go unseen, on drawn scenes whose seeds neither the
 * detector nor the gate's thresholds have met. Judged by the ground truth alone, so that no detector's faults mix in.
 */
import { fileURLToPath } from 'node:url';
import { readTruth, type SceneClipSettings } from '../local/scenes/clip.ts';
import { ensureSceneClip } from '../local/scenes/clip-maker.ts';
import { countsAsTruth, type FrameTruth, type UnitBox } from '../local/scenes/truth.ts';
import { letterboxGeometry } from '../worker/decode/letterbox.ts';
import { decodeMediaFile } from '../worker/decode/media-file.ts';
import { boxIou } from '../worker/detect/nms.ts';
import { MotionGate } from '../worker/session/motion-gate.ts';
import { FrameSampler } from '../worker/session/sampler.ts';
import { type Bench, type Benchmark, microsecondsPer } from './benchmark.ts';

const fps = 5;
const input = { width: 640, height: 384 };
/** What a row with `motionGate: { enabled: true }` and the default smoothing gives. */
const gate = { maxSkipMs: 5_000, holdMs: 1_200 };
const sensitivities = [0.2, 0.5, 0.8] as const;
/** An object that is in view for a shorter time is not what a camera at this rate is for. */
const PASSAGE_FRAMES_MIN = 3;
/** A box that has moved further is where the track no longer is. */
const STALE_IOU = 0.5;

const frame = { width: 1280, height: 720, fps: 10, periodMs: 60_000 } as const;
const scenes: Record<string, SceneClipSettings> = {
  'a yard at rest': { ...frame, kind: 'dock', seed: 7_000_001, density: 0.1, quiet: true },
  'a car park at rest': { ...frame, kind: 'parking', seed: 7_000_002, density: 0.1, quiet: true },
  'a quiet street': { ...frame, kind: 'street', seed: 7_000_003, density: 0.05, quiet: true },
  'a quiet crossing': { ...frame, kind: 'crossing', seed: 7_000_004, density: 0.05, quiet: true },
  'a car park in use': { ...frame, kind: 'parking', seed: 7_000_005, density: 0.4, quiet: false },
  'a crossing by day': { ...frame, kind: 'crossing', seed: 7_000_006, density: 1, quiet: false },
};

type Sample = { atMs: number; pixels: Uint8Array; truth: FrameTruth };
type Tally = {
  frames: number;
  leftOut: number;
  passages: number;
  unseen: number;
  objects: number;
  stale: number;
  delaysMs: number[];
};

export const motionGate: Benchmark = {
  name: 'motion-gate',
  claim: `the motion gate at ${fps} fps on held-out drawn scenes: inferences saved, and objects (visible for ${PASSAGE_FRAMES_MIN} sampled frames or more) that no inference saw`,
  async run(bench: Bench) {
    const cacheFolder = fileURLToPath(new URL('../.local/bench/', import.meta.url));
    const chosen = Object.entries(scenes).slice(0, bench.isQuick ? 1 : undefined);
    let timed = false;
    for (const [what, settings] of chosen) {
      const size = bench.isQuick ? { width: 640, height: 360, periodMs: 4_000 } : {};
      const samples = await sampled({ ...settings, ...size }, cacheFolder);
      for (const sensitivity of bench.isQuick ? [0.5] : sensitivities) {
        tell(
          bench,
          `${what}, sensitivity ${sensitivity}`,
          judge(samples, sensitivity, settings.width / settings.height),
        );
      }
      if (timed) continue;
      timed = true;
      const subject = new MotionGate({ ...gate, sensitivity: 0.5 }, input);
      const pixels = samples[0]?.pixels ?? new Uint8Array(input.width * input.height * 3);
      await bench.measure('one frame through the gate', microsecondsPer(1, 'frame'), () => subject.isStill(pixels, 0));
    }
  },
};

async function sampled(settings: SceneClipSettings, cacheFolder: string): Promise<Sample[]> {
  const clip = await ensureSceneClip(settings, { cacheFolder });
  const truth = await readTruth(clip);
  const sampler = new FrameSampler(fps);
  const samples: Sample[] = [];
  let firstMs: number | null = null;
  await decodeMediaFile(clip.mkvPath, {
    onPicture(picture) {
      firstMs ??= picture.timestampMs;
      const atMs = picture.timestampMs - firstMs;
      if (!sampler.take(atMs)) return;
      const pixels = new Uint8Array(input.width * input.height * 3);
      picture.letterboxInto(pixels, letterboxGeometry(picture.width, picture.height, input.width, input.height));
      const shown = truth.frames[Math.round((atMs / 1_000) * clip.fps)];
      if (shown !== undefined) samples.push({ atMs, pixels, truth: shown });
    },
  });
  return samples;
}

function judge(samples: readonly Sample[], sensitivity: number, aspect: number): Tally {
  const subject = new MotionGate({ ...gate, sensitivity }, input);
  const tally: Tally = { frames: 0, leftOut: 0, passages: 0, unseen: 0, objects: 0, stale: 0, delaysMs: [] };
  const passages = new Map<string, { frames: number; firstMs: number; seenMs: number | null }>();
  let known = new Map<string, UnitBox>();
  for (const { atMs, pixels, truth } of samples) {
    const isStill = subject.isStill(pixels, atMs);
    const inView = truth.objects.filter((object) => countsAsTruth(object, aspect));
    tally.frames += 1;
    for (const { objectId, box } of inView) {
      const passage = passages.get(objectId) ?? { frames: 0, firstMs: atMs, seenMs: null };
      passages.set(objectId, passage);
      passage.frames += 1;
      if (!isStill) passage.seenMs ??= atMs;
      else {
        tally.objects += 1;
        if (boxIou(known.get(objectId) ?? [], box) < STALE_IOU) tally.stale += 1;
      }
    }
    if (isStill) tally.leftOut += 1;
    else known = new Map(inView.map(({ objectId, box }) => [objectId, box]));
  }
  for (const { frames, firstMs, seenMs } of passages.values()) {
    if (frames < PASSAGE_FRAMES_MIN) continue;
    tally.passages += 1;
    if (seenMs === null) tally.unseen += 1;
    else tally.delaysMs.push(seenMs - firstMs);
  }
  return tally;
}

function tell(bench: Bench, what: string, tally: Tally): void {
  const share = (part: number, whole: number) => (whole === 0 ? 0 : (part / whole) * 100);
  const saved = share(tally.leftOut, tally.frames);
  if (saved === 0) bench.skip(`${what}: no frame was left out`);
  else bench.told(`${what}: inferences saved`, '%', [saved]);
  if (tally.passages > 0) {
    const seen = share(tally.passages - tally.unseen, tally.passages);
    bench.told(`${what}: of ${tally.passages} objects, seen by an inference`, '%', [seen], { atLeast: 99 });
  }
  if (tally.objects > 0) {
    bench.told(`${what}: boxes in left-out frames that are where they were last inferred`, '%', [
      share(tally.objects - tally.stale, tally.objects),
    ]);
  }
  const latestMs = Math.max(0, ...tally.delaysMs);
  if (latestMs > 0) bench.told(`${what}: an object in view until its first inference, at most`, 'ms', [latestMs]);
}
