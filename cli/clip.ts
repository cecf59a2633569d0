/**
 * `kvs-infer clip`: a file through the worker's own stages, to see what a camera would report before there is a camera, and
 * to test models. Contract (scripts rely on it): one `frame@1` line per inferred frame in `--out`, also for frames without
 * detections; a summary as JSON with `--summary` or `--json`; exit code 1 with a named error when the file or the model
 * cannot be used. What was found before the damage stays in `--out`.
 */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { SingleBar } from 'cli-progress';
import { type Command, InvalidArgumentError } from 'commander';
import { type Camera, cameraIdPattern } from '../core/camera.ts';
import { KvsInferError } from '../core/errors.ts';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import type { FrameRecord } from '../core/records.ts';
import { classIdsOf } from '../worker/detect/nms.ts';
import { readCameraFile } from './camera-file.ts';
import type { ClipSummary } from './clip-run.ts';
import { inferenceThreads, modelCacheFolder, parseProviders } from './model-settings.ts';

/** Shorter runs need no bar. */
const PROGRESS_AFTER_MS = 2000;

type ClipOptions = {
  model: string;
  fps?: number | 'all';
  confidence?: number;
  iou?: number;
  labels?: string;
  camera?: string;
  out: string;
  summary?: string;
  json?: true;
};

export function clipCommand(program: Command): void {
  program
    .command('clip')
    .description('detect and track in a media file, by the stages of the worker')
    .argument('<file>', '.mkv (also a capture of GetMedia), .mp4, .jpg or .png')
    .requiredOption('--model <m.onnx>', 'a YOLOv8, YOLO11 or YOLOX detector exported to ONNX')
    .requiredOption('--out <frames.ndjson>', 'where to write one frame@1 record per inferred frame')
    .option('--fps <n|all>', "frames per second of media time (default: the camera's, else 5)", parseFps)
    .option('--confidence <0..1>', "drop detections below (default: the camera's, else 0.35)", parseUnit)
    .option('--iou <0..1>', "overlap at which two boxes are one (default: the camera's, else 0.5)", parseUnit)
    .option('--labels <file>', "class names, one per line or a YAML/JSON list (default: the model's own)")
    .option('--camera <camera.yaml>', 'a camera row: its thresholds, classes, regions and smoothing')
    .option('--summary <summary.json>', 'write counts, timings and errors')
    .option('--json', 'print the summary as one JSON document')
    .addHelpText('after', '\nExample:\n  $ kvs-infer clip street.mkv --model yolo11n.onnx --out frames.ndjson')
    .action(runClip);
}

async function runClip(file: string, options: ClipOptions): Promise<void> {
  const camera = await cameraFor(file, options);
  // Loaded here, so that commands without media start without FFmpeg and onnxruntime.
  const { InferenceClient } = await import('../worker/detect/inference-client.ts');
  const { ClipRun } = await import('./clip-run.ts');
  const { cuvidDecoders } = await import('../worker/decode/codec-device.ts');
  const providers = parseProviders(process.env.WORKER_PROVIDERS);
  const isGpuWanted = providers.includes('cuda') && process.env.DECODE_DEVICE !== 'cpu';
  const client = await InferenceClient.start({
    modelPath: options.model,
    cacheFolder: modelCacheFolder(),
    providers,
    intraOpThreads: inferenceThreads(),
    ...(options.labels === undefined ? {} : { labelsPath: options.labels }),
  });
  const progress = new ClipProgress();
  try {
    const { unknown } = classIdsOf(client.model.labels, camera.detect.classes);
    if (unknown.length > 0)
      console.error(`kvs-infer: the model has no class ${unknown.join(', ')}; it has none of them`);
    await progress.count(file);
    const out = await openOutput(options.out);
    const run = new ClipRun(client, {
      path: file,
      camera,
      fps: options.fps === 'all' ? null : (options.fps ?? camera.detect.fps),
      hardware: isGpuWanted ? cuvidDecoders : null,
      write: (record) => out.write(record),
      onProgress: ({ decoded, inferred }) => progress.show(decoded, inferred),
    });
    try {
      await run.run();
    } finally {
      progress.stop();
      await out.close();
      if (options.summary !== undefined)
        await writeOutput(options.summary, `${JSON.stringify(run.summary, null, 2)}\n`);
    }
    console.log(options.json ? JSON.stringify(run.summary, null, 2) : describeSummary(run.summary, options.out));
  } finally {
    progress.stop();
    await client.close();
  }
}

/** The row of `--camera`, or a default camera named after the file; options on the command line win over both. */
async function cameraFor(file: string, options: ClipOptions): Promise<Camera> {
  const camera = options.camera === undefined ? defaultCamera(file) : await readCamera(options.camera);
  const { confidence = camera.detect.confidence, iou = camera.detect.iou } = options;
  return { ...camera, detect: { ...camera.detect, confidence, iou } };
}

