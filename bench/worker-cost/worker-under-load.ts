/**
 * A real worker process in front of cameras that send in real time through the local cloud, and what it says of itself.
 * The cloud runs in this process, so that the worker's CPU time and memory are its own.
 * Invariant: cameras send only inside `sending`, so that two measurements do not meet; `close` leaves no process behind.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { awsClients } from '../../aws/clients.ts';
import { createStream } from '../../aws/streams.ts';
import { systemClock } from '../../core/clock.ts';
import { startLocalCloud } from '../../local/cloud.ts';
import { inProcessRunner } from '../../local/compute/in-process-runner.ts';
import { processRunner } from '../../local/compute/process-runner.ts';
import type { H264Clip } from '../../local/kinesisvideo/clip-timeline.ts';
import { type Producer, startProducer } from '../../local/kinesisvideo/producer.ts';
import { readMetrics, type WorkerReading } from './worker-reading.ts';

const region = 'us-east-1';
const accountId = '000000000000';
const credentials = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };
const repositoryRoot = fileURLToPath(new URL('../../', import.meta.url));
const streamBytesMax = 32 * 1024 * 1024;
const pollMs = 50;
const startMaxMs = 60_000;

export type LoadSettings = {
  clip: H264Clip;
  /** Cameras in the worker's file; each sends when it is asked to. */
  cameras: number;
  fps: number;
  /** Of camera `index`; 50 without. */
  priorityOf?: (index: number) => number;
  model: Uint8Array;
  inferenceThreads: number;
  snapshots: boolean;
  /** Checkout whose worker runs; this one without. */
  folder?: string;
};

export class WorkerUnderLoad {
  readonly #producers: Producer[];
  readonly #url: string;
  readonly #close: () => Promise<void>;
  /** From the start of the process to its first inference, while one camera sends. */
  readonly startToFirstInferenceMs: number;

  private constructor(producers: Producer[], url: string, startToFirstInferenceMs: number, close: () => Promise<void>) {
    this.#producers = producers;
    this.#url = url;
    this.startToFirstInferenceMs = startToFirstInferenceMs;
    this.#close = close;
  }

  static async start(settings: LoadSettings): Promise<WorkerUnderLoad> {
    Object.assign(process.env, credentials);
    const folder = await mkdtemp(join(tmpdir(), 'kvs-infer-bench-'));
    const closers: (() => Promise<unknown> | unknown)[] = [() => rm(folder, { recursive: true, force: true })];
    const close = async () => {
      for (const closer of closers.splice(0).reverse()) await closer();
    };
    try {
      const cloud = await startLocalCloud({
        ...{ port: 0, portSearch: false, dataFolder: join(folder, 'state'), clock: systemClock, region, accountId },
        compute: { runner: inProcessRunner(async () => 0) },
        kinesisVideo: { streamBytesMax },
      });
      closers.push(() => cloud.close());
      const { names } = await cloud.createStageResources({ stage: 'bench', fleets: [] });
      const clients = awsClients({ region, endpoint: cloud.endpoint });
      closers.push(() => clients.destroy());
      const streamNames = Array.from({ length: settings.cameras }, (_, index) => `bench-${index}`);
      for (const streamName of streamNames) await createStream(clients, streamName, 1);
      const producers = streamNames.map((streamName, index) => {
        const producer = startProducer({
          ...{ endpoint: cloud.endpoint, region, streamName, clip: settings.clip, clock: systemClock },
          // Cameras do not blink together: key frames are spread over the clip.
          startAtMs: Date.now() - (index * settings.clip.durationMs) / settings.cameras,
        });
        if (index > 0) producer.pause();
        return producer;
      });
      closers.push(() => Promise.all(producers.map((producer) => producer.stop())));
      await writeFile(join(folder, 'default.onnx'), settings.model);
      const rows = streamNames.map((streamName, index) => ({
        ...{ cameraId: streamName, streamName, detect: { fps: settings.fps } },
        priority: settings.priorityOf?.(index) ?? 50,
        snapshots: { on: settings.snapshots ? 'best' : 'never' },
      }));
      await writeFile(join(folder, 'cameras.json'), JSON.stringify({ cameras: rows }));
      const lines: string[] = [];
      const runner = processRunner({ cwd: settings.folder ?? repositoryRoot, onLog: (_, line) => lines.push(line) });
      closers.push(() => runner.close());
      const startedMs = performance.now();
      const task = await runner.start({
        taskId: 'bench',
        command: ['node', 'worker/main.ts'],
        environment: {
          ...credentials,
          ...{ AWS_REGION: region, AWS_ENDPOINT_URL: cloud.endpoint, CONFIG_FILE: join(folder, 'cameras.json') },
          ...{ MODELS_FOLDER: folder, CACHE_FOLDER: join(folder, 'cache'), WORKER_PROVIDERS: 'cpu' },
          ...{ RESULT_STREAM: names.resultStream, RESULT_BUCKET: names.resultBucket, PUBLISH_FRAMES: 'all' },
          ...{ RESULT_TABLE: names.tables.detections, INFERENCE_THREADS: String(settings.inferenceThreads) },
          LOG_LEVEL: 'WARN',
        },
      });
      let hasEnded = false;
      void task.exited.then(() => {
        hasEnded = true;
      });
      const url = `http://127.0.0.1:${task.httpPort}/metrics`;
      while (((await readMetrics(url).catch(() => null))?.inferred ?? 0) === 0) {
        if (hasEnded || performance.now() - startedMs > startMaxMs) {
          throw new Error(`the worker did not come to an inference: ${lines.slice(-3).join(' / ')}`);
        }
        await sleep(pollMs);
      }
      const startToFirstInferenceMs = performance.now() - startedMs;
      producers[0]?.pause();
      return new WorkerUnderLoad(producers, url, startToFirstInferenceMs, close);
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** So many cameras send; what the worker did between `settleMs` and `settleMs + windowMs`. */
  async sending(cameras: number, settleMs: number, windowMs: number): Promise<LoadWindow> {
    const sending = this.#producers.slice(0, cameras);
    for (const producer of sending) producer.resume();
    await sleep(settleMs);
    const before = await readMetrics(this.#url);
    const startedMs = performance.now();
    await sleep(windowMs);
    const after = await readMetrics(this.#url);
    const seconds = (performance.now() - startedMs) / 1000;
    for (const producer of sending) producer.pause();
    return { before, after, seconds, cameras };
  }

  read(): Promise<WorkerReading> {
    return readMetrics(this.#url);
  }

  close(): Promise<void> {
    return this.#close();
  }
}

export type LoadWindow = { before: WorkerReading; after: WorkerReading; seconds: number; cameras: number };

export function cpuPerCameraSecond({ before, after, seconds, cameras }: LoadWindow): number {
  return (after.cpuSeconds - before.cpuSeconds) / seconds / cameras;
}

/** Share of the frames that were wanted at the camera's rate and not inferred. */
export function lostShare({ before, after }: LoadWindow): number {
  const inferred = after.inferred - before.inferred;
  const lost = after.lost - before.lost;
  return lost / Math.max(1, inferred + lost);
}
