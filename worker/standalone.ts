/**
 * A worker without a control plane: the cameras of a file, each during its own hours.
 * Invariant: the file is read once, at the start; a wrong row is reported and left out, the others run; the calendar
 * decides by membership, exactly as control does.
 */
import { readCameraFile } from '../cli/camera-file.ts';
import { isScheduled } from '../core/calendar.ts';
import type { Camera } from '../core/camera.ts';
import type { Clock } from '../core/clock.ts';
import { KvsInferError } from '../core/errors.ts';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import type { CameraSupervisor } from './runtime/camera-supervisor.ts';
import type { Log } from './runtime/log.ts';

/** A window opens at most this late. */
const checkIntervalMs = 1_000;

/** @throws KvsInferError CAMERA_FILE_*, or CONFIG_WITHOUT_CAMERA when no row of the file can be used. */
export async function readStandaloneCameras(file: string, log: Log): Promise<Camera[]> {
  const cameras = new Map<string, Camera>();
  const rows = await readCameraFile(file);
  for (const row of rows) {
    const { camera, issues } = parseCameraRow(row);
    const cameraId = camera?.cameraId ?? (row as { cameraId?: unknown } | null)?.cameraId ?? '(no cameraId)';
    for (const issue of issues)
      log[issue.severity === 'error' ? 'error' : 'warn']('camera row', { cameraId, ...issue });
    if (camera === null) continue;
    if (cameras.has(camera.cameraId)) log.error('two rows have one cameraId; the first is used', { cameraId });
    else cameras.set(camera.cameraId, camera);
  }
  if (cameras.size === 0) {
    throw new KvsInferError('CONFIG_WITHOUT_CAMERA', `${file}: none of its ${rows.length} rows can be used`, {
      hint: 'mend the rows that are named above; "kvs-infer camera check" explains them',
    });
  }
  return [...cameras.values()];
}

export class StandaloneSchedule {
  readonly #cameras: Camera[];
  readonly #supervisor: CameraSupervisor;
  readonly #clock: Clock;
  readonly #stopping = new Map<string, Promise<unknown>>();
  #cancel = () => {};
  #isDraining = false;
  /** A camera that starts again must not be taken for its former self. */
  #epoch = 0;

  constructor(cameras: Camera[], supervisor: CameraSupervisor, clock: Clock) {
    this.#cameras = cameras;
    this.#supervisor = supervisor;
    this.#clock = clock;
  }

  start(): void {
    this.#check();
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#cancel();
    for (const cameraId of this.#supervisor.running().keys()) this.#stop(cameraId, 'draining');
    await this.settled();
  }

  async settled(): Promise<void> {
    await Promise.all(this.#stopping.values());
  }

  #check(): void {
    const nowMs = this.#clock.nowMs();
    const running = this.#supervisor.running();
    for (const camera of this.#cameras) {
      const { cameraId } = camera;
      const isWanted = isScheduled(camera, nowMs);
      if (!isWanted && running.has(cameraId)) this.#stop(cameraId, 'off schedule');
      if (isWanted && !running.has(cameraId) && !this.#stopping.has(cameraId)) {
        this.#epoch += 1;
        this.#supervisor.start({ epoch: this.#epoch, camera, assignedAtMs: nowMs });
      }
    }
    if (!this.#isDraining) this.#cancel = this.#clock.setTimer(checkIntervalMs, () => this.#check());
  }

  #stop(cameraId: string, reason: string): void {
    const stopped = this.#supervisor.stop(cameraId, true, reason).finally(() => this.#stopping.delete(cameraId));
    this.#stopping.set(cameraId, stopped);
  }
}
