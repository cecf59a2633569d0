/**
 * Time as an argument. Nothing outside an entry point reads the machine's clock or sets a timer: it is handed a Clock,
 * so that a test steps a whole day in a second and the local cloud can skew time on purpose.
 * Invariant: `monotonicMs` never goes back; leases and timeouts use it, people's timestamps use `nowMs`.
 */
export type Clock = {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Milliseconds since an arbitrary start; never decreases. */
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs`; the returned function cancels it. */
  setTimer(delayMs: number, callback: () => void): () => void;
};

/** The machine's own clock. Timers do not keep the process alive by themselves. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, Math.max(0, delayMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
