/**
 * Callers that wait until something about a queue is true, each with a limit. The queue says when it has changed.
 * Invariant: every wait ends, by its condition or by its limit, and is forgotten then.
 */
import type { Clock } from '../../core/clock.ts';

type Waiter = { isDone: () => boolean; resolve: () => void };

export class ConditionWaiters {
  readonly #clock: Clock;
  #waiters: Waiter[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async until(isDone: () => boolean, timeoutMs: number): Promise<void> {
    if (isDone()) return;
    await new Promise<void>((resolve) => {
      const waiter: Waiter = { isDone, resolve: () => {} };
      const cancel = this.#clock.setTimer(timeoutMs, () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        resolve();
      });
      waiter.resolve = () => {
        cancel();
        resolve();
      };
      this.#waiters.push(waiter);
    });
  }

  /** Something has changed: whoever waited for this goes on. */
  changed(): void {
    const done = this.#waiters.filter((waiter) => waiter.isDone());
    this.#waiters = this.#waiters.filter((waiter) => !done.includes(waiter));
    for (const waiter of done) waiter.resolve();
  }
}
