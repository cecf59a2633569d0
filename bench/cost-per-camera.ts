/**
 * What one camera costs, whole worker process included, against the least that decoding and inference alone can cost, and
 * against what people would write or install instead. All in one run and in turns, in CPU seconds per second of video.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareModel } from '../worker/detect/prepare-model.ts';
import { type Bench, type Benchmark, ratiosOf } from './benchmark.ts';
import { BareLoop } from './worker-cost/bare.ts';
import { cameraClip, cameraFps } from './worker-cost/camera-clip.ts';
import { type PeerPlace, peerPlace, peers, runPeer } from './worker-cost/peers.ts';
import { yolov8nShapedModel } from './worker-cost/shaped-model.ts';
import { cpuPerCameraSecond, WorkerUnderLoad } from './worker-cost/worker-under-load.ts';

const input = { width: 640, height: 384 };
const fps = 5;
/** Both fit two cores with room to spare: a saturated worker would drop frames and look cheap. */
const CAMERAS = 3;
const ROUNDS = 5;
const unit = 'CPU s/camera s';

export const costPerCamera: Benchmark = {
  name: 'cost-per-camera',
  claim: `1080p25 H.264 cameras at ${fps} fps with a YOLOv8n-shaped model at ${input.width}×${input.height}: decoding and inference are nearly all that a worker spends`,
  async run(bench: Bench) {
    const { media, path } = await cameraClip(bench.isQuick);
    const model = yolov8nShapedModel(input.width, input.height);
    const folder = await mkdtemp(join(tmpdir(), 'kvs-infer-bench-'));
    const modelPath = join(folder, 'shaped.onnx');
    await writeFile(modelPath, model);
    const place = bench.isQuick ? 'not in a quick run' : await peerPlace();
    if (typeof place === 'string') bench.skip(`peers: ${place}`);
    const bare = await BareLoop.open(media, await prepareModel(modelPath, { cacheFolder: folder }));
    const cameras = bench.isQuick ? 1 : CAMERAS;
    const settings = { clip: media, fps, model, inferenceThreads: 1, snapshots: false };
    const worker = await WorkerUnderLoad.start({ ...settings, cameras });
    try {
      await measure(bench, bare, worker, cameras, typeof place === 'string' ? null : { place, modelPath, clip: path });
    } finally {
      await worker.close();
      await bare.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

type PeerTask = { place: PeerPlace; modelPath: string; clip: string };

async function measure(
  bench: Bench,
  bare: BareLoop,
  worker: WorkerUnderLoad,
  cameras: number,
  peerTask: PeerTask | null,
): Promise<void> {
  const [settleMs, windowMs] = bench.isQuick ? [1_000, 2_000] : [6_000, 12_000];
  const costs = { bare: [] as number[], worker: [] as number[] };
  const peerCosts = new Map<string, number[]>();
  const broken = new Set<string>();
  await bare.run(cameraFps / fps);
  for (let round = 0; round < (bench.isQuick ? 1 : ROUNDS); round += 1) {
    costs.bare.push(await bare.run(cameraFps / fps));
    costs.worker.push(cpuPerCameraSecond(await worker.sending(cameras, settleMs, windowMs)));
    for (const peer of peerTask === null ? [] : peers) {
      if (peerTask === null || broken.has(peer.name)) continue;
      try {
        const cost = await runPeer(peer, peerTask.place, { ...peerTask, fps, sourceFps: cameraFps });
        peerCosts.set(peer.name, [...(peerCosts.get(peer.name) ?? []), cost]);
      } catch (error) {
        broken.add(peer.name);
        bench.skip(`${peer.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  bench.told('decoding, scaling and onnxruntime alone, one thread', unit, costs.bare);
  bench.told(`worker process, ${cameras} cameras`, unit, costs.worker);
  bench.told('worker, against: decoding, scaling and onnxruntime alone', '×', ratiosOf(costs.worker, costs.bare), {
    atMost: 1.1,
  });
  for (const [name, values] of peerCosts) {
    bench.told(name, unit, values);
    bench.told(`worker, against: ${name}`, '×', ratiosOf(costs.worker, values), { atMost: 0.5 });
  }
}
