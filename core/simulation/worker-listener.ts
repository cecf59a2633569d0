/**
 * What a modelled worker does to the world and learns from it. The world answers at the instant of the call.
 * Invariant: a worker knows of the world nothing else.
 */
import type { WorkerItem } from '../fleet-state.ts';
import type { BlindCause } from './model-camera.ts';

export type WorkerListener = {
  /** Its item of the table `workers` as it is now: null when control has removed it. */
  itemOf(workerId: string): WorkerItem | null;
  /** It publishes this camera from now on. */
  watches(cameraId: string, workerId: string, epoch: number): void;
  stopsWatching(cameraId: string, workerId: string, cause: BlindCause): void;
  /** Writes the release, under the condition that it is still the owner. */
  releases(cameraId: string, workerId: string, epoch: number): void;
  isReady(workerId: string): void;
  isDrained(workerId: string): void;
  /** A stream that it is to take over is ready. */
  standsBy(workerId: string): void;
  /** Instant of the newest media of this camera at or before `atMs`; null when there was none. */
  lastMediaAtMs(cameraId: string, atMs: number): number | null;
  /** The first instant after `atMs` at which the answer may be of another kind than at `atMs`; infinity: never. */
  nextMediaChangeMs(cameraId: string, atMs: number): number;
  /** A heartbeat brought something new: the next observation differs. */
  reported(): void;
};
