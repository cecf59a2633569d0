/**
 * Events per second over the last ten seconds, in one-second buckets: constant memory, no timers.
 * Invariant: before ten seconds have passed the rate is over the time that has passed, at least one second.
 */
const buckets = 10;

export class RateMeter {
  readonly #startedMs: number;
  readonly #counts = new Array<number>(buckets).fill(0);
  #newestSecond: number;

  constructor(nowMs: number) {
    this.#startedMs = nowMs;
    this.#newestSecond = Math.floor(nowMs / 1_000);
  }

  count(nowMs: number): void {
    this.#advance(nowMs);
    const index = this.#newestSecond % buckets;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  perSecond(nowMs: number): number {
    this.#advance(nowMs);
    const total = this.#counts.reduce((sum, count) => sum + count, 0);
    // The newest second has only begun.
    const windowMs = (buckets - 1) * 1_000 + (nowMs % 1_000);
    const seconds = Math.max(1, Math.min(windowMs, nowMs - this.#startedMs) / 1_000);
    return Math.round((total / seconds) * 100) / 100;
  }

  #advance(nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    const steps = Math.min(buckets, second - this.#newestSecond);
    for (let step = 1; step <= steps; step += 1) this.#counts[(second - steps + step) % buckets] = 0;
    if (second > this.#newestSecond) this.#newestSecond = second;
  }
}
