/**
 * One camera watched from end to end: a producer, the local Kinesis Video service, a network that can be broken, the real
 * AWS clients, the decode host, and what main does with its reports, up to the blind-time ledger. The clock is stepped.
 * Invariant: sockets are real; every scheduled millisecond of the ledger is inferred or has a cause.
 */
import { CreateStreamCommand } from '@aws-sdk/client-kinesis-video';
import { type AwsClients, awsClients } from '../../aws/clients.ts';
import { kinesisVideoMedia } from '../../aws/media.ts';
import { accountCamera } from '../../core/control/ledger.ts';
import type { BlindSpan, CameraState, RunningCamera } from '../../core/fleet-state.ts';
import { NetworkPath } from '../../local/http/network-path.test-factory.ts';
import type { H264Clip } from '../../local/kinesisvideo/clip-timeline.ts';
import { type MediaRig, RIG_START_MS, startMediaRig } from '../../local/kinesisvideo/media-rig.test-factory.ts';
import { type Producer, startProducer } from '../../local/kinesisvideo/producer.ts';
import { WatchRecord } from '../runtime/watch-record.ts';
import { runDecodeHost } from './decode-host.ts';
import type { CameraIntakeSettings, FromDecodeHost, IntakeReport, ToDecodeHost } from './messages.ts';
import { CLIP_FRAME_MS, clipIntake, clipPackets, scriptedTrack } from './scripted-media.test-factory.ts';

const streamName = clipIntake.streamName;
const run = `${streamName}#1#1`;
const stepMs = 100;

const clipOf = (frameMs: number): H264Clip => ({
  codec: 'h264',
  codecPrivate: scriptedTrack.codecPrivate ?? new Uint8Array(),
  width: scriptedTrack.width,
  height: scriptedTrack.height,
  frames: clipPackets.map((packet, index) => ({ ...packet, timestampMs: index * frameMs })),
  durationMs: clipPackets.length * frameMs,
});

export class WatchedCamera {
  readonly rig: MediaRig;
  readonly network: NetworkPath;
  readonly clients: AwsClients;
  /** Fragment number and index of every frame that reached the detector, in order. */
  readonly names: string[] = [];
  /** Producer time of each. */
  readonly seenAtMs: number[] = [];
  /** False: the detector keeps what it gets. */
  detects = true;
  report: IntakeReport | null = null;
  #watch: WatchRecord | null = null;
  #watchedFromMs = 0;
  readonly #held: ArrayBuffer[] = [];
  readonly #producers: Producer[] = [];
  #tell: (message: ToDecodeHost) => void = () => {};
  #closed: Promise<void> = Promise.resolve();

  constructor(rig: MediaRig, network: NetworkPath) {
    this.rig = rig;
    this.network = network;
    this.clients = awsClients({ region: rig.region, endpoint: rig.endpoint });
  }

  async createStream(): Promise<void> {
    await this.rig.control.send(new CreateStreamCommand({ StreamName: streamName, DataRetentionInHours: 0 }));
  }

  produce(media: { frameMs?: number; fragmentDurationMs?: number } = {}): Producer {
    const { frameMs = CLIP_FRAME_MS, fragmentDurationMs = 1_000 } = media;
    const { endpoint, region, clock } = this.rig;
    const producer = startProducer({
      ...{ endpoint, region, streamName, clock, fragmentDurationMs },
      clip: clipOf(frameMs),
      random: () => 0,
    });
    this.#producers.push(producer);
    return producer;
  }

