/**
 * Packets of an MP4 file's video, by FFmpeg's demuxer: the one container that we do not read ourselves, because cameras
 * never send it and its index needs the whole file.
 * Invariant: what the index promises is counted; a file that ends early raises MEDIA_UNREADABLE after its last packet.
 */
import {
  AV_CODEC_ID_H264,
  AV_CODEC_ID_HEVC,
  AV_LOG_QUIET,
  AV_NOPTS_VALUE,
  AV_PKT_FLAG_CORRUPT,
  AVERROR_EOF,
  AVMEDIA_TYPE_VIDEO,
} from 'node-av/constants';
import { FFmpegError, FormatContext, InputFormat, Log, Packet, type Stream } from 'node-av/lib';
import type { VideoCodec } from '../demux/segment-content.ts';
import type { MediaPacket } from './media-file.ts';
import { mediaUnreadable } from './media-unreadable.ts';

export function* mp4Packets(path: string): Generator<MediaPacket> {
  Log.setLevel(AV_LOG_QUIET);
  const input = new FormatContext();
  const packet = new Packet();
  packet.alloc();
  let opened = false;
  try {
    // "file:" keeps names with a colon from being taken for a protocol.
    const result = input.openInputSync(`file:${path}`, InputFormat.findInputFormat('mov'), null);
    if (result < 0)
      throw mediaUnreadable(
        path,
        `expected a whole MP4 file, found one without a readable index (${FFmpegError.strerror(result)})`,
      );
    opened = true;
    const stream = input.streams.find((candidate) => candidate.codecpar.codecType === AVMEDIA_TYPE_VIDEO);
    if (stream === undefined) throw mediaUnreadable(path, 'expected a video track, found none');
    yield* packetsOf(path, input, stream, packet);
  } finally {
    packet.free();
    if (opened) input.closeInputSync();
  }
}

function* packetsOf(path: string, input: FormatContext, stream: Stream, packet: Packet): Generator<MediaPacket> {
  const codec = codecOf(path, stream);
  const extradata = stream.codecpar.extradata;
  const codecPrivate = extradata === null ? null : new Uint8Array(extradata);
  const { num, den } = stream.timeBase;
  const promised = Number(stream.nbFrames);
  let frameIndex = 0;
  for (;;) {
    const read = input.readFrameSync(packet);
    if (read === AVERROR_EOF) break;
    if (read < 0)
      throw mediaUnreadable(path, `reading failed after ${frameIndex} frames (${FFmpegError.strerror(read)})`);
    if (packet.streamIndex !== stream.index || packet.data === null) {
      packet.unref();
      continue;
    }
    if (packet.hasFlags(AV_PKT_FLAG_CORRUPT)) break;
    const time = packet.pts === AV_NOPTS_VALUE ? packet.dts : packet.pts;
    const timestampMs = time === AV_NOPTS_VALUE ? 0 : (Number(time) * num * 1000) / den;
    const context = { fragmentNumber: '0', frameIndex };
    frameIndex += 1;
    const data = new Uint8Array(packet.data);
    const keyframe = packet.isKeyframe;
    packet.unref();
    yield { codec, codecPrivate, context, timestampMs, keyframe, data };
  }
  if (frameIndex < promised)
    throw mediaUnreadable(path, `expected ${promised} frames by its index, found ${frameIndex}: the file is truncated`);
}

function codecOf(path: string, stream: Stream): VideoCodec {
  const { codecId, codecTagString } = stream.codecpar;
  if (codecId === AV_CODEC_ID_H264) return 'h264';
  if (codecId === AV_CODEC_ID_HEVC) return 'hevc';
  throw mediaUnreadable(path, `expected H.264 or H.265 video, found ${codecTagString ?? `codec ${codecId}`}`);
}
