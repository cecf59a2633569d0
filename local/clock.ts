/**
 * The local cloud's clock in tests: a time that moves only when it is stepped. Everything in local/
 * and every Lambda handler it hosts reads this clock, so a test lives through a day without sleeping.
 * Invariant: timers fire in due order, each exactly once, and a step fires them at the instant they were due.
 */
import type { Clock } from '../core/clock.ts';

type Timer = { dueMs: number; sequence: number; callback: () => void };

/** Time stands still until `step` moves it; timers due on the way fire in order, with `nowMs` at their due time. */
export class SteppedClock implements Clock {
  #nowMs: number;
  readonly #startMs: number;
  #sequence = 0;
  readonly #timers = new Set<Timer>();

  constructor(startMs: number) {
    this.#nowMs = startMs;
    this.#startMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence++, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** When the next timer is due, or null when none is set. */
  nextTimerMs(): number | null {
    return this.#next()?.dueMs ?? null;
  }

  /**
   * Moves time forward by `stepMs`. After each timer `afterTimer` is awaited, so that work which the timer began
   * (an HTTP call, a handler) can finish before time goes on.
   */
  async step(stepMs: number, afterTimer: () => Promise<void> = async () => {}): Promise<void> {
    const endMs = this.#nowMs + stepMs;
    for (let timer = this.#next(); timer !== undefined && timer.dueMs <= endMs; timer = this.#next()) {
      this.#timers.delete(timer);
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      timer.callback();
      await afterTimer();
    }
    this.#nowMs = endMs;
    await afterTimer();
  }

  /** Time jumps as on a machine that slept: what was due meanwhile fires once, in order, on waking. */
  async sleep(sleepMs: number, afterTimer?: () => Promise<void>): Promise<void> {
    this.#nowMs += sleepMs;
    await this.step(0, afterTimer);
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (
        first === undefined ||
        timer.dueMs < first.dueMs ||
        (timer.dueMs === first.dueMs && timer.sequence < first.sequence)
      ) {
        first = timer;
      }
    }
    return first;
  }
}
