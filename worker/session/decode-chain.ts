/**
 * The decoder of one camera and the frames it still owes: feeds only packets that matter and tells for each wanted frame
 * what became of it.
 * Invariant: every wanted frame comes out once, as `picture` or as `lost`; after withheld packets decoding begins anew at
 * a keyframe, because pictures without their references are garbage; at most `owedMax` frames are owed.
 */
import type { DecodeReport } from '../../core/fleet-state.ts';
import { type BitstreamLayout, bitstreamLayout } from '../decode/bitstream-layout.ts';
import type { HardwareDecoders } from '../decode/codec-device.ts';
import { type Picture, VideoDecoder } from '../decode/decoder.ts';
import { hasParameterSets, isDroppable } from '../decode/reference-frames.ts';
import type { FragmentEvent } from '../demux/fragment-reader.ts';
import type { WantedFrame } from './messages.ts';

/** Decoders hold back a few pictures to reorder them (H.264 allows 16). */
const owedMax = 32;

/** What comes back with the picture: the frame's name, or null when it only served as a reference. */
type Wanted = WantedFrame | null;
export type DecodedPicture = Picture<Wanted>;
type FramePacket = Extract<FragmentEvent, { type: 'frame' }>;
type Track = FramePacket['track'];

export type DecodeChainPorts = {
  picture(picture: DecodedPicture, wanted: WantedFrame): void;
  lost(wanted: WantedFrame): void;
  fault(code: string, message: string): void;
};

export class DecodeChain {
  readonly #ports: DecodeChainPorts;
  readonly #hardware: HardwareDecoders | null;
  readonly #owed = new Set<WantedFrame>();
  #decoder: VideoDecoder<Wanted> | null = null;
  #layout: BitstreamLayout | null = null;
  #track: Track | null = null;
  #hasGap = false;
  #isPaused = false;
  #isKeyframesOnly = false;
  /** Since the last key frame but one, a picture that no other refers to was left out. */
  #hasLeftOut = false;
  #hasJustLeftOut = false;
  /** The last key frame brought parameter sets of its own. */
  #broughtOwn = false;

  /** @param hardware decoders of the GPU to be tried first; null: the CPU decodes. */
  constructor(ports: DecodeChainPorts, hardware: HardwareDecoders | null = null) {
    this.#ports = ports;
    this.#hardware = hardware;
  }

