/**
 * One run of one camera on main: from its assignment to its last record. Joins the decode host, the model and the results.
 * Invariant: a run is started once and stopped once; `stopped` resolves only when its frames are all settled.
 */
import type { Clock } from '../../core/clock.ts';
import type { KvsInferError } from '../../core/errors.ts';
import type { Assignment, RunningCamera, RunningCameraState } from '../../core/fleet-state.ts';
import { priorityWeight } from '../pace/fair-share.ts';
import type { CameraResults } from '../publish/camera-results.ts';
import type { DecodeLink } from '../session/decode-link.ts';
import type { FromDecodeHost, IntakeReport, CameraRun as RunName, WorkerBlindCause } from '../session/messages.ts';
import { motionGateSettings } from '../session/motion-gate.ts';
import { readsText } from '../text/track-texts.ts';
import type { IntakeStart } from './handled-marks.ts';
import type { DisplacedFrame, InferredFrame } from './inference-scheduler.ts';
import type { WorkerMetrics } from './metrics.ts';
import type { LoadedModel } from './model-pool.ts';
import { RateMeter } from './rate-meter.ts';
import { WatchRecord } from './watch-record.ts';
import { WatchedHours } from './watched-hours.ts';

/** A frame that was ready for so long when it was inferred came late. */
const lateAfterMs = 500;
/** A camera that gets nearly all its frames is not degraded. */
const degradedBelow = 0.95;

type FrameMessage = Extract<FromDecodeHost, { type: 'frame' }>;

export class CameraRun {
  readonly name: RunName;
  readonly assignment: Assignment;
  readonly link: DecodeLink;
  readonly hours: WatchedHours;
  /** Resolves with the intake's last word; null when the camera was never started there. */
  readonly stopped: Promise<IntakeReport | null>;
  readonly watch: WatchRecord;
  results: CameraResults | null = null;
  failure: KvsInferError | null = null;
  report: IntakeReport | null = null;
  framesInferred = 0;
  #framesLate = 0;
  /** Part of the frames that it can decode which the detector leaves this camera. */
  #detectorShare = 1;
  firstInferenceAtMs: number | undefined;
  /** Of the newest frame, from its producer time to its inference; null before the first. */
  lagMs: number | null = null;
  isStopping = false;
  readonly #clock: Clock;
  readonly #metrics: WorkerMetrics;
  readonly #rate: RateMeter;
  #standby: RunName | undefined;
  readonly #start: IntakeStart;
  readonly #onModelLost: () => void;
  readonly #onResultsFailed: (error: unknown) => void;
  #model: LoadedModel | null = null;
  #lastInferredAtMs: number | undefined;
  #resolveStopped: (report: IntakeReport | null) => void = () => {};

  constructor(
    name: RunName,
    assignment: Assignment,
    link: DecodeLink,
    context: {
      clock: Clock;
      metrics: WorkerMetrics;
      start: IntakeStart;
      /** The run that opened its stream ahead of time, on the same link. */
      standby?: RunName | undefined;
      onModelLost: () => void;
      onResultsFailed: (error: unknown) => void;
    },
  ) {
    const { clock, metrics } = context;
    this.#standby = context.standby;
    this.#start = context.start;
    this.#onModelLost = context.onModelLost;
    this.#onResultsFailed = context.onResultsFailed;
    this.name = name;
    this.assignment = assignment;
    this.hours = new WatchedHours(assignment.camera);
    this.link = link;
    this.#clock = clock;
    this.#metrics = metrics;
    const { resumeAfter, watchedUntilMs } = assignment;
    const isContinued = resumeAfter !== undefined && watchedUntilMs !== undefined;
    const continued = isContinued ? { wallMs: watchedUntilMs, capturedAtMs: resumeAfter.producerTimestampMs } : null;
    this.watch = new WatchRecord(clock.nowMs(), assignment.camera.detect.fps, continued);
    this.#rate = new RateMeter(clock.monotonicMs());
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
  }

  get cameraId(): string {
    return this.assignment.camera.cameraId;
  }

