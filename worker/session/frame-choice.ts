/**
 * Which frames of a camera go to the detector, decided before anything is decoded: first those that its own `fps` wants,
 * then, of these, those that overload leaves it. What is left out counts as `sampling` or as `pace`.
 * Invariant: the rate never exceeds the lower of the two; when keyframes alone come often enough for that rate, nothing
 * else is chosen, and nothing else need be decoded.
 */
import { FrameSampler, KeyframePace } from './sampler.ts';

export type FrameVerdict = 'infer' | 'sampling' | 'pace';

export class FrameChoice {
  readonly #fps: number;
  readonly #wanted: FrameSampler;
  readonly #paced: FrameSampler;
  readonly #keyframes = new KeyframePace();
  #grantedFps: number;

  /** @param fps frames per second of producer time that the camera asks for. */
  constructor(fps: number) {
    this.#fps = fps;
    this.#grantedFps = fps;
    this.#wanted = new FrameSampler(fps);
    this.#paced = new FrameSampler(fps);
  }

  /** @param fps what overload leaves this camera; at or above its own rate there is no limit. */
  useGranted(fps: number): void {
    this.#grantedFps = Math.min(fps, this.#fps);
    this.#paced.useFps(this.#grantedFps);
  }

  keyframeSeen(timestampMs: number): void {
    this.#keyframes.keyframeSeen(timestampMs);
  }

  /** Nothing but keyframes is chosen at present. */
  get keyframesOnly(): boolean {
    return this.#keyframes.keyframesSuffice(this.#grantedFps);
  }

  /** Call once for each frame that may be inferred, in the order of arrival. */
  of(timestampMs: number, keyframe: boolean): FrameVerdict {
    const isPaced = this.#grantedFps < this.#fps;
    if (this.#keyframes.keyframesSuffice(this.#fps)) {
      if (!keyframe || !this.#wanted.take(timestampMs)) return 'sampling';
      return !isPaced || this.#paced.take(timestampMs) ? 'infer' : 'pace';
    }
    const isWanted = this.#wanted.take(timestampMs);
    // Granted so little that keyframes suffice: they are taken whether or not they fall on the camera's own beat.
    const isCandidate = isPaced && this.keyframesOnly ? keyframe : isWanted;
    if (isCandidate && (!isPaced || this.#paced.take(timestampMs))) return 'infer';
    return isWanted ? 'pace' : 'sampling';
  }
}