  /** How the stream is decoded, judged by the last group of pictures; null before the first packet. */
  get report(): DecodeReport | null {
    const codec = this.#layout?.codec;
    if (codec === undefined || this.#decoder === null) return null;
    const frames = this.#isKeyframesOnly ? 'keyframes' : this.#hasLeftOut ? 'reference' : 'all';
    return { codec, frames, ...this.#decoder.device };
  }

  /** The wanted frame that has been owed for longest. */
  get oldestOwed(): WantedFrame | null {
    return this.#owed.values().next().value ?? null;
  }

  /** A packet was withheld that later packets may refer to. */
  skipped(): void {
    this.#hasGap = true;
  }

  /** Nothing comes before the next keyframe: what the decoder holds back comes out now, not when that comes. */
  pause(): void {
    if (!this.#isPaused) this.reset();
    this.#isPaused = true;
  }

  /** @param keyframesOnly nothing but keyframes comes: each picture is taken out at once. */
  packet(packet: FramePacket, wanted: Wanted, keyframesOnly: boolean): void {
    if (this.#hasGap) this.reset();
    this.#isPaused = false;
    if (packet.track !== this.#track) this.#useTrack(packet.track);
    if (packet.data.length === 0) {
      this.#empty(packet, wanted);
      return;
    }
    const decoder = this.#decoder;
    this.#isKeyframesOnly = keyframesOnly;
    if (packet.keyframe) {
      this.#followParameters(packet);
      this.#hasLeftOut = this.#hasJustLeftOut;
      this.#hasJustLeftOut = false;
    }
    if (wanted === null && this.#layout !== null && isDroppable(packet.data, this.#layout)) {
      this.#hasLeftOut = true;
      this.#hasJustLeftOut = true;
      return;
    }
    if (decoder === null) {
      if (wanted !== null) this.#ports.lost(wanted);
      return;
    }
    if (wanted !== null) this.#owe(wanted);
    const refusedBefore = decoder.counts.dropped.awaitingKeyframe;
    const { data, timestampMs, keyframe } = packet;
    decoder.decode({ data, timestampMs, keyframe, context: wanted }, this.#take);
    if (wanted !== null && decoder.counts.dropped.awaitingKeyframe > refusedBefore) this.#lose(wanted);
    if (keyframesOnly) decoder.flush(this.#take);
  }

  /** The packets broke off: what the decoder still holds comes out, and the next picture needs a keyframe. */
  reset(): void {
    this.#hasGap = false;
    this.#decoder?.flush(this.#take);
    for (const wanted of [...this.#owed]) this.#lose(wanted);
  }

  /** @param settle called for each frame still owed, in place of `lost`. */
  close(settle: () => void): void {
    this.#decoder?.close();
    this.#decoder = null;
    this.#track = null;
    for (const _ of this.#owed) settle();
    this.#owed.clear();
  }

  /** Parameter sets inside packets stay in force in the decoder; without them those that the track declares do again. */
  #followParameters({ data, track }: FramePacket): void {
    if (this.#layout === null || track.codec === 'other' || track.codecPrivate === null) return;
    const bringsOwn = hasParameterSets(data, this.#layout);
    if (this.#broughtOwn && !bringsOwn) this.#decoder?.useParameters(track.codec, track.codecPrivate, this.#take, true);
    this.#broughtOwn = bringsOwn;
  }

  /** To FFmpeg a packet of no bytes means the end of the stream. */
  #empty({ fragmentNumber, frameIndex, keyframe }: FramePacket, wanted: Wanted): void {
    // Later frames refer to a keyframe; whether to any other, nobody knows.
    if (keyframe) this.#hasGap = true;
    this.#ports.fault(
      'FRAME_EMPTY',
      `expected the bytes of frame ${frameIndex} of fragment ${fragmentNumber}, found none`,
    );
    if (wanted !== null) this.#ports.lost(wanted);
  }

  readonly #take = (picture: DecodedPicture): void => {
    const wanted = picture.context ?? null;
    if (wanted === null || !this.#owed.delete(wanted)) return;
    try {
      this.#ports.picture(picture, wanted);
    } catch (error) {
      // A picture that cannot be converted is lost alone: the stream, and what the decoder holds, go on.
      this.#fault(error);
      this.#ports.lost(wanted);
    }
  };

  #owe(wanted: WantedFrame): void {
    this.#owed.add(wanted);
    const oldest = this.#owed.values().next().value;
    if (this.#owed.size > owedMax && oldest !== undefined) this.#lose(oldest);
  }

  #lose(wanted: WantedFrame): void {
    if (this.#owed.delete(wanted)) this.#ports.lost(wanted);
  }

  /** Every fragment declares its tracks anew; the decoder compares and mostly has nothing to do. */
  #useTrack(track: Track): void {
    this.#track = track;
    if (track.codec === 'other') {
      this.reset();
      this.#decoder?.close();
      this.#decoder = null;
      this.#layout = null;
      this.#ports.fault('CODEC_UNSUPPORTED', `expected H.264 or H.265 video, the stream carries ${track.codecId}`);
      return;
    }
    this.#layout = bitstreamLayout(track.codec, track.codecPrivate);
    try {
      if (this.#decoder === null) {
        this.#decoder = new VideoDecoder<Wanted>({
          codec: track.codec,
          codecPrivate: track.codecPrivate,
          hardware: this.#hardware,
          onError: (error) => this.#ports.fault(error.code, error.message),
        });
      } else {
        this.#decoder.useParameters(track.codec, track.codecPrivate, this.#take);
      }
    } catch (error) {
      this.#decoder?.close();
      this.#decoder = null;
      this.#fault(error);
    }
  }

  #fault(error: unknown): void {
    const code = (error as { code?: string }).code ?? 'DECODER_UNAVAILABLE';
    this.#ports.fault(code, error instanceof Error ? error.message : String(error));
  }
}
