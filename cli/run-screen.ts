/**
 * What `npm start` shows: one live table of the cameras on a terminal, plain lines anywhere else, and one line for every
 * scaling decision with the words that are stored with it. Rendering is pure; only `RunScreen` writes.
 * Invariant: nothing but whole lines goes to stdout, so that a log of it reads well.
 */
import { styleText } from 'node:util';
import Table from 'cli-table3';
import { createLogUpdate } from 'log-update';
import stringWidth from 'string-width';
import type { Decision } from '../core/control/record.ts';
import type { CameraPhase, CameraState, RunningCamera, WorkerItem } from '../core/fleet-state.ts';

export type CameraLine = {
  cameraId: string;
  phase: CameraPhase;
  fps: number;
  lastDetection: string;
  worker: string;
  reason: string;
  /** The reason, as short as a line of the table wants it. */
  why: string;
};

/** An empty line, and the names of the columns. */
const headLines = 2;
const columnsForWorkers = 120;
const reasonWidthMin = 10;
const tableColumns = [
  { head: 'camera', widthMax: 16, align: 'left' },
  { head: 'phase', widthMax: 16, align: 'left' },
  { head: 'fps', widthMax: 5, align: 'right' },
  { head: 'last detection', widthMax: 20, align: 'left' },
  { head: 'worker', widthMax: 6, align: 'left' },
] as const;
const noBorders = Object.fromEntries([
  ['middle', ''],
  ...['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) =>
    [side, `${side}-mid`, `${side}-left`, `${side}-right`].map((part) => [part, '']),
  ),
]);

const phaseStyles: Record<CameraPhase, Parameters<typeof styleText>[0]> = {
  invalid: 'red',
  disabled: 'gray',
  'off-schedule': 'gray',
  warming: 'yellow',
  'waiting-capacity': 'yellow',
  silent: 'magenta',
  starting: 'yellow',
  running: 'green',
  degraded: 'yellow',
  shed: 'red',
};

/** One line per camera, by id. Worker ids are cut to what tells them apart. */
export function cameraLines(
  states: readonly CameraState[],
  workers: readonly WorkerItem[],
  nowMs: number,
): CameraLine[] {
  return [...states]
    .sort((a, b) => (a.cameraId < b.cameraId ? -1 : 1))
    .map((state) => {
      const owner = workers.find(({ workerId }) => workerId === state.ownerWorkerId);
      const report = owner?.running?.[state.cameraId];
      // What was said of an earlier ownership, or by who has let go since, is not how the camera fares now.
      const running = report?.epoch === state.epoch ? report : undefined;
      const worker = running === undefined ? undefined : owner;
      return {
        cameraId: state.cameraId,
        phase: state.phase,
        fps: running?.fps ?? 0,
        lastDetection: describeDetection(running?.lastDetection, nowMs),
        worker: worker === undefined ? '' : shortWorkerId(worker.workerId),
        reason: state.phaseReason,
        why: shorten(state.phaseReason, nowMs),
      };
    });
}

function describeDetection(detection: RunningCamera['lastDetection'], nowMs: number): string {
  if (detection === undefined) return '';
  const ageSeconds = Math.max(0, Math.round((nowMs - detection.atMs) / 1000));
  return `${detection.label} ${detection.score.toFixed(2)}, ${ageSeconds} s ago`;
}

/**
 * @param columns width of the terminal; reasons are cut to fit, and the column of workers, which a running camera's
 * reason names too, is shown where there is room.
 * @param rows how many lines there are; cameras beyond are counted, not shown.
 */
export function renderTable(lines: readonly CameraLine[], columns: number, rows = Number.POSITIVE_INFINITY): string {
  const fits = lines.length + headLines <= rows;
  const shown = fits ? lines : lines.slice(0, Math.max(1, rows - headLines - 1));
  const table = new Table({
    ...layOut(shown, columns),
    style: { head: [], border: [], 'padding-left': 1, 'padding-right': 0 },
    chars: noBorders,
  });
  for (const line of shown) {
    const cells = cellsOf(line);
    cells[1] = styleText(phaseStyles[line.phase] ?? 'white', line.phase);
    table.push(columns < columnsForWorkers ? cells.toSpliced(4, 1) : cells);
  }
  const left = lines.length - shown.length;
  return left === 0 ? table.toString() : `${table}\n … and ${left} more: the terminal is too low for them`;
}

