/**
 * Where a stream is decoded: on the GPU's decoder where one was promised, else on the CPU, and why not on the GPU.
 * Invariant: a decoder of the GPU that cannot be opened, or gives no picture, costs a camera nothing but the CPU's time: the
 * same packets go to the CPU's decoder, and the reason stays to be told. A refusal by the machine is asked for once a camera;
 * one of a stream's parameters, once for each set of them.
 */
import type { FFDecoderCodec } from 'node-av/constants';
import { Codec, CodecContext, FFmpegError, Rational } from 'node-av/lib';
import { KvsInferError } from '../../core/errors.ts';
import type { VideoCodec } from '../demux/segment-content.ts';

export type DecodableCodec = VideoCodec | 'mjpeg' | 'png';
export type DecodeDevice = 'cuvid' | 'cpu';
/** Names of FFmpeg's decoders that use the GPU. */
export type HardwareDecoders = Readonly<Record<VideoCodec, string>>;

/** NVIDIA's, through libnvcuvid; it gives NV12 pictures in main memory. */
export const cuvidDecoders: HardwareDecoders = { h264: 'h264_cuvid', hevc: 'hevc_cuvid' };

/** Refused packets without a picture after which the CPU is tried; as many are lost to it at most. */
const refusedMax = 16;
/** Larger than any camera (8K is 33 million) and small enough to survive a forged parameter set. */
const picturePixelsMax = 40_000_000;
const softwareDecoders: Record<DecodableCodec, string> = { h264: 'h264', hevc: 'hevc', mjpeg: 'mjpeg', png: 'png' };

export type CodecSettings = {
  codec: DecodableCodec;
  codecPrivate: Uint8Array | null;
  threads: number;
  skipLoopFilter: boolean;
};

export class CodecDevice {
  readonly #hardware: HardwareDecoders | null;
  #device: DecodeDevice = 'cpu';
  #name = '';
  #fallback: string | null = null;
  /** The machine has no such decoder: it will not get one. */
  #isRefused = false;
  /** It gives no picture of this stream's parameters. */
  #isPassedOver = false;
  #refusedInARow = 0;

  /** @param hardware null: the CPU, without a word. */
  constructor(hardware: HardwareDecoders | null) {
    this.#hardware = hardware;
  }

  /** `fallback`: why the GPU does not decode what it should; left out when it does, or was not asked for. */
  get report(): { device: DecodeDevice; fallback?: string } {
    return { device: this.#device, ...(this.#fallback === null ? {} : { fallback: this.#fallback }) };
  }

  /** The stream has others now: the GPU may take these. */
  parametersChanged(): void {
    this.#isPassedOver = false;
  }

  /** @throws KvsInferError DECODER_UNAVAILABLE when the CPU's decoder refuses them too. */
  open(settings: CodecSettings): CodecContext {
    const { codec } = settings;
    this.#refusedInARow = 0;
    if (this.#hardware !== null && !this.#isRefused && !this.#isPassedOver && (codec === 'h264' || codec === 'hevc')) {
      this.#name = this.#hardware[codec];
      const context = openContext(this.#name, settings);
      if (typeof context !== 'string') {
        this.#device = 'cuvid';
        this.#fallback = null;
        return context;
      }
      this.#isRefused = true;
      const cuvid = this.#name.endsWith('_cuvid') ? ' (no GPU here, or its driver brings no libnvcuvid)' : '';
      this.#fallback = `${this.#name} could not be opened: ${context}${cuvid}`;
    }
    this.#device = 'cpu';
    const context = openContext(softwareDecoders[settings.codec], settings);
    if (typeof context !== 'string') return context;
    throw new KvsInferError('DECODER_UNAVAILABLE', `${settings.codec} decoder refused the stream: ${context}`, {
      hint: 'send H.264 or H.265 with valid parameter sets',
    });
  }

  pictureCame(): void {
    this.#refusedInARow = 0;
  }

  /** A packet gave an error, or no picture. @returns true when the GPU gives none: open again, on the CPU. */
  refused(why: string): boolean {
    if (this.#device === 'cpu') return false;
    this.#refusedInARow += 1;
    if (this.#refusedInARow < refusedMax) return false;
    this.#isPassedOver = true;
    this.#fallback = `${this.#name} gave no picture for ${refusedMax} packets: ${why}`;
    return true;
  }
}

/** @returns why not, when it cannot be opened. */
function openContext(name: string, settings: CodecSettings): CodecContext | string {
  const codec = Codec.findDecoderByName(name as FFDecoderCodec);
  if (codec === null) return 'this build of FFmpeg has none of that name';
  const context = new CodecContext();
  context.allocContext3(codec);
  if (settings.codecPrivate !== null) context.extraData = Buffer.from(settings.codecPrivate);
  context.threadCount = settings.threads;
  context.pktTimebase = new Rational(1, 1000);
  // Options go through setOption: a Dictionary given to open2Sync is freed twice.
  context.setOption('max_pixels', String(picturePixelsMax));
  if (settings.skipLoopFilter) context.setOption('skip_loop_filter', 'all');
  const opened = context.open2Sync(codec, null);
  if (opened >= 0) return context;
  context.freeContext();
  return FFmpegError.strerror(opened) ?? `FFmpeg error ${opened}`;
}
