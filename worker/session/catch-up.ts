/**
 * When a camera whose frames are read late by a busy decode thread leaves frames out undecoded until it is at the newest
 * again. Reading costs next to nothing, decoding nearly all, so this takes milliseconds, and no new connection.
 * Invariant: frames are taken up again at a keyframe, and at the latest at the first one that came no sooner for it: then
 * the delay is not of our making, whatever it looks like, and nobody goes blind over it.
 */

/** With what the detector and publishing take, results are then well within 2 s of the capture. */
export const lateMaxMs = 1_000;
/** Up to here a frame is in time; also where frames are taken up again. */
export const inTimeMs = 500;
/** Below this, lateness is not for want of the thread's time. */
const busyMin = 0.5;
/** A jump that gained less has found no newer frames to jump to. */
const gainMinMs = 100;

/** `late`: worth decoding still. `left-behind`: not decoded. `as-ever`: decoded, and this delay is the camera's own. */
export type Lateness = 'in-time' | 'late' | 'left-behind' | 'as-ever';

export class CatchUp {
  /** Lateness at the last keyframe, or where frames began to be left out; null while they are taken. */
  #sinceMs: number | null = null;

  sessionStarted(): void {
    this.#sinceMs = null;
  }

  /**
   * Call for each frame in the order of arrival.
   * @param lateMs as of LiveEdge. @param busyShare of the decode thread, 0..1, over the last second.
   */
  frame(lateMs: number, keyframe: boolean, busyShare: number): Lateness {
    if (this.#sinceMs === null) {
      if (lateMs <= inTimeMs || busyShare < busyMin) return 'in-time';
      if (lateMs <= lateMaxMs) return 'late';
      this.#sinceMs = lateMs;
      return 'left-behind';
    }
    if (!keyframe) return 'left-behind';
    const sinceMs = this.#sinceMs;
    this.#sinceMs = null;
    if (lateMs <= inTimeMs) return 'in-time';
    if (lateMs > sinceMs - gainMinMs) return 'as-ever';
    this.#sinceMs = lateMs;
    return 'left-behind';
  }
}
