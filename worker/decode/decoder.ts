/**
 * H.264 and H.265 packets in, pictures out, on the calling thread (node-av's low-level API: sync calls beat its async ones).
 * Still pictures (JPEG, PNG) take the same way, so that `clip` runs the worker's own stages.
 * Invariants: a bad bitstream is counted and reported, never thrown; a Picture is valid inside its callback only; after
 * flush, packets = pictures + all drops.
 */
import { AV_LOG_QUIET, AVERROR_EAGAIN, AVERROR_EOF } from 'node-av/constants';
import { type CodecContext, FFmpegError, Frame, Log, Packet } from 'node-av/lib';
import { KvsInferError } from '../../core/errors.ts';
import { type BitstreamLayout, bitstreamLayout } from './bitstream-layout.ts';
import { CodecDevice, type DecodableCodec, type DecodeDevice, type HardwareDecoders } from './codec-device.ts';
import type { Letterbox } from './letterbox.ts';
import { type I420, PictureScaler } from './picture-scaler.ts';
import { isDroppable, isRandomAccess } from './reference-frames.ts';

export type DecoderOptions = {
  codec: DecodableCodec;
  codecPrivate: Uint8Array | null;
  /** Decoding threads; 1 gives each picture at once, more delay pictures by their number. Default 1. */
  threads?: number;
  /** Decode key frames alone and give each at once, without waiting for reordering. Default false. */
  keyframesOnly?: boolean;
  /** Drop pictures that no other refers to before they are decoded. Default false. */
  dropNonReference?: boolean;
  /** Leave out the deblocking filter: a quarter faster, slightly blocky. Default false. */
  skipLoopFilter?: boolean;
  /** Decoders of the GPU to be tried first; null or left out: the CPU decodes. */
  hardware?: HardwareDecoders | null;
  /** Called for each packet that could not be decoded; `errors` counts them too. */
  onError?: (error: KvsInferError) => void;
};

export type EncodedPacket<Context = undefined> = {
  data: Uint8Array;
  timestampMs: number;
  keyframe: boolean;
  /** Comes back with the picture: pictures leave in display order, so counting them would mismatch. */
  context?: Context;
};

/** A decoded picture, valid inside the callback that it is given to. */
export type Picture<Context = undefined> = {
  timestampMs: number;
  width: number;
  height: number;
  keyframe: boolean;
  context: Context | undefined;
  /** Fills all of `target` (inputWidth × inputHeight × 3, RGB) with the letterboxed picture. */
  letterboxInto(target: Uint8Array, geometry: Letterbox): void;
  /** A copy that outlives the callback. */
  toI420(): I420;
};

export type DecoderCounts = {
  packets: number;
  pictures: number;
  /** Refusals by FFmpeg, as often as `onError` was called. */
  errors: number;
  /** `undecodable`: damaged, or never given back by the decoder. */
  dropped: { awaitingKeyframe: number; nonKeyframe: number; nonReference: number; undecodable: number };
};

/** H.264 and H.265 hold at most 16 pictures back, frame threads some more; beyond, a picture will not come any more. */
const PENDING_PACKETS_MAX = 64;

type Pending<Context> = { timestampMs: number; keyframe: boolean; context: Context | undefined };

export class VideoDecoder<Context = undefined> {
  readonly counts: DecoderCounts = {
    packets: 0,
    pictures: 0,
    errors: 0,
    dropped: { awaitingKeyframe: 0, nonKeyframe: 0, nonReference: 0, undecodable: 0 },
  };
  readonly #options: DecoderOptions;
  readonly #packet = new Packet();
  readonly #frame = new Frame();
  readonly #scaler = new PictureScaler();
  #codec: DecodableCodec;
  #codecPrivate: Uint8Array | null;
  #layout: BitstreamLayout | null = null;
  readonly #device: CodecDevice;
  #context: CodecContext | null = null;
  #awaitingKeyframe = true;
  /** The GPU's decoder gives no pictures. */
  #hasRefused = false;
  /** Packets by the number given to FFmpeg as their time: true times may repeat, and FFmpeg hands back only this. */
  readonly #pending = new Map<number, Pending<Context>>();
  #sequence = 0;
  #closed = false;

