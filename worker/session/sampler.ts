/**
 * Which frames of a camera are inferred: `fps` frames per second of PRODUCER time, spread evenly.
 * Invariant: over any span the number of frames taken is at most fps × seconds + 1, whatever the source's rate; a source
 * slower than `fps` gives every frame. Time that jumps (a new session, a wrong producer clock) restarts the pace.
 */

/** Rounded and jittering timestamps must not cost every second frame: a frame may come a little early. */
const earlyShare = 0.25;
const earlyMaxMs = 10;
/** A jump back by more than this is a new time line; less is the reordering of B-frames. */
const reorderMaxMs = 2_000;
/** H.264 and H.265 send at most 16 pictures ahead of one that is shown before them. */
const skippedMax = 16;

export class FrameSampler {
  #intervalMs: number;
  #nextDueMs: number | null = null;
  /** Moments that were due and passed over: B-frames come after the frames that are shown behind them. Oldest first. */
  #skippedMs: number[] = [];

  constructor(fps: number) {
    this.#intervalMs = 1_000 / fps;
  }

  /** Another rate, counted from when the last frame was due: a change of rate gives no extra frame. */
  useFps(fps: number): void {
    const intervalMs = 1_000 / fps;
    if (this.#nextDueMs !== null) this.#nextDueMs += intervalMs - this.#intervalMs;
    if (intervalMs !== this.#intervalMs) this.#skippedMs.length = 0;
    this.#intervalMs = intervalMs;
  }

  /** @returns true when the frame of this producer time is to be inferred. */
  take(timestampMs: number): boolean {
    const due = this.#nextDueMs;
    const isNewTimeLine = due !== null && timestampMs < due - this.#intervalMs - reorderMaxMs;
    if (due === null || isNewTimeLine) {
      this.#nextDueMs = timestampMs + this.#intervalMs;
      this.#skippedMs.length = 0;
      return true;
    }
    const earlyMs = Math.min(earlyMaxMs, this.#intervalMs * earlyShare);
    if (timestampMs < due - earlyMs) return this.#takeSkipped(timestampMs, earlyMs);
    // Late by a whole interval: go on from here instead of catching up in a burst.
    const isLate = timestampMs >= due + this.#intervalMs - earlyMs;
    if (isLate) this.#skip(due, timestampMs - this.#intervalMs + earlyMs);
    this.#nextDueMs = (isLate ? Math.max(timestampMs, due + this.#intervalMs) : due) + this.#intervalMs;
    return true;
  }

  #skip(fromMs: number, toMs: number): void {
    const firstMs = Math.max(
      fromMs,
      fromMs + this.#intervalMs * Math.ceil((toMs - fromMs) / this.#intervalMs - skippedMax),
    );
    for (let atMs = firstMs; atMs <= toMs; atMs += this.#intervalMs) this.#skippedMs.push(atMs);
    if (this.#skippedMs.length > skippedMax) this.#skippedMs.splice(0, this.#skippedMs.length - skippedMax);
  }

  /** A frame that is shown before one that has come already: it is due where that one left a place. */
  #takeSkipped(timestampMs: number, earlyMs: number): boolean {
    const index = this.#skippedMs.findIndex(
      (atMs) => timestampMs >= atMs - earlyMs && timestampMs < atMs + this.#intervalMs - earlyMs,
    );
    if (index < 0) return false;
    this.#skippedMs.splice(index, 1);
    return true;
  }
}

/**
 * Is it enough to decode keyframes? Learned from the distance of the last keyframes, in producer time.
 * Invariant: says yes only when keyframes alone come at least as often as frames are wanted.
 */
export class KeyframePace {
  #lastKeyframeMs: number | null = null;
  #keyframeIntervalMs: number | null = null;

  keyframeSeen(timestampMs: number): void {
    const last = this.#lastKeyframeMs;
    this.#lastKeyframeMs = timestampMs;
    this.#keyframeIntervalMs = last === null || timestampMs <= last ? null : timestampMs - last;
  }

  /** @param fps frames wanted per second. */
  keyframesSuffice(fps: number): boolean {
    return this.#keyframeIntervalMs !== null && this.#keyframeIntervalMs <= (1_000 / fps) * (1 + earlyShare / 5);
  }
}
