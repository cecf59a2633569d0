/**
 * Twice the cameras that fit, of three priorities, on a real worker process: who keeps how much, how old results are, and
 * whether every frame is accounted for. The local cloud and its cameras share the machine.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readClip, type SceneClipSettings } from '../local/scenes/clip.ts';
import { ensureSceneClip } from '../local/scenes/clip-maker.ts';
import type { Bench, Benchmark } from './benchmark.ts';
import { yolov8nShapedModel } from './worker-cost/shaped-model.ts';
import { lagQuantile, type WorkerReading } from './worker-cost/worker-reading.ts';
import { type LoadWindow, WorkerUnderLoad } from './worker-cost/worker-under-load.ts';

const fps = 5;
const priorities = [100, 50, 0] as const;
const camerasMax = 24;
/** Small and slow enough that the detector is what is short, and not decoding. */
const clipSettings: SceneClipSettings = {
  ...{ width: 640, height: 360, kind: 'street', seed: 901, density: 1, quiet: false },
  ...{ periodMs: 10_000, fps: 10, bitsPerSecond: 600_000, profile: 'high' },
};

export const overload: Benchmark = {
  name: 'overload',
  claim: `twice the cameras (640×360 at 10 fps, ${fps} wanted) that one worker's detector serves, of priorities ${priorities.join(', ')}, with a YOLOv8n-shaped model at 640×384 on one thread`,
  async run(bench: Bench) {
    const cacheFolder = fileURLToPath(new URL('../.local/bench/', import.meta.url));
    const clip = await ensureSceneClip(bench.isQuick ? { ...clipSettings, periodMs: 2_000 } : clipSettings, {
      cacheFolder,
    });
    const media = { ...(await readClip(clip)), durationMs: clip.durationMs };
    const cameras = bench.isQuick ? 3 : camerasMax;
    const worker = await WorkerUnderLoad.start({
      ...{ clip: media, cameras, fps, model: yolov8nShapedModel(640, 384), inferenceThreads: 1, snapshots: false },
      priorityOf: (index) => priorities[index % priorities.length] ?? 50,
    });
    try {
      const [settleMs, windowMs] = bench.isQuick ? [1_000, 2_000] : [20_000, 30_000];
      // What the detector does when it is always asked for more.
      const all = await worker.sending(cameras, settleMs / 2, windowMs / 2);
      const capacity = (all.after.inferred - all.before.inferred) / all.seconds;
      const doubled = Math.min(cameras, Math.max(priorities.length, Math.round((2 * capacity) / fps)));
      await sleep(bench.isQuick ? 0 : 15_000);
      const window = await worker.sending(doubled, settleMs, windowMs);
      bench.told('frames that the detector serves', 'frames/s', [capacity]);
      bench.told('cameras that send', 'cameras', [doubled]);
      tell(bench, window);
      // Every frame is settled once nothing comes any more.
      await sleep(bench.isQuick ? 3_000 : 12_000);
      const { captured = 0, ...others } = (await worker.read()).outcomes;
      const settled = Object.values(others).reduce((sum, count) => sum + count, 0);
      const accounted = (Math.min(settled, captured) / Math.max(settled, captured, 1)) * 100;
      bench.told(`of ${captured} captured frames, inferred or dropped by reason at the end`, '%', [accounted], {
        atLeast: 100,
      });
    } finally {
      await worker.close();
    }
  },
};

function tell(bench: Bench, { before, after, seconds, cameras }: LoadWindow): void {
  bench.told('wanted', 'frames/s', [cameras * fps]);
  bench.told('inferred', 'frames/s', [(after.inferred - before.inferred) / seconds]);
  for (const reason of ['pace', 'overload']) {
    const count = (after.outcomes[reason] ?? 0) - (before.outcomes[reason] ?? 0);
    if (count === 0) bench.skip(`no frame was left out as ${reason}`);
    else bench.told(`left out as ${reason}`, 'frames/s', [count / seconds]);
  }
  for (const [index, priority] of priorities.entries()) {
    const rates = ratesOf(after, cameras, index);
    if (rates.includes(0)) bench.skip(`a camera of priority ${priority} had no frame in ten seconds: ${rates}`);
    else bench.told(`a camera of priority ${priority}`, 'frames/s', rates);
  }
  bench.told('capture to stored record, p50', 's', [lagQuantile(before, after, 0.5)]);
  bench.told('capture to stored record, p95', 's', [lagQuantile(before, after, 0.95)]);
  bench.told('capture to stored record, p99', 's', [lagQuantile(before, after, 0.99)], { atMost: 2 });
}

/** Of every third camera from `first` on. */
function ratesOf({ cameraFps }: WorkerReading, cameras: number, first: number): number[] {
  const indices = Array.from({ length: cameras }, (_, index) => index).filter(
    (index) => index % priorities.length === first,
  );
  return indices.map((index) => cameraFps.get(`bench-${index}`) ?? 0);
}
