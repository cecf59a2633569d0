/**
 * A week in equal buckets: mean numbers of cameras by class and of instances, for pictures.
 * Invariant: the sum over the buckets times their length is what the account has, to the rounding of a float.
 */
import type { Interval } from '../calendar.ts';

/** Finer than a person sees in a week's picture. */
const bucketsMax = 672;
const bucketMinMs = 900_000;

/** What a timeline holds; crosses threads as it is. `values` are means over each bucket. */
export type TimelineValues<Name extends string> = { fromMs: number; bucketMs: number; values: Record<Name, number[]> };

export class Timeline<Name extends string> {
  readonly fromMs: number;
  readonly bucketMs: number;
  /** Means over each bucket. */
  readonly values: Record<Name, number[]>;
  readonly #toMs: number;

  constructor(names: readonly Name[], { startMs, endMs }: Interval) {
    const quarters = Math.ceil((endMs - startMs) / bucketsMax / bucketMinMs);
    this.fromMs = startMs;
    this.#toMs = endMs;
    this.bucketMs = Math.max(1, quarters) * bucketMinMs;
    const count = Math.max(1, Math.ceil((endMs - startMs) / this.bucketMs));
    const empty = names.map((name) => [name, Array.from({ length: count }, () => 0)]);
    this.values = Object.fromEntries(empty) as Record<Name, number[]>;
  }

  /** `amount` of `name` holds in `[startMs, endMs)`. */
  add(name: Name, amount: number, { startMs, endMs }: Interval): void {
    const values = this.values[name];
    const untilMs = Math.min(endMs, this.#toMs);
    for (let atMs = Math.max(startMs, this.fromMs); amount !== 0 && atMs < untilMs; ) {
      const index = Math.floor((atMs - this.fromMs) / this.bucketMs);
      const bucketStartMs = this.fromMs + index * this.bucketMs;
      const bucketEndMs = Math.min(bucketStartMs + this.bucketMs, this.#toMs);
      const partMs = Math.min(bucketEndMs, untilMs) - atMs;
      values[index] = (values[index] ?? 0) + (amount * partMs) / (bucketEndMs - bucketStartMs);
      atMs += partMs;
    }
  }
}

/** Sums timelines of one span, name by name. */
export function sumOfTimelines<Name extends string>(
  timelines: readonly TimelineValues<Name>[],
): TimelineValues<Name> | null {
  const [first] = timelines;
  if (first === undefined) return null;
  const names = Object.keys(first.values) as Name[];
  const values = names.map((name) => [
    name,
    first.values[name].map((_, index) => timelines.reduce((sum, one) => sum + (one.values[name][index] ?? 0), 0)),
  ]);
  return {
    fromMs: first.fromMs,
    bucketMs: first.bucketMs,
    values: Object.fromEntries(values) as Record<Name, number[]>,
  };
}
