/**
 * A modelled worker and its side of the lease: it learns its list with a heartbeat, opens streams, gives cameras up, and
 * stops publishing when it could not send heartbeats for long (worker/runtime/lease.ts, fleet-member.ts).
 * Heartbeats that change nothing are not played through: when the last one was sent is computed when somebody asks.
 * Invariant: between its end or fence and its next start of a camera a worker publishes nothing of it.
 */
import { heartbeatIntervalMs, type StandbyReport, type WorkerItem, workerFencesAfterMs } from '../fleet-state.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { isOver, type Tenure } from '../tenure.ts';
import type { EventQueue } from './event-queue.ts';
import type { BlindCause } from './model-camera.ts';
import { type ModelRun, reportsOf } from './model-run.ts';
import { ModelStandbys } from './model-standbys.ts';
import { drawMs, type SimulationSettings } from './settings.ts';
import type { WorkerListener } from './worker-listener.ts';
import { WorkerWord } from './worker-word.ts';

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
  readonly running = new Map<string, ModelRun>();
  readyAtMs: number | null = null;
  firstInferenceAtMs: number | null = null;
  isDraining = false;
  endedAtMs: number | null = null;
  /** No heartbeat gets through in `[cutFromMs, cutUntilMs)`. */
  #cutFromMs = Number.POSITIVE_INFINITY;
  #cutUntilMs = Number.NEGATIVE_INFINITY;
  /** What it has released, declined or given up by its fence. */
  readonly #over = new Map<string, Tenure>();
  /** Released while it was cut off: said with the next heartbeat. */
  readonly #unsaidReleases = new Map<string, number>();
  readonly #input: WorkerInput;
  /** Its clock minus the true one. */
  readonly #skewMs: number;
  readonly #standbys: ModelStandbys;
  readonly #word = new WorkerWord();
  /** When it gives up what it still has, by the drain it has seen. */
  #drainEndsAtMs = Number.POSITIVE_INFINITY;
  #reported: {
    running: Map<string, ModelRun>;
    standingBy: Record<string, StandbyReport>;
    isReady: boolean;
    isDraining: boolean;
  } = { ...{ running: new Map(), standingBy: {} }, isReady: false, isDraining: false };
  #isLooking = false;
  #hasSaidReady = false;
  #hasSaidDrained = false;

  constructor(input: WorkerInput) {
    const { random, settings, queue, clock, listener } = input;
    this.#input = input;
    this.#standbys = new ModelStandbys({
      openMs: () => drawMs(random, settings.streamOpenMs),
      after: (waitMs, happen) => queue.at(clock.nowMs + waitMs, happen),
      isSending: (cameraId) => listener.lastMediaAtMs(cameraId, clock.nowMs) === clock.nowMs,
      becameReady: () => {
        if (this.endedAtMs !== null || this.isCut) return;
        this.#heartbeat();
        listener.standsBy(this.workerId);
      },
    });
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

  #beatAtOrBefore(atMs: number, intervalMs = heartbeatIntervalMs): number {
    const beats = Math.floor((atMs - this.startedAtMs) / intervalMs);
    return this.startedAtMs + Math.max(0, beats) * intervalMs;
  }

  /** Its item changed, or what it has to say: that goes with the next heartbeat. */
  look(): void {
    if (this.endedAtMs !== null || this.#isLooking) return;
    this.#isLooking = true;
    const { queue, clock } = this.#input;
    // Closely while it stands by (worker/runtime/heartbeats.ts).
    const intervalMs = this.#standbys.isAnyReady ? 1_000 : heartbeatIntervalMs;
    queue.at(this.#beatAtOrBefore(clock.nowMs, intervalMs) + intervalMs, () => {
      this.#isLooking = false;
      this.#heartbeat();
    });
  }

  #heartbeat(): void {
    const { listener } = this.#input;
    if (this.endedAtMs !== null || this.isCut) return;
    this.wordMayChange();
    // Sends first, then reads its list from the answer.
    this.#reported = {
      running: new Map([...this.running].map(([cameraId, run]) => [cameraId, { ...run }])),
      standingBy: this.#standbys.report(),
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
    if (item.drain !== undefined) this.#drain(item.drain);
    const given = item.assignments ?? {};
    const kept = this.isDraining && this.#input.clock.nowMs >= this.#drainEndsAtMs ? {} : given;
    for (const [cameraId, run] of this.running) {
      const epoch = kept[cameraId]?.epoch;
      if (epoch === undefined || epoch > run.epoch) this.#stop(cameraId, run);
    }
    for (const [cameraId, tenure] of Object.entries(given)) {
      if (this.running.has(cameraId) || isOver(tenure, this.#over.get(cameraId))) continue;
      if (this.isDraining) this.#decline(cameraId, tenure);
      else this.#start(cameraId, tenure);
    }
    this.#standbys.follow(this.isDraining ? {} : (item.standbys ?? {}), (cameraId) => this.running.has(cameraId));
    if (!this.isDraining || this.running.size > 0 || this.#hasSaidDrained) return;
    this.#hasSaidDrained = true;
    listener.isDrained(this.workerId);
  }

  #drain({ handover }: NonNullable<WorkerItem['drain']>): void {
    const { queue, clock } = this.#input;
    const endsAtMs =
      handover === undefined ? clock.nowMs : (handover.untilMs ?? Number.POSITIVE_INFINITY) - this.#skewMs;
    if (!this.isDraining) this.look();
    this.isDraining = true;
    if (endsAtMs >= this.#drainEndsAtMs) return;
    this.#drainEndsAtMs = endsAtMs;
    if (endsAtMs <= clock.nowMs) return;
    queue.at(endsAtMs, () => {
      if (this.endedAtMs !== null || this.#drainEndsAtMs !== endsAtMs) return;
      for (const [cameraId, run] of this.running) this.#stop(cameraId, run);
    });
  }

  /** Given to it while it drains: it never starts the camera, and says so. */
  #decline(cameraId: string, tenure: Tenure): void {
    this.#over.set(cameraId, tenure);
    this.#input.listener.releases(cameraId, this.workerId, tenure.epoch);
  }

  #start(cameraId: string, { epoch, assignedAtMs }: Tenure): void {
    const { random, settings, queue, clock, listener } = this.#input;
    const run: ModelRun = { epoch, assignedAtMs, watchingSinceMs: null, isStopping: false, firstInferenceAtMs: null };
    this.running.set(cameraId, run);
    const isPrepared = this.#standbys.take(cameraId);
    this.look();
    queue.at(clock.nowMs + (isPrepared ? 0 : drawMs(random, settings.streamOpenMs)), () => {
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

  #stop(cameraId: string, run: ModelRun): void {
    const { random, settings, queue, clock, listener } = this.#input;
    if (run.isStopping) return;
    run.isStopping = true;
    if (run.watchingSinceMs !== null) listener.stopsWatching(cameraId, this.workerId, 'moving');
    queue.at(clock.nowMs + drawMs(random, settings.releaseMs), () => {
      if (this.endedAtMs !== null || this.running.get(cameraId) !== run) return;
      this.running.delete(cameraId);
      this.#over.set(cameraId, run);
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
    this.wordMayChange();
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
      this.#over.set(cameraId, run);
    }
    this.running.clear();
  }

  /** Its process is gone. */
  end(cause: BlindCause): void {
    const { clock, listener } = this.#input;
    if (this.endedAtMs !== null) return;
    this.endedAtMs = clock.nowMs;
    this.wordMayChange();
    for (const [cameraId, run] of this.running) {
      if (run.watchingSinceMs !== null && !run.isStopping) listener.stopsWatching(cameraId, this.workerId, cause);
    }
    listener.reported();
  }

  /** What it says of its cameras may be something else from now on, whatever the clock says. */
  wordMayChange(): void {
    this.#word.mayChange();
  }

  /** The same object as long as its heartbeats say the same, but for the times of media that flows on. */
  get word(): object {
    const { clock, listener } = this.#input;
    return this.#word.at(clock.nowMs, () => {
      const changes = [...this.#reported.running.keys()].map((id) => listener.nextMediaChangeMs(id, this.#lastBeatMs));
      return Math.min(this.#cutUntilMs > clock.nowMs ? this.#cutUntilMs : Number.POSITIVE_INFINITY, ...changes);
    });
  }

  /** Its item as its last heartbeat left it, under what control wrote. Its cameras are told when somebody asks about them. */
  described(item: WorkerItem): WorkerItem {
    const { heartbeatAtMs } = this;
    const { running: runs, standingBy, isReady, isDraining } = this.#reported;
    const beatMs = this.#lastBeatMs;
    const { lastMediaAtMs } = this.#input.listener;
    return {
      ...item,
      heartbeatAtMs,
      lifecycle: !isReady ? 'starting' : isDraining ? 'draining' : 'ready',
      ...(isReady ? { capacityInferencesPerSecond: this.capacityInferencesPerSecond } : {}),
      ...(this.firstInferenceAtMs === null ? {} : { firstInferenceAtMs: this.firstInferenceAtMs }),
      running: reportsOf(runs, lastMediaAtMs, beatMs),
      standingBy,
    };
  }
}
