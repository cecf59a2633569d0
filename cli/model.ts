/**
 * `kvs-infer model …`: what people do with detector files. `check` prepares, runs and times a model exactly as a worker
 * would, so that a file that passes here runs there.
 * Contract: exit code 1 with MODEL_UNUSABLE (or its kin) when it cannot run; `--json` prints one JSON document.
 */
import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import type { ProviderFailure } from '../worker/detect/detector.ts';
import type { PreparedModel } from '../worker/detect/prepare-model.ts';
import { modelCacheFolder, parseProviders } from './model-settings.ts';

/** CPU threads to time: what a camera's share of a small machine is, and what a worker gets on two cores. */
const TIMED_THREADS = [1, 2] as const;
/** Labels that the text shows before it counts the rest. */
const LABELS_SHOWN = 12;

export type ModelCheck = {
  file: string;
  bytes: number;
  model: string;
  sha256: string;
  input: { width: number; height: number; batch: number | 'dynamic' };
  precision: PreparedModel['precision'];
  classes: string[];
  labelsFrom: PreparedModel['labelsFrom'];
  provider: string;
  providerFailures: readonly ProviderFailure[];
  timings: { threads: number; batchSize: number; msPerFrame: number; framesPerSecond: number }[];
};

export function modelCommand(program: Command): void {
  const model = program.command('model').description('check detector models');
  model
    .command('check')
    .description('prepare, run and time an ONNX detector as a worker would')
    .argument('<m.onnx>', 'a YOLOv8, YOLO11 or YOLOX detector exported to ONNX')
    .option('--labels <file>', "class names, one per line or a YAML/JSON list (default: the model's own)")
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ kvs-infer model check yolo11n.onnx')
    .action(async (file: string, options: { labels?: string; json?: true }) => {
      const check = await checkModel(file, options.labels);
      console.log(options.json ? JSON.stringify(check, null, 2) : describeCheck(check));
    });
}

/** @throws KvsInferError MODEL_* */
export async function checkModel(file: string, labelsPath?: string): Promise<ModelCheck> {
  // Loaded here, so that commands without a model start without onnxruntime.
  const { modelReference, prepareModel } = await import('../worker/detect/prepare-model.ts');
  const { Detector } = await import('../worker/detect/detector.ts');
  const model = await prepareModel(file, {
    cacheFolder: modelCacheFolder(),
    ...(labelsPath === undefined ? {} : { labelsPath }),
  });
  const providers = parseProviders(process.env.WORKER_PROVIDERS);
  const timings: ModelCheck['timings'] = [];
  let provider = '';
  let providerFailures: readonly ProviderFailure[] = [];
  for (const threads of TIMED_THREADS) {
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
    input: { width: model.inputWidth, height: model.inputHeight, batch: model.batch },
    precision: model.precision,
    classes: model.labels,
    labelsFrom: model.labelsFrom,
    provider,
    providerFailures,
    timings,
  };
}

function describeCheck(check: ModelCheck): string {
  const { input, classes } = check;
  const batch = input.batch === 'dynamic' ? 'any batch' : `batch ${input.batch}`;
  const more = classes.length > LABELS_SHOWN ? `, and ${classes.length - LABELS_SHOWN} more` : '';
  const labelsNote = check.labelsFrom === 'numbered' ? ' (the file names none: give --labels)' : '';
  return [
    `${check.file}: usable, ${(check.bytes / 1e6).toFixed(1)} MB`,
    `  model      ${check.model}`,
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
