/**
 * One camera from fragments to decoded frames: decides frame by frame what is handled, what is decoded, and where a later
 * session goes on. What becomes of the pictures is in detector-slot.ts.
 * Invariant: every frame that arrives is settled once in the ledger; no frame that a former session or owner handled is
 * sent again.
 */
import type { Checkpoint } from '../../core/fleet-state.ts';
import type { HardwareDecoders } from '../decode/codec-device.ts';
import type { I420 } from '../decode/picture-scaler.ts';
import type { Fragment, FragmentEvent } from '../demux/fragment-reader.ts';
import type { Lateness } from './catch-up.ts';
import { DecodeChain, type DecodeChainPorts } from './decode-chain.ts';
import { DetectorSlot } from './detector-slot.ts';
import { FrameChoice } from './frame-choice.ts';
import { type DropReason, FrameLedger } from './frame-ledger.ts';
import { compareFragmentNumbers, type HandledMark, isHandledFragment } from './handled-fragments.ts';
import type { CameraIntakeSettings, FrameName, IntakeFrame } from './messages.ts';
import { WatchedTrack } from './watched-track.ts';

export type IntakePorts = {
  nowMs: () => number;
  monotonicMs: () => number;
  sendFrame(frame: IntakeFrame, buffer: ArrayBuffer): void;
  /** A fault in the media or in decoding; counted, never fatal. */
  mediaFault(code: string, message: string): void;
};

/** The decoder owes at most 32 frames, each of another fragment at worst, and one waits for the detector. */
const completeMarksMax = 34;

export class CameraIntake {
  readonly ledger = new FrameLedger();
  readonly #settings: CameraIntakeSettings;
  readonly #ports: IntakePorts;
  readonly #choice: FrameChoice;
  readonly #decoding: DecodeChain;
  readonly #slot: DetectorSlot;
  #isStopped = false;

  #fragment: { info: Fragment; treatment: 'handle' | 'repeated' | 'before-assignment' } | null = null;
  #complete: HandledMark | null;
  /** The last complete fragments, oldest first: frames of a complete one may still be undecided. */
  readonly #completeNumbers: string[] = [];
  /** Fragment that a former session or owner left half handled, and how far. */
  #partial: { fragmentNumber: string | null; frameIndex: number; producerTimestampMs: number } | null = null;
  #lastFrameIndex = -1;
  readonly #track = new WatchedTrack();
  /** Where it stopped, once it has. */
  #stoppedAt: Checkpoint | null = null;
  /** This session began at the live edge, and no fragment of it is complete yet. */
  #hasJumped = false;
  #decodeStartedMs = 0;
  /** Since the beginning: time in decoding, pictures that came of it, and frames that were wanted and late. */
  readonly decodeWork = { workMs: 0, pictures: 0, late: 0 };

  /** @param hardware decoders of the GPU to be tried first; null: the CPU decodes. */
  constructor(settings: CameraIntakeSettings, ports: IntakePorts, hardware: HardwareDecoders | null = null) {
    this.#settings = settings;
    this.#ports = ports;
    this.#choice = new FrameChoice(settings.fps);
    this.#slot = new DetectorSlot(settings, { ...ports, drop: (reason) => this.#drop(reason) });
    const chainPorts: DecodeChainPorts = {
      picture: (picture, wanted) => {
        this.decodeWork.pictures += 1;
        this.#slot.place(picture, wanted, () => ports.monotonicMs() - this.#decodeStartedMs);
      },
      lost: () => this.#drop('decode-failed'),
      fault: ports.mediaFault,
    };
    this.#decoding = new DecodeChain(chainPorts, hardware);
    const resume = settings.resumeAfter;
    // Whatever lies up to the checkpoint arrived before this owner's time.
    const serverTimestampMs = settings.handleFromServerMs === 0 ? null : settings.handleFromServerMs;
    this.#complete = resume === null ? null : { fragmentNumber: resume.fragmentNumber, serverTimestampMs };
    if (resume !== null) {
      this.#partial = { fragmentNumber: null, frameIndex: -1, producerTimestampMs: resume.producerTimestampMs };
    }
  }

  /** Frames have this size from the next one on. */
  useInput(input: CameraIntakeSettings['input']): void {
    this.#slot.useInput(input);
  }

