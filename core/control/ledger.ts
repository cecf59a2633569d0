/**
 * The blind-time ledger: of the seconds a camera was scheduled, how many were inferred, and what every other second was
 * lost to. A slice of time is accounted when the phase changes and every five minutes, always up to now.
 * Invariant: scheduled = inferred + the sum of blind seconds, per camera and hour.
 */
import type { Interval } from '../calendar.ts';
import type { CameraPhase, CameraState, RunningCamera } from '../fleet-state.ts';
import { accountablePastMs } from './demand.ts';

/** Between phase changes one write per camera and five minutes: 12 an hour, which a thousand cameras can afford. */
export const accountEveryMs = 300_000;
/** A frame this old still counts as watching: the slowest cameras infer every few seconds. */
const inferenceFreshMs = 10_000;
const hourMs = 3_600_000;

/** Table `ledger`, key `cameraId` / `hour`; amounts to add. */
export type LedgerEntry = {
  cameraId: string;
  /** UTC hour, e.g. `2026-11-24T02Z`. */
  hour: string;
  scheduledSeconds: number;
  inferredSeconds: number;
  /** By cause: the phase that kept it blind, or `late` when its window had opened and control had not looked yet. */
  blindSeconds: Record<string, number>;
};

export type Accounting = { entries: LedgerEntry[]; throughMs: number };

/** @returns what to add, or null when it is not yet time. `nextPhase` is the phase from now on. */
export function accountCamera(
  state: CameraState,
  nextPhase: CameraPhase,
  scheduledPast: readonly Interval[],
  report: RunningCamera | null,
  nowMs: number,
): Accounting | null {
  const knownFromMs = state.accountedThroughMs ?? Math.min(state.rowChangedAtMs, nowMs);
  const fromMs = Math.max(knownFromMs, nowMs - accountablePastMs);
  const changed = nextPhase !== state.phase;
  if (!changed && nowMs - knownFromMs < accountEveryMs) return null;
  const scheduled = scheduledPast
    .map(({ startMs, endMs }) => ({ startMs: Math.max(startMs, fromMs), endMs: Math.min(endMs, nowMs) }))
    .filter(({ startMs, endMs }) => startMs < endMs);
  if (scheduled.length === 0) return changed ? { entries: [], throughMs: nowMs } : null;
  const entries = new Map<string, LedgerEntry>();
  for (const part of scheduled.flatMap(splitAtHours)) {
    const hour = `${new Date(part.startMs).toISOString().slice(0, 13)}Z`;
    const entry = entries.get(hour) ?? {
      cameraId: state.cameraId,
      hour,
      scheduledSeconds: 0,
      inferredSeconds: 0,
      blindSeconds: {},
    };
    entries.set(hour, entry);
    const seconds = (part.endMs - part.startMs) / 1000;
    const inferred = overlapMs(part, inferredInterval(state, nextPhase, report, fromMs, nowMs)) / 1000;
    entry.scheduledSeconds += seconds;
    entry.inferredSeconds += inferred;
    if (seconds > inferred) {
      const cause = causeOf(state.phase, nextPhase);
      entry.blindSeconds[cause] = (entry.blindSeconds[cause] ?? 0) + seconds - inferred;
    }
  }
  return { entries: [...entries.values()], throughMs: nowMs };
}

/** The part of `[fromMs, nowMs)` in which frames were inferred, as far as phases and the worker's report tell. */
function inferredInterval(
  { phase, lastInferenceAtMs }: CameraState,
  nextPhase: CameraPhase,
  report: RunningCamera | null,
  fromMs: number,
  nowMs: number,
): Interval {
  const watched = phase === 'running' || phase === 'degraded';
  const lastMs = Math.max(report?.lastInferenceAtMs ?? 0, lastInferenceAtMs ?? 0);
  const endMs = nowMs - lastMs <= inferenceFreshMs ? nowMs : Math.min(nowMs, lastMs);
  if (watched) return { startMs: fromMs, endMs: Math.max(fromMs, endMs) };
  const began = nextPhase === 'running' || nextPhase === 'degraded' ? report?.firstInferenceAtMs : undefined;
  if (began === undefined) return { startMs: fromMs, endMs: fromMs };
  const startMs = Math.max(fromMs, began);
  return { startMs, endMs: Math.max(startMs, endMs) };
}

function causeOf(phase: CameraPhase, nextPhase: CameraPhase): string {
  switch (phase) {
    case 'off-schedule':
    case 'warming':
    case 'disabled':
    case 'invalid':
      return 'late';
    case 'running':
    case 'degraded':
      return nextPhase === 'running' ? 'interrupted' : nextPhase;
    case 'waiting-capacity':
    case 'silent':
    case 'starting':
    case 'shed':
      return phase;
  }
}

function splitAtHours({ startMs, endMs }: Interval): Interval[] {
  const parts: Interval[] = [];
  for (let from = startMs; from < endMs; ) {
    const to = Math.min(endMs, (Math.floor(from / hourMs) + 1) * hourMs);
    parts.push({ startMs: from, endMs: to });
    from = to;
  }
  return parts;
}

function overlapMs(a: Interval, b: Interval): number {
  return Math.max(0, Math.min(a.endMs, b.endMs) - Math.max(a.startMs, b.startMs));
}
