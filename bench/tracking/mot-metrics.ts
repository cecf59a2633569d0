/**
 * How well tracks keep to the objects that were drawn: CLEAR MOT (Bernardin and Stiefelhagen 2008) and IDF1 (Ristani et al.
 * 2016), over any number of sequences. A box is right when it overlaps the true one by half.
 * Invariant: objects that do not count (too small, too hidden) are neither missed nor wrong, as in MOTChallenge.
 */
import { boxIou } from '../../worker/detect/nms.ts';
import { assignAtLeastCost } from '../../worker/track/assignment.ts';

export type TrueObject = { objectId: string; box: readonly number[]; counts: boolean };
export type FollowedObject = { trackId: string; box: readonly number[] };
export type MotResult = {
  mota: number;
  idf1: number;
  truths: number;
  misses: number;
  falsePositives: number;
  /** The object that a track follows is another than before. */
  identitySwitches: number;
  /** Times that an object is lost and found again. */
  fragmentations: number;
  tracks: number;
  objects: number;
};

const IOU_MIN = 0.5;
/** Keeps what was matched before, unless it is no longer right: CLEAR MOT's first step. */
const CONTINUED_BONUS = 1;

export class MotEvaluation {
  #truths = 0;
  #misses = 0;
  #falsePositives = 0;
  #switches = 0;
  #fragmentations = 0;
  #found = 0;
  /** Frames in which a track and an object lie on each other. */
  readonly #together = new Map<string, Map<string, number>>();
  readonly #objects = new Set<string>();
  readonly #tracks = new Set<string>();
  #lastTrackOf = new Map<string, string>();
  #isLost = new Map<string, boolean>();
  #sequence = 0;

  /** The next frame belongs to another scene: nothing goes on. */
  newSequence(): void {
    this.#sequence += 1;
    this.#lastTrackOf = new Map();
    this.#isLost = new Map();
  }

  frame(truth: readonly TrueObject[], followed: readonly FollowedObject[]): void {
    const overlaps = truth.map((object) => followed.map((track) => boxIou(object.box, track.box)));
    const costs = truth.map((object, row) =>
      followed.map((track, column) => {
        const overlap = overlaps[row]?.[column] ?? 0;
        if (overlap < IOU_MIN) return Number.POSITIVE_INFINITY;
        return 1 - overlap + (this.#lastTrackOf.get(object.objectId) === track.trackId ? 0 : CONTINUED_BONUS);
      }),
    );
    const columnOf = assignAtLeastCost(costs, 10);
    const taken = new Set(columnOf);
    for (const [row, object] of truth.entries()) {
      const column = columnOf[row] ?? null;
      const track = column === null ? undefined : followed[column];
      if (!object.counts) continue;
      this.#truths += 1;
      this.#objects.add(`${this.#sequence}/${object.objectId}`);
      if (track === undefined) {
        this.#misses += 1;
        if (this.#lastTrackOf.has(object.objectId)) this.#isLost.set(object.objectId, true);
        continue;
      }
      this.#see(object.objectId, track.trackId);
    }
    for (const [column, track] of followed.entries()) {
      const row = columnOf.indexOf(column);
      if (row >= 0 && truth[row]?.counts === false) continue;
      this.#found += 1;
      this.#tracks.add(`${this.#sequence}/${track.trackId}`);
      if (!taken.has(column)) this.#falsePositives += 1;
    }
  }

  result(): MotResult {
    const truths = this.#truths;
    const wrong = this.#misses + this.#falsePositives + this.#switches;
    const objects = [...this.#together.keys()];
    const tracks = [...new Set([...this.#together.values()].flatMap((row) => [...row.keys()]))];
    const best = Math.max(1, ...[...this.#together.values()].flatMap((row) => [...row.values()]));
    const costs = objects.map((object) =>
      tracks.map((track) => {
        const frames = this.#together.get(object)?.get(track);
        return frames === undefined ? Number.POSITIVE_INFINITY : best - frames;
      }),
    );
    const shared = assignAtLeastCost(costs, best).reduce<number>((sum, column, row) => {
      const track = column === null ? undefined : tracks[column];
      return sum + (track === undefined ? 0 : (this.#together.get(objects[row] ?? '')?.get(track) ?? 0));
    }, 0);
    return {
      mota: truths === 0 ? Number.NaN : 1 - wrong / truths,
      idf1: (2 * shared) / Math.max(1, truths + this.#found),
      truths,
      misses: this.#misses,
      falsePositives: this.#falsePositives,
      identitySwitches: this.#switches,
      fragmentations: this.#fragmentations,
      tracks: this.#tracks.size,
      objects: this.#objects.size,
    };
  }

  #see(objectId: string, trackId: string): void {
    const before = this.#lastTrackOf.get(objectId);
    if (before !== undefined && before !== trackId) this.#switches += 1;
    if (this.#isLost.get(objectId) === true) this.#fragmentations += 1;
    this.#isLost.set(objectId, false);
    this.#lastTrackOf.set(objectId, trackId);
    const object = `${this.#sequence}/${objectId}`;
    const track = `${this.#sequence}/${trackId}`;
    const row = this.#together.get(object) ?? new Map<string, number>();
    row.set(track, (row.get(track) ?? 0) + 1);
    this.#together.set(object, row);
  }
}
