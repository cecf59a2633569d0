/**
 * One run of one camera on main: from its assignment to its last record. Joins the decode host, the model and the results.
 * Invariant: a run is started once and stopped once; `stopped` resolves only when its frames are all settled.
 */
import type { Clock } from '../../core/clock.ts';
import type { ModelOrder } from '../../core/control/model-evidence.ts';
import type { KvsInferError } from '../../core/errors.ts';
import type { Assignment, RunningCamera } from '../../core/fleet-state.ts';
import { priorityWeight } from '../pace/fair-share.ts';
import type { CameraResults } from '../publish/camera-results.ts';
import type { DecodeLink } from '../session/decode-link.ts';
import type { CameraIntakeSettings, FromDecodeHost, IntakeReport, CameraRun as RunName } from '../session/messages.ts';
import { motionGateSettings } from '../session/motion-gate.ts';
import { readsText } from '../text/track-texts.ts';
import type { IntakeStart } from './handled-marks.ts';
import type { DisplacedFrame, InferredFrame } from './inference-scheduler.ts';
import type { WorkerMetrics } from './metrics.ts';
import type { LoadedModel } from './model-pool.ts';
import type { ModelTrial } from './model-trial.ts';
import { RateMeter } from './rate-meter.ts';
import { type Detecting, RunModels } from './run-models.ts';
import { blindCauseOf, stateOfRun } from './run-state.ts';
import { WatchRecord } from './watch-record.ts';
import { WatchedHours } from './watched-hours.ts';

/** A frame that was ready for so long when it was inferred came late. */
const lateAfterMs = 500;

type FrameMessage = Extract<FromDecodeHost, { type: 'frame' }>;

type RunContext = {
  clock: Clock;
  metrics: WorkerMetrics;
  start: IntakeStart;
  /** The run that opened its stream ahead of time, on the same link. */
  standby?: RunName | undefined;
  onModelLost: () => void;
  onResultsFailed: (error: unknown) => void;
  onFirstInference: () => void;
};

export class CameraRun {
  readonly name: RunName;
  readonly assignment: Assignment;
  readonly link: DecodeLink;
  readonly hours: WatchedHours;
  /** Resolves with the intake's last word; null when the camera was never started there. */
  readonly stopped: Promise<IntakeReport | null>;
  readonly watch: WatchRecord;
  readonly #models = new RunModels();
  /** What control ordered instead of the row's model. */
  order: ModelOrder | undefined;
  /** Set while its model is compared with the version before. */
  trial: ModelTrial | null = null;
  failure: KvsInferError | null = null;
  report: IntakeReport | null = null;
  framesInferred = 0;
  #framesLate = 0;
  /** Part of the frames that it can decode which the detector leaves this camera. */
  detectorShare = 1;
  firstInferenceAtMs: number | undefined;
  /** Of the newest frame, from its producer time to its inference; null before the first. */
  lagMs: number | null = null;
  isStopping = false;
  readonly #context: RunContext;
  readonly #rate: RateMeter;
  #standby: RunName | undefined;
  #lastInferredAtMs: number | undefined;
  #resolveStopped: (report: IntakeReport | null) => void = () => {};

  constructor(name: RunName, assignment: Assignment, link: DecodeLink, context: RunContext) {
    const { clock } = context;
    this.#context = context;
    this.#standby = context.standby;
    this.name = name;
    this.assignment = assignment;
    this.order = assignment.modelOrder;
    this.hours = new WatchedHours(assignment.camera);
    this.link = link;
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
    return this.detectorShare * this.decodableFps;
  }

  /** Detector time of one frame; 0 while the model loads. */
  get costMs(): number {
    return this.#models.current?.model.scheduler.costMs ?? 0;
  }

  /** Frames come, and may ask for the detector. */
  get hasMedia(): boolean {
    return this.modelName !== null && (this.report?.state === 'running' || this.report?.state === 'degraded');
  }

  /** What keeps its results from being whole, in words. */
  get problems(): readonly string[] {
    return this.#models.current?.results.problems ?? [];
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
    if (share === this.detectorShare || this.isStopping) return;
    this.detectorShare = share;
    this.link.send({ type: 'pace', run: this.name, fps: this.wantedFps * share });
  }

  /** Null before the first. */
  get modelName(): string | null {
    return this.#models.current?.name ?? null;
  }