  /** The last complete fragment, after which a new session goes on; null when nothing was ever completed. */
  get completeFragment(): string | null {
    return (this.#begunAfterJump() ?? this.#complete)?.fragmentNumber ?? null;
  }

  /**
   * Where a successor goes on: every wanted frame up to `producerTimestampMs` is decided (it went to the detector, or
   * nothing came of it), none after it is, and all of those come after `fragmentNumber`. Null when nothing was completed.
   */
  checkpoint(): Checkpoint | null {
    if (this.#isStopped) return this.#stoppedAt;
    const jumpedTo = this.#begunAfterJump();
    const complete = this.completeFragment;
    if (complete === null) return null;
    const undecided = this.#slot.waitingFrame ?? this.#decoding.oldestOwed;
    const isBefore = (number: string) =>
      undecided === null || compareFragmentNumbers(number, undecided.fragmentNumber) < 0;
    const fragmentNumber =
      jumpedTo !== null || isBefore(complete) ? complete : this.#completeNumbers.findLast(isBefore);
    // All of the fragments that are remembered are younger: reading goes on after the one before them.
    const number = fragmentNumber ?? this.#settings.resumeAfter?.fragmentNumber;
    if (number === undefined) return null;
    const decidedUpToMs = this.#slot.decidedUpToMs ?? this.#settings.resumeAfter?.producerTimestampMs ?? 0;
    return { fragmentNumber: number, producerTimestampMs: decidedUpToMs };
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

  /** @param lateness of a frame; nothing else has any. */
  event(event: FragmentEvent, lateness: Lateness = 'in-time'): void {
    if (this.#isStopped) return;
    switch (event.type) {
      case 'fragment-start':
        this.#fragment = { info: event.fragment, treatment: this.#treatmentOf(event.fragment) };
        this.#lastFrameIndex = -1;
        return;
      case 'frame':
        if (this.#track.covers(event.track)) this.#frame(event, lateness);
        return;
      case 'track': {
        const extra = this.#track.declared(event.track, event.isFirst);
        if (extra !== null) this.#ports.mediaFault('VIDEO_TRACK_EXTRA', extra);
        return;
      }
      case 'fragment-end':
        if (event.frames > 0 && !this.#track.isChosen) {
          const message = `expected a video track, fragment ${event.fragment.number} has ${event.frames} frames of others`;
          this.#ports.mediaFault('VIDEO_TRACK_MISSING', message);
        }
        if (this.#fragment?.treatment === 'handle') {
          this.#complete = {
            fragmentNumber: event.fragment.number,
            serverTimestampMs: event.fragment.serverTimestampMs,
          };
          this.#completeNumbers.push(event.fragment.number);
          if (this.#completeNumbers.length > completeMarksMax) this.#completeNumbers.shift();
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

  /** @param fps frames per second that overload leaves this camera; its own rate when there is no overload. */
  usePace(fps: number): void {
    this.#choice.useGranted(fps);
  }

  /** @param share part of its frames that the decode thread has time for; 1 when it is not short. */
  useDecodeShare(share: number): void {
    this.#choice.useDecodeShare(share);
  }

  /** The detector gave the frame back. @param buffer null when it was lost with the detector. */
  settled(outcome: 'inferred' | DropReason, buffer: ArrayBuffer | null): void {
    if (outcome === 'inferred') this.ledger.inferred();
    else this.ledger.dropped(outcome);
    this.#slot.settled(outcome === 'inferred', buffer);
  }

  /** One frame is at the detector and one waits: the next wanted one would take its place. */
  get isFull(): boolean {
    return this.#slot.isFull;
  }

  /** Frames wait for those before them, however long these take. */
  set isPatient(isPatient: boolean) {
    this.#slot.isPatient = isPatient;
  }

  /** Resolves when the waiting frame has gone to the detector, or the camera has stopped. */
  room(): Promise<void> {
    return this.#slot.room();
  }

  get isDetectorBusy(): boolean {
    return this.#slot.isBusy;
  }

  /** Wall-clock time at which the motion gate last left out a frame. */
  get lastStillAtMs(): number | null {
    return this.#slot.lastStillAtMs;
  }

  get decodeReport() {
    return this.#decoding.report;
  }

  picture(name: FrameName): I420 | null {
    return this.#slot.picture(name);
  }

  /** Takes no more frames. The one at the detector is still to be settled. */
  stop(): void {
    if (this.#isStopped) return;
    this.#stoppedAt = this.checkpoint();
    this.#isStopped = true;
    this.#slot.stop();
    this.#decoding.close(() => this.#drop('stopped'));
  }

  /** Lets go of the pixels; call when the last frame is settled. */
  release(): void {
    this.#slot.release();
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

  #frame(event: Extract<FragmentEvent, { type: 'frame' }>, lateness: Lateness): void {
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
    if (event.keyframe) this.#choice.keyframeSeen(event.timestampMs);
    const { keyframesOnly } = this.#choice;
    const isLeftBehind = lateness === 'left-behind';
    const verdict = isRepeated ? 'repeated' : this.#choice.of(event.timestampMs, event.keyframe, isLeftBehind);
    const isWanted = verdict === 'infer';
    if (verdict === 'late' || (isWanted && lateness === 'late')) this.decodeWork.late += 1;
    if (!isWanted) this.#drop(verdict);
    if (!isWanted && this.#choice.isWithheld) {
      this.#decoding.pause();
      return;
    }
    if (keyframesOnly && !event.keyframe) {
      this.#decoding.skipped();
      return;
    }
    this.#decodeStartedMs = this.#ports.monotonicMs();
    const { fragmentNumber, frameIndex } = event;
    const wanted = isWanted ? { fragmentNumber, frameIndex, afterFragment: this.completeFragment } : null;
    this.#decoding.packet(event, wanted, keyframesOnly);
    if (this.#choice.isWithheld) this.#decoding.pause();
    this.decodeWork.workMs += this.#ports.monotonicMs() - this.#decodeStartedMs;
  }

  #drop(reason: DropReason): void {
    this.ledger.dropped(reason);
  }
}
