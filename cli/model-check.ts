/**
 * What a detector file is and how fast it runs here: prepared, run and timed exactly as a worker would, so that a file that
 * passes runs there.
 */
import { stat } from 'node:fs/promises';
import type { Detector, ProviderFailure } from '../worker/detect/detector.ts';
import type { ModelCard } from '../worker/detect/model-card.ts';
import type { PreparedModel } from '../worker/detect/prepare-model.ts';
import { modelCacheFolder, parseProviders } from './model-settings.ts';
import { StepProgress } from './step-progress.ts';

/** CPU threads to time: what a camera's share of a small machine is, and what a worker gets on two cores. */
const TIMED_THREADS = [1, 2] as const;
/** Labels that the text shows before it counts the rest. */
const LABELS_SHOWN = 12;

export type ModelCheck = {
  file: string;
  bytes: number;
  model: string;
  sha256: string;
  layout: PreparedModel['family'];
  input: { width: number; height: number; batch: number | 'dynamic' };
  precision: PreparedModel['precision'];
  classes: string[];
  labelsFrom: PreparedModel['labelsFrom'];
  provider: Detector['provider'];
  providerFailures: readonly ProviderFailure[];
  timings: { threads: number; batchSize: number; msPerFrame: number; framesPerSecond: number }[];
};

export type CheckOptions = { labelsPath?: string; card?: ModelCard; expectedSha256?: string };

/** @throws KvsInferError MODEL_* */
export async function checkModel(file: string, options: CheckOptions = {}): Promise<ModelCheck> {
  const progress = new StepProgress(1 + TIMED_THREADS.length);
  try {
    return await check(file, options, progress);
  } finally {
    progress.stop();
  }
}

async function check(file: string, options: CheckOptions, progress: StepProgress): Promise<ModelCheck> {
  progress.begin('preparing the graph');
  // Loaded here, so that commands without a model start without onnxruntime.
  const { modelReference, prepareModel } = await import('../worker/detect/prepare-model.ts');
  const { Detector } = await import('../worker/detect/detector.ts');
  const model = await prepareModel(file, { cacheFolder: modelCacheFolder(), ...options });
  const providers = parseProviders(process.env.WORKER_PROVIDERS);
  const timings: ModelCheck['timings'] = [];
  let provider: Detector['provider'] = 'cpu';
  let providerFailures: readonly ProviderFailure[] = [];
  for (const threads of TIMED_THREADS) {
    progress.begin(`running it on ${threads} thread${threads === 1 ? '' : 's'}`);
    const detector = await Detector.create(model, { providers, intraOpThreads: threads });
    ({ provider, providerFailures } = detector);
    const measured = await detector.measure();
    await detector.close();
    for (const { batchSize, medianMs } of measured.timings) {
      const msPerFrame = Math.round((medianMs / batchSize) * 100) / 100;
      timings.push({ threads, batchSize, msPerFrame, framesPerSecond: Math.round(10_000 / msPerFrame) / 10 });
    }
  }
  return {
    file,
    bytes: (await stat(file)).size,
    model: modelReference(model),
    sha256: model.sha256,
    layout: model.family,
    input: { width: model.inputWidth, height: model.inputHeight, batch: model.batch },
    precision: model.precision,
    classes: model.labels,
    labelsFrom: model.labelsFrom,
    provider,
    providerFailures,
    timings,
  };
}

export function describeCheck(check: ModelCheck): string {
  const { input, classes } = check;
  const batch = input.batch === 'dynamic' ? 'any batch' : `batch ${input.batch}`;
  const more = classes.length > LABELS_SHOWN ? `, and ${classes.length - LABELS_SHOWN} more` : '';
  const labelsNote = check.labelsFrom === 'numbered' ? ' (the file names none: give --labels)' : '';
  return [
    `${check.file}: usable, ${(check.bytes / 1e6).toFixed(1)} MB`,
    `  model      ${check.model}`,
    `  layout     ${layoutText(check.layout)}`,
    `  input      ${input.width}×${input.height}, ${batch}, ${check.precision} weights`,
    `  classes    ${classes.length}: ${classes.slice(0, LABELS_SHOWN).join(', ')}${more}${labelsNote}`,
    `  provider   ${check.provider}`,
    ...check.providerFailures.map(({ provider, message }) => `             ${provider} could not be used: ${message}`),
    ...check.timings.map(({ threads, batchSize, msPerFrame, framesPerSecond }) => {
      const perBatch = batchSize === 1 ? '' : `, batches of ${batchSize}`;
      const where = `${threads} thread${threads === 1 ? '' : 's'}${perBatch}`;
      return `  measured   ${msPerFrame} ms a frame, ${framesPerSecond} frames/s (${where})`;
    }),
  ].join('\n');
}

export function layoutText(layout: PreparedModel['family']): string {
  return layout === 'yolox' ? 'YOLOX' : 'YOLOv8/YOLO11';
}
