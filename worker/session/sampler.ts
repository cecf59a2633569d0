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

export class FrameSampler {
  #intervalMs: number;
  #nextDueMs: number | null = null;

  constructor(fps: number) {
    this.#intervalMs = 1_000 / fps;
  }

  /** Another rate, counted from when the last frame was due: a change of rate gives no extra frame. */
  useFps(fps: number): void {
    const intervalMs = 1_000 / fps;
    if (this.#nextDueMs !== null) this.#nextDueMs += intervalMs - this.#intervalMs;
    this.#intervalMs = intervalMs;
  }

  /** @returns true when the frame of this producer time is to be inferred. */
  take(timestampMs: number): boolean {
    const due = this.#nextDueMs;
    const isNewTimeLine = due !== null && timestampMs < due - this.#intervalMs - reorderMaxMs;
    if (due === null || isNewTimeLine) {
      this.#nextDueMs = timestampMs + this.#intervalMs;
      return true;
    }
    if (timestampMs < due - Math.min(earlyMaxMs, this.#intervalMs * earlyShare)) return false;
    // Late by a whole interval: go on from here instead of catching up in a burst.
    const isLate = timestampMs >= due + this.#intervalMs;
    this.#nextDueMs = (isLate ? timestampMs : due) + this.#intervalMs;
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
