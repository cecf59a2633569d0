/**
 * The wall time that control goes by: the machine's, unless AWS dates its answers otherwise. Control calls workers dead and dates
 * assignments by it, and the workers' time is AWS's (worker/runtime/trusted-clock.ts, docs/decisions/0039).
 * What is kept is by how much the machine is wrong, and not an instant to count from: a function is frozen between two
 * invocations, and what counts time may stand still meanwhile.
 * Invariant: after an answer the time is within `toleranceMs` of what the answer allows; a right clock is left alone.
 */
import type { DatedAnswer } from '../aws/answer-dates.ts';
import type { Clock } from '../core/clock.ts';

/** As long as no margin of the protocol notices (10 s). */
const toleranceMs = 2_500;
/** A date names a whole second. */
const dateMs = 1_000;

export class AnsweredClock implements Clock {
  readonly #machine: Clock;
  readonly #onDoubt: (aheadMs: number | null) => void;
  /** By how much the machine's clock is ahead; 0 while it is believed. */
  #aheadMs = 0;

  /** @param onDoubt told once when the machine's clock is found wrong, and with null once it is right again. */
  constructor(machine: Clock, onDoubt: (aheadMs: number | null) => void) {
    this.#machine = machine;
    this.#onDoubt = onDoubt;
  }

  nowMs(): number {
    return this.#machine.nowMs() - this.#aheadMs;
  }

  monotonicMs(): number {
    return this.#machine.monotonicMs();
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    return this.#machine.setTimer(delayMs, callback);
  }

  /** However long the answer waited here to be read: it was written after the call was sent, and before it was read. */
  hear({ sentMs, receivedMs, serverMs }: DatedAnswer): void {
    const wasRight = this.#aheadMs === 0;
    const isPossible = (aheadMs: number) =>
      serverMs + dateMs >= sentMs - aheadMs - toleranceMs && serverMs <= receivedMs - aheadMs + toleranceMs;
    const newlyFoundMs = Math.round((sentMs + receivedMs) / 2 - (serverMs + dateMs / 2));
    this.#aheadMs = [0, this.#aheadMs].find(isPossible) ?? newlyFoundMs;
    if (wasRight !== (this.#aheadMs === 0)) this.#onDoubt(wasRight ? this.#aheadMs : null);
  }
}
