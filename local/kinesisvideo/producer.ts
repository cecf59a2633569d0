/**
 * A camera for the local cloud: loops an H.264 clip through PutMedia in real time, goes silent and comes back on request,
 * and reconnects when its connection is lost. Invariant: a frame that could not be sent in its time is dropped and
 * counted, never sent late; what follows a gap begins with a key frame and a new fragment.
 */
import type { Clock } from '../../core/clock.ts';
import { ClipTimeline, type H264Clip } from './clip-timeline.ts';
import type { Acknowledgement } from './fragment-ingest.ts';
import { openCluster, segmentHeader, simpleBlock } from './matroska-writer.ts';
import { ProducerConnection } from './producer-connection.ts';

export type ProducerOptions = {
  /** Of the local cloud, e.g. `http://127.0.0.1:4566`. */
  endpoint: string;
  region: string;
  streamName: string;
  clip: H264Clip;
  clock: Clock;
  /** A fragment begins at the first key frame after so long; KVS takes 1 to 20 s. */
  fragmentDurationMs?: number;
  /** Clock time of the clip's first frame; now when left out. */
  startAtMs?: number;
  accessKeyId?: string;
  /** 0…1, for the back-off. */
  random?: () => number;
  onAcknowledgement?: (ack: Acknowledgement) => void;
  /** The connection was lost and will be tried again after a back-off. */
  onLost?: (reason: string | null) => void;
};

export type ProducerStats = {
  connected: boolean;
  paused: boolean;
  connections: number;
  framesSent: number;
  /** Frames whose time came while the camera was on but could not send. */
  framesDropped: number;
  fragmentsSent: number;
  fragmentsPersisted: number;
  errorAcknowledgements: number;
  lastFailure: string | null;
};

export type Producer = {
  /** Goes silent: the upload ends after the frame sent last. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
  /** @returns the moment of the clip that was captured at this clock time, or null when the camera was silent then. */
  clipTimeMs(capturedAtMs: number): number | null;
  stats(): ProducerStats;
};

const FRAGMENT_DURATION_MS = 2000;
/** Full jitter between zero and a bound that doubles; PutMedia allows 5 calls a second. */
const BACK_OFF_BASE_MS = 500;
const BACK_OFF_MAX_MS = 8000;
/** A frame this late is dropped: the machine slept, or the clock was stepped far. */
const LATENESS_MAX_MS = 2000;
const TRACK_NUMBER = 1;

export function startProducer(options: ProducerOptions): Producer {
  return new ClipProducer(options);
}

