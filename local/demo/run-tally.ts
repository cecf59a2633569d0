/**
 * What a local run amounted to, gathered from the shared tables while it goes on: per camera what was inferred, and how
 * the fleet grew and shrank. Pure: it is fed what was read. Invariant: a worker's counters restart with each ownership,
 * so the tally adds the highest value seen per worker, camera and epoch and never counts a frame twice; what an earlier run
 * left in the tables is not of this run.
 */
import { hasEnded } from '../../core/control/observation.ts';
import type { Decision } from '../../core/control/record.ts';
import type { CameraState, RunningCamera, WorkerItem } from '../../core/fleet-state.ts';

export type CameraTally = {
  cameraId: string;
  phase: string;
  framesInferred: number;
  detections: number;
  tracks: number;
  /** From the start of the run to the first inference on this camera; null when there was none. */
  firstInferenceMs: number | null;
};
export type FleetTally = { maxWorkers: number; scaleUps: number; scaleDowns: number; finalWorkers: number };

type Counters = Pick<RunningCamera, 'framesInferred' | 'detections' | 'tracks'>;

/** A worker's item outlives it until control clears it away; one that was not heard of for so long is gone. */
const HEARD_OF_WITHIN_MS = 10_000;

export class RunTally {
  readonly #startMs: number;
  readonly #counters = new Map<string, { cameraId: string; counters: Counters }>();
  readonly #firstInferenceAtMs = new Map<string, number>();
  readonly #phases = new Map<string, string>();
  #desired: Decision['desired'] = { instances: 0, tasks: 0 };
  #fleet: FleetTally = { maxWorkers: 0, scaleUps: 0, scaleDowns: 0, finalWorkers: 0 };

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  observe(states: readonly CameraState[], workers: readonly WorkerItem[], nowMs: number): void {
    for (const state of states) this.#phases.set(state.cameraId, state.phase);
    const ours = workers.filter((worker) => worker.startedAtMs >= this.#startMs);
    for (const worker of ours) {
      for (const [cameraId, running] of Object.entries(worker.running ?? {}))
        this.#count(worker.workerId, cameraId, running);
    }
    const present = ours.filter(
      (worker) =>
        worker.lifecycle !== 'starting' && !hasEnded(worker) && nowMs - worker.heartbeatAtMs < HEARD_OF_WITHIN_MS,
    ).length;
    this.#fleet.finalWorkers = present;
    this.#fleet.maxWorkers = Math.max(this.#fleet.maxWorkers, present);
  }

  /**
   * Decisions repeat their target until it is reached; only a new target is a change of size.
   * @returns true when this decision changed what the fleet should come to.
   */
  decide({ desired }: Decision): boolean {
    const before = this.#desired;
    this.#desired = desired;
    if (desired.instances > before.instances) this.#fleet.scaleUps += 1;
    if (desired.instances < before.instances) this.#fleet.scaleDowns += 1;
    return desired.instances !== before.instances || desired.tasks !== before.tasks;
  }

  cameras(): CameraTally[] {
    return [...this.#phases]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([cameraId, phase]) => {
        const firstAtMs = this.#firstInferenceAtMs.get(cameraId);
        return {
          cameraId,
          phase,
          ...this.#total(cameraId),
          firstInferenceMs: firstAtMs === undefined ? null : Math.max(0, Math.round(firstAtMs - this.#startMs)),
        };
      });
  }

  fleet(): FleetTally {
    return { ...this.#fleet };
  }

  #count(workerId: string, cameraId: string, running: RunningCamera): void {
    const key = `${workerId}/${cameraId}/${running.epoch}`;
    const before = this.#counters.get(key)?.counters;
    this.#counters.set(key, {
      cameraId,
      counters: {
        framesInferred: Math.max(before?.framesInferred ?? 0, running.framesInferred),
        detections: Math.max(before?.detections ?? 0, running.detections),
        tracks: Math.max(before?.tracks ?? 0, running.tracks),
      },
    });
    const firstAtMs = running.firstInferenceAtMs;
    if (firstAtMs === undefined) return;
    this.#firstInferenceAtMs.set(cameraId, Math.min(firstAtMs, this.#firstInferenceAtMs.get(cameraId) ?? firstAtMs));
  }

  #total(cameraId: string): Counters {
    const total = { framesInferred: 0, detections: 0, tracks: 0 };
    for (const entry of this.#counters.values()) {
      if (entry.cameraId !== cameraId) continue;
      total.framesInferred += entry.counters.framesInferred;
      total.detections += entry.counters.detections;
      total.tracks += entry.counters.tracks;
    }
    return total;
  }
}
