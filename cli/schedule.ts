/**
 * `kvs-infer schedule`: when a camera is watched, as UTC intervals, so that a calendar can be checked before it costs
 * money. Contract (scripts rely on it): `--json` prints `[{ start, end }]`, merged, half-open, ordered.
 */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { type Interval, scheduledIntervals } from '../core/calendar.ts';
import { type Camera, cameraIdPattern } from '../core/camera.ts';
import { KvsInferError } from '../core/errors.ts';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import { withAwsOptions } from './aws-options.ts';
import { readCameraFile } from './camera-file.ts';
import { onStage, rowOf, type StageOptions } from './stage.ts';

/** Ten years list in under a second; more is a typing error in a date. */
const spanMaxMs = 3_660 * 86_400_000;

type ScheduleOptions = StageOptions & { from: string; to: string; camera?: string };

export function scheduleCommand(program: Command): void {
  const command = program
    .command('schedule')
    .description('list the intervals in which a camera is watched')
    .argument(
      '<camera>',
      'YAML file with a camera row (several: choose with --camera), or the id of a registered camera',
    )
    .requiredOption('--from <ISO>', 'first instant, e.g. 2026-11-24T00:00:00Z')
    .requiredOption('--to <ISO>', 'end, not included')
    .option('--camera <cameraId>', 'which camera of a file with several')
    .option('--stage <stage>', 'stage of the registry, for a camera id; or set KVS_INFER_STAGE')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nExamples:\n  $ kvs-infer schedule dock-1.yaml --from 2026-11-24T00:00:00Z --to 2026-12-01T00:00:00Z' +
        '\n  $ kvs-infer schedule dock-1 --stage production --from 2026-11-24T00:00:00Z --to 2026-12-01T00:00:00Z --json',
    )
    .action(async (given: string, options: ScheduleOptions) => {
      const fromMs = parseInstant('--from', options.from);
      const toMs = parseInstant('--to', options.to);
      if (!(fromMs < toMs) || toMs - fromMs > spanMaxMs) {
        throw new KvsInferError(
          'WRONG_SPAN',
          `expected --from before --to and at most ten years apart, got ${options.from} and ${options.to}`,
          {
            hint: 'check the dates',
          },
        );
      }
      const camera = existsSync(given)
        ? pickCamera(await readCameraFile(given), given, options.camera)
        : await registeredCamera(given, options);
      const intervals = scheduledIntervals(camera, fromMs, toMs);
      console.log(options.json ? JSON.stringify(intervals.map(toIso)) : describeIntervals(camera, intervals));
    });
  withAwsOptions(command);
}

/** Only an instant with its offset is unambiguous: "2026-11-24T08:00" would mean another time on every machine. */
export function parseInstant(option: string, text: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  // Date.parse takes 30 February for 2 March.
  const date = text.slice(0, 10);
  if (Number.isNaN(ms) || new Date(`${date}T00:00:00Z`).toISOString().slice(0, 10) !== date) {
    throw new KvsInferError('WRONG_INSTANT', `${option}: expected an instant with its offset, got "${text}"`, {
      hint: 'write it like 2026-11-24T08:00:00Z or 2026-11-24T16:00:00+08:00',
    });
  }
  return ms;
}

function pickCamera(rows: unknown[], file: string, cameraId: string | undefined): Camera {
  const idOf = (row: unknown) => (row as { cameraId?: unknown } | null)?.cameraId;
  const row = cameraId === undefined ? rows[0] : rows.find((candidate) => idOf(candidate) === cameraId);
  if (row === undefined || (cameraId === undefined && rows.length > 1)) {
    throw new KvsInferError(
      'CAMERA_NOT_CHOSEN',
      cameraId === undefined ? `${file} holds ${rows.length} cameras` : `${file} holds no camera "${cameraId}"`,
      {
        hint: `choose one with --camera: ${rows
          .map((candidate) => String(idOf(candidate)))
          .slice(0, 10)
          .join(', ')}`,
      },
    );
  }
  return parsed(row, file);
}

/** The row of the stage's registry. */
async function registeredCamera(cameraId: string, options: ScheduleOptions): Promise<Camera> {
  if (!cameraIdPattern.test(cameraId) || /\.(ya?ml|json)$/.test(cameraId)) {
    throw new KvsInferError('CAMERA_FILE_UNREADABLE', `there is no file ${cameraId}`, {
      hint: 'give the path of a YAML or JSON file with a camera row, or the id of a registered camera',
    });
  }
  try {
    return await onStage(options, async (stage) => parsed(await rowOf(stage, cameraId), cameraId));
  } catch (error) {
    if (!(error instanceof KvsInferError && error.code === 'STAGE_MISSING')) throw error;
    // It may as well be a file that was meant.
    throw new KvsInferError(
      'STAGE_MISSING',
      `there is no file ${cameraId}, and no stage to look for a camera of that id`,
      { hint: 'give the path of a file, or the stage with --stage' },
    );
  }
}

function parsed(row: unknown, where: string): Camera {
  const { camera, issues } = parseCameraRow(row);
  if (camera === null) {
    const errors = issues.filter((issue) => issue.severity === 'error');
    throw new KvsInferError(
      'CAMERA_INVALID',
      `${where}: ${errors.map((issue) => `${issue.path}: ${issue.message}`).join('; ')}`,
      {
        hint: 'mend the row; "kvs-infer camera check" lists its issues',
      },
    );
  }
  return camera;
}

function toIso({ startMs, endMs }: Interval): { start: string; end: string } {
  return { start: new Date(startMs).toISOString(), end: new Date(endMs).toISOString() };
}

/** Local times first, since the row is written in them. */
function describeIntervals(camera: Camera, intervals: Interval[]): string {
  if (intervals.length === 0)
    return `${camera.cameraId} is not watched in that time${camera.enabled ? '' : ' (it is disabled)'}.`;
  const timeZone = camera.schedule === 'always' ? 'UTC' : camera.schedule.timeZone;
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    day: '2-digit',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
  });
  const lines = intervals.map((interval) => {
    const hours = (interval.endMs - interval.startMs) / 3_600_000;
    const { start, end } = toIso(interval);
    return `${format.format(interval.startMs)}  to  ${format.format(interval.endMs)}  ${hours.toFixed(2).padStart(8)} h   ${start} .. ${end}`;
  });
  const totalHours = intervals.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0) / 3_600_000;
  return [
    `${camera.cameraId}, times in ${timeZone}`,
    ...lines,
    `${intervals.length} intervals, ${totalHours.toFixed(2)} h`,
  ].join('\n');
}