async function readCamera(cameraFile: string): Promise<Camera> {
  const rows = await readCameraFile(cameraFile);
  if (rows.length > 1) {
    throw new KvsInferError('CAMERA_AMBIGUOUS', `${cameraFile}: expected one camera row, got ${rows.length}`, {
      hint: 'give a file with the one camera that the clip stands for',
    });
  }
  const { camera, issues } = parseCameraRow(rows[0]);
  if (camera !== null) return camera;
  const errors = issues.filter(({ severity }) => severity === 'error');
  const text = errors.map((issue) => `${issue.path}: ${issue.message}`).join('; ');
  throw new KvsInferError('CAMERA_INVALID', `${cameraFile}: ${text}`, {
    hint: 'mend the row; "kvs-infer camera check" lists its issues',
  });
}

function defaultCamera(file: string): Camera {
  const name = path
    .basename(file, path.extname(file))
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 64);
  const cameraId = cameraIdPattern.test(name) ? name : 'clip';
  return parseCameraRow({ cameraId, streamName: 'clip' }).camera as Camera;
}

type Output = { write(record: FrameRecord): Promise<void>; close(): Promise<void> };

/** @throws KvsInferError OUTPUT_UNWRITABLE, at once or with a write. */
async function openOutput(file: string): Promise<Output> {
  const stream = createWriteStream(file);
  let failure: KvsInferError | null = null;
  const opened = new Promise<void>((resolve) => {
    stream.once('open', () => resolve());
    stream.once('error', (cause) => {
      failure = unwritable(file, cause);
      resolve();
    });
  });
  const check = () => {
    if (failure !== null) throw failure;
  };
  await opened;
  check();
  return {
    async write(record) {
      check();
      if (stream.write(`${JSON.stringify(record)}\n`)) return;
      // An error ends the wait too; the next check raises it.
      await once(stream, 'drain').catch(() => {});
    },
    async close() {
      if (failure === null) {
        stream.end();
        await finished(stream).catch(() => {});
      }
      check();
    },
  };
}

async function writeOutput(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((cause) => {
    throw unwritable(file, cause);
  });
}

function unwritable(file: string, cause: Error): KvsInferError {
  return new KvsInferError('OUTPUT_UNWRITABLE', `${file}: ${cause.message}`, {
    hint: 'name a file in a folder that exists and has room',
    cause,
  });
}

/** A bar on stderr, for people and for runs over two seconds only. */
class ClipProgress {
  readonly #startedMs = performance.now();
  #bar: SingleBar | null = null;
  #frames = 0;

  /** Reading without decoding is a hundred times faster than what follows, and gives the bar an end. */
  async count(file: string): Promise<void> {
    if (!process.stderr.isTTY) return;
    try {
      const { mediaPackets } = await import('../worker/decode/media-file.ts');
      for await (const _ of mediaPackets(file)) this.#frames += 1;
    } catch {
      // The run itself meets the same damage and reports it.
    }
  }

  show(decoded: number, inferred: number): void {
    if (this.#frames === 0 || performance.now() - this.#startedMs < PROGRESS_AFTER_MS) return;
    if (this.#bar === null) {
      const format = '{bar} {value}/{total} frames, {inferred} inferred, {eta_formatted} to go';
      this.#bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true });
      this.#bar.start(this.#frames, decoded, { inferred });
    }
    this.#bar.update(decoded, { inferred });
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = null;
    this.#frames = 0;
  }
}

function describeSummary(summary: ClipSummary, out: string): string {
  const byCount = Object.entries(summary.detections).sort(([, a], [, b]) => b - a);
  const { decode, letterbox, inference, postprocess, text } = summary.msPerFrame;
  const texts = summary.texts.map(({ value, score }) => `${value} (${score.toFixed(2)})`);
  const missing = summary.providerFailures.map(({ provider }) => `, no ${provider}`).join('');
  const provider = `${summary.provider}${missing}`;
  const { codec, device, fallback } = summary.decode ?? {};
  const decoder = [codec, device, fallback].filter((part) => part !== undefined).join(', ');
  const errorCount = summary.errors.length + summary.errorsLeftOut;
  return [
    `${summary.inferred} of ${summary.frames} frames inferred in ${(summary.wallMs / 1000).toFixed(1)} s, written to ${out}`,
    `found ${byCount.map(([label, count]) => `${label} ${count}`).join(', ') || 'nothing'}; ${summary.tracks} tracks`,
    `ms per frame: decode ${decode} (${decoder}), letterbox ${letterbox}, inference ${inference} (${provider}), suppress and track ${postprocess}${text === 0 ? '' : `, text ${text}`}`,
    ...(texts.length === 0 ? [] : [`read ${texts.join(', ')}`]),
    ...(errorCount === 0
      ? []
      : [
          `${errorCount} ${errorCount === 1 ? 'error' : 'errors'} in the media survived; the first: ${summary.errors[0]?.message}`,
        ]),
  ].join('\n');
}

function parseFps(text: string): number | 'all' {
  if (text === 'all') return 'all';
  const fps = Number(text);
  if (!(fps > 0 && fps <= 1000)) throw new InvalidArgumentError('expected a number over 0, or "all".');
  return fps;
}

function parseUnit(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('expected a number from 0 to 1.');
  return value;
}
