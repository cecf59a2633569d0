/**
 * The cameras of this worker: starts and stops them, and knows for each whether it may publish.
 * Invariant: a camera runs at most once; its gate is open for one epoch only and closes before anything of another epoch
 * can be published; stopping waits for its frames, then for its records, each with a limit.
 */
import type { Clock } from '../../core/clock.ts';
import type { Assignment, Checkpoint, RunningCamera } from '../../core/fleet-state.ts';
import { CameraResults, type ResultsContext } from '../publish/camera-results.ts';
import type { DeliveryQueue } from '../publish/delivery-queue.ts';
import type { RecordPublisher } from '../publish/record-publisher.ts';
import type { DecodeLink } from '../session/decode-link.ts';
import type { FromDecodeHost } from '../session/messages.ts';
import type { TextReader } from '../text/text-reader.ts';
import { cutOutMargin } from '../text/track-texts.ts';
import { CameraRun } from './camera-run.ts';
import { earlierOf, HandledMarks } from './handled-marks.ts';
import type { Log } from './log.ts';
import type { WorkerMetrics } from './metrics.ts';
import { ModelFollower } from './model-follower.ts';
import type { ModelPool } from './model-pool.ts';
import { PictureRequests } from './picture-requests.ts';
import { Standbys } from './standbys.ts';

/** Draining must end within 30 s, all cameras side by side. */
const flushTimeoutMs = 8_000;

export type SupervisorDependencies = {
  clock: Clock;
  log: Log;
  metrics: WorkerMetrics;
  models: ModelPool;
  publisher: RecordPublisher;
  deliveries: DeliveryQueue;
  text: TextReader;
  /** A camera that is prepared here can be taken over. */
  onStandbyReady(): void;
  results: Omit<ResultsContext, 'capture' | 'text' | 'snapshotMissed' | 'publisher' | 'deliveries'>;
};

export class CameraSupervisor {
  readonly #dependencies: SupervisorDependencies;
  readonly #links: DecodeLink[] = [];
  readonly #cameras = new Map<string, CameraRun>();
  readonly #runs = new Map<string, CameraRun>();
  /** Camera → the epoch that may publish. */
  readonly #gates: Map<string, number>;
  readonly #pictures: PictureRequests;
  readonly #handled = new HandledMarks();
  /** Cameras that are prepared and not this worker's yet. */
  readonly standbys: Standbys;
  /** Which model each camera runs. */
  readonly versions: ModelFollower;
  #runsStarted = 0;
  /** Newest event-loop delay of each decode host. */
  readonly #decodeDelaysMs = new Map<number, number>();
  firstInferenceAtMs: number | undefined;