  /** The assignment arrives. */
  watch(settings: Partial<CameraIntakeSettings> = {}, media = kinesisVideoMedia(this.clients)): void {
    const { clock } = this.rig;
    const intake = { ...clipIntake, fps: 5, ...settings };
    this.#watch = new WatchRecord(clock.nowMs(), intake.fps);
    this.#watchedFromMs = clock.nowMs();
    let close = () => {};
    this.#closed = new Promise((resolve) => {
      close = resolve;
    });
    const port = {
      postMessage: (message: FromDecodeHost) => this.#hear(message),
      on: (_event: string, listener: (message: ToDecodeHost) => void) => {
        this.#tell = listener;
      },
    };
    const host = { media, clock, random: () => 0, busyMs: () => 0 };
    runDecodeHost(port as unknown as Parameters<typeof runDecodeHost>[0], host, close);
    this.#tell({ type: 'start', run, settings: intake });
  }

  #hear(message: FromDecodeHost): void {
    const nowMs = this.rig.clock.nowMs();
    if (message.type === 'report') {
      this.report = message.cameras[run] ?? this.report;
      if (this.report !== null) this.#watch?.observe(this.report.blindCause, nowMs);
    } else if (message.type === 'frame') {
      this.#held.push(message.buffer);
      if (!this.detects) return;
      const { fragmentNumber, frameIndex, capturedAtMs, stillUntilMs } = message.frame;
      this.names.push(`${fragmentNumber}/${frameIndex}`);
      this.seenAtMs.push(capturedAtMs);
      this.#watch?.inferred(capturedAtMs, stillUntilMs, nowMs);
      setImmediate(() => this.answer());
    }
  }

  /** The detector gives back what it has. */
  answer(): void {
    for (const buffer of this.#held.splice(0)) {
      this.#tell({ type: 'frame-settled', run, outcome: 'inferred', buffer });
    }
  }

  get reads(): number {
    return this.rig.service.states().find((state) => state.streamName === streamName)?.sessions.length ?? 0;
  }

  /** @param strideMs after which sockets get their time; timers on the way fire at theirs. */
  async step(milliseconds: number, strideMs = stepMs): Promise<void> {
    for (let left = milliseconds; left > 0; left -= strideMs) {
      await this.rig.clock.step(Math.min(left, strideMs), turns);
      // What was sent in this step has been passed on by the time when a later request is answered.
      await fetch(this.rig.endpoint).then((response) => response.arrayBuffer());
      await turns();
    }
  }

  async until(what: string, holds: () => boolean, limitMs = 60_000): Promise<void> {
    for (let passedMs = 0; passedMs <= limitMs; passedMs += stepMs) {
      if (holds()) return;
      await this.step(stepMs);
    }
    throw new Error(`not within ${limitMs} ms: ${what}; ${JSON.stringify(this.report)}`);
  }

  /** Media flows and the newest frame is inferred. */
  async runs(): Promise<void> {
    const before = this.names.length;
    await this.until('it runs', () => this.names.length > before + 10 && this.report?.state === 'running');
  }

  get blindSpans(): readonly BlindSpan[] {
    return this.#watch?.report().blind ?? [];
  }

  /** Seconds since the assignment as control would account them now. */
  ledger(): { scheduled: number; inferred: number; blind: Record<string, number> } {
    const nowMs = this.rig.clock.nowMs();
    const state = {
      ...{ cameraId: streamName, phase: 'running', rowChangedAtMs: this.#watchedFromMs },
      accountedThroughMs: this.#watchedFromMs,
    } as CameraState;
    const report = { watch: this.#watch?.report() } as RunningCamera;
    const scheduled = [{ startMs: this.#watchedFromMs, endMs: nowMs }];
    const accounting = accountCamera(state, 'off-schedule', scheduled, { report, isAlive: true }, nowMs);
    const sum = { scheduled: 0, inferred: 0, blind: {} as Record<string, number> };
    for (const entry of accounting?.entries ?? []) {
      sum.scheduled += entry.scheduledSeconds;
      sum.inferred += entry.inferredSeconds;
      for (const [cause, seconds] of Object.entries(entry.blindSeconds)) {
        sum.blind[cause] = (sum.blind[cause] ?? 0) + seconds;
      }
    }
    return sum;
  }

  async close(): Promise<void> {
    for (const producer of this.#producers) await producer.stop();
    this.answer();
    this.#tell({ type: 'close' });
    if (this.#watch !== null) await this.#closed;
    await this.network.close();
    this.clients.destroy();
    await this.rig.close();
  }
}

/** @returns a camera whose stream exists and whose control and media calls go over `network`. */
export async function startWatchedCamera(options: Parameters<typeof startMediaRig>[0] = {}): Promise<WatchedCamera> {
  process.env.AWS_ACCESS_KEY_ID ??= 'local';
  process.env.AWS_SECRET_ACCESS_KEY ??= 'local';
  const rig = await startMediaRig(options);
  const network = new NetworkPath(rig.endpoint);
  await network.open();
  rig.advertise(network.url);
  const camera = new WatchedCamera(rig, network);
  await camera.createStream();
  return camera;
}

export { RIG_START_MS };

async function turns(): Promise<void> {
  for (let round = 0; round < 12; round += 1) await new Promise((resolve) => setImmediate(resolve));
}
