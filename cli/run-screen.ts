/**
 * What `npm start` shows: one live table of the cameras on a terminal, plain lines anywhere else, and one line for every
 * scaling decision with the words that are stored with it. Rendering is pure; only `RunScreen` writes.
 * Invariant: nothing but whole lines goes to stdout, so that a log of it reads well.
 */
import { createLogUpdate } from 'log-update';
import stringWidth from 'string-width';
import type { Decision } from '../core/control/record.ts';
import type { CameraPhase, CameraState, RunningCamera, WorkerItem } from '../core/fleet-state.ts';
import { styledPhase } from './phase-style.ts';
import { type Column, gapWidth, textTable } from './text-table.ts';

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
/** What gives way first when the reason has no room. */
const dropOrder = ['last detection', 'fps'] as const;
/** The id is cut in the narrowest of terminals alone: a table that is drawn in place must keep to its lines. */
const tableColumns: readonly (Column & { of: (line: CameraLine) => string })[] = [
  { head: 'camera', of: ({ cameraId }) => cameraId },
  { head: 'phase', keep: true, of: ({ phase }) => styledPhase(phase) },
  { head: 'fps', keep: true, align: 'right', of: ({ fps }) => (fps > 0 ? fps.toFixed(1) : '') },
  { head: 'last detection', keep: true, of: ({ lastDetection }) => lastDetection },
  { head: 'worker', keep: true, of: ({ worker }) => worker },
  { head: 'why', widthMin: 3, of: ({ why }) => why },
];

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
  const chosen = columnsThatFit(shown, columns);
  const cells = shown.map((line) => chosen.map(({ of }) => of(line)));
  const table = textTable(chosen, cells, columns - 1);
  const left = lines.length - shown.length;
  const more = left === 0 ? '' : `\n… and ${left} more: the terminal is too low for them`;
  return `${table}${more}`.replace(/^/gm, ' ');
}

function columnsThatFit(lines: readonly CameraLine[], columns: number): typeof tableColumns {
  const widthOf = ({ head, of }: (typeof tableColumns)[number]) =>
    Math.max(head.length, ...lines.map((line) => stringWidth(of(line)))) + gapWidth;
  let chosen = tableColumns.filter(({ head }) => head !== 'worker' || columns >= columnsForWorkers);
  for (const head of dropOrder) {
    const taken = chosen.slice(0, -1).reduce((sum, column) => sum + widthOf(column), 0);
    if (columns - taken >= reasonWidthMin) break;
    chosen = chosen.filter((column) => column.head !== head);
  }
  return chosen;
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

/** The foot is a line, whatever the width. */
function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

export class RunScreen {
  readonly #live = process.stdout.isTTY === true;
  readonly #update = createLogUpdate(process.stdout);
  readonly #shown = new Map<string, string>();
  /** What stands below the lines now; empty on anything but a terminal. */
  #table = '';
  #foot = '';

  /** What stays in sight below the table. */
  foot(text: string): void {
    this.#foot = text;
  }

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
      const foot = this.#foot === '' ? '' : `\n\n ${cut(this.#foot, columns - 1)}`;
      this.#table = `\n${renderTable(lines, columns, rows - (foot === '' ? 1 : 3))}${foot}`;
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
