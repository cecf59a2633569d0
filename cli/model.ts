/**
 * `kvs-infer model …`: what people do with detector files.
 * Contract: exit code 1 with MODEL_UNUSABLE (or its kin) when one cannot run, 2 for a name that none can have; `--json`
 * prints one JSON document.
 */
import { type Command, Option } from 'commander';
import { boxForms, colourOrders, type ModelCard, modelFamilies, pixelRanges } from '../worker/detect/model-card.ts';
import { checkModel, describeCheck, layoutText } from './model-check.ts';
import { addModel, type ListedModel, listModels, locateModel } from './model-folder.ts';
import { addRolloutCommands } from './model-rollout.ts';
import { type Column, textTable } from './text-table.ts';

/** The one that the workers of `npm start` read. */
const folderDefault = process.env.MODELS_FOLDER || '.local/models';

type CardOptions = Pick<ModelCard, 'layout' | 'colours' | 'pixels' | 'boxes' | 'licence'>;

export function modelCommand(program: Command): void {
  const model = program.command('model').description('add, list and check detector models, roll versions out');
  const folder = ['--folder <folder>', 'models folder; or set MODELS_FOLDER', folderDefault] as const;
  const labels = [
    '--labels <file>',
    "class names, one per line or a YAML/JSON list (default: the model's own)",
  ] as const;

  withCard(
    model
      .command('add')
      .description('check an ONNX detector and put it under a name into the models folder and its catalogue')
      .argument('<m.onnx>', 'a YOLOv8, YOLO11 or YOLOX detector exported to ONNX')
      .option('--name <name>', "what cameras call it in detect.model (default: the file's name)")
      .option(...folder)
      .option(...labels),
  )
    .option('--licence <text>', 'what it may be used for, such as Apache-2.0')
    .option('--replace', 'also when another model has this name')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nWhat is given here is written into the copy, so that the one file is enough.\n\nExample:\n  $ kvs-infer model add yolox_s.onnx --name yard --labels coco.txt --licence Apache-2.0',
    )
    .action(async (file: string, options: AddCommandOptions) => {
      const { name, labels: labelsPath, replace = false, json } = options;
      const added = await addModel(file, {
        ...{ folder: options.folder, name: name ?? null, card: cardOf(options), replace },
        ...(labelsPath === undefined ? {} : { labelsPath }),
      });
      if (json) {
        console.log(JSON.stringify({ name: added.name, folder: added.folder, ...added.entry }, null, 2));
        return;
      }
      console.log(describeCheck(added.check));
      console.log(`  licence    ${added.entry.licence ?? 'not known: give --licence'}`);
      console.log(`${added.already ? 'was already' : 'added'} as "${added.name}": detect: { model: ${added.name} }`);
    });

  model
    .command('list')
    .description('the models of a folder, held against its catalogue')
    .option(...folder)
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ kvs-infer model list --folder /opt/kvs-infer/models')
    .action(async (options: { folder: string; json?: true }) => {
      const models = await listModels(options.folder);
      const wrong = models.filter(({ state }) => state === 'changed' || state === 'missing');
      if (wrong.length > 0) process.exitCode = 1;
      if (options.json) {
        const plain = models.map(({ name, state, file, entry }) => ({ name, state, file, ...entry }));
        console.log(JSON.stringify({ folder: options.folder, models: plain }, null, 2));
        return;
      }
      console.log(models.length === 0 ? `no models in ${options.folder}` : table(models));
      for (const { name, state } of wrong) {
        console.error(
          `kvs-infer: MODEL_CHANGED: "${name}" is ${state} (workers refuse it: add it again with --replace)`,
        );
      }
    });

  withCard(
    model
      .command('check')
      .description('prepare, run and time an ONNX detector as a worker would')
      .argument('<model>', 'an ONNX file, or the name of a model in the folder')
      .option(...folder)
      .option(...labels),
  )
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ kvs-infer model check yolo11n.onnx')
    .action(async (given: string, options: CardOptions & { folder: string; labels?: string; json?: true }) => {
      const { file, ...expected } = await locateModel(given, options.folder);
      const check = await checkModel(file, {
        ...expected,
        ...{ card: cardOf(options) },
        ...(options.labels === undefined ? {} : { labelsPath: options.labels }),
      });
      console.log(options.json ? JSON.stringify(check, null, 2) : describeCheck(check));
    });
  addRolloutCommands(model);
}

type AddCommandOptions = CardOptions & { folder: string; name?: string; labels?: string; replace?: true; json?: true };

function withCard(command: Command): Command {
  return command
    .addOption(new Option('--layout <layout>', 'where the shape is ambiguous').choices([...modelFamilies]))
    .addOption(new Option('--colours <order>', 'order of the channels').choices([...colourOrders]))
    .addOption(new Option('--pixels <range>', 'what the input wants').choices([...pixelRanges]))
    .addOption(new Option('--boxes <form>', 'YOLOX: decoded, or within grid cells').choices([...boxForms]));
}

function cardOf({ layout, colours, pixels, boxes, licence }: CardOptions): ModelCard {
  const said = Object.entries({ layout, colours, pixels, boxes, licence }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(said) as ModelCard;
}

function table(models: readonly ListedModel[]): string {
  const columns: Column[] = [
    ...[{ head: 'model', keep: true as const }, { head: 'layout' }, { head: 'input', keep: true as const }],
    ...[{ head: 'classes', keep: true as const, align: 'right' as const }, { head: 'licence' }],
    ...[{ head: 'ms/frame', keep: true as const }, { head: 'sha256', keep: true as const }, { head: '' }],
  ];
  const rows = models.map(({ name, state, entry }) => {
    if (entry === null) return [name, '', '', '', '', '', '', 'not in the catalogue'];
    const { layout, input, labels, licence, measured, sha256 } = entry;
    return [
      ...[name, layoutText(layout), `${input.width}×${input.height}`, String(labels.length), licence ?? 'not known'],
      ...[`${measured.msPerFrame} (${measured.provider})`, sha256.slice(0, 12), state === 'ok' ? '' : state],
    ];
  });
  return textTable(columns, rows);
}
