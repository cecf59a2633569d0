/**
 * Which frames of a camera go to the detector, decided before anything is decoded: first those that its own `fps` wants,
 * then, of these, those that overload leaves it. What is left out counts as `sampling`, `pace` or `late`.
 * - A short detector leaves a lower rate, spread evenly.
 * - A short decode thread leaves a share of the decoding. Most cameras refer from each frame to the one before, so a lower
 *   rate saves nothing until keyframes suffice; the beginning of each group of pictures alone does, in proportion.
 * Invariant: the rate never exceeds what is left; what comes after the last frame that a group may give is withheld until
 * the next keyframe, and need not be decoded.
 */
import { FrameSampler, KeyframePace } from './sampler.ts';

export type FrameVerdict = 'infer' | 'sampling' | 'pace' | 'late';

/** Ten times a tenth of a frame is one. */
const wholeFrame = 1 - 1e-9;

export class FrameChoice {
  readonly #fps: number;
  readonly #wanted: FrameSampler;
  readonly #paced: FrameSampler;
  readonly #keyframes = new KeyframePace();
  #grantedFps: number;
  #decodeShare = 1;
  /** Frames that this group of pictures may still give, and those that it has earned for the next. */
  #spendable = Number.POSITIVE_INFINITY;
  #earned = 0;
  #withheld: 'pace' | 'late' | null = null;

  /** @param fps frames per second of producer time that the camera asks for. */
  constructor(fps: number) {
    this.#fps = fps;
    this.#grantedFps = fps;
    this.#wanted = new FrameSampler(fps);
    this.#paced = new FrameSampler(fps);
  }

  /** @param fps what the detector leaves this camera; at or above its own rate there is no limit. */
  useGranted(fps: number): void {
    this.#grantedFps = Math.min(fps, this.#fps);
    this.#paced.useFps(this.#grantedFps);
  }

  /** @param share above 0, at most 1: part of its frames that the decode thread has time for. */
  useDecodeShare(share: number): void {
    if (share >= 1) this.#spendable = Number.POSITIVE_INFINITY;
    // What is under way ends here; the next group gives at least its keyframe.
    else if (this.#decodeShare >= 1) [this.#spendable, this.#earned] = [0, 1];
    this.#decodeShare = share;
  }

  keyframeSeen(timestampMs: number): void {
    this.#keyframes.keyframeSeen(timestampMs);
  }

  /** Nothing but keyframes is chosen at present. */
  get keyframesOnly(): boolean {
    return this.#keyframes.keyframesSuffice(this.#grantedFps);
  }

  /** Nothing more is chosen before the next keyframe. */
  get isWithheld(): boolean {
    return this.#withheld !== null;
  }

  /** Call once for each frame that may be inferred, in the order of arrival. @param isLeftBehind as CatchUp has it. */
  of(timestampMs: number, keyframe: boolean, isLeftBehind = false): FrameVerdict {
    if (keyframe) this.#beginGroup();
    if (isLeftBehind) this.#withheld ??= 'late';
    const isPaced = this.#grantedFps < this.#fps;
    const isKeyframeCamera = this.#keyframes.keyframesSuffice(this.#fps);
    const isWanted = (keyframe || !isKeyframeCamera) && this.#wanted.take(timestampMs);
    // Granted so little that keyframes suffice: they are taken whether or not they fall on the camera's own beat.
    const isCandidate = isPaced && !isKeyframeCamera && this.keyframesOnly ? keyframe : isWanted;
    if (isCandidate && this.#spend() && (!isPaced || this.#paced.take(timestampMs))) return 'infer';
    return isWanted ? (this.#withheld ?? 'pace') : 'sampling';
  }

  #beginGroup(): void {
    this.#withheld = null;
    if (this.#decodeShare >= 1) return;
    this.#spendable = Math.min(1, this.#spendable) + this.#earned;
    this.#earned = 0;
  }

  /** @returns true when the decode thread has time for this frame. */
  #spend(): boolean {
    if (this.#decodeShare < 1) this.#earned += this.#decodeShare;
    const isAffordable = this.#withheld === null && this.#spendable >= wholeFrame;
    if (isAffordable) this.#spendable -= 1;
    if (this.#spendable < wholeFrame) this.#withheld ??= 'pace';
    return isAffordable;
  }
}
