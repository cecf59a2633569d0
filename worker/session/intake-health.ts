/**
 * The state of one camera's intake as people see it: starting, running, silent, degraded or failing, and why.
 * Invariant: `failing` outranks `silent` outranks `starting` and `degraded`; media that flows again clears the failure.
 * Times are monotonic except `lastMediaAtMs`.
 */

import type { KvsInferError } from '../../core/errors.ts';
import type { Checkpoint } from '../../core/fleet-state.ts';
import type { DropReason, FrameCounts } from './frame-ledger.ts';
import type { IntakeBlindCause, IntakeReport, IntakeState } from './messages.ts';
import { streamEndings } from './session-errors.ts';

/** Design: no media for so long is silence. */
export const silentAfterMs = 10_000;
/** Overload is judged over this many ticks (seconds). */
const windowTicks = 10;
/** Share of the wanted frames that may be lost to overload before the camera is called degraded. */
const overloadShareMax = 0.3;
/** Distinct error codes that are counted by name; the codes are ours, so there are few. */
const errorCodesMax = 32;
/** A session that ended in order after so long without media ended because the producer had stopped. */
const quietBeforeEndMs = 5_000;

/** Media this old still comes: a camera may send a frame or a fragment a second. */
const mediaRecentMs = 2_500;

/** What frames were lost to that came, the gravest first. */
const dropCauses: readonly { cause: IntakeBlindCause; reasons: readonly DropReason[] }[] = [
  { cause: 'decode-failed', reasons: ['decode-failed'] },
  { cause: 'handover', reasons: ['before-assignment'] },
  { cause: 'overload', reasons: ['overload', 'pace', 'late'] },
];

/** Errors of opening and reading that say by themselves what keeps the camera blind. */
const causesByError: Readonly<Record<string, IntakeBlindCause>> = {
  STREAM_CONNECTION_LIMIT: 'connection-limit',
  AWS_THROTTLED: 'throttled',
  STREAM_UNREACHABLE: 'unreachable',
  AWS_UNAVAILABLE: 'kvs-unavailable',
  STREAM_FRAGMENT_GONE: 'fragment-gone',
};

export class IntakeHealth {
  #fps: number;
  readonly #startedMs: number;
  #lastMediaMs: number | null = null;
  #lastMediaAtMs: number | null = null;
  #millisBehindNow: number | null = null;
  #failure: KvsInferError | null = null;
  #lastError: KvsInferError | null = null;
  #lastFault = '';
  /** No frame has come since the last fault. */
  #isDamaged = false;
  #lastByteMs = Number.NEGATIVE_INFINITY;
  /** Since when GetMedia has been open; null while it is not. */
  #openSinceMs: number | null = null;
  #hasMediaInSession = false;
  /** The last session ended because the producer sent nothing. */
  #hasEndedQuiet = false;
  /** A jump to the live edge that no report has told of yet, or that is not over. */
  #hasSkipped = false;
  /** Frame counts of the last report: what has grown since then is what keeps frames from the detector now. */
  #reported: Pick<FrameCounts, 'inferred' | 'dropped'> = { inferred: 0, dropped: {} };
  /** What last kept frames from the detector; null once one has got there. */
  #lastDrop: IntakeBlindCause | null = null;
  #faults = 0;
  #faultsReported = 0;
  #sessions = { opened: 0, ended: 0, skippedToNow: 0 };
  readonly #mediaErrors: Record<string, number> = {};
  readonly #window: { inferred: number; overload: number; undecoded: number }[] = [];

  /** @param fps wanted frames per second: only a camera that gets clearly less is degraded, not one that catches up. */
  constructor(nowMs: number, fps: number) {
    this.#fps = fps;
    this.#startedMs = nowMs;
  }

  sessionOpened(): void {
    this.#sessions.opened += 1;
  }

  /** GetMedia has answered: from here on, lasting silence is the producer's. */
  mediaOpened(nowMs: number): void {
    this.#openSinceMs = nowMs;
    this.#hasMediaInSession = false;
  }

