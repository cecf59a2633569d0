/**
 * What a line may say, most probable first: connectionist temporal classification by prefix beam search. The best class of
 * each step alone would hide that an I was nearly a J: the other readings of a track can only outvote what is kept here.
 * Pure. Invariant: the alternatives differ, and their probabilities add up to 1 at most.
 * Source: A. Graves and N. Jaitly, "Towards end-to-end speech recognition with recurrent neural networks", 2014, section 4.
 */

export type Alternative = {
  value: string;
  /** 0..1, of this text and no other within the charset. */
  probability: number;
};

/** Prefixes that are kept after each step, and with it the alternatives at the end. */
const BEAMS = 8;
/** Of a step: classes below it start no prefix. A clear line keeps one or two. */
const CLASS_PROBABILITY_MIN = 0.002;
const ALTERNATIVE_PROBABILITY_MIN = 0.003;

type Beam = {
  /** Classes of the characters so far. */
  classes: readonly number[];
  /** That the steps so far say this and end in a blank, or in the last character. */
  blank: number;
  character: number;
};

/**
 * @param probabilities `classes` values a step; class 0 is the blank. What is neither blank nor in the charset is left
 * out, and each step's rest counts as 1.
 */
export function alternativesOf(
  probabilities: Float32Array,
  classes: number,
  charset: readonly number[],
  alphabet: readonly string[],
): Alternative[] {
  let beams: Beam[] = [{ classes: [], blank: 1, character: 0 }];
  for (let at = 0; at < probabilities.length; at += classes) {
    let total = probabilities[at] as number;
    for (const one of charset) total += probabilities[at + one] as number;
    // A step that says nothing within the charset is a blank.
    const share = (one: number) => (total > 0 ? (probabilities[at + one] as number) / total : one === 0 ? 1 : 0);
    const likely = charset.filter((one) => share(one) >= CLASS_PROBABILITY_MIN);
    beams = step(beams, share, likely);
  }
  return beams
    .map((beam) => ({
      value: beam.classes.map((one) => alphabet[one]).join(''),
      probability: Math.min(1, probabilityOf(beam)),
    }))
    .filter(({ probability }) => probability >= ALTERNATIVE_PROBABILITY_MIN);
}

function step(beams: readonly Beam[], share: (one: number) => number, likely: readonly number[]): Beam[] {
  const next = new Map<string, Beam>();
  const prefix = (classes: readonly number[]): Beam => {
    const key = classes.join();
    const known = next.get(key) ?? { classes, blank: 0, character: 0 };
    next.set(key, known);
    return known;
  };
  for (const beam of beams) {
    const last = beam.classes.at(-1);
    const same = prefix(beam.classes);
    same.blank += probabilityOf(beam) * share(0);
    if (last !== undefined) same.character += beam.character * share(last);
    for (const one of likely) {
      // The same character again needs a blank in between.
      const before = one === last ? beam.blank : probabilityOf(beam);
      if (before > 0) prefix([...beam.classes, one]).character += before * share(one);
    }
  }
  return [...next.values()].sort((a, b) => probabilityOf(b) - probabilityOf(a)).slice(0, BEAMS);
}

function probabilityOf({ blank, character }: Beam): number {
  return blank + character;
}
