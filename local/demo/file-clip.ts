/**
 * A recording as a clip that a camera of the local cloud can loop: H.264 in Matroska or MP4, taken as it is encoded.
 * Invariant: it begins with a keyframe at time zero and is held in memory whole, so it is bounded.
 */
import { KvsInferError } from '../../core/errors.ts';
import { VideoDecoder } from '../../worker/decode/decoder.ts';
import { mediaPackets } from '../../worker/decode/media-file.ts';
import type { ClipFrame, H264Clip } from '../kinesisvideo/clip-timeline.ts';

/** Eight minutes at 5 Mbit/s. */
const clipBytesMax = 300 * 1024 * 1024;
/** Of a file of one frame, which has no distance between two. */
const frameMsDefault = 40;

/** @throws KvsInferError MEDIA_UNREADABLE, FEED_UNSUPPORTED */
export async function readFileClip(path: string): Promise<H264Clip> {
  const frames: ClipFrame[] = [];
  let codecPrivate: Uint8Array | null = null;
  let startMs = 0;
  let bytes = 0;
  for await (const packet of mediaPackets(path)) {
    // An avcC record begins with its version, 1; other forms cannot be put into a KVS fragment as they are.
    if (packet.codec !== 'h264' || packet.codecPrivate === null || packet.codecPrivate[0] !== 1) {
      throw unsupported(`${path}: expected H.264 in Matroska or MP4, found ${packet.codec}`);
    }
    if (frames.length === 0) {
      if (!packet.keyframe) continue;
      codecPrivate = packet.codecPrivate;
      startMs = packet.timestampMs;
    }
    bytes += packet.data.byteLength;
    if (bytes > clipBytesMax) throw unsupported(`${path}: expected at most ${clipBytesMax} bytes of video`);
    const { data, keyframe, timestampMs } = packet;
    frames.push({ data, keyframe, timestampMs: timestampMs - startMs });
  }
  if (codecPrivate === null) throw unsupported(`${path}: expected a keyframe, found none`);
  const times = frames.map(({ timestampMs }) => timestampMs);
  const lastMs = times.reduce((latest, each) => Math.max(latest, each), 0);
  const frameMs = frames.length > 1 ? lastMs / (frames.length - 1) : frameMsDefault;
  const { width, height } = sizeOf(path, codecPrivate, frames[0]?.data ?? new Uint8Array());
  return { codec: 'h264', codecPrivate, width, height, frames, durationMs: lastMs + frameMs };
}

function sizeOf(path: string, codecPrivate: Uint8Array, data: Uint8Array): { width: number; height: number } {
  const decoder = new VideoDecoder({ codec: 'h264', codecPrivate });
  let size: { width: number; height: number } | null = null;
  const take = ({ width, height }: { width: number; height: number }) => {
    size ??= { width, height };
  };
  try {
    decoder.decode({ data, timestampMs: 0, keyframe: true }, take);
    decoder.flush(take);
  } finally {
    decoder.close();
  }
  if (size === null) throw unsupported(`${path}: its first keyframe cannot be decoded`);
  return size;
}

function unsupported(what: string): KvsInferError {
  return new KvsInferError('FEED_UNSUPPORTED', what, {
    hint: 'make it one: ffmpeg -i <file> -t 300 -c:v libx264 -bf 0 -g 50 -an street.mkv',
  });
}
