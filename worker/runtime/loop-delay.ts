/**
 * Delay of this thread's event loop, as the p99 of the last ten seconds of the clock. Invariant: start-up does not stay in
 * the number, because each window begins anew.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../../core/clock.ts';

const windowMs = 10_000;

export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: 10 });
  #cancel = () => {};
  /** Milliseconds. */
  p99Ms = 0;

  constructor(clock: Clock) {
    this.#histogram.enable();
    this.#wait(clock);
  }

  stop(): void {
    this.#cancel();
    this.#histogram.disable();
  }

  #wait(clock: Clock): void {
    this.#cancel = clock.setTimer(windowMs, () => {
      this.p99Ms = this.#histogram.percentile(99) / 1e6;
      this.#histogram.reset();
      this.#wait(clock);
    });
  }
}
