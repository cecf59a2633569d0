/**
 * What one camera has at the detector: one frame there, one waiting, and the newest takes the waiting place. A frame that has
 * been there for long still stands in the detector's queue: the next one is sent after it, to take its turn over.
 * Holds the pixels too: buffers that go round, and the last full-resolution pictures for snapshots.
 * Invariant: every picture that is placed is sent once or dropped once; at most two frames are out, and at most three frame
 * buffers (four with a motion gate) and `picturesMax` pictures exist.
 */
import { type Letterbox, letterboxGeometry } from '../decode/letterbox.ts';
import type { I420 } from '../decode/picture-scaler.ts';
import type { DecodedPicture } from './decode-chain.ts';
import type { DropReason } from './frame-ledger.ts';
import type { CameraIntakeSettings, FrameName, IntakeFrame, WantedFrame } from './messages.ts';
import { MotionGate } from './motion-gate.ts';

/** In flight, waiting, just inferred, and one more for a snapshot that is asked for late. */
const picturesMax = 4;

/** Long enough for a detector that keeps up, with batches; short enough that what it sees is fresh. */
const staleAfterMs = 250;
const outMax = 2;

export type DetectorSlotPorts = {
  nowMs: () => number;
  sendFrame(frame: IntakeFrame, buffer: ArrayBuffer): void;
  drop(reason: DropReason): void;
};

type WaitingFrame = { frame: IntakeFrame; buffer: ArrayBuffer };

export class DetectorSlot {
  readonly #settings: Pick<CameraIntakeSettings, 'keepPictures' | 'motionGate'>;
  #input: CameraIntakeSettings['input'];
  readonly #ports: DetectorSlotPorts;
  #motion: MotionGate | null;
  readonly #spareBuffers: ArrayBuffer[] = [];
  readonly #pictures = new Map<string, I420>();
  #waiting: WaitingFrame | null = null;
  readonly #roomWaiters: (() => void)[] = [];
  /** Frames sent and not settled. */
  #out = 0;
  #lastSentAtMs = 0;
  #isStopped = false;
  /** No frame takes over the turn of one that is out. */
  isPatient = false;
  /** Producer time of the newest frame that the motion gate left out after the last one that it passed. */
  #stillUntilMs: number | null = null;
  /** Wall-clock time at which it last did so. */
  lastStillAtMs: number | null = null;
  /** Producer time of the newest frame that was sent, gave way or was left out; null before the first. */
  decidedUpToMs: number | null = null;

  constructor(settings: Pick<CameraIntakeSettings, 'input' | 'keepPictures' | 'motionGate'>, ports: DetectorSlotPorts) {
    this.#settings = settings;
    this.#ports = ports;
    this.#input = settings.input;
    this.#motion = motionGateOf(settings.motionGate, settings.input);
  }

  /** Frames that are out or wait keep the size that they have. */
  useInput(input: CameraIntakeSettings['input']): void {
    this.#input = input;
    this.#motion = motionGateOf(this.#settings.motionGate, input);
    this.#spareBuffers.length = 0;
  }

  /** A frame of this camera is at the detector, or in its queue. */
  get isBusy(): boolean {
    return this.#out > 0;
  }

  /** One frame is at the detector and one waits: the next would take its place. */
  get isFull(): boolean {
    return this.#waiting !== null;
  }

  /** The frame whose turn has not come: it may still be sent. */
  get waitingFrame(): IntakeFrame | null {
    return this.#waiting?.frame ?? null;
  }