  /** When it was last known what the camera shows: by an inference, or because the motion gate saw no change. */
  get lastInferenceAtMs(): number | undefined {
    if (this.#lastInferredAtMs === undefined) return undefined;
    return Math.max(this.#lastInferredAtMs, this.report?.lastStillAtMs ?? 0);
  }

  get wantedFps(): number {
    return this.assignment.camera.detect.fps;
  }

  /** What decoding leaves of it. */
  get decodableFps(): number {
    return this.wantedFps * (this.report?.decodeShare ?? 1);
  }

  /** What decoding and the detector leave of it. */
  get grantedFps(): number {
    return this.#detectorShare * this.decodableFps;
  }

  /** Detector time of one frame; 0 while the model loads. */
  get costMs(): number {
    return this.#model?.scheduler.costMs ?? 0;
  }

  /** Frames come, and may ask for the detector. */
  get hasMedia(): boolean {
    return this.#model !== null && (this.report?.state === 'running' || this.report?.state === 'degraded');
  }

  get detectorShare(): number {
    return this.#detectorShare;
  }

  /** Since the run began: inferred, lost to or delayed by a busy detector, and left out by the motion gate. */
  get frameCounts(): { inferred: number; strained: number; still: number } {
    const dropped = this.report?.frames.dropped;
    return {
      inferred: this.framesInferred,
      strained: (dropped?.overload ?? 0) + this.#framesLate,
      still: dropped?.static ?? 0,
    };
  }

  /** @param share part of its frames that the detector leaves this camera; 1 when it is not short. */
  pace(share: number): void {
    if (share === this.#detectorShare || this.isStopping) return;
    this.#detectorShare = share;
    this.link.send({ type: 'pace', run: this.name, fps: this.wantedFps * share });
  }

  begin(model: LoadedModel, results: CameraResults): void {
    this.#model = model;
    this.results = results;
    this.failure = null;
    const { camera } = this.assignment;
    const { inputWidth, inputHeight, padding } = model.client.model;
    const standby = this.#standby;
    this.#standby = undefined;
    this.link.send({
      ...{ type: 'start', run: this.name, ...(standby === undefined ? {} : { standby }) },
      settings: {
        streamName: camera.streamName,
        fps: camera.detect.fps,
        priority: camera.priority,
        motionGate: motionGateSettings(camera),
        keepPictures: (camera.snapshots.on !== 'never' && camera.snapshots.maxPerMinute > 0) || readsText(camera),
        input: { width: inputWidth, height: inputHeight, padding },
        ...this.#start,
      },
    });
  }

  /** The same model in a new inference thread. */
  useModel(model: LoadedModel): void {
    this.#model = model;
    this.failure = null;
  }

  /** No more frames. */
  stop(): void {
    if (this.isStopping) return;
    this.isStopping = true;
    if (this.#standby !== undefined) this.link.send({ type: 'standby-stop', run: this.#standby });
    if (this.#model === null) this.#resolveStopped(null);
    else this.link.send({ type: 'stop', run: this.name });
  }

  finished(report: IntakeReport): void {
    this.report = report;
    this.#resolveStopped(report);
  }

  async frame({ frame, buffer }: FrameMessage): Promise<void> {
    const model = this.#model;
    const results = this.results;
    if (model === null || results === null) return;
    this.#metrics.decode(frame.decodeMs);
    if (!this.hours.covers(frame.capturedAtMs, this.#clock.nowMs())) {
      this.#settle('off-schedule', buffer);
      return;
    }
    let inferred: InferredFrame | DisplacedFrame;
    try {
      const weight = priorityWeight(this.assignment.camera.priority);
      inferred = await model.scheduler.submit(buffer, { run: this.name, weight });
    } catch (error) {
      this.#metrics.inferenceFailed();
      this.#settle('inference-failed', null);
      if ((error as { code?: string }).code === 'INFERENCE_THREAD_DIED' && this.failure === null) {
        this.failure = error as KvsInferError;
        this.#onModelLost();
      }
      return;
    }
    if ('displaced' in inferred) {
      this.#settle('overload', inferred.displaced);
      return;
    }
    const nowMs = this.#clock.nowMs();
    if (nowMs - frame.readyAtMs > lateAfterMs) this.#framesLate += 1;
    this.#metrics.inference(inferred, nowMs - frame.readyAtMs);
    this.framesInferred += 1;
    this.firstInferenceAtMs ??= nowMs;
    this.#lastInferredAtMs = nowMs;
    this.watch.inferred(frame.capturedAtMs, frame.stillUntilMs, nowMs);
    this.lagMs = nowMs - frame.capturedAtMs;
    this.#rate.count(this.#clock.monotonicMs());
    this.#settle('inferred', inferred.buffer);
    // The frame is settled: what goes wrong from here on concerns its results alone.
    try {
      const startedMs = performance.now();
      results.frame(frame, inferred.candidates, nowMs);
      this.#metrics.results(performance.now() - startedMs, nowMs - frame.capturedAtMs);
    } catch (error) {
      this.#onResultsFailed(error);
    }
  }

  /** What would keep the camera blind now, said to its record; the decode host reports once a second. */
  observe(): void {
    if (this.report?.lastStillAtMs != null) this.watch.still(this.report.lastStillAtMs);
    this.watch.observe(this.#blindCause(), this.#clock.nowMs());
  }

  heartbeat(): RunningCamera {
    const { results, report } = this;
    this.observe();
    const { state, reason } = this.#state();
    return {
      epoch: this.assignment.epoch,
      state,
      reason,
      fps: this.#rate.perSecond(this.#clock.monotonicMs()),
      ...(this.grantedFps < this.wantedFps ? { grantedFps: this.grantedFps } : {}),
      framesInferred: this.framesInferred,
      detections: results?.detections ?? 0,
      tracks: results?.tracks ?? 0,
      dropped: { ...report?.frames.dropped },
      ...(report?.lastMediaAtMs == null ? {} : { lastMediaAtMs: report.lastMediaAtMs }),
      ...(this.lastInferenceAtMs === undefined ? {} : { lastInferenceAtMs: this.lastInferenceAtMs }),
      ...(this.firstInferenceAtMs === undefined ? {} : { firstInferenceAtMs: this.firstInferenceAtMs }),
      ...(report?.decode == null ? {} : { decode: report.decode }),
      watch: this.watch.report(),
      ...(results?.lastDetection === undefined ? {} : { lastDetection: results.lastDetection }),
    };
  }

  #settle(outcome: 'inferred' | 'inference-failed' | 'off-schedule' | 'overload', buffer: ArrayBuffer | null): void {
    this.link.send({ type: 'frame-settled', run: this.name, outcome, buffer }, buffer === null ? [] : [buffer]);
  }

  #blindCause(): WorkerBlindCause {
    if (this.failure !== null) return this.failure.code === 'INFERENCE_THREAD_DIED' ? 'inference-failed' : 'no-model';
    if (this.#model === null) return 'starting';
    return this.report?.blindCause ?? 'starting';
  }

  #state(): { state: RunningCameraState; reason: string } {
    if (this.failure !== null) {
      const { code, message, hint } = this.failure;
      return { state: 'failing', reason: `${code}: ${message} (${hint})` };
    }
    if (this.#model === null) {
      return { state: 'starting', reason: `loading the model "${this.assignment.camera.detect.model}"` };
    }
    const { state, reason } = this.report ?? { state: 'starting' as const, reason: 'opening the stream' };
    if (state === 'running' && this.framesInferred === 0) {
      return { state: 'starting', reason: 'media flows; waiting for the first inference' };
    }
    if (state === 'running' && this.grantedFps < degradedBelow * this.wantedFps) {
      const granted = Math.round(this.grantedFps * 100) / 100;
      const short = this.decodableFps / this.wantedFps < this.#detectorShare ? 'decoding' : 'the detector';
      return {
        state: 'degraded',
        reason: `gets ${granted} of ${this.wantedFps} frames/s: ${short} is short, and the lowest priority gives way first`,
      };
    }
    if (state !== 'running') return { state, reason };
    return { state, reason: [reason, ...(this.results?.problems ?? [])].join('; ') };
  }
}
