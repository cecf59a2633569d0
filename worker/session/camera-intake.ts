/**
 * One camera from fragments to letterboxed frames: decides frame by frame what is decoded and what is sent to the
 * detector. Overload policy: one frame at the detector, one waiting, and the newest frame takes the waiting place.
 * Invariant: every frame that arrives is settled once in the ledger; at most two frame buffers and `picturesMax`
 * pictures exist per camera; no frame that a former session or owner handled is sent again.
 */
import type { Checkpoint } from '../../core/fleet-state.ts';
import { letterboxGeometry } from '../decode/letterbox.ts';
import type { I420 } from '../decode/picture-scaler.ts';
import type { Fragment, FragmentEvent } from '../demux/fragment-reader.ts';
import { DecodeChain, type DecodedPicture } from './decode-chain.ts';
import { type DropReason, FrameLedger } from './frame-ledger.ts';
import { type HandledMark, isHandledFragment } from './handled-fragments.ts';
import type { CameraIntakeSettings, FrameName, IntakeFrame } from './messages.ts';
import { FrameSampler, KeyframePace } from './sampler.ts';

/** In flight, waiting, just inferred, and one more for a snapshot that is asked for late. */
const picturesMax = 4;

export type IntakePorts = {
  nowMs: () => number;
  monotonicMs: () => number;
  sendFrame(frame: IntakeFrame, buffer: ArrayBuffer): void;
  /** A fault in the media or in decoding; counted, never fatal. */
  mediaFault(code: string, message: string): void;
};

type WaitingFrame = { frame: IntakeFrame; buffer: ArrayBuffer };

export class CameraIntake {
  readonly ledger = new FrameLedger();
  readonly #settings: CameraIntakeSettings;
  readonly #ports: IntakePorts;
  readonly #sampler: FrameSampler;
  readonly #keyframes: KeyframePace;
  readonly #decoding: DecodeChain;
  readonly #spareBuffers: ArrayBuffer[] = [];
  readonly #pictures = new Map<string, I420>();
  #waiting: WaitingFrame | null = null;
  readonly #roomWaiters: (() => void)[] = [];
  #isDetectorBusy = false;
  #isStopped = false;

  #fragment: { info: Fragment; treatment: 'handle' | 'repeated' | 'before-assignment' } | null = null;
  #complete: HandledMark | null;
  /** Fragment that a former session or owner left half handled, and how far. */
  #partial: { fragmentNumber: string | null; frameIndex: number; producerTimestampMs: number } | null = null;
  #handledUpToMs: number | null;
  #lastFrameIndex = -1;
  /** This session began at the live edge, and no fragment of it is complete yet. */
  #hasJumped = false;
  #decodeStartedMs = 0;