  /** @throws KvsInferError DECODER_UNAVAILABLE when FFmpeg lacks the codec or refuses its parameters. */
  constructor(options: DecoderOptions) {
    this.#options = options;
    this.#device = new CodecDevice(options.hardware ?? null);
    this.#codec = options.codec;
    this.#codecPrivate = options.codecPrivate;
    // FFmpeg writes to stderr by itself; what matters comes back as return codes.
    Log.setLevel(AV_LOG_QUIET);
    this.#packet.alloc();
    this.#frame.alloc();
    this.#open();
  }

  /**
   * Tells the decoder the stream's current codec and parameter sets; call it for every track event. The same again costs
   * nothing, unless `isAnew`; others end the old stream (its last pictures come out) and begin anew at the next key frame.
   */
  useParameters(
    codec: DecodableCodec,
    codecPrivate: Uint8Array | null,
    onPicture: (picture: Picture<Context>) => void,
    isAnew = false,
  ): void {
    if (!isAnew && codec === this.#codec && sameBytes(codecPrivate, this.#codecPrivate)) return;
    this.flush(onPicture);
    this.#codec = codec;
    this.#codecPrivate = codecPrivate;
    this.#device.parametersChanged();
    this.#open();
  }

  decode(packet: EncodedPacket<Context>, onPicture: (picture: Picture<Context>) => void): void {
    if (this.#closed) return;
    this.counts.packets += 1;
    if (!this.#wanted(packet)) return;
    this.#remember(packet);
    let sent = this.#send(packet);
    if (sent === AVERROR_EAGAIN) {
      this.#receive(onPicture);
      sent = this.#send(packet);
    }
    if (sent < 0) {
      this.#giveUp(this.#sequence);
      this.#fail(sent, packet.timestampMs);
    }
    this.#receive(onPicture);
    if (this.#options.keyframesOnly === true) this.#drain(onPicture);
    if (this.#hasRefused) this.#goOnOnCpu();
  }

  /** Gives the pictures still held back; afterwards decoding begins anew at a key frame. */
  flush(onPicture: (picture: Picture<Context>) => void): void {
    if (this.#closed) return;
    this.#drain(onPicture);
    this.#awaitingKeyframe = true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context?.freeContext();
    this.#context = null;
    this.#scaler.close();
    this.#frame.free();
    this.#packet.free();
    this.#pending.clear();
  }

  #open(): void {
    this.#context?.freeContext();
    this.#context = null;
    this.#awaitingKeyframe = true;
    const [codec, codecPrivate] = [this.#codec, this.#codecPrivate];
    this.#layout = codec === 'h264' || codec === 'hevc' ? bitstreamLayout(codec, codecPrivate) : null;
    const { threads = 1, skipLoopFilter = false } = this.#options;
    this.#context = this.#device.open({ codec, codecPrivate, threads, skipLoopFilter });
  }

  /** Where it decodes, and why not on the GPU when it should. */
  get device(): { device: DecodeDevice; fallback?: string } {
    return this.#device.report;
  }

  get codec(): DecodableCodec {
    return this.#codec;
  }

  /** What the GPU's decoder held is lost; decoding begins anew at a key frame. */
  #goOnOnCpu(): void {
    this.#hasRefused = false;
    for (const sequence of this.#pending.keys()) this.#giveUp(sequence);
    try {
      this.#open();
    } catch (error) {
      this.#options.onError?.(error as KvsInferError);
    }
  }

  #wanted(packet: EncodedPacket<Context>): boolean {
    const layout = this.#layout;
    if (layout === null) return true;
    const { dropped } = this.counts;
    const keyframesOnly = this.#options.keyframesOnly === true;
    // Some producers do not flag key frames; the bitstream always does.
    const keyframe =
      packet.keyframe || ((this.#awaitingKeyframe || keyframesOnly) && isRandomAccess(packet.data, layout));
    if (keyframesOnly && !keyframe) dropped.nonKeyframe += 1;
    else if (this.#awaitingKeyframe && !keyframe) dropped.awaitingKeyframe += 1;
    else if (this.#options.dropNonReference === true && !keyframe && isDroppable(packet.data, layout))
      dropped.nonReference += 1;
    else {
      this.#awaitingKeyframe = false;
      return true;
    }
    return false;
  }

  #remember(packet: EncodedPacket<Context>): void {
    this.#sequence += 1;
    this.#pending.set(this.#sequence, {
      timestampMs: packet.timestampMs,
      keyframe: packet.keyframe,
      context: packet.context,
    });
    if (this.#pending.size <= PENDING_PACKETS_MAX) return;
    const oldest = this.#pending.keys().next().value;
    if (oldest !== undefined) this.#giveUp(oldest);
    this.#hasRefused = this.#device.refused('it keeps them');
  }

  #giveUp(sequence: number): void {
    if (this.#pending.delete(sequence)) this.counts.dropped.undecodable += 1;
  }

  #send(packet: EncodedPacket<Context>): number {
    const native = this.#packet;
    native.data = Buffer.from(packet.data.buffer, packet.data.byteOffset, packet.data.byteLength);
    native.pts = BigInt(this.#sequence);
    native.dts = BigInt(this.#sequence);
    native.isKeyframe = packet.keyframe;
    const result = this.#context?.sendPacketSync(native) ?? AVERROR_EOF;
    native.unref();
    return result;
  }

  #receive(onPicture: (picture: Picture<Context>) => void): void {
    for (;;) {
      const received = this.#context?.receiveFrameSync(this.#frame) ?? AVERROR_EOF;
      if (received === AVERROR_EAGAIN || received === AVERROR_EOF) return;
      if (received < 0) {
        this.#fail(received, null);
        return;
      }
      try {
        this.#deliver(onPicture);
      } finally {
        this.#frame.unref();
      }
    }
  }

  #deliver(onPicture: (picture: Picture<Context>) => void): void {
    const frame = this.#frame;
    const sequence = Number(frame.pts);
    const origin = this.#pending.get(sequence);
    this.#pending.delete(sequence);
    if (origin === undefined) return;
    this.counts.pictures += 1;
    this.#device.pictureCame();
    onPicture({
      ...origin,
      width: frame.width,
      height: frame.height,
      letterboxInto: (target, geometry) => this.#scaler.letterboxInto(frame, target, geometry),
      toI420: () => this.#scaler.toI420(frame),
    });
  }

  #drain(onPicture: (picture: Picture<Context>) => void): void {
    this.#context?.sendPacketSync(null);
    this.#receive(onPicture);
    this.#context?.flushBuffers();
    for (const sequence of this.#pending.keys()) this.#giveUp(sequence);
  }

  #fail(code: number, timestampMs: number | null): void {
    this.counts.errors += 1;
    const at = timestampMs === null ? '' : ` at ${timestampMs} ms`;
    const error = new KvsInferError(
      'DECODE_FAILED',
      `${this.#codec} packet${at} could not be decoded: ${reason(code)}`,
      {
        hint: 'decoding goes on; check the producer if this repeats',
      },
    );
    this.#options.onError?.(error);
    this.#hasRefused ||= this.#device.refused(reason(code));
  }
}

function reason(code: number): string {
  return FFmpegError.strerror(code) ?? `FFmpeg error ${code}`;
}

function sameBytes(left: Uint8Array | null, right: Uint8Array | null): boolean {
  if (left === right) return true;
  return left !== null && right !== null && Buffer.compare(left, right) === 0;
}
