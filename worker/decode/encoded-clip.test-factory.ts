/**
 * Small H.264 and H.265 clips for tests, encoded on the spot: a grey ramp with a bright square that moves 8 pixels a frame,
 * so that a test can tell which picture it sees. Invariant: the same arguments give the same pictures.
 */
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_LOG_QUIET,
  AV_PIX_FMT_YUV420P,
  AVFMT_FLAG_BITEXACT,
  type FFDecoderCodec,
  type FFEncoderCodec,
} from 'node-av/constants';
import { Codec, CodecContext, FormatContext, Frame, Log, Packet, Rational } from 'node-av/lib';
import type { I420 } from './picture-scaler.ts';

export type ClipOptions = {
  codec?: 'h264' | 'hevc';
  width?: number;
  height?: number;
  frames?: number;
  /** Pictures from one key frame to the next. */
  keyframeEvery?: number;
  bFrames?: number;
  /** Parameter sets inside the packets, with start codes; else apart, in `codecPrivate`. */
  annexB?: boolean;
  /** More of x264's or x265's own parameters, `name=value` joined by colons. */
  parameters?: string;
};

export type EncodedClip = {
  codec: 'h264' | 'hevc';
  codecPrivate: Uint8Array | null;
  packets: { data: Uint8Array; timestampMs: number; keyframe: boolean }[];
};

export const FRAME_MS = 40;
const SQUARE_PIXELS = 32;

/** Where the square of frame `index` begins. */
export const squareLeft = (index: number): number => 8 * index;

export function drawnPicture(width: number, height: number, index: number): I420 {
  const data = new Uint8Array(width * height + 2 * ((width + 1) >> 1) * ((height + 1) >> 1)).fill(128);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const square = y < SQUARE_PIXELS && x >= squareLeft(index) && x < squareLeft(index) + SQUARE_PIXELS;
      data[y * width + x] = square ? 235 : 40 + Math.floor((60 * x) / width);
    }
  }
  return { width, height, data };
}

export function encodeClip(options: ClipOptions = {}): EncodedClip {
  const {
    codec = 'h264',
    width = 320,
    height = 192,
    frames = 12,
    keyframeEvery = 6,
    bFrames = 0,
    annexB = false,
    parameters = '',
  } = options;
  const { context, packets } = encode({ codec, width, height, frames, keyframeEvery, bFrames, annexB, parameters });
  const codecPrivate = annexB || context.extraData === null ? null : new Uint8Array(context.extraData);
  context.freeContext();
  return { codec, codecPrivate, packets };
}

function encode(options: Required<ClipOptions>) {
  const { codec, width, height, frames, keyframeEvery, bFrames, annexB, parameters } = options;
  const more = parameters === '' ? '' : `:${parameters}`;
  Log.setLevel(AV_LOG_QUIET);
  const encoder = Codec.findEncoderByName((codec === 'h264' ? 'libx264' : 'libx265') as FFEncoderCodec);
  if (encoder === null) throw new Error(`this FFmpeg has no encoder for ${codec}`);
  const context = new CodecContext();
  context.allocContext3(encoder);
  context.width = width;
  context.height = height;
  context.pixelFormat = AV_PIX_FMT_YUV420P;
  context.timeBase = new Rational(1, 1000);
  context.framerate = new Rational(1000, FRAME_MS);
  context.gopSize = keyframeEvery;
  context.maxBFrames = bFrames;
  context.threadCount = 1;
  if (!annexB) context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
  context.setOption('preset', 'ultrafast');
  if (codec === 'h264') context.setOption('x264-params', `bframes=${bFrames}:b-adapt=0:scenecut=0${more}`);
  else
    context.setOption(
      'x265-params',
      `log-level=none:bframes=${bFrames}:b-adapt=0:scenecut=0:pools=none:frame-threads=1${more}`,
    );
  const opened = context.open2Sync(encoder, null);
  if (opened < 0) throw new Error(`the encoder refused (${opened})`);
  const packets: EncodedClip['packets'] = [];
  const packet = new Packet();
  packet.alloc();
  const receive = () => {
    while (context.receivePacketSync(packet) >= 0) {
      packets.push({
        data: new Uint8Array(packet.data ?? []),
        timestampMs: Number(packet.pts),
        keyframe: packet.isKeyframe,
      });
      packet.unref();
    }
  };
  for (let index = 0; index < frames; index += 1) {
    const frame = Frame.fromVideoBuffer(Buffer.from(drawnPicture(width, height, index).data), {
      width,
      height,
      format: AV_PIX_FMT_YUV420P,
      pts: BigInt(index * FRAME_MS),
      timeBase: { num: 1, den: 1000 },
    });
    context.sendFrameSync(frame);
    frame.free();
    receive();
  }
  context.sendFrameSync(null);
  receive();
  packet.free();
  return { context, packets };
}

/** Writes a clip as .mp4, the way recorders do: index at the end. */
export function writeMp4(path: string, clip: EncodedClip, width: number, height: number): void {
  const output = new FormatContext();
  if (output.allocOutputContext2(null, 'mp4', path) < 0) throw new Error('no MP4 muxer');
  output.setFlags(AVFMT_FLAG_BITEXACT);
  const stream = output.newStream(null);
  stream.timeBase = new Rational(1, 1000);
  const decoder = Codec.findDecoderByName(clip.codec as FFDecoderCodec);
  const context = new CodecContext();
  context.allocContext3(decoder);
  context.width = width;
  context.height = height;
  context.pixelFormat = AV_PIX_FMT_YUV420P;
  if (clip.codecPrivate !== null) context.extraData = Buffer.from(clip.codecPrivate);
  stream.codecpar.fromContext(context);
  context.freeContext();
  if (output.openOutputSync() < 0 || output.writeHeaderSync(null) < 0) throw new Error(`cannot write ${path}`);
  const packet = new Packet();
  packet.alloc();
  for (const { data, timestampMs, keyframe } of clip.packets) {
    packet.data = Buffer.from(data);
    packet.streamIndex = stream.index;
    packet.timeBase = { num: 1, den: 1000 };
    packet.pts = BigInt(timestampMs);
    packet.dts = packet.pts;
    packet.duration = BigInt(FRAME_MS);
    packet.isKeyframe = keyframe;
    packet.rescaleTs({ num: 1, den: 1000 }, stream.timeBase);
    if (output.interleavedWriteFrameSync(packet) < 0) throw new Error(`cannot write a packet to ${path}`);
    packet.unref();
  }
  packet.free();
  output.writeTrailerSync();
  output.closeOutputSync();
  output.freeContext();
}
