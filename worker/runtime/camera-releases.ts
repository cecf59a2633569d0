/**
 * Cameras that this worker has given back, and which of these control does not know of yet.
 * Invariant: an epoch that is over — released or lost — never runs here again, whatever a list still says; a release that
 * could not be written is written again after the next heartbeat, until it is or until the camera is somebody else's.
 */
import type { CameraProgress, ControlLink } from '../../aws/heartbeat.ts';
import type { Log } from './log.ts';

export class CameraReleases {
  readonly #control: Pick<ControlLink, 'writeProgress'>;
  readonly #log: Log;
  readonly #unwritten = new Map<string, { epoch: number; progress: CameraProgress }>();
  readonly #over = new Map<string, number>();

  constructor(control: Pick<ControlLink, 'writeProgress'>, log: Log) {
    this.#control = control;
    this.#log = log;
  }

  isOver(cameraId: string, epoch: number): boolean {
    return (this.#over.get(cameraId) ?? -1) >= epoch;
  }

  /** The epoch belongs to somebody else now: nothing to write. */
  lost(cameraId: string, epoch: number): void {
    this.#over.set(cameraId, epoch);
    this.#unwritten.delete(cameraId);
  }

  /** The camera has stopped for good; `write` tells control. */
  stopped(cameraId: string, epoch: number, progress: Omit<CameraProgress, 'released'>): void {
    this.#over.set(cameraId, epoch);
    this.#unwritten.set(cameraId, { epoch, progress: { ...progress, released: true } });
  }

  unwritten(): string[] {
    return [...this.#unwritten.keys()];
  }

  /** @returns true when control knows now. */
  async write(cameraId: string): Promise<boolean> {
    const release = this.#unwritten.get(cameraId);
    if (release === undefined) return false;
    const { epoch, progress } = release;
    try {
      const isOwner = await this.#control.writeProgress(cameraId, epoch, progress);
      if (this.#unwritten.get(cameraId) === release) this.#unwritten.delete(cameraId);
      if (!isOwner) this.#log.warn('a camera was given away before it was released', { cameraId, epoch });
      return isOwner;
    } catch (error) {
      this.#log.warn('a release could not be written; it is tried again', { cameraId, error });
      return false;
    }
  }
}
