/**
 * The streams that a modelled worker opens for cameras it is to have next (worker/runtime/standbys.ts): ready some seconds
 * after the order, once a whole fragment has come, and not while the camera sends nothing.
 * Invariant: nothing is published from here; an order that changed is a new attempt.
 */
import type { StandbyOrder, StandbyReport } from '../fleet-state.ts';

/** Fragments are one to two seconds long with most producers; the one under way when the stream is opened does not count. */
const fragmentMs = 3_000;

type Entry = { sinceMs: number; isReady: boolean };

export type StandbyPorts = {
  /** Time that opening a stream takes, drawn. */
  openMs(): number;
  after(waitMs: number, happen: () => void): void;
  isSending(cameraId: string): boolean;
  becameReady(): void;
};

export class ModelStandbys {
  readonly #ports: StandbyPorts;
  readonly #entries = new Map<string, Entry>();

  constructor(ports: StandbyPorts) {
    this.#ports = ports;
  }

  get isAnyReady(): boolean {
    return [...this.#entries.values()].some(({ isReady }) => isReady);
  }

  /** @param isRunning the camera is this worker's already. */
  follow(orders: Readonly<Record<string, StandbyOrder>>, isRunning: (cameraId: string) => boolean): void {
    for (const [cameraId, { sinceMs }] of this.#entries) {
      if (orders[cameraId]?.sinceMs !== sinceMs) this.#entries.delete(cameraId);
    }
    for (const [cameraId, { sinceMs }] of Object.entries(orders)) {
      if (this.#entries.has(cameraId) || isRunning(cameraId)) continue;
      const entry: Entry = { sinceMs, isReady: false };
      this.#entries.set(cameraId, entry);
      this.#ports.after(this.#ports.openMs() + fragmentMs, () => {
        if (this.#entries.get(cameraId) !== entry || !this.#ports.isSending(cameraId)) return;
        entry.isReady = true;
        this.#ports.becameReady();
      });
    }
  }

  /** @returns whether the camera's stream was ready to be taken over. */
  take(cameraId: string): boolean {
    const isReady = this.#entries.get(cameraId)?.isReady === true;
    this.#entries.delete(cameraId);
    return isReady;
  }

  report(): Record<string, StandbyReport> {
    const reports: Record<string, StandbyReport> = {};
    for (const [cameraId, { sinceMs, isReady }] of this.#entries) {
      reports[cameraId] = { sinceMs, state: isReady ? 'ready' : 'opening', reason: '' };
    }
    return reports;
  }
}