/** Each column as wide as what is in it, within limits; the reason takes the rest. */
function layOut(lines: readonly CameraLine[], columns: number) {
  const rows = lines.map(cellsOf);
  const fixed = tableColumns
    .slice(0, columns < columnsForWorkers ? -1 : undefined)
    .map(({ head, widthMax, align }, index) => {
      const widest = Math.max(head.length, ...rows.map((cells) => stringWidth(cells[index] ?? '')));
      return { head, align, width: Math.min(widest, widthMax) + 2 };
    });
  const taken = fixed.reduce((sum, { width }) => sum + width, 0);
  const all = [...fixed, { head: 'why', align: 'left' as const, width: Math.max(reasonWidthMin, columns - taken) }];
  return {
    head: all.map(({ head }) => head),
    colWidths: all.map(({ width }) => width),
    colAligns: all.map(({ align }) => align),
  };
}

function cellsOf(line: CameraLine): string[] {
  const fps = line.fps > 0 ? line.fps.toFixed(1) : '';
  return [line.cameraId, line.phase, fps, line.lastDetection, line.worker, line.why];
}

/** Ids of workers and times of today are cut to what tells them apart: the reason shall fit a line. */
function shorten(reason: string, nowMs: number): string {
  const today = new Date(nowMs).toISOString().slice(0, 10);
  return reason
    .replace(/\b[0-9a-f]{32}\b/g, shortWorkerId)
    .replace(/\b(\d{4}-\d\d-\d\d)T(\d\d:\d\d):(\d\d)\.\d+Z/g, (_, date, minute, second) =>
      date === today ? `${minute}:${second}` : `${date} ${minute}`,
    );
}

function shortWorkerId(workerId: string): string {
  return workerId.slice(0, 6);
}

export function describeDecision(decision: Decision): string {
  const { previous, desired } = decision;
  const size = (what: 'instances' | 'tasks') =>
    previous[what] === desired[what] ? `${desired[what]}` : `${previous[what]} → ${desired[what]}`;
  return `${decision.at.slice(11, 19)} fleet ${decision.fleet}: instances ${size('instances')}, tasks ${size('tasks')}: ${decision.reason}`;
}

export class RunScreen {
  readonly #live = process.stdout.isTTY === true;
  readonly #update = createLogUpdate(process.stdout);
  readonly #shown = new Map<string, string>();
  /** What stands below the lines now; empty on anything but a terminal. */
  #table = '';

  /** A line that stays. */
  line(text: string): void {
    if (this.#live) this.#update.clear();
    process.stdout.write(`${text}\n`);
    if (this.#table !== '') this.#update(this.#table);
  }

  /** The cameras now: the live table, or a line for each camera whose phase changed. */
  cameras(lines: readonly CameraLine[], nowMs: number): void {
    if (this.#live) {
      const { columns = 100, rows = 24 } = process.stdout;
      // Drawn anew each time: log-update's patches leave lines behind when cameras come and go.
      this.#update.clear();
      this.#table = `\n${renderTable(lines, columns, rows - 1)}`;
      this.#update(this.#table);
      return;
    }
    for (const line of lines) {
      if (this.#shown.get(line.cameraId) === line.phase) continue;
      this.#shown.set(line.cameraId, line.phase);
      this.line(
        `${new Date(nowMs).toISOString().slice(11, 19)} camera ${line.cameraId}: ${line.phase}: ${line.reason}`,
      );
    }
  }

  /** Leaves the last table on the screen. */
  done(): void {
    this.#table = '';
    if (this.#live) this.#update.done();
  }
}
