/**
 * Watches a run through the same tables and streams that any client can read, and adds it up: the tally of cameras and
 * fleet, the accuracy against the drawn scenes, the count of results.
 * Invariant: it only reads; a read that fails is counted and tried again at the next look.
 */
import { readCameraStates } from '../../aws/camera-states.ts';
import { countDetectionItems, countSnapshots, ResultStreamReader } from '../../aws/result-reader.ts';
import { readWorkers } from '../../aws/workers.ts';
import { systemClock } from '../../core/clock.ts';
import type { CameraState, Decision, WorkerItem } from '../../core/fleet-state.ts';
import { frameRecordSchema } from '../../core/records.ts';
import { exitCodeOfSignal } from '../compute/task-runner.ts';
import { essentialContainerExited } from '../compute/task-supervisor.ts';
import { AccuracyCounter } from './accuracy.ts';
import type { LocalSystem } from './local-system.ts';
import type { RunReport } from './run-report.ts';
import { RunTally } from './run-tally.ts';

export type Look = { states: CameraState[]; workers: WorkerItem[] };

export class RunObserver {
  failedLooks = 0;
  readonly #system: LocalSystem;
  readonly #startMs: number;
  readonly #tally: RunTally;
  readonly #accuracy: AccuracyCounter | null;
  readonly #results: ResultStreamReader;
  #streamNames = new Map<string, string>();

  /** @param judged whether detections are compared with the drawn scenes. */
  constructor(system: LocalSystem, startMs: number, judged: boolean) {
    this.#system = system;
    this.#startMs = startMs;
    this.#tally = new RunTally(startMs);
    this.#accuracy = judged ? new AccuracyCounter() : null;
    this.#results = new ResultStreamReader(system.clients, system.stage.names.resultStream);
  }

  open(): Promise<void> {
    return this.#results.open();
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
      this.#tally.observe(states, workers, systemClock.nowMs());
      for (const record of records) await this.#judge(record);
      return { states, workers };
    } catch {
      this.failedLooks += 1;
      return null;
    }
  }

  /** After the workers have been stopped: what they published last still counts, their absence does not. */
  async collectLastResults(): Promise<void> {
    for (const record of await this.#results.read()) await this.#judge(record);
  }

  async report(): Promise<RunReport> {
    const { clients, stage, cloud } = this.#system;
    const { tables, resultBucket } = stage.names;
    const cameras = this.#tally.cameras();
    const cameraIds = cameras.map((camera) => camera.cameraId);
    const [detectionItems, snapshots] = await Promise.all([
      countDetectionItems(clients, tables.detections, cameraIds, this.#startMs),
      countSnapshots(clients, resultBucket, this.#startMs),
    ]);
    const faults = cloud.lambda.deadLetters.map(
      (letter) => `${letter.functionName} gave up on an event: ${letter.error}`,
    );
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
      accuracy: this.#accuracy?.result() ?? null,
      faults,
    };
  }

  async #judge(record: unknown): Promise<void> {
    if (this.#accuracy === null) return;
    const frame = frameRecordSchema.safeParse(record);
    if (!frame.success) return;
    const { cameraId, capturedAt, detections } = frame.data;
    const truth = await this.#system.feeds.truth(this.#streamNames.get(cameraId) ?? '', Date.parse(capturedAt));
    if (truth !== null) this.#accuracy.add(truth, detections);
  }
}