  begin(name: string, model: LoadedModel, results: CameraResults): void {
    this.#models.begin(name, model, results);
    this.failure = null;
    const { camera } = this.assignment;
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
        input: inputOf(model),
        ...this.#context.start,
      },
    });
  }

  /** The same model in a new inference thread. */
  useModel(model: LoadedModel): void {
    this.#models.renew(model);
    this.failure = null;
  }

  /** Another model from the next frame on. */
  switchTo(name: string, model: LoadedModel, results: CameraResults): void {
    this.trial = null;
    this.#models.begin(name, model, results);
    this.failure = null;
    this.link.send({ type: 'input', run: this.name, input: inputOf(model) });
  }

  /** Ends every track. Resolves when their records are handed over. */
  closeResults(): Promise<void> {
    return this.#models.close();
  }

  /** No more frames. */
  stop(): void {
    if (this.isStopping) return;
    this.isStopping = true;
    if (this.#standby !== undefined) this.link.send({ type: 'standby-stop', run: this.#standby });
    if (this.modelName === null) this.#resolveStopped(null);
    else this.link.send({ type: 'stop', run: this.name });
  }

  finished(report: IntakeReport): void {
    this.report = report;
    this.#resolveStopped(report);
  }

  async frame(message: FrameMessage): Promise<void> {
    const detecting = this.#models.of(message.frame.letterbox);
    if (detecting === null) return;
    await this.#detect(message, detecting);
    this.#models.settled(detecting);
  }

  async #detect({ frame, buffer }: FrameMessage, detecting: Detecting): Promise<void> {
    const { model, results } = detecting;
    const trial = detecting.name === this.order?.name ? this.trial : null;
    const submitter = { run: this.name, weight: priorityWeight(this.assignment.camera.priority) };
    this.#context.metrics.decode(frame.decodeMs);
    if (!this.hours.covers(frame.capturedAtMs, this.#context.clock.nowMs())) {
      this.#settle('off-schedule', buffer);
      return;
    }
    let inferred: InferredFrame | DisplacedFrame;
    try {
      inferred = await model.scheduler.submit(buffer, submitter);
    } catch (error) {
      this.#context.metrics.inferenceFailed();
      trial?.tally.failed(error);
      this.#settle('inference-failed', null);
      if ((error as { code?: string }).code === 'INFERENCE_THREAD_DIED' && this.failure === null) {
        this.failure = error as KvsInferError;
        this.#context.onModelLost();
      }
      return;
    }
    if ('displaced' in inferred) {
      this.#settle('overload', inferred.displaced);
      return;
    }
    const nowMs = this.#context.clock.nowMs();
    if (nowMs - frame.readyAtMs > lateAfterMs) this.#framesLate += 1;
    this.#context.metrics.inference(inferred, nowMs - frame.readyAtMs);
    this.framesInferred += 1;
    if (this.firstInferenceAtMs === undefined) {
      this.firstInferenceAtMs = nowMs;
      this.#context.onFirstInference();
    }
    this.#lastInferredAtMs = nowMs;
    this.watch.inferred(frame.capturedAtMs, frame.stillUntilMs, nowMs);
    this.lagMs = nowMs - frame.capturedAtMs;
    this.#rate.count(this.#context.clock.monotonicMs());
    trial?.tally.inferred(inferred.placeInBatch);
    const isCompared = trial?.isDue(this.#context.clock.monotonicMs()) === true;
    if (!isCompared) this.#settle('inferred', inferred.buffer);
    // The frame is inferred: what goes wrong from here on concerns its results alone.
    try {
      const startedMs = performance.now();
      results.frame(frame, inferred.candidates, nowMs);
      this.#context.metrics.results(performance.now() - startedMs, nowMs - frame.capturedAtMs);
    } catch (error) {
      this.#context.onResultsFailed(error);
    }
    if (isCompared && trial !== null) {
      this.#settle('inferred', await trial.compare(frame, inferred, model, submitter));
    }
  }

  /** What would keep the camera blind now, said to its record; the decode host reports once a second. */
  observe(): void {
    if (this.report?.lastStillAtMs != null) this.watch.still(this.report.lastStillAtMs);
    this.watch.observe(blindCauseOf(this), this.#context.clock.nowMs());
  }

  heartbeat(): RunningCamera {
    const { report } = this;
    const current = this.#models.current;
    this.observe();
    const { state, reason } = stateOfRun(this);
    return {
      ...{ epoch: this.assignment.epoch, state, reason, fps: this.#rate.perSecond(this.#context.clock.monotonicMs()) },
      ...(this.grantedFps < this.wantedFps ? { grantedFps: this.grantedFps } : {}),
      ...{ framesInferred: this.framesInferred, detections: this.#models.detections, tracks: this.#models.tracks },
      dropped: { ...report?.frames.dropped },
      ...(report?.lastMediaAtMs == null ? {} : { lastMediaAtMs: report.lastMediaAtMs }),
      ...(this.lastInferenceAtMs === undefined ? {} : { lastInferenceAtMs: this.lastInferenceAtMs }),
      ...(this.firstInferenceAtMs === undefined ? {} : { firstInferenceAtMs: this.firstInferenceAtMs }),
      ...(report?.decode == null ? {} : { decode: report.decode }),
      watch: this.watch.report(),
      ...(current?.results.lastDetection === undefined ? {} : { lastDetection: current.results.lastDetection }),
      ...(current === null ? {} : { model: current.name }),
    };
  }

  #settle(outcome: 'inferred' | 'inference-failed' | 'off-schedule' | 'overload', buffer: ArrayBuffer | null): void {
    this.link.send({ type: 'frame-settled', run: this.name, outcome, buffer }, buffer === null ? [] : [buffer]);
  }
}

function inputOf({ client }: LoadedModel): CameraIntakeSettings['input'] {
  const { inputWidth: width, inputHeight: height, padding } = client.model;
  return { width, height, padding };
}
