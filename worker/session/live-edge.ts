/**
 * How late a camera's frames are read, by what the worker and its connection add: since when they have been in KVS, beyond
 * what delivery takes by nature. A frame came to KVS as long after its fragment's server timestamp as it was captured after
 * the fragment's beginning, so a wrong producer clock, a slow upload and a pause of it do not show.
 * KVS says its distance once a fragment too, as of when it sent the bytes; what piles up in sockets shows in frames alone.
 * Invariant: a constant delay, and fragments that arrive whole, are not lateness; only growth beyond them is.
 */

/** Of shorter fragments nobody can tell whether they came frame by frame. */
const streamedLengthMinMs = 500;

export class LiveEdge {
  /** Server timestamp less producer timestamp of this fragment: its upload, and the producer's clock. */
  #uploadMs = 0;
  #delayMs = 0;
  /** Least delay of any frame, and of any fragment's first frame, in this session. */
  #leastDelayMs = Number.POSITIVE_INFINITY;
  #leastStartDelayMs = Number.POSITIVE_INFINITY;
  #startDelayMs: number | null = null;
  /** A fragment of this session came frame by frame. Others may wait for their last frame. */
  #isStreamed = false;
  #longestMs = 0;
  #fragmentStartMs = 0;
  #newestFrameMs = 0;
  #reportedBehindMs = 0;
  #acceptedMs = 0;

  sessionStarted(): void {
    this.#forget();
    this.#acceptedMs = 0;
    this.#isStreamed = false;
    this.#delayMs = 0;
    this.#reportedBehindMs = 0;
  }

  /** @param serverTimestampMs null when it is not known: then the producer's clock is trusted not to jump. */
  fragmentStarted(producerTimestampMs: number, serverTimestampMs: number | null): void {
    this.#fragmentStartMs = producerTimestampMs;
    this.#newestFrameMs = producerTimestampMs;
    this.#uploadMs = serverTimestampMs === null ? 0 : serverTimestampMs - producerTimestampMs;
    this.#startDelayMs = null;
  }

  frame(timestampMs: number, nowMs: number): void {
    this.#newestFrameMs = Math.max(this.#newestFrameMs, timestampMs);
    this.#delayMs = nowMs - timestampMs - this.#uploadMs;
    this.#leastDelayMs = Math.min(this.#leastDelayMs, this.#delayMs);
    if (this.#startDelayMs !== null) return;
    this.#startDelayMs = this.#delayMs;
    this.#leastStartDelayMs = Math.min(this.#leastStartDelayMs, this.#delayMs);
  }

  fragmentEnded(millisBehindNow: number | null): void {
    const lengthMs = this.#newestFrameMs - this.#fragmentStartMs;
    this.#longestMs = Math.max(this.#longestMs, lengthMs);
    if (this.#startDelayMs !== null && lengthMs >= streamedLengthMinMs) {
      this.#isStreamed ||= this.#startDelayMs - this.#delayMs < lengthMs / 2;
    }
    // KVS measures from the fragment's beginning, and the fragment has been read to its end.
    this.#reportedBehindMs = Math.max(0, (millisBehindNow ?? 0) - lengthMs);
  }

  /** However late the newest frame is: that is how this camera comes. */
  acceptDelay(): void {
    this.#acceptedMs += this.lateMs;
    this.#forget();
    this.#leastDelayMs = this.#delayMs;
    this.#leastStartDelayMs = this.#delayMs;
  }

  /** Sum of what was accepted in this session: a camera's own delay stays as it is, one that grows again and again is ours. */
  get acceptedMs(): number {
    return this.#acceptedMs;
  }

  /** Since when the newest frame has been in KVS, by the clock of this machine. */
  get delayMs(): number {
    return this.#delayMs;
  }

  /** Milliseconds by which the newest frame came later than it could have. */
  get lateMs(): number {
    if (!Number.isFinite(this.#leastStartDelayMs)) return 0;
    const wholeMs = this.#isStreamed ? Number.NEGATIVE_INFINITY : this.#leastDelayMs + this.#longestMs;
    return Math.max(0, this.#delayMs - Math.max(this.#leastStartDelayMs, wholeMs));
  }

  /** Milliseconds behind where this camera could be, by its frames or by what KVS says. */
  get behindMs(): number {
    return Math.max(this.lateMs, this.#reportedBehindMs);
  }

  #forget(): void {
    this.#leastDelayMs = Number.POSITIVE_INFINITY;
    this.#leastStartDelayMs = Number.POSITIVE_INFINITY;
    this.#longestMs = 0;
  }
}
