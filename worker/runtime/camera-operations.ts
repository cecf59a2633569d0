/**
 * Operations on cameras, one after the other for each camera, side by side for different ones.
 * Invariant: an operation that fails is logged and does not stop the next one; a camera without operations costs nothing.
 */
import type { Log } from './log.ts';

export class CameraOperations {
  readonly #log: Log;
  readonly #last = new Map<string, Promise<void>>();

  constructor(log: Log) {
    this.#log = log;
  }

  get size(): number {
    return this.#last.size;
  }

  has(cameraId: string): boolean {
    return this.#last.has(cameraId);
  }

  enqueue(cameraId: string, operation: () => Promise<void>): void {
    const before = this.#last.get(cameraId) ?? Promise.resolve();
    const after = before
      .then(operation)
      .catch((error) => this.#log.error('a camera operation failed', { cameraId, error }))
      .finally(() => {
        if (this.#last.get(cameraId) === after) this.#last.delete(cameraId);
      });
    this.#last.set(cameraId, after);
  }

  /** Resolves when none is under way, those included that are enqueued meanwhile. */
  async settled(): Promise<void> {
    do await Promise.all(this.#last.values());
    while (this.#last.size > 0);
  }
}
