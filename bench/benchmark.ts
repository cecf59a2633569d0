/**
 * What a benchmark is and how its figures are taken: a warm-up run, then runs until the time is used up, told as median,
 * fastest and slowest. Alternatives run in turns within one measurement, so that a busy machine slows both alike and their
 * ratio stays true.
 * Invariant: a measured figure has at least RUNS_MIN runs (unless it is only to be seen working); a goal is printed beside its figure and never fails the run.
 */

/** Below this a median says little. */
const RUNS_MIN = 5;
/** More runs change no median. */
const RUNS_MAX = 1000;
/** A benchmark takes at most 5 s in all, so that people run them. */
const BUDGET_DEFAULT_MS = 1500;

export type Figure = {
  what: string;
  unit: string;
  median: number;
  min: number;
  max: number;
  runs: number;
  /** Of each run, in order: the raw data behind the three figures. */
  values: readonly number[];
  /** The promise this figure is held against, in words. */
  goal?: { text: string; met: boolean };
};

export type BenchmarkResult = {
  name: string;
  claim: string;
  tookMs: number;
  figures: Figure[];
  /** What could not be measured here, and why. */
  skipped: string[];
  /** Why it broke, or null. */
  failure: string | null;
};

export type Benchmark = {
  name: string;
  /** The statement that the figures support or refute, and on what input. */
  claim: string;
  /** It takes minutes: not among those that run when none is named. */
  isRunByNameAlone?: true;
  run(bench: Bench): Promise<void> | void;
};

/** How elapsed time becomes the figure: work per second, or time per piece of work. */
export type Scale = { unit: string; of: (elapsedMs: number) => number };
export type Alternative = { what: string; once: () => unknown };
export type Settings = {
  budgetMs?: number /** In the scale's unit; the median must not pass it. */;
  goalAtMost?: number;
};

/** @param work in `unit`s per run, e.g. megabytes. */
export function perSecond(work: number, unit: string): Scale {
  return { unit: `${unit}/s`, of: (elapsedMs) => (work * 1000) / elapsedMs };
}

export function millisecondsPer(pieces: number, piece: string): Scale {
  return { unit: `ms/${piece}`, of: (elapsedMs) => elapsedMs / pieces };
}

export function microsecondsPer(pieces: number, piece: string): Scale {
  return { unit: `µs/${piece}`, of: (elapsedMs) => (elapsedMs * 1000) / pieces };
}

export class Bench {
  readonly figures: Figure[] = [];
  readonly skipped: string[] = [];
  readonly isQuick: boolean;

  /** @param isQuick one run each: it shows that a benchmark works, and its figures mean nothing. */
  constructor(isQuick: boolean) {
    this.isQuick = isQuick;
  }

  async measure(what: string, scale: Scale, once: () => unknown, settings: Settings = {}): Promise<void> {
    await this.sideBySide(scale, [{ what, once }], settings);
  }

  /** Runs the alternatives in turns. Each after the first also gets its ratio to the first, run by run. */
  async sideBySide(scale: Scale, alternatives: readonly Alternative[], settings: Settings = {}): Promise<void> {
    const { budgetMs = BUDGET_DEFAULT_MS, goalAtMost } = settings;
    for (const { once } of alternatives) await once();
    const values: number[][] = alternatives.map(() => []);
    const endsAtMs = performance.now() + (this.isQuick ? 0 : budgetMs);
    const runsMin = this.isQuick ? 1 : RUNS_MIN;
    for (let run = 0; run < RUNS_MAX && (run < runsMin || performance.now() < endsAtMs); run += 1) {
      for (const [index, { once }] of alternatives.entries()) {
        const startedMs = performance.now();
        await once();
        values[index]?.push(scale.of(performance.now() - startedMs));
      }
    }
    alternatives.forEach(({ what }, index) => {
      this.told(what, scale.unit, values[index] ?? [], goalAtMost === undefined ? {} : { atMost: goalAtMost });
    });
    const [first, ...others] = alternatives;
    others.forEach(({ what }, index) => {
      this.told(`${what}, against: ${first?.what}`, '×', ratiosOf(values[index + 1] ?? [], values[0] ?? []));
    });
  }

  /** Figures that were taken elsewhere, e.g. from a process that ran for a while: one value per run. */
  told(what: string, unit: string, values: readonly number[], goal?: { atMost?: number; atLeast?: number }): void {
    const figure = summarise(what, unit, values);
    const { atMost, atLeast } = goal ?? {};
    if (atMost !== undefined) figure.goal = { text: `at most ${atMost} ${unit}`, met: figure.median <= atMost };
    if (atLeast !== undefined) figure.goal = { text: `at least ${atLeast} ${unit}`, met: figure.median >= atLeast };
    this.figures.push(figure);
  }

  /** A figure that is counted once, over the whole run. */
  count(what: string, unit: string, value: number): void {
    this.figures.push(summarise(what, unit, [value]));
  }

  skip(reason: string): void {
    this.skipped.push(reason);
  }
}

/** Never rejects: one broken benchmark does not cost the figures of the others. */
export async function runBenchmark(benchmark: Benchmark, isQuick = false): Promise<BenchmarkResult> {
  const bench = new Bench(isQuick);
  const startedMs = performance.now();
  let failure: string | null = null;
  try {
    await benchmark.run(bench);
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  const tookMs = Math.round(performance.now() - startedMs);
  const { name, claim } = benchmark;
  return { name, claim, tookMs, figures: bench.figures, skipped: bench.skipped, failure };
}

/** Run by run, so that what slowed both down does not count. */
export function ratiosOf(values: readonly number[], against: readonly number[]): number[] {
  return values.map((value, run) => value / (against[run] ?? Number.NaN));
}

function summarise(what: string, unit: string, values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => significant(sorted[index] ?? Number.NaN);
  const middle = sorted.length / 2;
  const median = significant(((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2);
  return {
    what,
    unit,
    median,
    min: at(0),
    max: at(sorted.length - 1),
    runs: sorted.length,
    values: values.map(significant),
  };
}

/** Four digits: more would claim a precision that no run has. */
function significant(value: number): number {
  return Number(value.toPrecision(4));
}
