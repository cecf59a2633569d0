/**
 * Keeps one camera's media flowing: opens GetMedia, reads it, and opens it again when it ends, which it does by design
 * every 40 to 45 minutes and whenever the producer stops.
 * Invariant: one connection at a time, and the old one is closed before the next is asked for; a session goes on after
 * the last complete fragment, or at the live edge when it has fallen too far behind; whatever goes wrong here changes
 * this camera's state and nothing else.
 */
import type { MediaBody, MediaSource, MediaStart } from '../../aws/media.ts';
import type { Clock } from '../../core/clock.ts';
import { KvsInferError } from '../../core/errors.ts';
import type { HardwareDecoders } from '../decode/codec-device.ts';
import { type FragmentEvent, FragmentReader } from '../demux/fragment-reader.ts';
import type { DecodedCamera } from '../pace/decode-pace.ts';
import { CameraIntake } from './camera-intake.ts';
import { CatchUp, inTimeMs, type Lateness } from './catch-up.ts';
import { IntakeHealth } from './intake-health.ts';
import { LiveEdge } from './live-edge.ts';
import type { CameraIntakeSettings, FrameName, IntakeFrame, IntakeReport } from './messages.ts';
import { Reconnect } from './reconnect.ts';
import { openTimedOut, sessionBroken, streamEndings } from './session-errors.ts';
import type { Turns } from './turns.ts';

/** Design: beyond this the newest frame is worth more than the missed ones. Seldom reached by lateness of our own making. */
const behindMaxMs = 5_000;
/** Sum of delays that were taken for the camera's own: so much a thread without time made, in the sockets. */
const acceptedMaxMs = 2_000;
/** Frames come in bursts, a fragment at a time; within this distance from the live edge they wait for the detector. */
const patienceBehindMaxMs = 1_000;
/** Waiting for the detector alone makes nothing count as late. */
const patienceLateMaxMs = 0.8 * inTimeMs;
/** A producer whose clock or upload lags is always behind; skipping again would gain nothing. */
const skipAgainAfterMs = 30_000;
/** A successor makes good what came during the handover, at the detector's pace; after so long the newest frame wins again. */
const catchUpMaxMs = 30_000;
/** GetMedia answers with headers within a second. */
const openTimeoutMs = 20_000;
/** A connection without a byte for so long is dead: KVS itself ends a session when the producer stops. */
const stalledAfterMs = 60_000;
/** How long one camera may work before the others, and the event loop, get their turn. */
const turnMs = 6;

export type SessionDependencies = {
  media: MediaSource;
  clock: Clock;
  random: () => number;
  turns: Turns;
  /** Decoders of the GPU to be tried first; null or left out: the CPU decodes. */
  hardware?: HardwareDecoders | null;
  /** Share of the last second in which the thread that decodes was busy, 0..1. */
  busyShare: () => number;
};

export class CameraSession {
  readonly intake: CameraIntake;
  readonly #dependencies: SessionDependencies;
  readonly #settings: CameraIntakeSettings;
  readonly #health: IntakeHealth;
  readonly #reconnect: Reconnect;
  readonly #edge = new LiveEdge();
  readonly #catchUp = new CatchUp();
  readonly #ended: Promise<void>;
  readonly #onSessionEnded: () => void;
  #stop: (() => void) | null = null;
  #isStopped = false;
  #session: AbortController | null = null;
  /** What KVS said inside the media before it ended the session. */
  #endedBy: KvsInferError | null = null;
  #startAtEdge = false;
  /** Until then, frames from before the live edge wait for the detector however far behind they are. */
  #catchesUpUntilMs: number;
  #lastByteMs = 0;
  #lastSkipMs = Number.NEGATIVE_INFINITY;
  #pacedFps: number;
  #decodeShare = 1;

  /** @param onSessionEnded what keeps the camera blind has changed: worth a report, before the next session's frames. */
  constructor(
    settings: CameraIntakeSettings,
    dependencies: SessionDependencies,
    sendFrame: (frame: IntakeFrame, buffer: ArrayBuffer) => void,
    onSessionEnded: () => void = () => {},
  ) {
    const { clock } = dependencies;
    this.#onSessionEnded = onSessionEnded;
    this.#settings = settings;
    this.#pacedFps = settings.fps;
    this.#dependencies = dependencies;
    this.#catchesUpUntilMs = settings.resumeAfter === null ? 0 : clock.monotonicMs() + catchUpMaxMs;
    this.#reconnect = new Reconnect(dependencies.random);
    this.#health = new IntakeHealth(clock.monotonicMs(), settings.fps);
    const mediaFault = (code: string, message: string) => this.#health.mediaFault(code, message);
    const ports = { nowMs: () => clock.nowMs(), monotonicMs: () => performance.now(), sendFrame, mediaFault };
    this.intake = new CameraIntake(settings, ports, dependencies.hardware ?? null);
    const stopped = new Promise<void>((resolve) => {
      this.#stop = resolve;
    });
    this.#ended = this.#run(stopped);
  }

