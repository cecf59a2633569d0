/**
 * More cameras than one decode thread can decode, in front of a detector that would have time for all of them: how old
 * results are, who keeps how much, and whether every frame is accounted for. The local cloud shares the machine.
 * `BENCH_BEFORE` names a checkout of another version, whose worker then runs the same load in turn.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Benchmark } from './benchmark.ts';
import { cameraClip } from './worker-cost/camera-clip.ts';
import { yolov8nShapedModel } from './worker-cost/shaped-model.ts';
import { lagQuantile, type WorkerReading } from './worker-cost/worker-reading.ts';
import { type LoadWindow, WorkerUnderLoad } from './worker-cost/worker-under-load.ts';

const fps = 5;
/** Two decode 1080p25 on a core as fast as the five that a thread has time for; a detector of this size has time for all. */
const cameras = 18;
const input = { width: 320, height: 192 };
const priorities = [100, 50, 0] as const;
const reasons = ['late', 'pace', 'overload', 'decode-failed', 'repeated'];

export const decodeOverload: Benchmark = {
  name: 'decode-overload',
  claim: `${cameras} cameras of 1080p25 H.264 at ${fps} fps, of priorities ${priorities.join(', ')}, on one decode thread, with a YOLOv8n-shaped model at ${input.width}×${input.height}, snapshots on and every frame published`,
  async run(bench: Bench) {
    const { media } = await cameraClip(bench.isQuick);
    const before = process.env.BENCH_BEFORE;
    const trees: [prefix: string, folder: string | undefined][] = [['', undefined]];
    if (before !== undefined) trees.unshift(['before: ', before]);
    for (const [prefix, folder] of trees) {
      const worker = await WorkerUnderLoad.start({
        ...{ clip: media, cameras: bench.isQuick ? 2 : cameras, fps, inferenceThreads: 1, snapshots: true },
        ...{ model: yolov8nShapedModel(input.width, input.height), ...(folder === undefined ? {} : { folder }) },
        priorityOf: (index) => priorities[index % priorities.length] ?? 50,
      });
      try {
        const [settleMs, windowMs] = bench.isQuick ? [1_000, 2_000] : [20_000, 20_000];
        const window = await worker.sending(bench.isQuick ? 2 : cameras, settleMs, windowMs);
        tell(bench, prefix, window, prefix === '');
        await sleep(bench.isQuick ? 3_000 : 12_000);
        tellAccounts(bench, prefix, await worker.read());
      } finally {
        await worker.close();
      }
    }
  },
};

function tell(bench: Bench, prefix: string, window: LoadWindow, hasGoal: boolean): void {
  const { before, after, seconds } = window;
  const grown = (outcome: string) => ((after.outcomes[outcome] ?? 0) - (before.outcomes[outcome] ?? 0)) / seconds;
  bench.count(`${prefix}wanted`, 'frames/s', window.cameras * fps);
  for (const outcome of ['inferred', ...reasons]) {
    if (grown(outcome) > 0) bench.count(`${prefix}${outcome}`, 'frames/s', grown(outcome));
  }
  for (const [index, priority] of priorities.entries()) {
    const rates = Array.from({ length: window.cameras }, (_, camera) => camera)
      .filter((camera) => camera % priorities.length === index)
      .map((camera) => after.cameraFps.get(`bench-${camera}`) ?? 0);
    bench.told(`${prefix}a camera of priority ${priority}`, 'frames/s', rates);
  }
  bench.count(`${prefix}capture to stored record, p50`, 's', lagQuantile(before, after, 0.5));
  bench.told(
    `${prefix}capture to stored record, p99`,
    's',
    [lagQuantile(before, after, 0.99)],
    hasGoal ? { atMost: 2 } : {},
  );
}

/** Every frame is settled once nothing comes any more. */
function tellAccounts(bench: Bench, prefix: string, { outcomes }: WorkerReading): void {
  const { captured = 0, ...others } = outcomes;
  const settled = Object.values(others).reduce((sum, count) => sum + count, 0);
  const accounted = (Math.min(settled, captured) / Math.max(settled, captured, 1)) * 100;
  bench.told(`${prefix}of ${captured} captured frames, inferred or dropped by reason at the end`, '%', [accounted], {
    atLeast: 100,
  });
}
