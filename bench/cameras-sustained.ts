/**
 * How many cameras a worker sustains on the cores of this machine, what one more costs in memory, how long a start takes
 * and how old a record is when it is stored. The local cloud, cameras included, shares the machine: it is a lower bound.
 */
import { availableParallelism } from 'node:os';
import type { Bench, Benchmark } from './benchmark.ts';
import { cameraClip } from './worker-cost/camera-clip.ts';
import { yolov8nShapedModel } from './worker-cost/shaped-model.ts';
import { lagQuantile } from './worker-cost/worker-reading.ts';
import { cpuPerCameraSecond, type LoadWindow, lostShare, WorkerUnderLoad } from './worker-cost/worker-under-load.ts';

const input = { width: 640, height: 384 };
const fps = 5;
const lostShareMax = 0.01;
/** More than 2 cores could decode. */
const CAMERAS_PER_CORE_MAX = 6;

export const camerasSustained: Benchmark = {
  name: 'cameras-sustained',
  claim: `1080p25 H.264 cameras that one worker sustains at ${fps} fps on this machine, with a YOLOv8n-shaped model at ${input.width}×${input.height}, snapshots on and every frame published`,
  async run(bench: Bench) {
    const { media } = await cameraClip(bench.isQuick);
    const cameras = bench.isQuick ? 2 : CAMERAS_PER_CORE_MAX * availableParallelism();
    const model = yolov8nShapedModel(input.width, input.height);
    const inferenceThreads = availableParallelism();
    const worker = await WorkerUnderLoad.start({
      ...{ clip: media, cameras, fps, model, inferenceThreads, snapshots: true },
    });
    try {
      bench.told('start of the process to first inference', 's', [worker.startToFirstInferenceMs / 1000]);
      const [settleMs, windowMs] = bench.isQuick ? [1_000, 2_000] : [6_000, 15_000];
      const windows: LoadWindow[] = [];
      let sustained: LoadWindow | null = null;
      for (let sending = 1; sending <= cameras; sending += 1) {
        const window = await worker.sending(sending, settleMs, windowMs);
        windows.push(window);
        process.stderr.write(` ${sending}: ${(lostShare(window) * 100).toFixed(1)} % lost;`);
        if (lostShare(window) < lostShareMax) sustained = window;
        else if (sending > (sustained?.cameras ?? 0) + 1) break;
      }
      tell(bench, windows, sustained);
    } finally {
      await worker.close();
    }
  },
};

function tell(bench: Bench, windows: readonly LoadWindow[], sustained: LoadWindow | null): void {
  const [first] = windows;
  if (sustained === null || first === undefined) {
    bench.skip('not even one camera was sustained');
    return;
  }
  const { before, after, cameras } = sustained;
  bench.told(`cameras with less than ${lostShareMax * 100} % of their frames lost`, 'cameras', [cameras]);
  bench.told(`CPU with ${cameras} cameras`, 'CPU s/camera s', [cpuPerCameraSecond(sustained)]);
  bench.told(`capture to stored record, p50, ${cameras} cameras`, 's', [lagQuantile(before, after, 0.5)]);
  bench.told(`capture to stored record, p99, ${cameras} cameras`, 's', [lagQuantile(before, after, 0.99)], {
    atMost: 2,
  });
  bench.told('memory with one camera', 'MiB', [first.after.residentBytes / 2 ** 20]);
  if (cameras > 1) {
    const grown = Math.max(0, after.residentBytes - first.after.residentBytes);
    bench.told('memory per further camera', 'MiB', [grown / 2 ** 20 / (cameras - 1)]);
  }
  const last = windows.at(-1);
  if (last !== undefined && last.cameras > cameras) {
    bench.told(`frames lost with ${last.cameras} cameras`, '%', [lostShare(last) * 100]);
  }
}
