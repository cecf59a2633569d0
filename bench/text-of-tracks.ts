/**
 * The claim that counts for a user: of the plates that drive past large enough, how many does a camera tell exactly? Whole
 * clips of held-out scenes through the worker's own stages (`kvs-infer clip`): decode, detect, track, read, vote.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ClipRun } from '../cli/clip-run.ts';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import { readTruth, type SceneClipSettings } from '../local/scenes/clip.ts';
import { ensureSceneClip } from '../local/scenes/clip-maker.ts';
import { sceneKinds } from '../local/scenes/layout.ts';
import { READABLE_PLATE_WIDTH_PX_MIN } from '../local/scenes/truth.ts';
import { InferenceClient } from '../worker/detect/inference-client.ts';
import type { Bench, Benchmark } from './benchmark.ts';

const modelPath = fileURLToPath(new URL('../models/demo-detector.onnx', import.meta.url));
const cacheFolder = fileURLToPath(new URL('../.local/bench/', import.meta.url));
const fps = 5;
const clipFps = 10;
const FIRST_SEED = 8_910_000;
/** A plate that was large enough in fewer sampled frames than this was hardly shown. */
const SHOWN_FRAMES_MIN = 3;

export const textOfTracks: Benchmark = {
  name: 'text-of-tracks',
  claim: `plates of at least ${READABLE_PLATE_WIDTH_PX_MIN} px on held-out drawn scenes at 1920×1080 and ${fps} fps, as their tracks tell them`,
  async run(bench: Bench) {
    const folder = await mkdtemp(join(tmpdir(), 'kvs-infer-bench-'));
    const client = await InferenceClient.start({
      modelPath,
      cacheFolder: folder,
      providers: ['cpu'],
      intraOpThreads: 2,
    });
    let shown = 0;
    let exact = 0;
    let wrong = 0;
    try {
      for (const [index, kind] of [...sceneKinds, ...sceneKinds].slice(0, bench.isQuick ? 1 : 10).entries()) {
        const periodMs = bench.isQuick ? 2_000 : 20_000;
        const size = { width: 1920, height: 1080, fps: clipFps, periodMs, bitsPerSecond: 6_000_000 };
        const { plates, told } = await watch(client, { ...size, kind, seed: FIRST_SEED + index, quiet: false });
        shown += plates.large.size;
        exact += [...plates.large].filter((value) => told.has(value)).length;
        wrong += [...told].filter((value) => !plates.all.has(value)).length;
      }
    } finally {
      await client.close();
      await rm(folder, { recursive: true, force: true });
    }
    if (shown === 0) bench.skip('no plate was shown large enough');
    else bench.told(`told exactly, of ${shown} plates`, '%', [(100 * exact) / shown], { atLeast: 90 });
    bench.told('texts told that no plate says', 'texts', [wrong]);
  },
};

async function watch(client: InferenceClient, scene: SceneClipSettings) {
  const clip = await ensureSceneClip(scene, { cacheFolder });
  const { camera } = parseCameraRow({
    ...{ cameraId: 'bench', streamName: 'bench', detect: { fps } },
    text: { enabled: true, classes: ['car', 'bus', 'truck'] },
  });
  if (camera === null) throw new Error('the row of the benchmark is wrong');
  const run = new ClipRun(client, { path: clip.mkvPath, camera, fps, hardware: null, write: () => {} });
  await run.run();
  const frames = new Map<string, number>();
  const all = new Set<string>();
  for (const [index, { objects }] of (await readTruth(clip)).frames.entries()) {
    for (const { plate } of objects) {
      if (plate === undefined) continue;
      all.add(plate.value);
      const isLarge = index % (clipFps / fps) === 0 && plate.widthPx >= READABLE_PLATE_WIDTH_PX_MIN;
      if (isLarge) frames.set(plate.value, (frames.get(plate.value) ?? 0) + 1);
    }
  }
  const large = new Set([...frames].filter(([, count]) => count >= SHOWN_FRAMES_MIN).map(([value]) => value));
  return { plates: { large, all }, told: new Set(run.summary.texts.map(({ value }) => value)) };
}
