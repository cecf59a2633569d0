/**
 * `kvs-infer camera import`: the static cameras.yaml of the deployment that this one replaces, as rows of a registry. It says
 * by line what has no place in a row, shows the difference to the registry, and asks before it writes.
 * Contract: what the file does not speak of stays as it is in a stored row, and rows that the file does not name stay
 * alone; `--dry-run` writes nothing; without a terminal nothing is written but with `--yes`; `--json` prints one document.
 */
import { type Command, InvalidArgumentError } from 'commander';
import { LineCounter } from 'yaml';
import { KvsInferError } from '../core/errors.ts';
import { type FrameSize, type ImportedFile, importOriginal } from '../core/original/cameras.ts';
import { isFields } from '../core/original/fields.ts';
import type { Path } from '../core/original/left-out.ts';
import { parseYaml, readTextFile } from './camera-file.ts';
import { withConfirmOption } from './confirm.ts';
import { judged, planChanges, type Row } from './row-changes.ts';
import { onStage, type Stage, type StageOptions, withStageOptions } from './stage.ts';
import { type WriteOptions, writeRows } from './write-rows.ts';

type ImportOptions = StageOptions & WriteOptions & { frameSize?: FrameSize };
type LeftOutLine = { what: string; reason: string; lines: number[] };
type Import = { rows: Row[]; leftOut: LeftOutLine[]; models: ImportedFile['models'] };

/** Rows of the registry that the file does not name and that are listed by id. */
const othersNamedMax = 10;

export function cameraImportCommand(camera: Command): void {
  withConfirmOption(
    withStageOptions(
      camera
        .command('import')
        .description('register the cameras of the static cameras.yaml that the replaced deployment had')
        .argument('<cameras.yaml>', 'its CONFIG_FILE'),
    )
      .option('--dry-run', 'show what would change and what has no place here, and write nothing')
      .option('--frame-size <WxH>', 'size of the picture in which its regions were drawn', frameSize),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  $ kvs-infer camera import cameras.yaml --stage production --dry-run' +
        '\n  $ kvs-infer camera import cameras.yaml --stage production --frame-size 1920x1080 --yes',
    )
    .action(async (file: string, options: ImportOptions) => {
      // Read and judged first: a wrong file is told before a region is asked for.
      const imported = await readOriginal(file, options.frameSize ?? null);
      await onStage(options, (stage) => run(stage, imported, options));
    });
}

async function run(stage: Stage, { rows, leftOut, models }: Import, options: ImportOptions): Promise<void> {
  const planned = await planChanges(stage, rows, keepingTheRest);
  const others = await idsBesides(stage, rows);
  const above = [...describeLeftOut(leftOut), ...describeModels(models)];
  const outcome = await writeRows(stage, planned, options, { above, below: describeOthers(others), needsYes: true });
  const changes = planned.map(({ change }) => change);
  if (options.json) console.log(JSON.stringify({ outcome, changes, leftOut, models, leftAlone: others }, null, 2));
  if (outcome !== 'not-confirmed') return;
  throw new KvsInferError('NOT_CONFIRMED', 'nothing is written: nobody is here to be asked', {
    hint: 'give --yes to write, or --dry-run to look only',
  });
}

/** What a person has set since, such as a schedule, is not the file's to take away. */
function keepingTheRest(row: Row, before: Row | null): Row {
  if (before === null) return row;
  const merged = Object.entries(row).map(([name, value]) => {
    const stored = before[name];
    return [name, isFields(value) && isFields(stored) ? { ...stored, ...value } : value];
  });
  return { ...before, ...Object.fromEntries(merged) };
}

async function idsBesides({ clients, tables }: Stage, rows: readonly Row[]): Promise<string[]> {
  const { listCameraRows } = await import('../aws/camera-registry.ts');
  const named = new Set(rows.map(({ cameraId }) => cameraId));
  const stored = await listCameraRows(clients, tables.cameras);
  return stored
    .map(({ cameraId }) => String(cameraId))
    .filter((cameraId) => !named.has(cameraId))
    .sort();
}

/** @throws KvsInferError CAMERA_FILE_UNREADABLE, CAMERA_FILE_INVALID, CAMERA_FILE_NOT_ORIGINAL, CAMERA_INVALID */
async function readOriginal(path: string, size: FrameSize | null): Promise<Import> {
  const text = await readTextFile(path);
  const lines = new LineCounter();
  const { document, content } = parseYaml(path, text, lines);
  const imported = importOriginal(content as never, {
    environment: process.env,
    frameSize: size,
  });
  if (imported === null) {
    throw new KvsInferError('CAMERA_FILE_NOT_ORIGINAL', `${path}: expected "cameras" with a kvs_stream_name each`, {
      hint: 'rows of this system, with cameraId and streamName, are registered with "kvs-infer camera put"',
    });
  }
  const lineOf = (at: Path): number => {
    const node = document.getIn(at, true) as { range?: [number, number, number] } | undefined;
    return node?.range === undefined ? 0 : lines.linePos(node.range[0]).line;
  };
  const groups = new Map<string, LeftOutLine>();
  for (const { path: at, reason } of imported.leftOut) {
    const what = nameOf(at);
    const key = `${what}: ${reason}`;
    const group = groups.get(key) ?? { what, reason, lines: [] };
    group.lines.push(lineOf(at));
    groups.set(key, group);
  }
  const { rows, models } = imported;
  const leftOut = [...groups.values()].sort((a, b) => (a.lines[0] ?? 0) - (b.lines[0] ?? 0));
  return { rows: judged(rows.map(({ row }) => row)), leftOut, models };
}

/** Without which camera it is, so that what is said of many is said once: `pipeline[1]`, `routing.snapshot.prefix`. */
function nameOf(path: Path): string {
  const within = path[0] === 'cameras' ? path.slice(2) : path;
  if (within.length === 0) return 'camera';
  return within.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}

function describeLeftOut(leftOut: readonly LeftOutLine[]): string[] {
  if (leftOut.length === 0) return [];
  return [
    'what the file says and a row does not:',
    ...leftOut.map(({ what, reason, lines }) => `  line ${lines.join(', ')}: ${what}: ${reason}`),
    '',
  ];
}

function describeModels(models: ImportedFile['models']): string[] {
  if (models.length === 0) return [];
  return [
    'models that the rows name; export each to ONNX and add it to the stage (docs/models.md):',
    ...models.map(({ name, weights, cameraIds }) => `  ${name}: from ${weights}, for ${cameraIds.join(', ')}`),
    '',
  ];
}

function describeOthers(others: readonly string[]): string[] {
  if (others.length === 0) return [];
  const named = others.slice(0, othersNamedMax).join(', ');
  const more = others.length > othersNamedMax ? ` and ${others.length - othersNamedMax} more` : '';
  return [`not in the file, and left alone: ${named}${more}`];
}

function frameSize(text: string): FrameSize {
  const [, width, height] = text.match(/^(\d{2,5})[x×](\d{2,5})$/) ?? [];
  if (width === undefined || height === undefined) throw new InvalidArgumentError('expected a size such as 1920x1080.');
  return { width: Number(width), height: Number(height) };
}