  /** Stops taking media. Resolves when the connection is given back. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#session?.abort();
    this.#stop?.();
    this.intake.stop();
    await this.#ended;
  }

  /** Call once a second: notices silence and dead connections. */
  tick(): void {
    const nowMs = this.#dependencies.clock.monotonicMs();
    this.#health.tick(nowMs, this.intake.ledger.counts());
    if (this.#session !== null && nowMs - this.#lastByteMs >= stalledAfterMs) this.#session.abort();
  }

  report(): IntakeReport {
    const report = this.#health.report(
      this.#dependencies.clock.monotonicMs(),
      this.intake.ledger.counts(),
      this.intake.checkpoint(),
      this.intake.lastStillAtMs,
    );
    const { decodeReport: decode } = this.intake;
    const why = report.state === 'running' ? decode?.fallback : undefined;
    const reason = why === undefined ? report.reason : `${report.reason}; decoded on the CPU: ${why}`;
    return { ...report, reason, decode, decodeShare: this.#decodeShare };
  }

  /** What it asks of the decode thread, and what became of it. */
  decoded(): DecodedCamera {
    const { decodeWork, ledger } = this.intake;
    const { fps, priority } = this.#settings;
    return { fps, priority, work: { ...decodeWork, captured: ledger.counts().captured } };
  }

  /** @param fps what overload leaves the camera; its own rate when there is no overload. */
  usePace(fps: number): void {
    this.intake.usePace(fps);
    this.#pacedFps = fps;
    this.#health.useFps(fps * this.#decodeShare);
  }

  /** @param share part of its frames that the decode thread has time for; 1 when it is not short. */
  useDecodeShare(share: number): void {
    this.intake.useDecodeShare(share);
    this.#decodeShare = share;
    this.#health.useFps(this.#pacedFps * share);
  }

  picture(frame: FrameName) {
    return this.intake.picture(frame);
  }

  async #run(stopped: Promise<void>): Promise<void> {
    while (!this.#isStopped) {
      const error = await this.#readOneSession();
      if (this.#isStopped) return;
      this.#health.sessionEnded(error, this.#dependencies.clock.monotonicMs());
      this.#onSessionEnded();
      if (error?.code === 'STREAM_FRAGMENT_GONE') this.#startAtEdge = true;
      await this.#wait(this.#reconnect.delayMs(error), stopped);
    }
  }

  /** One GetMedia from open to end. @returns why it ended; null for an orderly end. */
  async #readOneSession(): Promise<KvsInferError | null> {
    const { media, clock } = this.#dependencies;
    const abort = new AbortController();
    this.#session = abort;
    this.#lastByteMs = clock.monotonicMs();
    let hasTimedOut = false;
    const cancelTimeout = clock.setTimer(openTimeoutMs, () => {
      hasTimedOut = true;
      abort.abort();
    });
    let body: MediaBody | null = null;
    try {
      this.#health.sessionOpened();
      const start = this.#nextStart();
      const opened = await media.open(this.#settings.streamName, start, abort.signal);
      body = opened;
      cancelTimeout();
      if (abort.signal.aborted) return null;
      this.#health.mediaOpened(clock.monotonicMs());
      abort.signal.addEventListener('abort', () => opened.close(), { once: true });
      this.#edge.sessionStarted();
      this.#catchUp.sessionStarted();
      this.intake.sessionStarted(start.at === 'now');
      this.#endedBy = null;
      await this.#read(opened, abort);
      return this.#endedBy;
    } catch (error) {
      if (hasTimedOut) return openTimedOut(this.#settings.streamName, openTimeoutMs, error);
      if (abort.signal.aborted) return null;
      return error instanceof KvsInferError ? error : sessionBroken(error);
    } finally {
      cancelTimeout();
      body?.close();
      this.#session = null;
    }
  }

  #nextStart(): MediaStart {
    const fragmentNumber = this.#startAtEdge ? null : this.intake.completeFragment;
    this.#startAtEdge = false;
    return fragmentNumber === null ? { at: 'now' } : { at: 'after', fragmentNumber };
  }

  async #read(body: MediaBody, abort: AbortController): Promise<void> {
    const { clock, turns } = this.#dependencies;
    // At most what one chunk holds; the frames are views into it.
    const events: FragmentEvent[] = [];
    const reader = new FragmentReader((event) => events.push(event));
    let turnStartedMs = performance.now();
    for await (const chunk of body.chunks) {
      this.#lastByteMs = clock.monotonicMs();
      this.#health.bytesSeen(this.#lastByteMs);
      reader.push(chunk);
      for (const event of events.splice(0)) {
        if (performance.now() - turnStartedMs > turnMs) {
          await turns.next();
          turnStartedMs = performance.now();
        }
        if (abort.signal.aborted) return;
        this.#event(event);
        if (!this.intake.isFull || !this.#hasPatience) continue;
        await this.#waitForRoom();
        turnStartedMs = performance.now();
      }
    }
    // No reader.end(): a fragment that broke off is not complete, and is read again from its start.
  }

  /** Waits for the detector, but no longer than the media takes: when it does not keep pace, the newest frame wins. */
  async #waitForRoom(): Promise<void> {
    const { clock } = this.#dependencies;
    const frameMs = Math.min(1_000 / this.#settings.fps, inTimeMs);
    const patienceMs = this.#catchesUp ? Math.max(frameMs, this.#catchesUpUntilMs - clock.monotonicMs()) : frameMs;
    await this.#wait(patienceMs, this.intake.room());
  }

  get #catchesUp(): boolean {
    return this.#dependencies.clock.monotonicMs() < this.#catchesUpUntilMs;
  }

