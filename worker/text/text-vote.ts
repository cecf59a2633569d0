/**
 * Many readings of one track's text become one value. Each reading gives several texts with their probabilities; those of
 * all readings multiply, larger letters counting more, so that a J that one frame took for an I is kept in the running by
 * all frames. Pure.
 * Invariant: the same readings in the same order give the same result; a settled value was itself read, never composed.
 */
import type { Alternative } from './ctc-beam.ts';

export type VoteReading = {
  /** Most probable first. */
  alternatives: readonly Alternative[];
  /** Of the line, in pixels: larger letters are surer. */
  widthPx: number;
  /** Of the same view as the reading before: it repeats that one's errors. */
  isRepeat: boolean;
};
export type VotedText = {
  value: string;
  /** 0..1: how probable the value is, given all readings. */
  score: number;
};

/** Width of a letter with its gap: from the first on readings say something, from the second on they are as good as any
 * (measured on drawn plates: half are exact at 40 px, 95 % at 50 px, 97 % from 60 px on). */
const PITCH_PX = { least: 3, full: 7 };
const WEIGHT_MIN = 0.05;
const REPEAT_WEIGHT = 0.15;
/** That a letter is taken for another one or for none, where the reading itself did not hold it possible. */
const MISREAD = 0.01;
/** A first or last letter is lost more easily: what hides a plate hides its end. */
const END_LOST = 0.08;
/** Of a reading of anything: it was of another object, or of no text. */
const UNRELATED = 0.01;
/** What a text that nobody read would have had to expect of each reading; the value must be more probable than it, too. */
const UNREAD = 0.02;
const CANDIDATES_MAX = 8;
const SCORE_MIN = { open: 0.9, over: 0.75 };
/** Weight times squared probability of the readings that hold the value possible: one clear, large reading has 0.95. */
const SUPPORT_MIN = { open: 1, over: 0.6 };

type Weighed = { alternatives: readonly Alternative[]; weight: number };

export class TextVote {
  readonly #readings: Weighed[] = [];

  add({ alternatives, widthPx, isRepeat }: VoteReading): void {
    const [first] = alternatives;
    if (first === undefined) return;
    const pitchPx = widthPx / Math.max(1, [...first.value].length);
    const sized = (pitchPx - PITCH_PX.least) / (PITCH_PX.full - PITCH_PX.least);
    const weight = Math.min(1, Math.max(WEIGHT_MIN, sized)) * (isRepeat ? REPEAT_WEIGHT : 1);
    this.#readings.push({ alternatives, weight });
  }

  /** @param isOver no more readings will come. @returns null while no text is probable enough. */
  settled(isOver: boolean): VotedText | null {
    const when = isOver ? 'over' : 'open';
    const scored = this.#candidates().map((value) => ({ value, log: this.#logOf(value) }));
    const [best] = scored.sort((a, b) => b.log - a.log);
    if (best === undefined || this.#support(best.value) < SUPPORT_MIN[when]) return null;
    const unread = this.#readings.reduce((sum, { weight }) => sum + weight * Math.log(UNREAD), 0);
    const total = scored.reduce((sum, { log }) => sum + Math.exp(log - best.log), Math.exp(unread - best.log));
    const score = 1 / total;
    return score < SCORE_MIN[when] ? null : { value: best.value, score: Math.round(score * 1e4) / 1e4 };
  }

  /** Of what was read, that which has most behind it. */
  #candidates(): string[] {
    const behind = new Map<string, number>();
    for (const { alternatives, weight } of this.#readings) {
      for (const { value, probability } of alternatives) {
        behind.set(value, (behind.get(value) ?? 0) + weight * probability);
      }
    }
    const sorted = [...behind].sort((a, b) => b[1] - a[1]);
    return sorted.slice(0, CANDIDATES_MAX).map(([value]) => value);
  }

  /** Logarithm of how probable all readings are if the object says `value`. */
  #logOf(value: string): number {
    let log = 0;
    for (const { alternatives, weight } of this.#readings) {
      let probability = UNRELATED;
      for (const one of alternatives) probability += one.probability * misreading(one.value, value);
      log += weight * Math.log(probability);
    }
    return log;
  }

  #support(value: string): number {
    let support = 0;
    for (const { alternatives, weight } of this.#readings) {
      const probability = alternatives.find((one) => one.value === value)?.probability ?? 0;
      support += weight * probability ** 2;
    }
    return support;
  }
}

/** @returns how probable it is, 0..1, that `said` is read as `read`: the cheapest way of losing, adding, changing letters. */
function misreading(read: string, said: string): number {
  if (read === said) return 1;
  const [from, to] = [[...said], [...read]];
  let before = [1, ...to.map((_, place) => MISREAD ** (place + 1))];
  for (const letter of from) {
    // Nothing was read yet: a first letter is lost.
    const now = [(before[0] as number) * END_LOST];
    for (const [place, other] of to.entries()) {
      const kept = (before[place] as number) * (letter === other ? 1 : MISREAD);
      const lost = (before[place + 1] as number) * (place === to.length - 1 ? END_LOST : MISREAD);
      const added = (now[place] as number) * MISREAD;
      now.push(Math.max(kept, lost, added));
    }
    before = now;
  }
  return before.at(-1) as number;
}
