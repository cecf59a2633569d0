/**
 * Cameras that this worker has given back, and which of these control does not know of yet.
 * Invariant: an epoch that is over — released or lost — never runs here again, whatever a list still says; a release that
 * could not be written is written again after the next heartbeat, until it is or until the camera is somebody else's.
 */
import type { CameraProgress, ControlLink } from '../../aws/heartbeat.ts';
import type { Assignment } from '../../core/fleet-state.ts';
import { isOver, type Tenure } from '../../core/tenure.ts';
import type { Log } from './log.ts';

export class CameraReleases {
  readonly #control: Pick<ControlLink, 'writeProgress'>;
  readonly #log: Log;
  readonly #unwritten = new Map<string, { epoch: number; progress: CameraProgress }>();
  readonly #over = new Map<string, Tenure>();

  constructor(control: Pick<ControlLink, 'writeProgress'>, log: Log) {
    this.#control = control;
    this.#log = log;
  }

  isOver(cameraId: string, tenure: Tenure): boolean {
    return isOver(tenure, this.#over.get(cameraId));
  }

  /** The epoch belongs to somebody else now: nothing to write. */
  lost(cameraId: string, tenure: Tenure): void {
    this.#end(cameraId, tenure);
    this.#unwritten.delete(cameraId);
  }

  /** The camera has stopped for good; `write` tells control. */
  stopped(cameraId: string, tenure: Tenure, progress: Omit<CameraProgress, 'released'>): void {
    this.#end(cameraId, tenure);
    this.#unwritten.set(cameraId, { epoch: tenure.epoch, progress: { ...progress, released: true } });
  }

  /** Cameras that were given to a draining worker: it never starts them, and says so. @param isBusy it runs, or is about to. */
  decline(given: Readonly<Record<string, Assignment>>, isBusy: (cameraId: string) => boolean): void {
    for (const [cameraId, assignment] of Object.entries(given)) {
      if (isBusy(cameraId) || this.isOver(cameraId, assignment)) continue;
      const { resumeAfter } = assignment;
      this.stopped(cameraId, assignment, resumeAfter === undefined ? {} : { checkpoint: resumeAfter });
    }
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

  #end(cameraId: string, { epoch, assignedAtMs }: Tenure): void {
    const before = this.#over.get(cameraId)?.assignedAtMs ?? 0;
    this.#over.set(cameraId, { epoch, assignedAtMs: Math.max(before, assignedAtMs) });
  }
}
