/**
 * The wall time that a worker goes by. Control calls a worker dead by the time that its heartbeats carry: a machine whose
 * clock is wrong by half a minute would lose its cameras while it still publishes them. So between two heartbeats time is
 * counted monotonically, and at each the machine's clock is held against the time that AWS put on its answer.
 * Invariant: no heartbeat after the first carries a time that is further from AWS's than `toleranceMs` and a round trip.
 */
import type { Clock } from '../../core/clock.ts';

/** An answer's `Date` names whole seconds, and the answer takes its time. */
const toleranceMs = 2_500;

export class TrustedClock implements Clock {
  readonly #machine: Clock;
  /** Wall time at a monotonic instant; null before the first answer. */
  #anchor: { wallMs: number; monotonicMs: number } | null = null;
  readonly #onDoubt: (aheadMs: number | null) => void;
  #isDoubted = false;

  /** @param onDoubt told once when the machine's clock is found wrong, and with null once it is right again. */
  constructor(machine: Clock, onDoubt: (aheadMs: number | null) => void) {
    this.#machine = machine;
    this.#onDoubt = onDoubt;
  }

  nowMs(): number {
    if (this.#anchor === null) return this.#machine.nowMs();
    return Math.round(this.#anchor.wallMs + this.#machine.monotonicMs() - this.#anchor.monotonicMs);
  }

  monotonicMs(): number {
    return this.#machine.monotonicMs();
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    return this.#machine.setTimer(delayMs, callback);
  }

  /** @param serverMs what an answer that came just now is dated. The machine's own clock is finer, and goes first. */
  hear(serverMs: number): void {
    if (!Number.isFinite(serverMs)) return;
    const monotonicMs = this.#machine.monotonicMs();
    const isRight = (wallMs: number) => Math.abs(wallMs - serverMs) <= toleranceMs;
    const machineMs = this.#machine.nowMs();
    const countedMs = this.nowMs();
    const wallMs = [machineMs, countedMs].find(isRight) ?? serverMs;
    this.#anchor = { wallMs, monotonicMs };
    if (isRight(machineMs) !== this.#isDoubted) return;
    this.#isDoubted = !this.#isDoubted;
    this.#onDoubt(this.#isDoubted ? machineMs - serverMs : null);
  }
}