  get #hasPatience(): boolean {
    if (this.#catchesUp) return true;
    return this.#edge.lateMs <= patienceLateMaxMs && this.#edge.behindMs <= patienceBehindMaxMs;
  }

  #event(event: FragmentEvent): void {
    const { clock } = this.#dependencies;
    let lateness: Lateness = 'in-time';
    if (event.type === 'frame' && event.track.kind === 'video') {
      this.#reconnect.succeeded();
      this.#health.mediaSeen(clock.monotonicMs(), clock.nowMs());
      this.#edge.frame(event.timestampMs, clock.nowMs());
      // What came during a handover is late for everybody, and all the same read.
      const busyShare = this.#catchesUp ? 0 : this.#dependencies.busyShare();
      lateness = this.#catchUp.frame(this.#edge.lateMs, event.keyframe, busyShare);
      if (lateness === 'as-ever') this.#edge.acceptDelay();
      if (this.#edge.acceptedMs > acceptedMaxMs) this.#skipToNow();
    }
    if (event.type === 'error' && streamEndings.has(event.error.code)) this.#endedBy = event.error;
    this.intake.isPatient = this.#catchesUp;
    this.intake.event(event, lateness);
    if (event.type === 'fragment-start') {
      this.#edge.fragmentStarted(event.fragment.producerTimestampMs, event.fragment.serverTimestampMs);
    }
    if (event.type === 'fragment-end') this.#checkDistance(event.fragment.millisBehindNow);
  }

  #checkDistance(millisBehindNow: number | null): void {
    this.#edge.fragmentEnded(millisBehindNow);
    this.#health.behind(this.#edge.behindMs);
    // What a standby held says how far behind it was when it was received; its delay says how far it is now.
    if (Math.max(this.#edge.behindMs, this.#edge.delayMs) <= patienceBehindMaxMs) this.#catchesUpUntilMs = 0;
    if (this.#catchesUp) return;
    if (this.#edge.behindMs > behindMaxMs) this.#skipToNow();
  }

  #skipToNow(): void {
    const nowMs = this.#dependencies.clock.monotonicMs();
    if (nowMs - this.#lastSkipMs < skipAgainAfterMs) return;
    this.#lastSkipMs = nowMs;
    this.#health.skippedToNow();
    this.#startAtEdge = true;
    this.#session?.abort();
  }

  async #wait(delayMs: number, atMost: Promise<void>): Promise<void> {
    let cancel = () => {};
    const waited = new Promise<void>((resolve) => {
      cancel = this.#dependencies.clock.setTimer(delayMs, resolve);
    });
    await Promise.race([waited, atMost]);
    cancel();
  }
}
