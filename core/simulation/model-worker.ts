/**
 * A modelled worker and its side of the lease: it learns its list with a heartbeat, opens streams, gives cameras up, and
 * stops publishing when it could not send heartbeats for long (worker/runtime/lease.ts, fleet-member.ts).
 * Heartbeats that change nothing are not played through: when the last one was sent is computed when somebody asks.
 * Invariant: between its end or fence and its next start of a camera a worker publishes nothing of it.
 */
import {
  type Assignment,
  heartbeatIntervalMs,
  type RunningCamera,
  type WorkerItem,
  workerFencesAfterMs,
} from '../fleet-state.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { EventQueue } from './event-queue.ts';
import type { BlindCause } from './model-camera.ts';
import { drawMs, type SimulationSettings } from './settings.ts';

type Run = {
  epoch: number;
  /** Since when it has the stream open and publishes; null before, and once it was told to stop. */
  watchingSinceMs: number | null;
  isStopping: boolean;
  firstInferenceAtMs: number | null;
};

/** What a worker does to the world. */
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
  /** Instant of the newest media of this camera at or before `atMs`; null when there was none. */
  lastMediaAtMs(cameraId: string, atMs: number): number | null;
  /** A heartbeat brought something new: the next observation differs. */
  reported(): void;
};

export type WorkerInput = {
  workerId: string;
  instanceId: string;
  random: SeededRandom;
  settings: SimulationSettings;
  queue: EventQueue;
  clock: { readonly nowMs: number };
  listener: WorkerListener;
};

