/**
 * Watches a run through the same tables and streams that any client can read, and adds it up: the tally of cameras and
 * fleet, the accuracy against the drawn scenes, the count of results.
 * Invariant: it only reads; a read that fails is counted and tried again at the next look.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { readCameraStates } from '../../aws/camera-states.ts';
import { countDetectionItems, countSnapshots, ResultStreamReader } from '../../aws/result-reader.ts';
import { readWorkers } from '../../aws/workers.ts';
import { systemClock } from '../../core/clock.ts';
import type { Decision } from '../../core/control/record.ts';
import type { CameraState, WorkerItem } from '../../core/fleet-state.ts';
import { frameRecordSchema, trackRecordSchema } from '../../core/records.ts';
import { exitCodeOfSignal } from '../compute/task-runner.ts';
import { essentialContainerExited } from '../compute/task-supervisor.ts';
import { AccuracyCounter } from './accuracy.ts';
import type { LocalSystem } from './local-system.ts';
import type { RunReport } from './run-report.ts';
import { RunTally } from './run-tally.ts';
import { TextAccuracyCounter } from './text-accuracy.ts';

/** The histogram holds whole sampling periods; what is above one is delay. */
const LOOP_SAMPLE_MS = 10;

export type Look = { states: CameraState[]; workers: WorkerItem[] };

export class RunObserver {
  failedLooks = 0;
  readonly #system: LocalSystem;
  readonly #startMs: number;
  readonly #tally: RunTally;
  readonly #accuracy: AccuracyCounter | null;
  readonly #results: ResultStreamReader;
  readonly #loop = monitorEventLoopDelay({ resolution: LOOP_SAMPLE_MS });
  #workersLoopP99Ms: number | null = null;
  #streamNames = new Map<string, string>();
  readonly #texts = new TextAccuracyCounter();
  /** Cameras whose rows ask for text. */
  readonly #textCameras = new Set<string>();

  /** @param judged whether detections are compared with the drawn scenes. */
  constructor(system: LocalSystem, startMs: number, judged: boolean) {
    this.#system = system;
    this.#startMs = startMs;
    this.#tally = new RunTally(startMs);
    this.#accuracy = judged ? new AccuracyCounter() : null;
    this.#results = new ResultStreamReader(system.clients, system.stage.names.resultStream);
  }

  async open(): Promise<void> {
    await this.#results.open();
    this.#loop.enable();
  }

  /** @returns true when the decision changed what the fleet should come to. */
  decide(decision: Decision): boolean {
    return this.#tally.decide(decision);
  }

  /** @returns the fleet as it is now, or null when it could not be read. */
  async look(): Promise<Look | null> {
    const { clients, stage } = this.#system;
    try {
      const [states, workers, records] = await Promise.all([
        readCameraStates(clients, stage.names.tables.cameraStates, stage.fleet),
        readWorkers(clients, stage.names.tables.workers, stage.fleet),
        this.#results.read(),
      ]);
      this.#streamNames = new Map(states.map((state) => [state.cameraId, state.camera?.streamName ?? '']));
      for (const { cameraId, camera } of states) {
        if (camera?.text.enabled === true) this.#textCameras.add(cameraId);
      }
      this.#tally.observe(states, workers, systemClock.nowMs());
      for (const record of records) await this.#judge(record);
      return { states, workers };
    } catch {
      this.failedLooks += 1;
      return null;
    }
  }

  /** Asks the workers how their event loops fare; the largest of all that were ever asked counts. */
  async lookAtLoops(): Promise<void> {
    const ports = this.#system.cloud.compute
      .listTasks()
      .filter((task) => task.lastStatus === 'RUNNING')
      .map((task) => task.httpPort);
    for (const port of ports) {
      const text = await fetch(`http://127.0.0.1:${port}/metrics`).then(
        (answer) => answer.text(),
        () => '',
      );
      for (const [, seconds] of text.matchAll(/^kvs_infer_(?:main|decode)_loop_delay_p99_seconds (\S+)$/gm)) {
        this.#workersLoopP99Ms = Math.max(this.#workersLoopP99Ms ?? 0, Number(seconds) * 1000);
      }
    }
  }

  /** After the workers have been stopped: what they published last still counts, their absence does not. */
  async collectLastResults(): Promise<void> {
    for (const record of await this.#results.read()) await this.#judge(record);
  }

  async report(): Promise<RunReport> {
    const { clients, stage, cloud } = this.#system;
    const accuracy = this.#accuracy?.result() ?? null;
    const { tables, resultBucket } = stage.names;
    const cameras = this.#tally.cameras();
    const cameraIds = cameras.map((camera) => camera.cameraId);
    const [detectionItems, snapshots] = await Promise.all([
      countDetectionItems(clients, tables.detections, cameraIds, this.#startMs),
      countSnapshots(clients, resultBucket, this.#startMs),
    ]);
    const faults = [
      ...this.#system.faults,
      ...cloud.lambda.deadLetters.map((letter) => `${letter.functionName} gave up on an event: ${letter.error}`),
    ];
    for (const task of cloud.compute.listTasks()) {
      // A worker that was told to stop before it had begun ends by that signal: nothing went wrong.
      const endedAsTold =
        task.exitCode === exitCodeOfSignal.SIGTERM && task.stopCode !== essentialContainerExited.stopCode;
      if (task.lastStatus === 'STOPPED' && task.exitCode !== 0 && task.exitCode !== null && !endedAsTold) {
        faults.push(
          `worker ${task.taskId.slice(0, 6)} ended with exit code ${task.exitCode}: ${task.stoppedReason ?? ''}`,
        );
      }
    }
    if (this.#results.unreadable > 0)
      faults.push(`${this.#results.unreadable} records of the result stream are not JSON`);
    if (this.failedLooks > 0) faults.push(`the tables could not be read ${this.failedLooks} times`);
    return {
      cameras,
      fleet: this.#tally.fleet(),
      results: { kinesisRecords: this.#results.records, detectionItems, snapshots },
      accuracy: accuracy === null ? null : { ...accuracy, textAccuracy: this.#texts.result() },
      eventLoopDelayP99Ms: {
        localCloud: Math.max(0, this.#loop.percentile(99) / 1e6 - LOOP_SAMPLE_MS),
        workers: this.#workersLoopP99Ms,
      },
      faults,
    };
  }

  async #judge(record: unknown): Promise<void> {
    if (this.#accuracy === null) return;
    const track = trackRecordSchema.safeParse(record);
    if (track.success) {
      const { event, cameraId, trackId, text } = track.data;
      if (event === 'text' && text !== undefined) this.#texts.told(`${cameraId}/${trackId}`, text.value);
      return;
    }
    const frame = frameRecordSchema.safeParse(record);
    if (!frame.success) return;
    const { cameraId, capturedAt, detections } = frame.data;
    const truth = await this.#system.feeds.truth(this.#streamNames.get(cameraId) ?? '', Date.parse(capturedAt));
    if (truth === null) return;
    const isRead = this.#textCameras.has(cameraId);
    for (const [{ plate }, { trackId }] of this.#accuracy.add(truth, detections)) {
      if (isRead && plate !== undefined && trackId !== undefined) this.#texts.seen(`${cameraId}/${trackId}`, plate);
    }
  }
}
