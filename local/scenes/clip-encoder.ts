/**
 * RGBA frames in, an H.264 Matroska file out, through node-av's low-level calls: no B-frames, a key frame every two
 * seconds, so that every fragment of a stream can begin with one.
 * Invariant: what FFmpeg refuses becomes a named error; a full disk is told apart, because the operator can mend it.
 */
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_LOG_QUIET,
  AV_PIX_FMT_RGBA,
  AV_PIX_FMT_YUV420P,
  AVFMT_FLAG_BITEXACT,
  type FFEncoderCodec,
  SWS_FAST_BILINEAR,
} from 'node-av/constants';
import {
  Codec,
  CodecContext,
  FormatContext,
  Frame,
  Log,
  Packet,
  Rational,
  SoftwareScaleContext,
  type Stream,
} from 'node-av/lib';
import { KvsInferError } from '../../core/errors.ts';

export type ClipFormat = {
  width: number;
  height: number;
  fps: number;
  keyframeEverySeconds: number;
  bitsPerSecond: number;
  /**
   * `baseline` (default) is made fastest. `high` is what cameras send: arithmetic coding and deblocking, which cost a decoder
   * about half as much again.
   */
  profile?: 'baseline' | 'high';
};

const MILLISECONDS = { num: 1, den: 1000 };
/** AVERROR(ENOSPC) and AVERROR(EDQUOT) on Linux and macOS. */
const NO_SPACE = new Set([-28, -122, -69]);

export class ClipEncoder {
  readonly #path: string;
  readonly #format: ClipFormat;
  readonly #codec = new CodecContext();
  readonly #output = new FormatContext();
  readonly #scaler = new SoftwareScaleContext();
  readonly #packet = new Packet();
  readonly #stream: Stream;
  readonly #planes: Buffer;
  #open = true;

  constructor(path: string, format: ClipFormat) {
    const { width, height, fps } = format;
    this.#path = path;
    this.#format = format;
    this.#planes = Buffer.alloc((width * height * 3) / 2 + 64);
    Log.setLevel(AV_LOG_QUIET);
    const encoder = Codec.findEncoderByName('libx264' as FFEncoderCodec);
    if (encoder === null)
      throw clipError(
        'ENCODER_MISSING',
        'this FFmpeg build has no libx264',
        'reinstall node-av with its prebuilt FFmpeg',
      );
    this.#codec.allocContext3(encoder);
    this.#codec.width = width;
    this.#codec.height = height;
    this.#codec.pixelFormat = AV_PIX_FMT_YUV420P;
    this.#codec.timeBase = new Rational(1, 1000);
    this.#codec.framerate = new Rational(fps, 1);
    this.#codec.gopSize = Math.round(fps * format.keyframeEverySeconds);
    this.#codec.maxBFrames = 0;
    this.#codec.threadCount = 1;
    this.#codec.bitRate = BigInt(format.bitsPerSecond);
    this.#codec.rcMaxRate = BigInt(Math.round(format.bitsPerSecond * 1.5));
    this.#codec.rcBufferSize = format.bitsPerSecond * 2;
    this.#codec.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    const { profile = 'baseline' } = format;
    this.#codec.setOption('preset', profile === 'baseline' ? 'ultrafast' : 'veryfast');
    this.#codec.setOption('profile', profile);
    this.#codec.setOption('x264-params', 'bframes=0:scenecut=0');
    this.#check(this.#codec.open2Sync(encoder, null), 'open the encoder');
    this.#check(this.#output.allocOutputContext2(null, 'matroska', path), 'allocate the muxer');
    this.#output.setFlags(AVFMT_FLAG_BITEXACT);
    this.#stream = this.#output.newStream(null);
    this.#stream.timeBase = new Rational(1, 1000);
    this.#stream.codecpar.fromContext(this.#codec);
    this.#packet.alloc();
    this.#scaler.getContext(width, height, AV_PIX_FMT_RGBA, width, height, AV_PIX_FMT_YUV420P, SWS_FAST_BILINEAR);
    this.#check(this.#output.openOutputSync(), 'open the file');
    this.#check(this.#output.writeHeaderSync(null), 'write the header');
  }

  /** @param rgba opaque pixels, 4 × width × height bytes. @param index number of the frame; its time follows from fps. */
  write(rgba: Buffer, index: number): void {
    const { width, height, fps } = this.#format;
    const luma = width * height;
    const planes = [
      this.#planes.subarray(0, luma),
      this.#planes.subarray(luma, luma * 1.25),
      this.#planes.subarray(luma * 1.25),
    ];
    this.#check(
      this.#scaler.scaleSync([rgba], [width * 4], 0, height, planes, [width, width / 2, width / 2]),
      'convert colours',
    );
    const frame = Frame.fromVideoBuffer(this.#planes.subarray(0, luma * 1.5), {
      width,
      height,
      format: AV_PIX_FMT_YUV420P,
      pts: BigInt(Math.round((index * 1000) / fps)),
      timeBase: MILLISECONDS,
    });
    const sent = this.#codec.sendFrameSync(frame);
    frame.free();
    this.#check(sent, 'encode a frame');
    this.#drain();
  }

  finish(): void {
    this.#check(this.#codec.sendFrameSync(null), 'end the stream');
    this.#drain();
    this.#check(this.#output.writeTrailerSync(), 'write the trailer');
    this.close();
  }

  /** Frees everything; safe to call twice, and after an error. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#packet.free();
    this.#scaler.freeContext();
    this.#codec.freeContext();
    this.#output.closeOutputSync();
    this.#output.freeContext();
  }

  #drain(): void {
    while (this.#codec.receivePacketSync(this.#packet) >= 0) {
      this.#packet.streamIndex = this.#stream.index;
      this.#packet.duration = BigInt(Math.round(1000 / this.#format.fps));
      this.#packet.rescaleTs(MILLISECONDS, this.#stream.timeBase);
      const written = this.#output.interleavedWriteFrameSync(this.#packet);
      this.#packet.unref();
      this.#check(written, 'write a frame');
    }
  }

  #check(result: number, action: string): void {
    if (result >= 0) return;
    this.close();
    if (NO_SPACE.has(result)) {
      throw clipError(
        'DISK_FULL',
        `no space left while writing the clip ${this.#path}`,
        'free some disk space and start again',
      );
    }
    throw clipError(
      'CLIP_NOT_WRITTEN',
      `could not ${action} for ${this.#path} (FFmpeg error ${result})`,
      'check that the cache folder can be written',
    );
  }
}

function clipError(code: string, message: string, hint: string): KvsInferError {
  return new KvsInferError(code, message, { hint });
}
