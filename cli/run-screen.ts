/**
 * What `npm start` shows: one live table of the cameras on a terminal, plain lines anywhere else, and one line for every
 * scaling decision with the words that are stored with it. Rendering is pure; only `RunScreen` writes.
 * Invariant: nothing but whole lines goes to stdout, so that a log of it reads well.
 */
import { styleText } from 'node:util';
import Table from 'cli-table3';
import { createLogUpdate } from 'log-update';
import type { CameraPhase, CameraState, Decision, RunningCamera, WorkerItem } from '../core/fleet-state.ts';

export type CameraLine = {
  cameraId: string;
  phase: CameraPhase;
  fps: number;
  lastDetection: string;
  worker: string;
  reason: string;
};

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
      const worker = workers.find((candidate) => candidate.running?.[state.cameraId] !== undefined);
      const running = worker?.running[state.cameraId];
      return {
        cameraId: state.cameraId,
        phase: state.phase,
        fps: running?.fps ?? 0,
        lastDetection: describeDetection(running?.lastDetection, nowMs),
        worker: worker === undefined ? '' : worker.workerId.slice(0, 6),
        reason: state.phaseReason,
      };
    });
}

function describeDetection(detection: RunningCamera['lastDetection'], nowMs: number): string {
  if (detection === undefined) return '';
  const ageSeconds = Math.max(0, Math.round((nowMs - detection.atMs) / 1000));
  return `${detection.label} ${detection.score.toFixed(2)}, ${ageSeconds} s ago`;
}

/** @param columns width of the terminal; reasons are cut to fit. */
export function renderTable(lines: readonly CameraLine[], columns: number): string {
  const widths = { camera: 14, phase: 18, fps: 6, detection: 22, worker: 8 };
  const borders = 7;
  const reasonWidth = Math.max(16, columns - Object.values(widths).reduce((sum, width) => sum + width, 0) - borders);
  const table = new Table({
    head: ['camera', 'phase', 'fps', 'last detection', 'worker', 'why'],
    colWidths: [widths.camera, widths.phase, widths.fps, widths.detection, widths.worker, reasonWidth],
    colAligns: ['left', 'left', 'right', 'left', 'left', 'left'],
    style: { head: [], border: [], 'padding-left': 1, 'padding-right': 0 },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '',
    },
  });
  for (const line of lines) {
    const fps = line.fps > 0 ? line.fps.toFixed(1) : '';
    table.push([
      line.cameraId,
      styleText(phaseStyles[line.phase] ?? 'white', line.phase),
      fps,
      line.lastDetection,
      line.worker,
      line.reason,
    ]);
  }
  return table.toString();
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

  /** A line that stays. */
  line(text: string): void {
    if (this.#live) this.#update.clear();
    process.stdout.write(`${text}\n`);
  }

  /** The cameras now: the live table, or a line for each camera whose phase changed. */
  cameras(lines: readonly CameraLine[], nowMs: number): void {
    if (this.#live) {
      this.#update(`\n${renderTable(lines, process.stdout.columns ?? 100)}`);
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
    if (this.#live) this.#update.done();
  }
}
