/**
 * A clock whose timers of one instant fire together, as those of many cameras do: what they begin is under way at once. The
 * stepped clock beneath would let each finish before the next.
 * Invariant: timers of one instant fire in the order in which they were set, each exactly once.
 */
import type { Clock } from '../../core/clock.ts';

export class SimultaneousClock implements Clock {
  readonly #base: Clock;
  readonly #due = new Map<number, Set<() => void>>();

  constructor(base: Clock) {
    this.#base = base;
  }

  nowMs(): number {
    return this.#base.nowMs();
  }

  monotonicMs(): number {
    return this.#base.monotonicMs();
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const waitMs = Math.max(0, delayMs);
    const dueMs = this.#base.nowMs() + waitMs;
    const together = this.#due.get(dueMs) ?? this.#begin(dueMs, waitMs);
    const once = () => callback();
    together.add(once);
    return () => together.delete(once);
  }

  #begin(dueMs: number, waitMs: number): Set<() => void> {
    const together = new Set<() => void>();
    this.#due.set(dueMs, together);
    this.#base.setTimer(waitMs, () => {
      this.#due.delete(dueMs);
      for (const callback of together) callback();
    });
    return together;
  }
}
