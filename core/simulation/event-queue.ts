/**
 * What is to happen in virtual time, soonest first; at the same instant in the order in which it was scheduled.
 * Invariant: the order depends on nothing but the calls that were made, so that a run replays exactly.
 */
type Entry = { atMs: number; order: number; happen: () => void };

/** A binary heap: a simulated week of a large fleet schedules hundreds of thousands of events. */
export class EventQueue {
  readonly #heap: Entry[] = [];
  #scheduled = 0;

  at(atMs: number, happen: () => void): void {
    const entry = { atMs, order: this.#scheduled, happen };
    this.#scheduled += 1;
    this.#heap.push(entry);
    let index = this.#heap.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#isBefore(index, parent)) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  /** When the next event is due; infinity when there is none. */
  get nextAtMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** @returns the next event, taken out; undefined when there is none. */
  take(): Entry | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined || this.#heap.length === 0) return first;
    this.#heap[0] = last;
    for (let index = 0; ; ) {
      const left = 2 * index + 1;
      const smaller = left + 1 < this.#heap.length && this.#isBefore(left + 1, left) ? left + 1 : left;
      if (left >= this.#heap.length || !this.#isBefore(smaller, index)) return first;
      this.#swap(index, smaller);
      index = smaller;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a] as Entry, this.#heap[b] as Entry];
    return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
  }

  #swap(a: number, b: number): void {
    const entry = this.#heap[a] as Entry;
    this.#heap[a] = this.#heap[b] as Entry;
    this.#heap[b] = entry;
  }
}