class ClipProducer implements Producer {
  readonly #options: ProducerOptions;
  readonly #timeline: ClipTimeline;
  readonly #stats: ProducerStats = {
    connected: false,
    paused: false,
    connections: 0,
    framesSent: 0,
    framesDropped: 0,
    fragmentsSent: 0,
    fragmentsPersisted: 0,
    errorAcknowledgements: 0,
    lastFailure: null,
  };
  #connection: ProducerConnection | null = null;
  /** Capture time of the fragment being sent; null: the next frame sent must be a key frame of a new fragment. */
  #fragmentStartMs: number | null = null;
  #headerSent = false;
  #nextIndex: number;
  #failuresInARow = 0;
  #isStopped = false;
  #cancelFrame = () => {};
  #cancelReconnect = () => {};
  readonly #finishing = new Set<Promise<void>>();

  constructor(options: ProducerOptions) {
    if (options.clip.frames[0]?.keyframe !== true) throw new RangeError('expected a clip that begins with a key frame');
    this.#options = options;
    const startAtMs = Math.round(options.startAtMs ?? options.clock.nowMs());
    this.#timeline = new ClipTimeline(options.clip, startAtMs);
    this.#nextIndex = this.#timeline.firstIndexFrom(options.clock.nowMs());
    this.#connect();
    this.#scheduleFrame();
  }

  pause(): void {
    if (this.#stats.paused || this.#isStopped) return;
    this.#stats.paused = true;
    this.#cancelFrame();
    this.#cancelReconnect();
    this.#goSilent();
    this.#finishConnection();
  }

  resume(): void {
    if (!this.#stats.paused || this.#isStopped) return;
    this.#stats.paused = false;
    this.#nextIndex = this.#timeline.firstIndexFrom(this.#options.clock.nowMs());
    this.#connect();
    this.#scheduleFrame();
  }

  async stop(): Promise<void> {
    this.pause();
    this.#isStopped = true;
    await Promise.all(this.#finishing);
  }

  clipTimeMs(capturedAtMs: number): number | null {
    return this.#timeline.clipTimeMs(capturedAtMs);
  }

  stats(): ProducerStats {
    return { ...this.#stats };
  }

  #scheduleFrame(): void {
    const { clock } = this.#options;
    const dueMs = this.#timeline.frame(this.#nextIndex).capturedAtMs;
    this.#cancelFrame = clock.setTimer(dueMs - clock.nowMs(), () => {
      this.#sendDueFrames();
      this.#scheduleFrame();
    });
  }

  #sendDueFrames(): void {
    const nowMs = this.#options.clock.nowMs();
    for (;;) {
      const frame = this.#timeline.frame(this.#nextIndex);
      if (frame.capturedAtMs > nowMs) return;
      this.#nextIndex += 1;
      if (nowMs - frame.capturedAtMs <= LATENESS_MAX_MS && this.#sendFrame(frame)) {
        this.#timeline.sent(frame.capturedAtMs);
        this.#stats.framesSent += 1;
      } else {
        this.#timeline.silentFrom(frame.capturedAtMs);
        this.#fragmentStartMs = null;
        this.#stats.framesDropped += 1;
      }
    }
  }

  #sendFrame(frame: { data: Uint8Array; keyframe: boolean; capturedAtMs: number }): boolean {
    const connection = this.#connection;
    if (connection === null) return false;
    const { fragmentDurationMs = FRAGMENT_DURATION_MS } = this.#options;
    const elapsedMs = this.#fragmentStartMs === null ? null : frame.capturedAtMs - this.#fragmentStartMs;
    if (elapsedMs === null && !frame.keyframe) return false;
    if (elapsedMs !== null && (!frame.keyframe || elapsedMs < fragmentDurationMs)) {
      return connection.send(simpleBlock(TRACK_NUMBER, elapsedMs, frame.keyframe, frame.data));
    }
    const parts = [openCluster(frame.capturedAtMs), simpleBlock(TRACK_NUMBER, 0, true, frame.data)];
    if (!this.#headerSent) parts.unshift(this.#header());
    if (!connection.send(Buffer.concat(parts))) return false;
    this.#headerSent = true;
    this.#fragmentStartMs = frame.capturedAtMs;
    this.#stats.fragmentsSent += 1;
    return true;
  }

  #header(): Buffer {
    const { codecPrivate, width, height } = this.#options.clip;
    return segmentHeader([
      { number: TRACK_NUMBER, kind: 'video', codecId: 'V_MPEG4/ISO/AVC', width, height, codecPrivate },
    ]);
  }

  #connect(): void {
    const { endpoint, region, streamName, clock, accessKeyId = 'local' } = this.#options;
    this.#headerSent = false;
    this.#fragmentStartMs = null;
    this.#stats.connections += 1;
    this.#stats.connected = true;
    const connection = new ProducerConnection({
      endpoint,
      region,
      streamName,
      accessKeyId,
      clock,
      onAcknowledgement: (ack) => this.#acknowledged(ack),
      onClosed: (reason) => {
        if (this.#connection === connection) this.#lostConnection(reason);
      },
    });
    this.#connection = connection;
  }

  #acknowledged(ack: Acknowledgement): void {
    if (ack.EventType === 'ERROR') this.#stats.errorAcknowledgements += 1;
    if (ack.EventType === 'PERSISTED') this.#stats.fragmentsPersisted += 1;
    if (ack.EventType === 'RECEIVED') this.#failuresInARow = 0;
    this.#options.onAcknowledgement?.(ack);
  }

  #lostConnection(reason: string | null): void {
    const { clock, random = Math.random } = this.#options;
    this.#connection = null;
    this.#stats.connected = false;
    this.#stats.lastFailure = reason;
    this.#goSilent();
    const boundMs = Math.min(BACK_OFF_MAX_MS, BACK_OFF_BASE_MS * 2 ** this.#failuresInARow);
    this.#failuresInARow += 1;
    this.#cancelReconnect = clock.setTimer(random() * boundMs, () => this.#connect());
    this.#options.onLost?.(reason);
  }

  #finishConnection(): void {
    const connection = this.#connection;
    this.#connection = null;
    this.#stats.connected = false;
    if (connection === null) return;
    const finishing = connection.finish();
    this.#finishing.add(finishing);
    void finishing.then(() => this.#finishing.delete(finishing));
  }

  #goSilent(): void {
    this.#timeline.silentFrom(this.#timeline.frame(this.#nextIndex).capturedAtMs);
    this.#fragmentStartMs = null;
  }
}
