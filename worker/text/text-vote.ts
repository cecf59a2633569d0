/**
 * Many readings of one track's text become one value: each reading votes, character by character, with its certainty.
 * One wrong letter in a blurred frame is outvoted by the frames in which it was right. Pure.
 * Invariant: the same readings in the same order give the same result; the value has the length that most weight is on.
 */

export type VoteReading = {
  value: string;
  /** Per character of `value`, 0..1. */
  scores: readonly number[];
  /** Of the line, in pixels: larger letters are surer. */
  heightPx: number;
};
export type VotedText = {
  value: string;
  /** 0..1: mean over the characters of their share of the votes, times the certainty of those that voted for them. */
  score: number;
};

/** From this height on letters are as sure as they get. */
const FULL_WEIGHT_HEIGHT_PX = 24;
/** Readings that give exactly the voted value before it counts as settled while the track lasts. */
const AGREEING_MIN = 2;
/** Share of the weight that the voted value's length, and each of its characters, must have. */
const SHARE_MIN = 0.6;
const SETTLED_SCORE_MIN = 0.7;
/** A track that ends with a single reading settles on it when it is this sure. */
const LONE_SCORE_MIN = 0.9;

type CharacterVotes = Map<string, { weight: number; certainty: number }>;
type LengthVotes = { weight: number; places: CharacterVotes[] };

export class TextVote {
  readonly #byLength = new Map<number, LengthVotes>();
  readonly #exact = new Map<string, number>();
  #weight = 0;
  readings = 0;

  add({ value, scores, heightPx }: VoteReading): void {
    const characters = [...value];
    const sizeWeight = Math.min(1, heightPx / FULL_WEIGHT_HEIGHT_PX);
    const weight = (scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length)) * sizeWeight;
    const votes: LengthVotes = this.#byLength.get(characters.length) ?? {
      weight: 0,
      places: characters.map(() => new Map()),
    };
    this.#byLength.set(characters.length, votes);
    this.readings += 1;
    this.#weight += weight;
    votes.weight += weight;
    this.#exact.set(value, (this.#exact.get(value) ?? 0) + 1);
    for (const [place, character] of characters.entries()) {
      const score = scores[place] ?? 0;
      const counted = votes.places[place] as CharacterVotes;
      const before = counted.get(character) ?? { weight: 0, certainty: 0 };
      counted.set(character, {
        weight: before.weight + score * sizeWeight,
        certainty: Math.max(before.certainty, score),
      });
    }
  }

  /** @param isOver no more readings will come. @returns null while the votes do not agree well enough. */
  settled(isOver: boolean): VotedText | null {
    const voted = this.#leader();
    if (voted === null) return null;
    const { value, score, shareMin } = voted;
    const agreeing = this.#exact.get(value) ?? 0;
    if (shareMin < SHARE_MIN) return null;
    const isSettled = agreeing >= AGREEING_MIN && score >= SETTLED_SCORE_MIN;
    const isSureAtTheEnd = isOver && agreeing >= 1 && score >= LONE_SCORE_MIN;
    return isSettled || isSureAtTheEnd ? { value, score } : null;
  }

  #leader(): (VotedText & { shareMin: number }) | null {
    let leader: LengthVotes | null = null;
    for (const votes of this.#byLength.values()) if (leader === null || votes.weight > leader.weight) leader = votes;
    if (leader === null || leader.weight <= 0) return null;
    let value = '';
    let shareMin = leader.weight / this.#weight;
    let sum = 0;
    for (const place of leader.places) {
      let total = 0;
      let best: [string, { weight: number; certainty: number }] | null = null;
      for (const entry of place) {
        total += entry[1].weight;
        if (best === null || entry[1].weight > best[1].weight) best = entry;
      }
      if (best === null || total <= 0) return null;
      const share = best[1].weight / total;
      shareMin = Math.min(shareMin, share);
      value += best[0];
      sum += share * best[1].certainty;
    }
    const score = sum / leader.places.length;
    return { value, score: Math.round(Math.min(1, score) * 1e4) / 1e4, shareMin };
  }
}
