/**
 * Which of a stream's tracks is watched: the first with video that can be decoded. KVS allows three tracks, and a decoder
 * that went from one to another with every frame would give no pictures at all.
 * Invariant: at most one track of a document is watched; each document (fragment) declares its tracks anew.
 */
import type { Track } from '../demux/segment-content.ts';

export class WatchedTrack {
  #track: Track | null = null;

  /**
   * @param isFirst of its document: what was declared before is gone.
   * @returns what to say when there is more video than can be watched; null when there is nothing to say.
   */
  declared(track: Track, isFirst: boolean): string | null {
    if (isFirst) this.#track = null;
    if (track.kind !== 'video') return null;
    const former = this.#track;
    if (former === null || (former.codec === 'other' && track.codec !== 'other')) this.#track = track;
    if (former === null) return null;
    return `expected one video track, found ${former.number} and ${track.number}; ${this.#track?.number} is watched`;
  }

  get isChosen(): boolean {
    return this.#track !== null;
  }

  /** Also chooses, when nothing was declared. */
  covers(track: Track): boolean {
    if (track.kind !== 'video') return false;
    this.#track ??= track;
    return this.#track.number === track.number;
  }
}
