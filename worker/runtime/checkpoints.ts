/**
 * Writes every camera's checkpoint each 30 s, under the condition that the camera is still ours.
 * Invariant: it is never ahead of what the result stream has stored; a camera whose condition fails is told to the owner at once — it belongs to somebody else; a write that
 * fails for another reason changes nothing, the next one comes in 30 s; a fenced worker writes nothing.
 */
import type { CameraProgress, ControlLink } from '../../aws/heartbeat.ts';
import type { Clock } from '../../core/clock.ts';
import type { Checkpoint } from '../../core/fleet-state.ts';
import type { CameraRun } from './camera-run.ts';
import type { CameraSupervisor } from './camera-supervisor.ts';
import type { Log } from './log.ts';

/** Design: checkpoints every 30 s. */
const intervalMs = 30_000;
const writesAtOnce = 8;

export type CheckpointPorts = {
  clock: Clock;
  log: Log;
  control: Pick<ControlLink, 'writeProgress'>;
  supervisor: Pick<CameraSupervisor, 'runs' | 'running' | 'checkpointOf'>;
  isFenced(): boolean;
  /** The camera's epoch is over. */
  onLost(cameraId: string, epoch: number): void;
};

export class Checkpoints {
  readonly #ports: CheckpointPorts;
  #cancel = () => {};

  constructor(ports: CheckpointPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#cancel = this.#ports.clock.setTimer(intervalMs, () => {
      this.start();
      if (!this.#ports.isFenced()) this.#writeAll();
    });
  }

  stop(): void {
    this.#cancel();
  }

  #writeAll(): void {
    const queue = [...this.#ports.supervisor.runs()];
    const next = async (): Promise<void> => {
      for (let run = queue.shift(); run !== undefined; run = queue.shift()) await this.#write(run);
    };
    for (let lane = 0; lane < writesAtOnce; lane += 1) void next();
  }

  async #write(run: CameraRun): Promise<void> {
    const { control, supervisor, log, onLost } = this.#ports;
    const { cameraId } = run;
    const { epoch } = run.assignment;
    try {
      const isOwner = await control.writeProgress(cameraId, epoch, progressOf(run, supervisor.checkpointOf(run)));
      if (isOwner || supervisor.running().get(cameraId) !== epoch) return;
      log.warn('a camera belongs to somebody else now', { cameraId, epoch });
      onLost(cameraId, epoch);
    } catch (error) {
      log.warn('a checkpoint could not be written', { cameraId, error });
    }
  }
}

export function progressOf(
  run: Pick<CameraRun, 'assignment' | 'report' | 'lastInferenceAtMs' | 'watch'>,
  checkpoint: Checkpoint | null,
): Omit<CameraProgress, 'released'> {
  return {
    ...(checkpoint === null ? {} : { checkpoint }),
    ...(run.report?.lastMediaAtMs == null ? {} : { lastMediaAtMs: run.report.lastMediaAtMs }),
    ...(run.lastInferenceAtMs === undefined ? {} : { lastInferenceAtMs: run.lastInferenceAtMs }),
    watch: run.watch.report(),
    ...(run.assignment.traceId === undefined ? {} : { watchTraceId: run.assignment.traceId }),
  };
}
