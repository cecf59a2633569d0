/**
 * Is a frame inside its camera's hours? Control gives a camera shortly before its window and takes it away at the tick
 * after, so that nothing of the window is missed; what was captured outside of it is nobody's business.
 * Invariant: the same calendar as control's decides, by the moment of capture; a camera whose clock is wrong is judged by
 * the moment of arrival, because a clock that is years off must not make it blind.
 */
import { type Interval, type Scheduled, scheduledIntervals } from '../../core/calendar.ts';

/** The calendar is asked once for so long. */
const lookAheadMs = 3_600_000;
/** KVS fragments last up to 20 s and arrive whole from many cameras; beyond this it is the clock that is wrong. */
const captureDelayMaxMs = 60_000;

export class WatchedHours {
  #hours: Scheduled;
  #words: string;
  #known: { fromMs: number; toMs: number; intervals: Interval[] } | null = null;

  constructor(hours: Scheduled) {
    this.#hours = hours;
    this.#words = wordsOf(hours);
  }

  /** The row as it is now; called with every heartbeat. */
  use(hours: Scheduled): void {
    const words = wordsOf(hours);
    if (words === this.#words) return;
    this.#hours = hours;
    this.#words = words;
    this.#known = null;
  }

  covers(capturedAtMs: number, nowMs: number): boolean {
    const atMs = Math.abs(nowMs - capturedAtMs) <= captureDelayMaxMs ? capturedAtMs : nowMs;
    let known = this.#known;
    if (known === null || atMs < known.fromMs || atMs >= known.toMs) {
      const fromMs = atMs - captureDelayMaxMs;
      const toMs = atMs + lookAheadMs;
      known = { fromMs, toMs, intervals: scheduledIntervals(this.#hours, fromMs, toMs) };
      this.#known = known;
    }
    return known.intervals.some(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
  }
}

function wordsOf({ enabled, schedule, override }: Scheduled): string {
  return JSON.stringify([enabled, schedule, override]);
}
