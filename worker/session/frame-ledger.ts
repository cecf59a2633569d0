/**
 * What became of every frame: the books of one camera. Invariant, at every moment:
 * captured = inferred + sum of dropped by reason + outstanding, and outstanding is 0 once the camera has stopped.
 */
export const dropReasons = [
  'sampling',
  'pace',
  'late',
  'static',
  'overload',
  'decode-failed',
  'inference-failed',
  'repeated',
  'before-assignment',
  'off-schedule',
  'no-model',
  'stopped',
] as const;
/**
 * - sampling: not wanted at the camera's fps
 * - pace: wanted at the camera's fps, but not at the lower one that overload leaves it
 * - late: wanted, but decoding was so far behind the camera that it went on at a newer keyframe
 * - static: the motion gate saw nothing change since the frame that was inferred last
 * - overload: a newer frame took its place while the detector was busy
 * - decode-failed: the decoder gave no picture for it
 * - inference-failed: the detector refused it or died
 * - repeated: it was handled before, by an earlier session or owner
 * - before-assignment: it arrived in KVS before this worker owned the camera
 * - off-schedule: it was captured outside the camera's hours
 * - no-model: the camera's model cannot be used
 * - stopped: the camera stopped before its turn
 */
export type DropReason = (typeof dropReasons)[number];

export type FrameCounts = {
  captured: number;
  inferred: number;
  dropped: Partial<Record<DropReason, number>>;
  outstanding: number;
};

export class FrameLedger {
  #captured = 0;
  #inferred = 0;
  #outstanding = 0;
  readonly #dropped: Partial<Record<DropReason, number>> = {};

  /** A frame arrived; it is outstanding until `inferred` or `dropped`. */
  captured(): void {
    this.#captured += 1;
    this.#outstanding += 1;
  }

  inferred(): void {
    this.#settle();
    this.#inferred += 1;
  }

  dropped(reason: DropReason): void {
    this.#settle();
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + 1;
  }

  counts(): FrameCounts {
    return {
      captured: this.#captured,
      inferred: this.#inferred,
      dropped: { ...this.#dropped },
      outstanding: this.#outstanding,
    };
  }

  #settle(): void {
    if (this.#outstanding === 0) throw new RangeError('a frame was settled that is not outstanding');
    this.#outstanding -= 1;
  }
}
