/**
 * Notices that the detector cannot keep up, and says what share of its frames each camera gets until it can. It goes by
 * what was seen, not by what was measured at the start: other processes, decoding and batching change what a device can do.
 * - Overload is *strain* over some seconds, or severe strain at once: frames that gave way to newer ones or came late while the detector was busy.
 *   Then the limit is what the detector really did.
 * - Work per busy time says when the device could do more, and raises the limit at once. A detector that is always busy
 *   (on a GPU small batches are as busy as large ones) cannot say so: there the limit is tried upwards by a tenth, and
 *   after each attempt that ended in strain at longer intervals.
 * Invariant: what is granted costs at most the limit; without overload everybody gets everything.
 * Costs and work are in milliseconds of the detector as measured at the start, work per second.
 */
import { type Demand, shareOut } from './fair-share.ts';

/** What was observed since the last tick. */
export type Activity = {
  elapsedMs: number;
  /** Time in which the detector had a batch. */
  busyMs: number;
  /** Frames inferred × their cost. */
  workMs: number;
  inferred: number;
  /** Frames that gave way to newer ones, or were ready long before they were inferred. */
  strained: number;
};

/** Part of what the detector can do that is handed out: the rest keeps queues short. */
const USABLE_SHARE = 0.95;
/** Strain is judged over this many ticks together, severe strain at once: a neighbour may take half the machine. */
const STRAIN_TICKS = 3;
/** Share of frames that may suffer; a keyframe that comes late or a burst after a reconnect is no overload. */
const STRAIN_MAX = 0.03;
const STRAIN_SEVERE = 0.2;
/** Of fewer frames a share says little. */
const SEVERE_FRAMES_MIN = 5;
/** Below this the detector is not what is short. */
const BUSY_MIN = 0.5;
/** Below this too few runs were seen to tell what it could do, except that it is much more. */
const BUSY_TELLING = 0.1;
const IDLE_STEP = 2;
/** Above this the detector is always busy, and work per busy time says nothing about what more it could do. */
const BUSY_ALWAYS = 0.97;
/** A smaller difference is noise. */
const RAISE_MIN = 1.05;
const PROBE_STEP = 1.1;
const PROBE_INTERVAL_MIN_MS = 10_000;
const PROBE_INTERVAL_MAX_MS = 120_000;
/** Ticks after a change whose frames were still chosen before it. */
const SETTLE_TICKS = 1;
/** However late frames are: the limit stays above this part of what the detector evidently does. */
const LIMIT_SHARE_MIN = 0.5;
/** The limit is forgotten when demand has been below it for so long. */
const FORGET_MS = 30_000;

export class PaceGovernor {
  #recent: Activity[] = [];
  #ticksToSettle = 0;
  #limit: number | null = null;
  #changedAtMs = 0;
  #probeIntervalMs = PROBE_INTERVAL_MIN_MS;
  #isProbing = false;
  #withinLimitSinceMs: number | null = null;

  /** Work per second that may be handed out; null while there is no overload. */
  get limit(): number | null {
    return this.#limit;
  }

  /**
   * Call about once a second.
   * @param demands what each camera would cost per second if it got all its frames.
   * @returns the share of its frames that each gets, in the order of `demands`.
   */
  tick(nowMs: number, activity: Activity, demands: readonly Demand[]): number[] {
    if (this.#ticksToSettle > 0) this.#ticksToSettle -= 1;
    else {
      this.#recent.push(activity);
      if (this.#recent.length > STRAIN_TICKS) this.#recent.shift();
      this.#adjust(nowMs);
    }
    const wanted = demands.reduce((sum, { cost }) => sum + cost, 0);
    this.#forget(nowMs, wanted);
    return shareOut(demands, this.#limit ?? Number.POSITIVE_INFINITY);
  }

  #adjust(nowMs: number): void {
    const { elapsedMs, busyMs, workMs, inferred, strained } = summed(this.#recent);
    const busyShare = elapsedMs > 0 ? busyMs / elapsedMs : 0;
    const isEnough = this.#recent.length >= STRAIN_TICKS;
    /** What it would do if it were busy all the time. */
    const possible = busyMs > 0 ? (workMs / busyMs) * 1_000 : 0;
    const frames = inferred + strained;
    const isSevere = frames >= SEVERE_FRAMES_MIN && strained > STRAIN_SEVERE * frames;
    if (busyShare > BUSY_MIN && (isSevere || (isEnough && strained > STRAIN_MAX * frames))) {
      const usable = possible * USABLE_SHARE;
      // Strained although within the limit: the limit was too high, whatever work per busy time says.
      const lower = this.#limit === null ? usable : Math.min(usable, this.#limit / PROBE_STEP);
      this.#use(Math.max(lower, possible * LIMIT_SHARE_MIN), nowMs);
      if (this.#isProbing) this.#probeIntervalMs = Math.min(PROBE_INTERVAL_MAX_MS, this.#probeIntervalMs * 2);
      this.#isProbing = false;
      return;
    }
    if (this.#limit === null || !isEnough) return;
    if (busyShare < BUSY_TELLING) {
      this.#use(this.#limit * IDLE_STEP, nowMs);
      return;
    }
    if (busyShare <= BUSY_ALWAYS) {
      if (possible * USABLE_SHARE > this.#limit * RAISE_MIN) this.#use(possible * USABLE_SHARE, nowMs);
      return;
    }
    if (nowMs - this.#changedAtMs < this.#probeIntervalMs) return;
    // The last attempt went well.
    if (this.#isProbing) this.#probeIntervalMs = PROBE_INTERVAL_MIN_MS;
    this.#isProbing = true;
    this.#use(this.#limit * PROBE_STEP, nowMs);
  }

  #use(limit: number, nowMs: number): void {
    this.#limit = limit;
    this.#changedAtMs = nowMs;
    this.#recent = [];
    this.#ticksToSettle = SETTLE_TICKS;
    this.#withinLimitSinceMs = null;
  }

  #forget(nowMs: number, wanted: number): void {
    if (this.#limit === null) return;
    if (wanted > this.#limit) this.#withinLimitSinceMs = null;
    else this.#withinLimitSinceMs ??= nowMs;
    if (this.#withinLimitSinceMs === null || nowMs - this.#withinLimitSinceMs < FORGET_MS) return;
    this.#limit = null;
    this.#probeIntervalMs = PROBE_INTERVAL_MIN_MS;
    this.#isProbing = false;
  }
}

function summed(recent: readonly Activity[]): Activity {
  const total: Activity = { elapsedMs: 0, busyMs: 0, workMs: 0, inferred: 0, strained: 0 };
  for (const one of recent) {
    total.elapsedMs += one.elapsedMs;
    total.busyMs += one.busyMs;
    total.workMs += one.workMs;
    total.inferred += one.inferred;
    total.strained += one.strained;
  }
  return total;
}