  /** @param error null when the session ended in order. */
  sessionEnded(error: KvsInferError | null, nowMs: number): void {
    this.#sessions.ended += 1;
    const quietMs = nowMs - Math.max(this.#openSinceMs ?? nowMs, this.#lastMediaMs ?? 0);
    this.#hasEndedQuiet = error === null && !this.#hasSkipped && quietMs >= quietBeforeEndMs;
    this.#openSinceMs = null;
    this.#lastError = error;
    // What KVS said inside the media has been counted as a fault of it.
    if (error !== null && !streamEndings.has(error.code)) this.#count(error.code);
    // What a retry cannot mend is a failure at once; the rest is one if it lasts.
    if (error === null) this.#failure = null;
    else if (!error.retryable || error.code === 'STREAM_CONNECTION_LIMIT') this.#failure = error;
  }

  skippedToNow(): void {
    this.#sessions.skippedToNow += 1;
    this.#hasSkipped = true;
  }

  mediaSeen(monotonicMs: number, nowMs: number): void {
    this.#lastMediaMs = monotonicMs;
    this.#lastMediaAtMs = nowMs;
    this.#hasMediaInSession = true;
    this.#isDamaged = false;
    this.#failure = null;
    this.#lastError = null;
  }

  bytesSeen(monotonicMs: number): void {
    this.#lastByteMs = monotonicMs;
  }

  /** @param millisBehindNow distance from the live edge as LiveEdge judges it. */
  behind(millisBehindNow: number): void {
    this.#millisBehindNow = millisBehindNow;
  }

  mediaFault(code: string, message: string): void {
    this.#faults += 1;
    this.#isDamaged = true;
    this.#count(code);
    this.#lastFault = `${code}: ${message}`;
  }

  #count(code: string): void {
    const isKnown = this.#mediaErrors[code] !== undefined;
    const key = isKnown || Object.keys(this.#mediaErrors).length < errorCodesMax ? code : 'OTHER';
    this.#mediaErrors[key] = (this.#mediaErrors[key] ?? 0) + 1;
  }

  tick(_nowMs: number, frames: FrameCounts): void {
    const { overload = 0, 'decode-failed': undecoded = 0 } = frames.dropped;
    this.#window.push({ inferred: watchedFrames(frames), overload, undecoded });
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

  #blindCause(nowMs: number, { inferred, dropped }: FrameCounts): IntakeBlindCause {
    const { dropped: before, inferred: inferredBefore } = this.#reported;
    const hasGrown = (reason: DropReason) => (dropped[reason] ?? 0) > (before[reason] ?? 0);
    const hasFault = this.#faults > this.#faultsReported;
    const hasSkipped = this.#hasSkipped;
    this.#reported = { inferred, dropped };
    this.#faultsReported = this.#faults;
    if (this.#openSinceMs !== null && this.#hasMediaInSession) this.#hasSkipped = false;
    const isPending = this.#isPending(nowMs);
    const error = isPending ? (this.#failure ?? this.#lastError) : null;
    const byError = causesByError[error?.code ?? ''];
    if (byError !== undefined) return byError;
    if (isPending && this.#failure !== null) return 'stream-failed';
    if (hasSkipped) return 'skipped-to-live';
    const drop = dropCauses.find(({ reasons }) => reasons.some(hasGrown))?.cause;
    if (drop !== undefined || inferred > inferredBefore) this.#lastDrop = drop ?? null;
    const isMediaRecent = this.#lastMediaMs !== null && nowMs - this.#lastMediaMs < mediaRecentMs;
    if (this.#lastDrop !== null && (drop !== undefined || isMediaRecent)) return this.#lastDrop;
    if (hasFault || this.#comesDamaged(nowMs)) return 'media-damaged';
    if (!isPending || this.#hasEndedQuiet) return 'silent';
    return this.#sessions.ended > 0 ? 'reconnect' : 'starting';
  }

  /** Bytes keep coming, and none of them have been a frame since a fault. */
  #comesDamaged(nowMs: number): boolean {
    return this.#isDamaged && nowMs - this.#lastByteMs < silentAfterMs / 2;
  }

  /** GetMedia is not open, or so recently that no media could have come yet: whatever ended the last session still counts. */
  #isPending(nowMs: number): boolean {
    const openSinceMs = this.#openSinceMs;
    return openSinceMs === null || (!this.#hasMediaInSession && nowMs - openSinceMs < silentAfterMs);
  }

  #state(nowMs: number, frames: FrameCounts): { state: IntakeState; reason: string } {
    const quietMs = nowMs - (this.#lastMediaMs ?? this.#startedMs);
    const isPending = this.#isPending(nowMs);
    // What is tried again is no failure for the first seconds; an open session without media is the producer's silence.
    const failure = this.#failure ?? (quietMs >= silentAfterMs ? this.#lastError : null);
    if (isPending && failure !== null) {
      return { state: 'failing', reason: `${failure.code}: ${failure.message} (${failure.hint})` };
    }
    if (quietMs >= silentAfterMs && this.#comesDamaged(nowMs)) {
      return { state: 'failing', reason: `no frame for ${Math.floor(quietMs / 1000)} s: ${this.#lastFault}` };
    }
    if (quietMs >= silentAfterMs) return { state: 'silent', reason: `no media for ${Math.floor(quietMs / 1000)} s` };
    if (this.#lastMediaMs === null) return { state: 'starting', reason: 'waiting for the first fragment' };
    const oldest = this.#window[0];
    const undecoded = (frames.dropped['decode-failed'] ?? 0) - (oldest?.undecoded ?? 0);
    if (undecoded > 0 && watchedFrames(frames) === (oldest?.inferred ?? 0)) {
      return { state: 'failing', reason: `${undecoded} frames gave no picture, none did: ${this.#lastFault}` };
    }
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
    return { state: 'running', reason: 'media flows' };
  }
}

/** A frame in which nothing has changed is known without the detector. */
function watchedFrames({ inferred, dropped }: FrameCounts): number {
  return inferred + (dropped.static ?? 0);
}
