/**
 * When each frame of a looped clip is captured, and back: which moment of the clip a captured frame shows. With it,
 * detections on a live stream can be held against the clip's ground truth.
 * Invariant: the timeline runs on while a camera is silent, as the street before it does.
 */

/** H.264 in Matroska's form: `codecPrivate` is an avcC record, frames are length-prefixed NAL units. */
export type H264Clip = {
  codec: 'h264';
  codecPrivate: Uint8Array;
  width: number;
  height: number;
  frames: ClipFrame[];
  durationMs: number;
};

/** `timestampMs` counts from the clip's start; frames are in order, and the first is a key frame. */
export type ClipFrame = { data: Uint8Array; keyframe: boolean; timestampMs: number };

/** A span in which frames were sent without a pause; `untilMs` null while it lasts. */
type SentSpan = { fromMs: number; untilMs: number | null };

/** A camera that flaps every ten seconds fills these in three hours; older spans count as silence. */
const SPANS_MAX = 1000;
/** Capture times on the wire are whole milliseconds. */
const ROUNDING_MS = 0.5;

export class ClipTimeline {
  readonly #clip: H264Clip;
  readonly #startAtMs: number;
  readonly #spans: SentSpan[] = [];

  /** @param startAtMs clock time at which the clip's first loop begins. */
  constructor(clip: H264Clip, startAtMs: number) {
    this.#clip = clip;
    this.#startAtMs = startAtMs;
  }

  /** Frames count through all loops: frame 0 of the second loop follows the last of the first. */
  frame(index: number): ClipFrame & { capturedAtMs: number } {
    const { frames, durationMs } = this.#clip;
    const loop = Math.floor(index / frames.length);
    const frame = frames[index - loop * frames.length] as ClipFrame;
    return { ...frame, capturedAtMs: Math.round(this.#startAtMs + loop * durationMs + frame.timestampMs) };
  }

  /** The first frame captured at this time or later. */
  firstIndexFrom(atMs: number): number {
    const { frames, durationMs } = this.#clip;
    const loop = Math.max(0, Math.floor((atMs - this.#startAtMs) / durationMs));
    let index = loop * frames.length;
    while (this.frame(index).capturedAtMs < atMs) index += 1;
    return index;
  }

  /** Notes that the frame captured now was sent. */
  sent(capturedAtMs: number): void {
    if (this.#spans.at(-1)?.untilMs !== null) {
      this.#spans.push({ fromMs: capturedAtMs, untilMs: null });
      if (this.#spans.length > SPANS_MAX) this.#spans.shift();
    }
  }

  /** Notes that sending stopped before the frame captured at this time. */
  silentFrom(capturedAtMs: number): void {
    const span = this.#spans.at(-1);
    if (span?.untilMs === null) span.untilMs = capturedAtMs;
  }

  /** @returns the moment of the clip that was captured then, 0…durationMs, or null when nothing was sent. */
  clipTimeMs(capturedAtMs: number): number | null {
    const isSent = this.#spans.some(
      ({ fromMs, untilMs }) => capturedAtMs >= fromMs && (untilMs === null || capturedAtMs < untilMs),
    );
    if (!isSent) return null;
    const { durationMs } = this.#clip;
    const position = (capturedAtMs - this.#startAtMs) % durationMs;
    // A loop's first frame, rounded down, must not count as the end of the loop before.
    return position > durationMs - ROUNDING_MS ? 0 : position;
  }
}
