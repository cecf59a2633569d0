/**
 * How far reading has fallen behind the camera. KVS says it once a fragment, as of when it sent the bytes; what has piled
 * up in sockets since then shows only in the frames' own times, so both are watched.
 * Invariant: a constant lag — a producer whose clock is wrong, a slow upload, fragments that arrive whole — is not being
 * behind; only growth beyond it is.
 */

export class LiveEdge {
  /** Smallest distance of a frame's producer time from our clock in this session: what is there by nature. */
  #naturalLagMs = Number.POSITIVE_INFINITY;
  #lagMs = 0;
  #fragmentStartMs = 0;
  #newestFrameMs = 0;
  /** Longest fragment of this session: its first frame may wait for its last. */
  #fragmentLengthMs = 0;
  #reportedBehindMs = 0;

  sessionStarted(): void {
    this.#naturalLagMs = Number.POSITIVE_INFINITY;
    this.#lagMs = 0;
    this.#fragmentLengthMs = 0;
    this.#reportedBehindMs = 0;
  }

  fragmentStarted(producerTimestampMs: number): void {
    this.#fragmentStartMs = producerTimestampMs;
    this.#newestFrameMs = producerTimestampMs;
  }

  frame(timestampMs: number, nowMs: number): void {
    this.#newestFrameMs = Math.max(this.#newestFrameMs, timestampMs);
    this.#lagMs = nowMs - timestampMs;
    this.#naturalLagMs = Math.min(this.#naturalLagMs, this.#lagMs);
  }

  fragmentEnded(millisBehindNow: number | null): void {
    const lengthMs = this.#newestFrameMs - this.#fragmentStartMs;
    this.#fragmentLengthMs = Math.max(this.#fragmentLengthMs, lengthMs);
    // KVS measures from the fragment's beginning, and the fragment has been read to its end.
    this.#reportedBehindMs = Math.max(0, (millisBehindNow ?? 0) - lengthMs);
  }

  /** Milliseconds behind where this camera could be. */
  get behindMs(): number {
    const grownMs = Number.isFinite(this.#naturalLagMs) ? this.#lagMs - this.#naturalLagMs - this.#fragmentLengthMs : 0;
    return Math.max(0, grownMs, this.#reportedBehindMs);
  }
}
