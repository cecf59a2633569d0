/**
 * What main and a decode host say to each other over a MessagePort. Frames travel as transferred ArrayBuffers and come
 * back the same way, so pixels are never copied between threads.
 * Invariant: every `frame` is answered by exactly one `frame-settled`, and `stop` by exactly one `stopped`, after which
 * nothing more is said of that camera.
 */
import type { Checkpoint, DecodeReport, StandbyReport } from '../../core/fleet-state.ts';
import type { Letterbox, LetterboxPadding } from '../decode/letterbox.ts';
import type { GreyPicture } from '../text/grey-picture.ts';
import type { DropReason, FrameCounts } from './frame-ledger.ts';
import type { MotionGateSettings } from './motion-gate.ts';

/** One run of one camera: `cameraId#epoch#run`. A restarted camera is a new run, so late messages find nobody. */
export type CameraRun = string;

/** A frame's name within its camera, the same for every reader of the stream. */
export type FrameName = { fragmentNumber: string; frameIndex: number };
/** @property afterFragment reading on after this one comes to the frame's own first; not known when it is the first. */
export type WantedFrame = FrameName & { afterFragment?: string | null };

export type CameraIntakeSettings = {
  streamName: string;
  fps: number;
  /** 0..100: who keeps more when the thread is short of time. */
  priority: number;
  /** Leaves out frames in which nothing has changed; null: every frame is inferred. */
  motionGate: MotionGateSettings | null;
  /** Keep the last full-resolution pictures, for snapshots and for reading text. */
  keepPictures: boolean;
  /** The model's input in pixels. */
  input: { width: number; height: number; padding: LetterboxPadding };
  resumeAfter: Checkpoint | null;
  /**
   * This owner's time begins here. Without `resumeAfter`, fragments with an older server timestamp are not handled (0 =
   * handle all); with it, a newer one is never among those up to `resumeAfter`, whatever its number.
   */
  handleFromServerMs: number;
};

/** A letterboxed RGB frame, `input.width × input.height × 3` bytes. */
export type IntakeFrame = WantedFrame & {
  /** Producer time of the frame. */
  capturedAtMs: number;
  /** Wall-clock time at which it was ready for the detector. */
  readyAtMs: number;
  decodeMs: number;
  width: number;
  height: number;
  letterbox: Letterbox;
  /** Since the last frame that was sent the picture stood still until this producer time; null: not known to. */
  stillUntilMs: number | null;
};

export type IntakeState = 'starting' | 'running' | 'silent' | 'degraded' | 'failing';

/** Causes of blindness that the intake can tell. docs/operate.md explains each; blind-causes.test.ts makes each happen. */
export const intakeBlindCauses = [
  'starting',
  'reconnect',
  'unreachable',
  'kvs-unavailable',
  'throttled',
  'connection-limit',
  'stream-failed',
  'fragment-gone',
  'skipped-to-live',
  'silent',
  'media-damaged',
  'decode-failed',
  'handover',
  'overload',
] as const;
export type IntakeBlindCause = (typeof intakeBlindCauses)[number];

/** What a worker says to the ledger: main adds the causes of models. */
export const workerBlindCauses = [...intakeBlindCauses, 'inference-failed', 'no-model'] as const;
export type WorkerBlindCause = (typeof workerBlindCauses)[number];

export type IntakeReport = {
  state: IntakeState;
  reason: string;
  /** What would keep the camera from being watched at this moment. */
  blindCause: IntakeBlindCause;
  decode: DecodeReport | null;
  /** Part of the wanted frames that the decode thread has time for; 1 when it is not short. */
  decodeShare: number;
  frames: FrameCounts;
  checkpoint: Checkpoint | null;
  lastMediaAtMs: number | null;
  /** Wall-clock time at which the motion gate last found that nothing had changed: as good as an inference. */
  lastStillAtMs: number | null;
  millisBehindNow: number | null;
  /** GetMedia sessions opened, ended for any reason, and given up for being too far behind the live edge. */
  sessions: { opened: number; ended: number; skippedToNow: number };
  /** Errors of reading, of the media and of decoding, by code. */
  mediaErrors: Record<string, number>;
};

/** How a stream that is opened ahead of time is doing. */
export type StandbyState = Omit<StandbyReport, 'sinceMs'>;

export type SnapshotBox = { box: [number, number, number, number]; label: string; score: number };

export type SnapshotWish = {
  /** The object that the picture is for, fractions of the frame. */
  subject: SnapshotBox['box'];
  /** 0..1: a picture in which the subject is less sharp is not encoded. */
  sharpnessMin: number;
  /** To be drawn. */
  boxes: SnapshotBox[];
};

/** What came of a wish. */
export type SnapshotAnswer =
  | { found: 'picture'; jpeg: Uint8Array; width: number; height: number; sharpness: number }
  | { found: 'blurred' }
  /** No longer in the ring, or one that JPEG cannot hold. */
  | { found: 'gone' };

export type ToDecodeHost =
  /** @param standby the run that opened the stream ahead of time, and ends here. */
  | { type: 'start'; run: CameraRun; settings: CameraIntakeSettings; standby?: CameraRun }
  /** Opens the stream for a camera that another worker watches. Ends with `start` or `standby-stop`. */
  | { type: 'standby'; run: CameraRun; streamName: string }
  | { type: 'standby-stop'; run: CameraRun }
  | { type: 'stop'; run: CameraRun }
  /** Frames per second that overload leaves the camera; its own rate when there is none. */
  | { type: 'pace'; run: CameraRun; fps: number }
  /** Another model takes the camera's frames over: the next ones have its size. */
  | { type: 'input'; run: CameraRun; input: CameraIntakeSettings['input'] }
  | { type: 'frame-settled'; run: CameraRun; outcome: 'inferred' | DropReason; buffer: ArrayBuffer | null }
  | ({ type: 'snapshot'; request: number; run: CameraRun; frame: FrameName } & SnapshotWish)
  /** The pixels under a box, to read text from. */
  | {
      type: 'cut-out';
      request: number;
      run: CameraRun;
      frame: FrameName;
      box: SnapshotBox['box'];
      margin: number;
    }
  | { type: 'close' };

export type FromDecodeHost =
  | { type: 'frame'; run: CameraRun; frame: IntakeFrame; buffer: ArrayBuffer }
  | {
      type: 'report';
      cameras: Record<CameraRun, IntakeReport>;
      standbys: Record<CameraRun, StandbyState>;
      eventLoopDelayP99Ms: number;
    }
  | { type: 'stopped'; run: CameraRun; report: IntakeReport }
  | { type: 'snapshot'; request: number; answer: SnapshotAnswer }
  | { type: 'cut-out'; request: number; picture: GreyPicture | null }
  | { type: 'closed' };