  /** @param gates shared with the publisher's gate. */
  constructor(dependencies: SupervisorDependencies, gates: Map<string, number>) {
    this.#dependencies = dependencies;
    this.#pictures = new PictureRequests(dependencies.clock);
    this.standbys = new Standbys({
      models: dependencies.models,
      log: dependencies.log,
      chooseLink: () => this.#leastBusyLink(),
      onReady: () => dependencies.onStandbyReady(),
    });
    this.versions = new ModelFollower({
      ...dependencies,
      resultsOf: (run, { client }) => {
        const { camera, epoch } = run.assignment;
        return new CameraResults(camera, epoch, client.model, this.#resultsContext(run));
      },
    });
    this.#gates = gates;
  }

  addLink(link: DecodeLink): void {
    this.#links.push(link);
  }

  /** Camera → epoch of those that run or are starting; those that are stopping are not included. */
  running(): Map<string, number> {
    const running = new Map<string, number>();
    for (const [cameraId, run] of this.#cameras) running.set(cameraId, run.assignment.epoch);
    return running;
  }

  get decodeLoopDelayP99Ms(): number {
    return Math.max(0, ...this.#decodeDelaysMs.values());
  }

  runs(): Iterable<CameraRun> {
    return this.#cameras.values();
  }

  heartbeat(): Record<string, RunningCamera> {
    const running: Record<string, RunningCamera> = {};
    for (const [cameraId, run] of this.#cameras) running[cameraId] = run.heartbeat();
    return running;
  }

  /** What a running camera is read and published up to. */
  checkpointOf({ cameraId, report }: CameraRun): Checkpoint | null {
    return earlierOf(report?.checkpoint ?? null, this.#dependencies.publisher.unstoredFrom(cameraId));
  }

  start(assignment: Assignment): void {
    const { cameraId } = assignment.camera;
    if (this.#cameras.has(cameraId)) throw new Error(`camera ${cameraId} is started twice`);
    const { clock, metrics, log } = this.#dependencies;
    const startedAtMs = clock.nowMs();
    const standby = this.standbys.take(cameraId, assignment.camera.streamName);
    const link = standby?.link ?? this.#leastBusyLink();
    const name = `${cameraId}#${assignment.epoch}#${this.#runsStarted++}`;
    const onModelLost = () => this.versions.lost(run);
    const { epoch, camera, traceId, rowTraceId } = assignment;
    const trace = { traceId, rowTraceId };
    const onResultsFailed = (error: unknown) => log.error('the results of a frame were lost', { cameraId, error });
    const onFirstInference = () =>
      log.info('first frame inferred', { cameraId, epoch, afterMs: clock.nowMs() - startedAtMs, ...trace });
    const run: CameraRun = new CameraRun(name, assignment, link, {
      ...{ clock, metrics, onModelLost, onResultsFailed, onFirstInference },
      start: this.#handled.startOf(assignment),
      standby: standby?.name,
    });
    this.#cameras.set(cameraId, run);
    this.#runs.set(name, run);
    this.#gates.set(cameraId, assignment.epoch);
    const { streamName } = camera;
    log.info('camera started', { cameraId, epoch, streamName, isPrepared: standby !== null, ...trace });
    void this.versions.begin(run).then(() => standby === null || this.#dependencies.models.release(standby.name));
  }

  /** What may change without another epoch: the hours of the row, and the version of the model. */
  update(assignment: Assignment): void {
    const { camera, epoch } = assignment;
    const run = this.#cameras.get(camera.cameraId);
    if (run?.assignment.epoch !== epoch) return;
    run.hours.use(camera);
    this.versions.follow(run, assignment);
  }

  /**
   * @param mayPublish false: the camera belongs to somebody else now; whatever is buffered is discarded.
   * @param traceId of the order.
   * @returns what is read and published up to, once everything of this run is settled.
   */
  async stop(cameraId: string, mayPublish: boolean, reason: string, traceId?: string): Promise<Checkpoint | null> {
    const run = this.#cameras.get(cameraId);
    if (run === undefined) return null;
    const { publisher, deliveries, log, clock } = this.#dependencies;
    this.#cameras.delete(cameraId);
    if (!mayPublish) this.#closeGate(run);
    run.stop();
    const report = await run.stopped;
    const stoppedAtMs = clock.nowMs();
    await run.closeResults();
    const [unstored = null] = mayPublish
      ? await Promise.all([publisher.flush(cameraId, flushTimeoutMs), deliveries.flush(cameraId, flushTimeoutMs)])
      : [];
    const checkpoint = earlierOf(report?.checkpoint ?? null, unstored);
    if (report !== null) this.#handled.stopped(run.assignment, checkpoint, stoppedAtMs);
    if (unstored !== null) log.warn('what could not be published is left to the next owner', { cameraId, checkpoint });
    this.#closeGate(run);
    this.#runs.delete(run.name);
    this.versions.release(run);
    const { epoch, rowTraceId } = run.assignment;
    log.info('camera stopped', { cameraId, epoch, reason, frames: report?.frames, traceId, rowTraceId });
    return checkpoint ?? run.assignment.resumeAfter ?? null;
  }

  /** What a decode host says. */
  message(host: number, message: FromDecodeHost): void {
    switch (message.type) {
      case 'frame': {
        const run = this.#runs.get(message.run);
        // Runs live until the host has said `stopped`, so this cannot be; settled all the same to keep the books.
        if (run === undefined) return;
        void run.frame(message).then(() => {
          this.firstInferenceAtMs ??= run.firstInferenceAtMs;
        });
        return;
      }
      case 'report':
        this.#decodeDelaysMs.set(host, message.eventLoopDelayP99Ms);
        for (const [name, report] of Object.entries(message.cameras)) this.#takeReport(name, report);
        this.standbys.reported(message.standbys);
        return;
      case 'stopped':
        this.#takeReport(message.run, message.report);
        this.#runs.get(message.run)?.finished(message.report);
        return;
      case 'snapshot':
      case 'cut-out':
        this.#pictures.answered(message);
        return;
      case 'closed':
        return;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
  }

  #resultsContext(run: CameraRun): ResultsContext {
    const { results, metrics, publisher, deliveries, text } = this.#dependencies;
    return {
      ...results,
      publisher,
      deliveries,
      capture: (frame, wish) => this.#pictures.snapshot({ link: run.link, run: run.name, frame }, wish),
      text: {
        read: ({ frame, box, ...request }) =>
          text.read({
            ...request,
            cameraId: run.cameraId,
            cutOut: () => this.#pictures.cutOut({ link: run.link, run: run.name, frame }, box, cutOutMargin),
          }),
        charsetProblem: (charset) => text.charsetProblem(charset),
        fault: () => text.fault,
      },
      snapshotMissed: (reason) => metrics.delivery('snapshot', reason),
    };
  }

  #takeReport(name: string, report: NonNullable<CameraRun['report']>): void {
    const run = this.#runs.get(name);
    if (run === undefined) return;
    const { metrics, log } = this.#dependencies;
    const { fallback } = report.decode ?? {};
    if (fallback !== undefined && fallback !== run.report?.decode?.fallback) {
      log.warn('a camera is decoded on the CPU', { cameraId: run.cameraId, reason: fallback });
    }
    metrics.mediaErrors(run.report?.mediaErrors ?? {}, report.mediaErrors);
    metrics.frames(run.report?.frames ?? null, report.frames);
    metrics.sessions(run.report?.sessions ?? null, report.sessions);
    run.report = report;
    run.observe();
  }

  #closeGate(run: CameraRun): void {
    if (this.#gates.get(run.cameraId) === run.assignment.epoch) this.#gates.delete(run.cameraId);
    this.#dependencies.publisher.gateChanged();
  }

  #leastBusyLink(): DecodeLink {
    let best: { link: DecodeLink; cameras: number } | null = null;
    for (const link of this.#links) {
      const cameras = [...this.#cameras.values()].filter((run) => run.link === link).length;
      if (best === null || cameras < best.cameras) best = { link, cameras };
    }
    if (best === null) throw new Error('a camera needs a decode host');
    return best.link;
  }
}
