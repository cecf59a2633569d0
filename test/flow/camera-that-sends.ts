/**
 * The least that a camera can send and be watched, and the row that asks for it, for tests that run the whole system.
 * Invariant: the clip's square is found in every frame, so a frame without its record was lost.
 */
import type { H264Clip } from '../../local/kinesisvideo/clip-timeline.ts';
import { encodeClip } from '../../worker/decode/encoded-clip.test-factory.ts';

let clip: H264Clip | null = null;

/** One frame a second, a key frame every other: the least that a camera can send and be watched. The square is "red". */
export function slowClip(): H264Clip {
  if (clip !== null) return clip;
  const size = { width: 320, height: 192 };
  const { codecPrivate, packets } = encodeClip({ ...size, frames: 36, keyframeEvery: 2 });
  if (codecPrivate === null) throw new Error('the clip has no parameter sets');
  const frames = packets.map((packet, index) => ({ ...packet, timestampMs: index * 1_000 }));
  clip = { codec: 'h264', codecPrivate, ...size, frames, durationMs: frames.length * 1_000 };
  return clip;
}

/** A row that finds the clip's square, as a person would type it. */
export function cameraRow(cameraId: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    cameraId,
    streamName: cameraId,
    detect: { fps: 1, confidence: 0.6, classes: ['red'] },
    smoothing: { window: 3, minHits: 2, maxMissMs: 2_500 },
    ...more,
  };
}
