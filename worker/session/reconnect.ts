/**
 * How long a session waits before it opens GetMedia again. Pure: randomness comes in as an argument.
 * Invariant: full jitter, so that cameras that fell together do not come back together; never sooner than the 5 calls a
 * second that KVS allows per stream; what waiting cannot mend is tried rarely.
 */
import type { KvsInferError } from '../../core/errors.ts';

/** KVS: GetMedia 5 TPS per stream; up to three readers share it, so each takes a bit less than a third. */
export const reconnectMinMs = 600;
const baseMs = 1_000;
const capMs = 20_000;
/** A missing stream, denied access, or connections used up by others: nothing that a quick retry would change. */
const hopelessMinMs = 15_000;
const hopelessMaxMs = 45_000;

export class Reconnect {
  readonly #random: () => number;
  #failures = 0;

  /** @param random uniform in [0, 1). */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Media arrived: the next end is an ordinary one. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** @param error why the session ended, or null when the service ended it in order. */
  delayMs(error: KvsInferError | null): number {
    if (error !== null && (!error.retryable || error.code === 'STREAM_CONNECTION_LIMIT')) {
      this.#failures += 1;
      return Math.round(hopelessMinMs + this.#random() * (hopelessMaxMs - hopelessMinMs));
    }
    const ceilingMs = Math.min(capMs, baseMs * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    return Math.round(reconnectMinMs + this.#random() * Math.max(0, ceilingMs - reconnectMinMs));
  }
}