  constructor(settings: CameraIntakeSettings, ports: IntakePorts) {
    this.#settings = settings;
    this.#ports = ports;
    this.#sampler = new FrameSampler(settings.fps);
    this.#keyframes = new KeyframePace(settings.fps);
    this.#decoding = new DecodeChain({
      picture: (picture, wanted) => this.#place(picture, wanted),
      lost: () => this.#drop('decode-failed'),
      fault: ports.mediaFault,
    });
    const resume = settings.resumeAfter;
    // Whatever lies up to the checkpoint arrived before this owner's time.
    const serverTimestampMs = settings.handleFromServerMs === 0 ? null : settings.handleFromServerMs;
    this.#complete = resume === null ? null : { fragmentNumber: resume.fragmentNumber, serverTimestampMs };
    this.#handledUpToMs = resume?.producerTimestampMs ?? null;
    if (resume !== null) {
      this.#partial = { fragmentNumber: null, frameIndex: -1, producerTimestampMs: resume.producerTimestampMs };
    }
  }

  /** Where a new session, or a successor, goes on; null when nothing was ever completed. */
  checkpoint(): Checkpoint | null {
    const complete = this.#begunAfterJump() ?? this.#complete;
    if (complete === null) return null;
    return { fragmentNumber: complete.fragmentNumber, producerTimestampMs: this.#handledUpToMs ?? 0 };
  }

  /**
   * A new GetMedia session begins: whatever was in the middle of a fragment will be read again from its start.
   * @param atLiveEdge it does not go on where the former one ended.
   */
  sessionStarted(atLiveEdge = false): void {
    const fragment = this.#fragment;
    this.#complete = this.#begunAfterJump() ?? this.#complete;
    this.#hasJumped = atLiveEdge && this.#complete !== null;
    if (fragment !== null && fragment.treatment === 'handle') {
      const frameIndex = this.#lastFrameIndex;
      this.#partial = {
        fragmentNumber: fragment.info.number,
        frameIndex,
        producerTimestampMs: Number.NEGATIVE_INFINITY,
      };
    }
    this.#fragment = null;
    this.#decoding.reset();
  }

  event(event: FragmentEvent): void {
    if (this.#isStopped) return;
    switch (event.type) {
      case 'fragment-start':
        this.#fragment = { info: event.fragment, treatment: this.#treatmentOf(event.fragment) };
        this.#lastFrameIndex = -1;
        return;
      case 'frame':
        if (event.track.kind === 'video') this.#frame(event);
        return;
      case 'fragment-end':
        if (this.#fragment?.treatment === 'handle') {
          this.#complete = {
            fragmentNumber: event.fragment.number,
            serverTimestampMs: event.fragment.serverTimestampMs,
          };
          this.#partial = null;
          this.#hasJumped = false;
        }
        this.#fragment = null;
        return;
      case 'error':
        this.#ports.mediaFault(event.error.code, event.error.message);
        return;
    }
  }

  /** The detector gave the frame back. @param buffer null when it was lost with the detector. */
  settled(outcome: 'inferred' | DropReason, buffer: ArrayBuffer | null): void {
    if (outcome === 'inferred') this.ledger.inferred();
    else this.ledger.dropped(outcome);
    this.#isDetectorBusy = false;
    if (buffer !== null) this.#spareBuffers.push(buffer);
    const waiting = this.#waiting;
    this.#waiting = null;
    this.#tellRoom();
    if (waiting === null) return;
    if (this.#isStopped) this.#drop('stopped');
    else this.#send(waiting);
  }

  /** One frame is at the detector and one waits: the next wanted one would take its place. */
  get isFull(): boolean {
    return this.#waiting !== null;
  }

  /** Resolves when the waiting frame has gone to the detector, or the camera has stopped. */
  room(): Promise<void> {
    if (!this.isFull) return Promise.resolve();
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  get isDetectorBusy(): boolean {
    return this.#isDetectorBusy;
  }

  picture(name: FrameName): I420 | null {
    return this.#pictures.get(pictureKey(name)) ?? null;
  }

  /** Takes no more frames. The one at the detector is still to be settled. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    if (this.#waiting !== null) this.#drop('stopped');
    this.#waiting = null;
    this.#tellRoom();
    this.#decoding.close(() => this.#drop('stopped'));
  }

  /** Lets go of the pixels; call when the last frame is settled. */
  release(): void {
    this.#pictures.clear();
    this.#spareBuffers.length = 0;
  }

  /**
   * The fragment that is under way since a jump to the live edge. It counts as complete for whoever goes on from here: after
   * the last complete one, from before the jump, all that was jumped over would come first, and then this one again.
   */
  #begunAfterJump(): HandledMark | null {
    if (!this.#hasJumped || this.#fragment?.treatment !== 'handle' || this.#lastFrameIndex < 0) return null;
    const { number, serverTimestampMs } = this.#fragment.info;
    return { fragmentNumber: number, serverTimestampMs };
  }

  #treatmentOf(fragment: Fragment): 'handle' | 'repeated' | 'before-assignment' {
    if (this.#complete !== null && isHandledFragment(fragment, this.#complete)) return 'repeated';
    const { handleFromServerMs, resumeAfter } = this.#settings;
    if (
      resumeAfter === null &&
      this.#complete === null &&
      fragment.serverTimestampMs !== null &&
      fragment.serverTimestampMs < handleFromServerMs
    ) {
      return 'before-assignment';
    }
    if (this.#partial !== null) {
      // A resumed camera knows the half-handled fragment by being the first one after the checkpoint.
      if (this.#partial.fragmentNumber === null) this.#partial.fragmentNumber = fragment.number;
      else if (this.#partial.fragmentNumber !== fragment.number) this.#partial = null;
    }
    return 'handle';
  }

  #frame(event: Extract<FragmentEvent, { type: 'frame' }>): void {
    this.ledger.captured();
    const treatment = this.#fragment?.treatment ?? 'handle';
    if (treatment !== 'handle') {
      this.#decoding.skipped();
      this.#drop(treatment);
      return;
    }
    const partial = this.#partial;
    const isRepeated =
      partial !== null && (event.frameIndex <= partial.frameIndex || event.timestampMs <= partial.producerTimestampMs);
    this.#lastFrameIndex = Math.max(this.#lastFrameIndex, event.frameIndex, isRepeated ? partial.frameIndex : -1);
    if (!isRepeated) this.#handledUpToMs = Math.max(this.#handledUpToMs ?? event.timestampMs, event.timestampMs);
    if (event.keyframe) this.#keyframes.keyframeSeen(event.timestampMs);
    const keyframesOnly = this.#keyframes.keyframesSuffice();
    if (keyframesOnly && !event.keyframe) {
      this.#decoding.skipped();
      this.#drop(isRepeated ? 'repeated' : 'sampling');
      return;
    }
    const isWanted = !isRepeated && this.#sampler.take(event.timestampMs);
    if (!isWanted) this.#drop(isRepeated ? 'repeated' : 'sampling');
    this.#decodeStartedMs = this.#ports.monotonicMs();
    this.#decoding.packet(
      event,
      isWanted ? { fragmentNumber: event.fragmentNumber, frameIndex: event.frameIndex } : null,
      keyframesOnly,
    );
  }

  #place(picture: DecodedPicture, name: FrameName): void {
    const { input } = this.#settings;
    const waiting = this.#waiting;
    const buffer = waiting?.buffer ?? this.#spareBuffers.pop() ?? new ArrayBuffer(input.width * input.height * 3);
    if (waiting !== null) {
      this.#pictures.delete(pictureKey(waiting.frame));
      this.#drop('overload');
    }
    const letterbox = letterboxGeometry(picture.width, picture.height, input.width, input.height);
    picture.letterboxInto(new Uint8Array(buffer), letterbox);
    if (this.#settings.keepPictures) this.#keepPicture(name, picture.toI420());
    const frame: IntakeFrame = {
      ...name,
      capturedAtMs: picture.timestampMs,
      readyAtMs: this.#ports.nowMs(),
      decodeMs: this.#ports.monotonicMs() - this.#decodeStartedMs,
      width: picture.width,
      height: picture.height,
      letterbox,
    };
    if (this.#isDetectorBusy) this.#waiting = { frame, buffer };
    else this.#send({ frame, buffer });
  }

  #send({ frame, buffer }: WaitingFrame): void {
    this.#isDetectorBusy = true;
    this.#ports.sendFrame(frame, buffer);
  }

  #keepPicture(name: FrameName, picture: I420): void {
    this.#pictures.set(pictureKey(name), picture);
    const oldest = this.#pictures.keys().next().value;
    if (this.#pictures.size > picturesMax && oldest !== undefined) this.#pictures.delete(oldest);
  }

  #tellRoom(): void {
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
  }

  #drop(reason: DropReason): void {
    this.ledger.dropped(reason);
  }
}

function pictureKey(name: FrameName): string {
  return `${name.fragmentNumber}/${name.frameIndex}`;
}
