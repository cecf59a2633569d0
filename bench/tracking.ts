/**
 * How well objects keep their ids, on drawn streets that neither the detector was trained nor the tracker tuned on, against
 * a plain IoU tracker on the same detections.
 */
import type { SceneClipSettings } from '../local/scenes/clip.ts';
import { Tracker } from '../worker/track/tracker.ts';
import { type Bench, type Benchmark, microsecondsPer } from './benchmark.ts';
import { PlainIouTracker } from './tracking/iou-tracker.ts';
import { MotEvaluation, type MotResult } from './tracking/mot-metrics.ts';
import { type SceneFrame, sceneDetections } from './tracking/scene-detections.ts';

/** The defaults of a camera's row. */
export const trackerSettings = { confidence: 0.35, minHits: 3, maxMissMs: 1_000, smoothingWindow: 5 };
const clipFps = 10;
const SCENES = 6;
const FIRST_SEED = 800;

export const tracking: Benchmark = {
  name: 'tracking',
  claim: `ids on ${SCENES} held-out drawn streets through the bundled detector, with a camera's default smoothing`,
  async run(bench: Bench) {
    const street = (index: number): SceneClipSettings => ({
      ...{ width: 1280, height: 720, fps: clipFps, kind: 'street', seed: FIRST_SEED + index, quiet: false },
      periodMs: bench.isQuick ? 2_000 : 40_000,
    });
    const scenes = Array.from({ length: bench.isQuick ? 1 : SCENES }, (_, index) => street(index));
    for (const every of bench.isQuick ? [2] : [2, 3]) {
      const frames = await sceneDetections(scenes, every);
      const rate = `${Math.round((clipFps / every) * 10) / 10} fps`;
      tell(
        bench,
        `${rate}, ours`,
        followed(frames, () => new Tracker(trackerSettings)),
      );
      tell(bench, `${rate}, plain IoU`, followedPlainly(frames));
      const alone = detectorAlone(frames);
      bench.told(`${rate}, the detector alone: what MOTA could be without a switch`, '%', [alone * 100]);
      await bench.measure(`${rate}, tracking`, microsecondsPer(frames.flat().length, 'frame'), () =>
        followed(frames, () => new Tracker(trackerSettings)),
      );
    }
  },
};

export function followed(scenes: readonly SceneFrame[][], newTracker: () => Tracker): MotResult {
  return evaluated(scenes, () => {
    const tracker = newTracker();
    return ({ atMs, detections }, frameIndex) =>
      tracker
        .update({ fragmentNumber: '1', frameIndex, capturedAtMs: atMs }, detections)
        .detections.flatMap(({ trackId, box }) => (trackId === undefined ? [] : [{ trackId, box }]));
  });
}

export function followedPlainly(scenes: readonly SceneFrame[][]): MotResult {
  return evaluated(scenes, () => {
    const tracker = new PlainIouTracker(trackerSettings);
    return ({ atMs, detections }) =>
      tracker.update(
        atMs,
        detections.filter(({ score }) => score >= trackerSettings.confidence),
      );
  });
}

/** Every detection right or wrong by itself: 1 − (missed + wrong) / truths. */
function detectorAlone(scenes: readonly SceneFrame[][]): number {
  const { misses, falsePositives, truths } = evaluated(
    scenes,
    () =>
      ({ detections }, index) =>
        detections
          .filter(({ score }) => score >= trackerSettings.confidence)
          .map(({ box }, ordinal) => ({ trackId: `${index}-${ordinal}`, box })),
  );
  return 1 - (misses + falsePositives) / truths;
}

type Follow = (frame: SceneFrame, index: number) => { trackId: string; box: readonly number[] }[];

function evaluated(scenes: readonly SceneFrame[][], begin: () => Follow): MotResult {
  const evaluation = new MotEvaluation();
  for (const frames of scenes) {
    evaluation.newSequence();
    const follow = begin();
    for (const [index, frame] of frames.entries()) evaluation.frame(frame.truth, follow(frame, index));
  }
  return evaluation.result();
}

function tell(bench: Bench, what: string, result: MotResult): void {
  const { mota, idf1, identitySwitches, fragmentations, tracks, objects } = result;
  bench.told(`${what}: MOTA`, '%', [mota * 100]);
  bench.told(`${what}: IDF1`, '%', [idf1 * 100]);
  bench.told(`${what}: identity switches`, `of ${objects} objects`, [identitySwitches]);
  bench.told(`${what}: fragmentations`, `of ${objects} objects`, [fragmentations]);
  bench.told(`${what}: tracks`, `for ${objects} objects`, [tracks]);
}
