/**
 * The state of one camera's intake as people see it: starting, running, silent, degraded or failing, and why.
 * Invariant: `failing` outranks `silent` outranks `starting` and `degraded`; media that flows again clears the failure.
 * Times are monotonic except `lastMediaAtMs`.
 */

import type { KvsInferError } from '../../core/errors.ts';
import type { Checkpoint } from '../../core/fleet-state.ts';
import type { FrameCounts } from './frame-ledger.ts';
import type { BlindCause, IntakeReport, IntakeState } from './messages.ts';

/** Design: no media for so long is silence. */
export const silentAfterMs = 10_000;
/** Overload is judged over this many ticks (seconds). */
const windowTicks = 10;
/** Share of the wanted frames that may be lost to overload before the camera is called degraded. */
const overloadShareMax = 0.3;
/** Distinct error codes that are counted by name; the codes are ours, so there are few. */
const errorCodesMax = 32;

export class IntakeHealth {
  #fps: number;
  readonly #startedMs: number;
  #lastMediaMs: number | null = null;
  #lastMediaAtMs: number | null = null;
  #millisBehindNow: number | null = null;
  #failure: KvsInferError | null = null;
  #lastError: KvsInferError | null = null;
  #lastFault = '';
  #isOpen = false;
  #hasSkipped = false;
  /** Frame counts of the last report: what has grown since then is what keeps frames from the detector now. */
  #reported: FrameCounts['dropped'] = {};
  #faults = 0;
  #faultsReported = 0;
  #sessions = { opened: 0, ended: 0, skippedToNow: 0 };
  readonly #mediaErrors: Record<string, number> = {};
  readonly #window: { inferred: number; overload: number }[] = [];

  /** @param fps wanted frames per second: only a camera that gets clearly less is degraded, not one that catches up. */
  constructor(nowMs: number, fps: number) {
    this.#fps = fps;
    this.#startedMs = nowMs;
  }

  sessionOpened(): void {
    this.#sessions.opened += 1;
  }

  /** GetMedia has answered: from here on, silence is the producer's. */
  mediaOpened(): void {
    this.#isOpen = true;
  }

  /** @param error null when the session ended in order. */
  sessionEnded(error: KvsInferError | null): void {
    this.#sessions.ended += 1;
    this.#isOpen = false;
    this.#lastError = error;
    // What a retry cannot mend is a failure at once; the rest shows as silence if it lasts.
    if (error !== null && (!error.retryable || error.code === 'STREAM_CONNECTION_LIMIT')) this.#failure = error;
  }

  skippedToNow(): void {
    this.#sessions.skippedToNow += 1;
    this.#hasSkipped = true;
  }

  mediaSeen(monotonicMs: number, nowMs: number): void {
    this.#lastMediaMs = monotonicMs;
    this.#lastMediaAtMs = nowMs;
    this.#hasSkipped = false;
    this.#failure = null;
    this.#lastError = null;
  }

  /** @param millisBehindNow distance from the live edge as LiveEdge judges it. */
  behind(millisBehindNow: number): void {
    this.#millisBehindNow = millisBehindNow;
  }

  mediaFault(code: string, message: string): void {
    this.#faults += 1;
    const isKnown = this.#mediaErrors[code] !== undefined;
    const key = isKnown || Object.keys(this.#mediaErrors).length < errorCodesMax ? code : 'OTHER';
    this.#mediaErrors[key] = (this.#mediaErrors[key] ?? 0) + 1;
    this.#lastFault = `${code}: ${message}`;
  }

  tick(_nowMs: number, frames: FrameCounts): void {
    this.#window.push({ inferred: watchedFrames(frames), overload: frames.dropped.overload ?? 0 });
    if (this.#window.length > windowTicks) this.#window.shift();
  }

  /** The rate that is wanted from now on: less than the camera's own while it is paced. */
  useFps(fps: number): void {
    this.#fps = fps;
  }

  report(
    nowMs: number,
    frames: FrameCounts,
    checkpoint: Checkpoint | null,
    lastStillAtMs: number | null,
  ): Omit<IntakeReport, 'decode' | 'decodeShare'> {
    return {
      ...this.#state(nowMs, frames),
      blindCause: this.#blindCause(nowMs, frames),
      frames,
      checkpoint,
      lastMediaAtMs: this.#lastMediaAtMs,
      lastStillAtMs,
      millisBehindNow: this.#millisBehindNow,
      sessions: { ...this.#sessions },
      mediaErrors: { ...this.#mediaErrors },
    };
  }

  #blindCause(nowMs: number, { dropped }: FrameCounts): BlindCause {
    const before = this.#reported;
    const hasGrown = (reason: keyof typeof dropped) => (dropped[reason] ?? 0) > (before[reason] ?? 0);
    const hasFault = this.#faults > this.#faultsReported;
    this.#reported = dropped;
    this.#faultsReported = this.#faults;
    const error = this.#failure ?? this.#lastError;
    if (error?.code === 'STREAM_CONNECTION_LIMIT') return 'connection-limit';
    if (error?.code === 'AWS_THROTTLED') return 'throttled';
    if (this.#failure !== null) return 'stream-failed';
    if (this.#hasSkipped) return 'skipped-to-live';
    if (hasGrown('decode-failed')) return 'decode-failed';
    if (hasGrown('before-assignment')) return 'handover';
    if (hasGrown('overload') || hasGrown('pace') || hasGrown('late')) return 'overload';
    if (hasFault) return 'media-damaged';
    if (!this.#isOpen) return this.#sessions.ended > 0 ? 'reconnect' : 'starting';
    return this.#lastMediaMs === null && nowMs - this.#startedMs < silentAfterMs ? 'starting' : 'silent';
  }

  #state(nowMs: number, frames: FrameCounts): { state: IntakeState; reason: string } {
    if (this.#failure !== null) {
      return { state: 'failing', reason: `${this.#failure.code}: ${this.#failure.message} (${this.#failure.hint})` };
    }
    const quietMs = nowMs - (this.#lastMediaMs ?? this.#startedMs);
    if (quietMs >= silentAfterMs) {
      const because = this.#lastError === null ? '' : `; last session: ${this.#lastError.message}`;
      return { state: 'silent', reason: `no media for ${Math.floor(quietMs / 1000)} s${because}` };
    }
    if (this.#lastMediaMs === null) return { state: 'starting', reason: 'waiting for the first fragment' };
    const oldest = this.#window[0];
    if (oldest !== undefined) {
      const overload = (frames.dropped.overload ?? 0) - oldest.overload;
      const inferred = watchedFrames(frames) - oldest.inferred;
      const wanted = overload + inferred;
      const isShort = inferred < (1 - overloadShareMax) * this.#fps * (this.#window.length - 1);
      if (isShort && overload >= 3 && overload / wanted > overloadShareMax) {
        return {
          state: 'degraded',
          reason: `the detector is too busy: ${overload} of ${wanted} frames gave way to newer ones`,
        };
      }
    }
    const undecoded = frames.dropped['decode-failed'] ?? 0;
    if (frames.inferred === 0 && undecoded > 0 && this.#lastFault !== '') {
      return { state: 'failing', reason: this.#lastFault };
    }
    return { state: 'running', reason: 'media flows' };
  }
}

/** A frame in which nothing has changed is known without the detector. */
function watchedFrames({ inferred, dropped }: FrameCounts): number {
  return inferred + (dropped.static ?? 0);
}
