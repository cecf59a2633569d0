/**
 * The calendars of a fleet at one instant, each worked out once for all cameras whose rows say the same hours: two thousand
 * cameras share a handful.
 * Invariant: what is answered is shared and never changed; it is what core/calendar.ts says camera by camera.
 */
import { type Interval, isScheduled, type Scheduled, scheduledIntervals, sharedHours } from '../calendar.ts';
import type { CameraPhase } from '../fleet-state.ts';
import { outsideWindows } from './first-phase.ts';

/** What a camera with these intervals ahead of it asks for. */
export type Outlook = {
  /** Clipped to `[now, now + horizon)`. */
  intervals: readonly Interval[];
  wantedNow: boolean;
  /** So soon that the next tick would be late. */
  assignNow: boolean;
  nextStartMs: number | null;
  idle: { phase: CameraPhase; reason: string };
};

export type Hours = {
  /** Scheduled in the recent past, up to now. */
  past: readonly Interval[];
  /** The window that is open, from its start as far as it is known. */
  current: Interval | null;
  outlook: Outlook;
  /** Does an order keep it from being watched now, whatever its streams say? */
  isPaused: boolean;
  /** Without the window that is open: for a camera that is silent in it. */
  later: readonly Interval[];
};

export type HoursInput = {
  nowMs: number;
  pastMs: number;
  horizonMs: number;
  /** A start that comes within this is to be assigned now. */
  assignAheadMs: number;
  pause: { untilMs: number; reason: string } | null;
};

/** @returns what to ask for a camera's hours; it remembers what it answered. */
export function hoursAt(input: HoursInput): (camera: Scheduled) => Hours {
  return shared((camera) => hoursOf(camera, input));
}

/** @returns whether a camera is scheduled at that instant; it remembers what it answered. */
export function scheduledAt(nowMs: number): (camera: Scheduled) => boolean {
  return shared((camera) => isScheduled(camera, nowMs));
}

function shared<Answer>(ask: (camera: Scheduled) => Answer): (camera: Scheduled) => Answer {
  const known = new Map<object | string, Answer>();
  return (camera) => {
    const key = sharedHours(camera);
    if (key === null) return ask(camera);
    const before = known.get(key);
    if (before !== undefined) return before;
    const answer = ask(camera);
    known.set(key, answer);
    return answer;
  };
}

function hoursOf(camera: Scheduled, input: HoursInput): Hours {
  const { nowMs, pastMs, horizonMs, pause } = input;
  const all = scheduledIntervals(camera, nowMs - pastMs, nowMs + horizonMs);
  const past = all
    .filter((interval) => interval.startMs < nowMs)
    .map(({ startMs, endMs }) => ({ startMs, endMs: Math.min(endMs, nowMs) }));
  const current = all.find((interval) => interval.startMs <= nowMs && nowMs < interval.endMs) ?? null;
  let ahead = all.filter((interval) => interval.endMs > nowMs).map((interval) => clipStart(interval, nowMs));
  let why: string | null = null;
  if (pause !== null) {
    const { untilMs, reason } = pause;
    ahead = ahead.filter((interval) => interval.endMs > untilMs).map((interval) => clipStart(interval, untilMs));
    if (!ahead.some((interval) => interval.startMs <= nowMs)) {
      why = `fleet paused until ${new Date(untilMs).toISOString()}${reason === '' ? '' : `: ${reason}`}`;
    }
  }
  const outlook = outlookOf(ahead, why === null ? outsideWindows : { phase: 'off-schedule', reason: why }, input);
  const later = ahead.filter((interval) => interval.startMs > nowMs);
  return { past, current, outlook, isPaused: why !== null, later };
}

function clipStart(interval: Interval, fromMs: number): Interval {
  return { startMs: Math.max(interval.startMs, fromMs), endMs: interval.endMs };
}

/** Derives what follows from the intervals; a start within the horizon turns "idle" into "warming". */
export function outlookOf(
  intervals: readonly Interval[],
  idle: Outlook['idle'],
  { nowMs, assignAheadMs }: HoursInput,
): Outlook {
  const wantedNow = intervals.some((interval) => interval.startMs <= nowMs && nowMs < interval.endMs);
  const nextStartMs = intervals.find((interval) => interval.startMs > nowMs)?.startMs ?? null;
  return {
    intervals,
    wantedNow,
    nextStartMs,
    assignNow: wantedNow || (nextStartMs !== null && nextStartMs <= nowMs + assignAheadMs),
    idle:
      !wantedNow && nextStartMs !== null && idle.phase === 'off-schedule'
        ? { phase: 'warming', reason: `its window opens at ${new Date(nextStartMs).toISOString()}` }
        : idle,
  };
}
