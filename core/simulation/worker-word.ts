/**
 * What a modelled worker's heartbeats say, as an object that is another one when they may say something else. Whoever decides
 * again and again need not look into what stands under the same object (core/control/settled.ts).
 * Invariant: too many objects cost time; one that stays when the words have changed would be a wrong simulation.
 */
export class WorkerWord {
  #word = {};
  #untilMs = Number.NEGATIVE_INFINITY;

  mayChange(): void {
    this.#untilMs = Number.NEGATIVE_INFINITY;
  }

  /** @param holdsUntilMs until when the clock alone changes nothing of it, asked for a new one. */
  at(nowMs: number, holdsUntilMs: () => number): object {
    if (nowMs < this.#untilMs) return this.#word;
    this.#word = {};
    this.#untilMs = holdsUntilMs();
    return this.#word;
  }
}
