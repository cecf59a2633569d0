/**
 * Frames of many cameras into batches of one detector: when a batch goes, how large it is, and whose frames are in it.
 * Knows no thread, timer or clock: `nowMs` is an argument, and `wakeAtMs` says when to ask again.
 * - When: at once while the detector has nothing; a second batch is made ready behind the running one when it is full, or
 *   at the last moment before the detector would run dry. Waiting longer would only idle it.
 * - How large: one of the sizes that were warmed up, the one with the most frames per millisecond as measured. Five frames
 *   may go as four and one: padding to eight costs as much as eight.
 * - Whose: start-time fair queuing (Goyal, Vin, Cheng 1996) with the cameras' weights.
 * Invariant: one frame per camera waits, a newer one replaces it; every frame comes out once, in a batch or displaced; of
 * two cameras of one weight none is served twice while the other waits.
 */

export type BatchOption = {
  /** Frames of one run. */
  size: number;
  /** Measured time of one run. */
  runMs: number;
};

/** One batch running and one ready behind it: the detector never waits for the thread that fills it. */
const IN_FLIGHT_MAX = 2;
/** A ready batch is handed over this long before the detector runs dry: what an event loop may be late by. */
const LEAD_MS = 5;

type Waiting<Frame> = { camera: string; frame: Frame; startTag: number; weight: number; order: number };

export class Batcher<Frame> {
  readonly #options: readonly BatchOption[];
  readonly #sizeMax: number;
  readonly #waiting = new Map<string, Waiting<Frame>>();
  /** When a camera that was served may be served again, in virtual time; only those that are ahead of it. */
  readonly #finishTags = new Map<string, number>();
  #virtualTime = 0;
  #arrivals = 0;
  /** Expected times of the batches that were handed over and not finished, the running one first. */
  readonly #inFlightMs: number[] = [];
  #runningSinceMs = 0;

  /** @param options at least one; any order. */
  constructor(options: readonly BatchOption[]) {
    this.#options = [...options].sort((a, b) => a.size - b.size);
    const largest = this.#options.at(-1);
    if (largest === undefined) throw new RangeError('a batcher needs at least one batch size');
    this.#sizeMax = largest.size;
  }

  /** Frames that wait, those handed over not included: at most one per camera. */
  get waiting(): number {
    return this.#waiting.size;
  }

  get inFlight(): number {
    return this.#inFlightMs.length;
  }

  /**
   * @param weight above 0; a camera of weight 2 is served twice as often as one of weight 1 while both wait.
   * @returns the camera's frame that gave way to this one, or null.
   */
  offer(camera: string, weight: number, frame: Frame): Frame | null {
    const before = this.#waiting.get(camera);
    if (before !== undefined) {
      const displaced = before.frame;
      before.frame = frame;
      return displaced;
    }
    const startTag = Math.max(this.#virtualTime, this.#finishTags.get(camera) ?? 0);
    this.#waiting.set(camera, { camera, frame, startTag, weight, order: this.#arrivals++ });
    return null;
  }

  /** @returns the batch to hand over now, or null. Ask again until null, then at `wakeAtMs` or when anything changes. */
  signal(nowMs: number): Frame[] | null {
    if (this.#waiting.size === 0 || this.inFlight >= IN_FLIGHT_MAX) return null;
    if (this.inFlight > 0 && this.#waiting.size < this.#sizeMax && nowMs < this.#dueAtMs()) return null;
    const { count, runMs } = this.#bestBatch();
    const batch = [...this.#waiting.values()]
      .sort((a, b) => a.startTag - b.startTag || a.order - b.order)
      .slice(0, count);
    for (const { camera, startTag, weight } of batch) {
      this.#waiting.delete(camera);
      this.#virtualTime = Math.max(this.#virtualTime, startTag);
      this.#finishTags.set(camera, startTag + 1 / weight);
    }
    // Who is not ahead of the virtual time begins there like a new camera: nothing to remember.
    for (const [camera, finishTag] of this.#finishTags) {
      if (finishTag <= this.#virtualTime) this.#finishTags.delete(camera);
    }
    if (this.inFlight === 0) this.#runningSinceMs = nowMs;
    this.#inFlightMs.push(runMs);
    return batch.map(({ frame }) => frame);
  }

  /** When `signal` may have another answer though nothing changed; null: never. */
  get wakeAtMs(): number | null {
    const waits = this.#waiting.size > 0 && this.inFlight > 0 && this.inFlight < IN_FLIGHT_MAX;
    return waits ? this.#dueAtMs() : null;
  }

  /** The oldest batch that was handed over has come back. */
  finished(nowMs: number): void {
    this.#inFlightMs.shift();
    this.#runningSinceMs = nowMs;
    if (this.inFlight > 0 || this.#waiting.size > 0) return;
    this.#finishTags.clear();
    this.#virtualTime = 0;
  }

  #dueAtMs(): number {
    return this.#runningSinceMs + (this.#inFlightMs[0] ?? 0) - LEAD_MS;
  }

  #bestBatch(): { count: number; runMs: number } {
    let best = { count: 0, runMs: 1 };
    for (const { size, runMs } of this.#options) {
      const count = Math.min(size, this.#waiting.size);
      // Equal rates go to the larger batch: fewer runs, less overhead around them.
      if (count * best.runMs >= best.count * Math.max(runMs, Number.EPSILON)) best = { count, runMs };
      if (size >= this.#waiting.size) break;
    }
    return best;
  }
}