export class ModelWorker {
  readonly workerId: string;
  readonly instanceId: string;
  readonly startedAtMs: number;
  readonly capacityInferencesPerSecond: number;
  readonly running = new Map<string, Run>();
  readyAtMs: number | null = null;
  firstInferenceAtMs: number | null = null;
  isDraining = false;
  endedAtMs: number | null = null;
  /** No heartbeat gets through in `[cutFromMs, cutUntilMs)`. */
  #cutFromMs = Number.POSITIVE_INFINITY;
  #cutUntilMs = Number.NEGATIVE_INFINITY;
  /** Epochs that it has released or given up by its fence: only a newer one starts the camera again. */
  readonly #over = new Map<string, number>();
  /** Released while it was cut off: said with the next heartbeat. */
  readonly #unsaidReleases = new Map<string, number>();
  readonly #input: WorkerInput;
  /** Its clock minus the true one. */
  readonly #skewMs: number;
  #reported: { running: Map<string, Run>; isReady: boolean; isDraining: boolean } = {
    running: new Map(),
    isReady: false,
    isDraining: false,
  };
  #isLooking = false;
  #hasSaidReady = false;
  #hasSaidDrained = false;

  constructor(input: WorkerInput) {
    const { random, settings, queue, clock } = input;
    this.#input = input;
    this.workerId = input.workerId;
    this.instanceId = input.instanceId;
    this.startedAtMs = clock.nowMs;
    this.#skewMs = Math.round(random.between(-settings.clockSkewMs, settings.clockSkewMs));
    this.capacityInferencesPerSecond = settings.workerInferencesPerSecond * random.between(0.95, 1.05);
    queue.at(clock.nowMs + drawMs(random, settings.modelLoadMs), () => {
      if (this.endedAtMs !== null) return;
      this.readyAtMs = clock.nowMs;
      // Beats at once, and from then on every interval.
      this.#heartbeat();
      this.look();
    });
  }

  get isCut(): boolean {
    const { nowMs } = this.#input.clock;
    return this.#cutFromMs <= nowMs && nowMs < this.#cutUntilMs;
  }

  /** What the last heartbeat that got through says, by the worker's own clock. */
  get heartbeatAtMs(): number {
    return this.#lastBeatMs + this.#skewMs;
  }

  get #lastBeatMs(): number {
    const lastMs = Math.min(this.#input.clock.nowMs, this.endedAtMs ?? Number.POSITIVE_INFINITY);
    return this.#beatAtOrBefore(lastMs >= this.#cutFromMs && lastMs < this.#cutUntilMs ? this.#cutFromMs - 1 : lastMs);
  }

  #beatAtOrBefore(atMs: number): number {
    const beats = Math.floor((atMs - this.startedAtMs) / heartbeatIntervalMs);
    return this.startedAtMs + Math.max(0, beats) * heartbeatIntervalMs;
  }

  /** Its item changed, or what it has to say: that goes with the next heartbeat. */
  look(): void {
    if (this.endedAtMs !== null || this.#isLooking) return;
    this.#isLooking = true;
    const { queue, clock } = this.#input;
    queue.at(this.#beatAtOrBefore(clock.nowMs) + heartbeatIntervalMs, () => {
      this.#isLooking = false;
      this.#heartbeat();
    });
  }

  #heartbeat(): void {
    const { listener } = this.#input;
    if (this.endedAtMs !== null || this.isCut) return;
    // Sends first, then reads its list from the answer.
    this.#reported = {
      running: new Map([...this.running].map(([cameraId, run]) => [cameraId, { ...run }])),
      isReady: this.readyAtMs !== null,
      isDraining: this.isDraining,
    };
    listener.reported();
    for (const [cameraId, epoch] of this.#unsaidReleases) listener.releases(cameraId, this.workerId, epoch);
    this.#unsaidReleases.clear();
    const item = listener.itemOf(this.workerId);
    if (item === null || this.readyAtMs === null) return;
    if (!this.#hasSaidReady) {
      this.#hasSaidReady = true;
      listener.isReady(this.workerId);
    }
    if (item.drain !== undefined && !this.isDraining) {
      this.isDraining = true;
      this.look();
    }
    const list = this.isDraining ? {} : (item.assignments ?? {});
    for (const [cameraId, run] of this.running) {
      const given = list[cameraId];
      if (given === undefined || given.epoch > run.epoch) this.#stop(cameraId, run);
    }
    for (const [cameraId, given] of Object.entries(list)) this.#start(cameraId, given);
    if (!this.isDraining || this.running.size > 0 || this.#hasSaidDrained) return;
    this.#hasSaidDrained = true;
    listener.isDrained(this.workerId);
  }

  #start(cameraId: string, { epoch }: Assignment): void {
    const { random, settings, queue, clock, listener } = this.#input;
    if (this.running.has(cameraId) || epoch <= (this.#over.get(cameraId) ?? 0)) return;
    const run: Run = { epoch, watchingSinceMs: null, isStopping: false, firstInferenceAtMs: null };
    this.running.set(cameraId, run);
    this.look();
    queue.at(clock.nowMs + drawMs(random, settings.streamOpenMs), () => {
      if (this.endedAtMs !== null || this.running.get(cameraId) !== run || run.isStopping) return;
      run.watchingSinceMs = clock.nowMs;
      listener.watches(cameraId, this.workerId, epoch);
      this.mediaChanged(cameraId);
    });
  }

  /** The camera begins or ceases to send, or its stream was opened. */
  mediaChanged(cameraId: string): void {
    const run = this.running.get(cameraId);
    const { clock, listener } = this.#input;
    if (run === undefined || this.endedAtMs !== null) return;
    this.look();
    if (run.watchingSinceMs === null || run.firstInferenceAtMs !== null) return;
    if (listener.lastMediaAtMs(cameraId, clock.nowMs) !== clock.nowMs) return;
    run.firstInferenceAtMs = clock.nowMs;
    this.firstInferenceAtMs ??= clock.nowMs;
  }

  #stop(cameraId: string, run: Run): void {
    const { random, settings, queue, clock, listener } = this.#input;
    if (run.isStopping) return;
    run.isStopping = true;
    if (run.watchingSinceMs !== null) listener.stopsWatching(cameraId, this.workerId, 'moving');
    queue.at(clock.nowMs + drawMs(random, settings.releaseMs), () => {
      if (this.endedAtMs !== null || this.running.get(cameraId) !== run) return;
      this.running.delete(cameraId);
      this.#over.set(cameraId, run.epoch);
      if (this.isCut) this.#unsaidReleases.set(cameraId, run.epoch);
      else listener.releases(cameraId, this.workerId, run.epoch);
      // A newer epoch of the same camera may wait on the list.
      this.look();
    });
  }

  /** No heartbeat gets through from now on: a cut network, or for good a process that hangs. */
  cutOff(untilMs: number): void {
    const { queue, clock } = this.#input;
    if (this.endedAtMs !== null || this.#cutFromMs < this.#cutUntilMs) return;
    const fenceAtMs = this.#beatAtOrBefore(clock.nowMs - 1) + workerFencesAfterMs;
    this.#cutFromMs = clock.nowMs;
    this.#cutUntilMs = untilMs;
    const resumesAtMs = this.#beatAtOrBefore(untilMs - 1) + heartbeatIntervalMs;
    this.#input.listener.reported();
    if (fenceAtMs < resumesAtMs) queue.at(fenceAtMs, () => this.#fence());
    if (!Number.isFinite(untilMs)) return;
    queue.at(resumesAtMs, () => {
      this.#cutFromMs = Number.POSITIVE_INFINITY;
      this.#cutUntilMs = Number.NEGATIVE_INFINITY;
      this.#heartbeat();
    });
  }

  #fence(): void {
    if (this.endedAtMs !== null) return;
    for (const [cameraId, run] of this.running) {
      if (run.watchingSinceMs !== null && !run.isStopping) {
        this.#input.listener.stopsWatching(cameraId, this.workerId, 'worker-lost');
      }
      this.#over.set(cameraId, run.epoch);
    }
    this.running.clear();
  }

  /** Its process is gone. */
  end(cause: BlindCause): void {
    const { clock, listener } = this.#input;
    if (this.endedAtMs !== null) return;
    this.endedAtMs = clock.nowMs;
    for (const [cameraId, run] of this.running) {
      if (run.watchingSinceMs !== null && !run.isStopping) listener.stopsWatching(cameraId, this.workerId, cause);
    }
    listener.reported();
  }

  /** Its item as its last heartbeat left it, under what control wrote. */
  described(item: WorkerItem): WorkerItem {
    const { heartbeatAtMs } = this;
    const { running: runs, isReady, isDraining } = this.#reported;
    const running: Record<string, RunningCamera> = {};
    for (const [cameraId, run] of runs) running[cameraId] = this.#report(cameraId, run, this.#lastBeatMs);
    return {
      ...item,
      heartbeatAtMs,
      lifecycle: !isReady ? 'starting' : isDraining ? 'draining' : 'ready',
      ...(isReady ? { capacityInferencesPerSecond: this.capacityInferencesPerSecond } : {}),
      ...(this.firstInferenceAtMs === null ? {} : { firstInferenceAtMs: this.firstInferenceAtMs }),
      running,
    };
  }

  #report(cameraId: string, run: Run, beatMs: number): RunningCamera {
    const { watchingSinceMs, epoch, firstInferenceAtMs } = run;
    const sentAtMs = this.#input.listener.lastMediaAtMs(cameraId, beatMs);
    const lastMediaAtMs =
      watchingSinceMs !== null && sentAtMs !== null && sentAtMs >= watchingSinceMs ? sentAtMs : null;
    return {
      epoch,
      state: watchingSinceMs === null ? 'starting' : lastMediaAtMs === beatMs ? 'running' : 'silent',
      reason: '',
      fps: 0,
      framesInferred: 0,
      detections: 0,
      tracks: 0,
      dropped: {},
      ...(lastMediaAtMs === null ? {} : { lastMediaAtMs, lastInferenceAtMs: lastMediaAtMs }),
      ...(firstInferenceAtMs === null ? {} : { firstInferenceAtMs }),
    };
  }
}