  /** Resolves when the waiting frame has gone to the detector, or the camera has stopped. */
  room(): Promise<void> {
    if (!this.isFull) return Promise.resolve();
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  /** @param decodeMs from handing the packet to the decoder until now. */
  place(picture: DecodedPicture, name: WantedFrame, decodeMs: () => number): void {
    const input = this.#input;
    const letterbox = letterboxGeometry(picture.width, picture.height, input.width, input.height, input.padding);
    const buffer = this.#letterboxed(picture, letterbox);
    if (buffer === null) return;
    // Before anything is decided: a picture that cannot be converted leaves all as it was.
    const kept = this.#settings.keepPictures ? picture.toI420() : null;
    const waiting = this.#waiting;
    const isStale = this.#ports.nowMs() - this.#lastSentAtMs >= staleAfterMs;
    const takesOver = !this.isPatient && this.#out > 0 && this.#out < outMax && isStale;
    // Seen from the frame that the detector had last: before a frame that gave way, not after it.
    const stillUntilMs = waiting !== null ? waiting.frame.stillUntilMs : takesOver ? null : this.#stillUntilMs;
    this.#stillUntilMs = null;
    if (waiting !== null) {
      this.decidedUpToMs = waiting.frame.capturedAtMs;
      this.#pictures.delete(pictureKey(waiting.frame));
      if (waiting.buffer !== buffer) this.#keepBuffer(waiting.buffer);
      this.#ports.drop('overload');
    }
    if (kept !== null) this.#keepPicture(name, kept);
    const frame: IntakeFrame = {
      ...name,
      capturedAtMs: picture.timestampMs,
      readyAtMs: this.#ports.nowMs(),
      decodeMs: decodeMs(),
      width: picture.width,
      height: picture.height,
      letterbox,
      stillUntilMs,
    };
    if (this.#out === 0 || takesOver) {
      this.#waiting = null;
      this.#send({ frame, buffer });
      this.#tellRoom();
    } else this.#waiting = { frame, buffer };
  }

  /**
   * The detector gave the frame back.
   * @param wasInferred false: it never saw it, and the motion gate must not compare with it.
   * @param buffer null when it was lost with the detector.
   */
  settled(wasInferred: boolean, buffer: ArrayBuffer | null): void {
    if (!wasInferred) this.#motion?.reset();
    this.#out -= 1;
    if (buffer !== null) this.#keepBuffer(buffer);
    const waiting = this.#waiting;
    if (waiting === null || this.#out > 0) return;
    this.#waiting = null;
    this.#tellRoom();
    if (this.#isStopped) this.#ports.drop('stopped');
    else this.#send(waiting);
  }

  picture(name: FrameName): I420 | null {
    return this.#pictures.get(pictureKey(name)) ?? null;
  }

  /** Nothing more is sent. The frame at the detector is still to be settled. */
  stop(): void {
    this.#isStopped = true;
    if (this.#waiting !== null) this.#ports.drop('stopped');
    this.#waiting = null;
    this.#tellRoom();
  }

  /** Lets go of the pixels; call when the last frame is settled. */
  release(): void {
    this.#pictures.clear();
    this.#spareBuffers.length = 0;
  }

  /** The picture in a buffer of the model's input; null when the motion gate left it out. */
  #letterboxed(picture: DecodedPicture, letterbox: Letterbox): ArrayBuffer | null {
    const motion = this.#motion;
    const bytes = letterbox.inputWidth * letterbox.inputHeight * 3;
    // Without a gate the picture takes the waiting one's place for certain, and may be written over it.
    const buffer =
      (motion === null && this.#waiting?.buffer.byteLength === bytes ? this.#waiting.buffer : undefined) ??
      this.#spareBuffers.pop() ??
      new ArrayBuffer(bytes);
    const pixels = new Uint8Array(buffer);
    picture.letterboxInto(pixels, letterbox);
    if (motion?.isStill(pixels, picture.timestampMs) !== true) return buffer;
    this.#spareBuffers.push(buffer);
    // While a frame waits, nothing after it is decided.
    if (this.#waiting === null) this.decidedUpToMs = picture.timestampMs;
    this.#stillUntilMs = picture.timestampMs;
    this.lastStillAtMs = this.#ports.nowMs();
    this.#ports.drop('static');
    return null;
  }

  #send({ frame, buffer }: WaitingFrame): void {
    this.#out += 1;
    this.decidedUpToMs = frame.capturedAtMs;
    this.#lastSentAtMs = this.#ports.nowMs();
    this.#ports.sendFrame(frame, buffer);
  }

  #keepPicture(name: FrameName, picture: I420): void {
    this.#pictures.set(pictureKey(name), picture);
    const oldest = this.#pictures.keys().next().value;
    if (this.#pictures.size > picturesMax && oldest !== undefined) this.#pictures.delete(oldest);
  }

  /** One of another size is of no use any more. */
  #keepBuffer(buffer: ArrayBuffer): void {
    if (buffer.byteLength === this.#input.width * this.#input.height * 3) this.#spareBuffers.push(buffer);
  }

  #tellRoom(): void {
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
  }
}

function pictureKey(name: FrameName): string {
  return `${name.fragmentNumber}/${name.frameIndex}`;
}

function motionGateOf(
  settings: CameraIntakeSettings['motionGate'],
  input: CameraIntakeSettings['input'],
): MotionGate | null {
  return settings === null ? null : new MotionGate(settings, input);
}
