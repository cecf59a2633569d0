/**
 * One fleet in virtual time: its tables, its modelled cloud, workers and cameras, and the events that run between them.
 * The control loop (control-loop.ts) reads it through observations and changes it through applied decisions alone.
 * Invariant: the tables' items are replaced, never changed, so that an observation stays what it was.
 */
import { withSharedSchedule } from '../calendar.ts';
import { soonerDrain, spotDrain } from '../control/handover.ts';
import { defaultPolicy } from '../control/policy.ts';
import type { CameraState, FleetItem, WorkerItem } from '../fleet-state.ts';
import { SeededRandom } from '../seeded-random.ts';
import { EventQueue } from './event-queue.ts';
import { drawCameras, drawShortages, type FleetWorldInput, warmUpMs } from './fleet-input.ts';
import type { News } from './loop-turns.ts';
import { type BlindCause, type ModelCamera, WatchAccount } from './model-camera.ts';
import { ModelCloud, type ModelInstance } from './model-cloud.ts';
import { ModelWorker } from './model-worker.ts';
import { inOneForm, newState } from './new-state.ts';
import { playActions } from './operator-actions.ts';
import { drawMs } from './settings.ts';
import { drawWorkerFault } from './worker-faults.ts';

/** Somebody who looks on and must not interfere: the invariants of test/simulation. */
export type Witness = {
  publishes(cameraId: string, workerId: string, epoch: number, world: FleetWorld): void;
  terminates(instance: ModelInstance, world: FleetWorld): void;
};

export class FleetWorld {
  readonly input: FleetWorldInput;
  readonly queue = new EventQueue();
  readonly clock = { nowMs: 0 };
  readonly cameras = new Map<string, ModelCamera>();
  readonly states = new Map<string, CameraState>();
  readonly workers = new Map<string, ModelWorker>();
  readonly items = new Map<string, WorkerItem>();
  readonly cloud: ModelCloud;
  readonly account: WatchAccount;
  readonly startMs: number;
  fleetItem: FleetItem;
  /** Something that control could read has changed since it looked last. */
  hasChanged = true;
  /** Faults and operators' actions that have happened, by name. */
  readonly faults: Record<string, number> = {};
  /** Called when an event calls for a run of the control loop (`urgentEventTypes` in functions/triggers.ts). */
  onTrigger: (news: News) => void = () => {};
  witness: Witness | null = null;
  readonly #events: SeededRandom;

  constructor(given: FleetWorldInput) {
    const rows = given.rows.map((row) => ({ ...row, camera: row.camera && withSharedSchedule(row.camera) }));
    const input = { ...given, rows };
    const { seed, fleet, settings, fromMs, toMs, policy } = input;
    this.input = input;
    this.startMs = fromMs - warmUpMs;
    this.clock.nowMs = this.startMs;
    this.account = new WatchAccount(fromMs, toMs, this.startMs);
    this.fleetItem = { fleet, schemaVersion: 1 };
    this.#events = new SeededRandom(`${seed}/events`);
    for (const { cameraId, camera, issues } of input.rows) {
      this.writeState(newState(fleet, { cameraId, camera, issues }, this.startMs));
    }
    for (const model of drawCameras(input, this.startMs)) this.#follow(model);
    playActions(this, input.actions ?? []);
    this.cloud = new ModelCloud({
      ...{ seed, settings, queue: this.queue, clock: this.clock },
      bounds: { min: 0, max: Math.max(policy.maxWorkers, policy.minWorkers) },
      shortages: drawShortages(input, this.startMs),
      listener: {
        launched: () => this.changed(),
        registered: () => this.deliver(() => {}),
        launchFailed: () => {
          this.count('launch failed');
          this.deliver(() => {});
        },
        spotNotice: (instance) => this.#doomed(instance, this.nowMs),
        rebalanceRecommended: (instance) => this.#doomed(instance, null),
        taskRunning: (instance, taskId, random) => this.#workerStarts(instance, taskId, random),
        taskEnded: (taskId, why) => this.#taskEnded(taskId, why),
        instanceEnded: () => this.changed(),
        isProtected: (taskId) => (this.workers.get(taskId)?.running.size ?? 0) > 0,
      },
    });
  }

  get nowMs(): number {
    return this.clock.nowMs;
  }

  changed(): void {
    this.hasChanged = true;
  }

  count(fault: string): void {
    this.faults[fault] = (this.faults[fault] ?? 0) + 1;
  }

  /** Plays everything up to, not including, `untilMs`. */
  playUntil(untilMs: number): void {
    while (this.queue.nextAtMs < untilMs) {
      const event = this.queue.take();
      if (event === undefined) break;
      this.clock.nowMs = event.atMs;
      event.happen();
    }
    this.clock.nowMs = untilMs;
  }

  /** An event on its way through EventBridge: late, lost or twice; its arrival is news to the control loop. */
  deliver(arrive: () => void, news: News = 'soon'): void {
    this.changed();
    const { eventDelayMs, eventLossRate, eventRepeatRate } = this.input.settings;
    const isLost = this.#events.chance(eventLossRate);
    const isRepeated = this.#events.chance(eventRepeatRate);
    if (isLost) this.count('event lost');
    if (isRepeated) this.count('event repeated');
    const copies = (isLost ? 0 : 1) + (isRepeated ? 1 : 0);
    for (let copy = 0; copy < copies; copy += 1) {
      this.queue.at(this.nowMs + drawMs(this.#events, eventDelayMs), () => {
        arrive();
        this.changed();
        this.onTrigger(news);
      });
    }
  }

  /** @returns the state as it is kept. */
  writeState(state: CameraState): CameraState {
    const kept = inOneForm(state);
    this.states.set(state.cameraId, kept);
    return kept;
  }

  changeItem(workerId: string, change: (item: WorkerItem) => WorkerItem): boolean {
    const item = this.items.get(workerId);
    if (item === undefined) return false;
    this.items.set(workerId, change(item));
    this.changed();
    this.workers.get(workerId)?.look();
    return true;
  }

  #follow(model: ModelCamera): void {
    const { silences } = model;
    this.cameras.set(model.camera.cameraId, model);
    for (const { startMs, endMs } of model.intervals) {
      this.queue.at(startMs, () => this.#windowOpens(model, startMs));
      this.queue.at(endMs, () => this.#windowCloses(model, endMs));
    }
    for (const { startMs, endMs } of silences) {
      this.queue.at(Math.max(startMs, this.startMs), () => this.#mediaChanges(model, false));
      this.queue.at(endMs, () => this.#mediaChanges(model, true));
    }
  }

  #windowOpens(model: ModelCamera, startMs: number): void {
    model.isScheduled = true;
    model.cause = 'late';
    if (model.watchers.size > 0) this.account.windowServed(startMs, 0);
    else model.awaitedSinceMs = startMs;
    this.account.classify(model, this.nowMs);
  }

  #windowCloses(model: ModelCamera, endMs: number): void {
    const { awaitedSinceMs } = model;
    model.isScheduled = false;
    model.awaitedSinceMs = null;
    if (awaitedSinceMs !== null) this.account.windowServed(awaitedSinceMs, endMs - awaitedSinceMs);
    this.account.classify(model, this.nowMs);
  }

  #mediaChanges(model: ModelCamera, isSending: boolean): void {
    model.isSending = isSending;
    const isWatched = model.watchers.size > 0;
    if (isSending && !isWatched) model.cause = 'returning';
    if (isSending) model.noticedAtMs = isWatched ? Number.POSITIVE_INFINITY : this.nowMs;
    this.#ownerOf(model.camera.cameraId)?.wordMayChange();
    this.account.classify(model, this.nowMs);
    if (!isSending) {
      this.count('camera fell silent');
      for (const workerId of model.watchers) this.workers.get(workerId)?.mediaChanged(model.camera.cameraId);
      return;
    }
    for (const workerId of model.watchers) this.workers.get(workerId)?.look();
    this.queue.at(this.nowMs + drawMs(this.#events, this.input.settings.noticeMs), () => this.#mediaNoticed(model));
    // The metric shows this period, and the next one for certain, some minutes later.
    const periodEndMs = (Math.floor(this.nowMs / activityPeriodMs) + 1) * activityPeriodMs;
    for (const endMs of [periodEndMs, periodEndMs + activityPeriodMs]) {
      this.queue.at(endMs + this.input.settings.metricLagMs, () => {
        // Nobody asks the metric about a stream that a worker reads, or that nobody wants.
        if (model.isScheduled && model.watchers.size === 0) this.changed();
      });
    }
  }

  #mediaNoticed(model: ModelCamera): void {
    model.noticedAtMs = this.nowMs;
    this.#ownerOf(model.camera.cameraId)?.wordMayChange();
    this.account.classify(model, this.nowMs);
    for (const workerId of model.watchers) this.workers.get(workerId)?.mediaChanged(model.camera.cameraId);
  }

  /** @param noticedAtMs null: EC2 only recommends to leave. */
  #doomed({ taskId }: ModelInstance, noticedAtMs: number | null): void {
    this.count(noticedAtMs === null ? 'rebalance recommended' : 'Spot notice');
    if (taskId === null) return;
    this.deliver(() => {
      const doom = spotDrain(noticedAtMs, this.nowMs);
      this.changeItem(taskId, (item) => ({ ...item, drain: soonerDrain(item.drain, doom) }));
    }, 'urgent');
  }

  #workerStarts({ instanceId, revision }: ModelInstance, taskId: string, random: SeededRandom): void {
    const { settings, fleet } = this.input;
    const mark = (workerId: string, attribute: 'readyAtMs' | 'drainedAtMs') =>
      this.deliver(() =>
        this.changeItem(workerId, (item) => ({ ...item, [attribute]: item[attribute] ?? this.nowMs })),
      );
    const worker = new ModelWorker({
      ...{ workerId: taskId, instanceId, random, settings, queue: this.queue, clock: this.clock },
      listener: {
        itemOf: (workerId) => this.items.get(workerId) ?? null,
        watches: (cameraId, workerId, epoch) => this.#watches(cameraId, workerId, epoch),
        stopsWatching: (cameraId, workerId, cause) => this.#stopsWatching(cameraId, workerId, cause),
        releases: (cameraId, workerId, epoch) => this.#releases(cameraId, workerId, epoch),
        isReady: (workerId) => mark(workerId, 'readyAtMs'),
        isDrained: (workerId) => mark(workerId, 'drainedAtMs'),
        standsBy: () => this.deliver(() => {}),
        lastMediaAtMs: (cameraId, atMs) => this.cameras.get(cameraId)?.lastSeenAtMs(atMs) ?? null,
        nextMediaChangeMs: (cameraId, atMs) =>
          this.cameras.get(cameraId)?.nextChangeMs(atMs) ?? Number.POSITIVE_INFINITY,
        reported: () => this.changed(),
      },
    });
    this.workers.set(taskId, worker);
    this.items.set(taskId, {
      ...{ fleet, workerId: taskId, schemaVersion: 1, heartbeatAtMs: this.nowMs, startedAtMs: this.nowMs },
      ...{ taskArn: taskId, instanceId, lifecycle: 'starting', running: {}, expiresAt: 0 },
      ...(revision === null ? {} : { revision }),
    });
    this.changed();
    drawWorkerFault(worker, random, this);
  }

  #taskEnded(taskId: string, why: 'terminated' | 'spot' | 'stopped' | 'crashed'): void {
    const worker = this.workers.get(taskId);
    worker?.end(why === 'spot' ? 'spot' : why === 'crashed' ? 'worker-lost' : 'moving');
    this.workers.delete(taskId);
    const item = this.items.get(taskId);
    if (worker !== undefined && item !== undefined) {
      const last = worker.described(item);
      // As it is at this instant.
      this.items.set(taskId, { ...last, running: { ...last.running } });
    }
    const stopped = (seen: WorkerItem) => ({ ...seen, stoppedAtMs: seen.stoppedAtMs ?? this.nowMs });
    this.deliver(() => this.changeItem(taskId, stopped), 'urgent');
  }

  #watches(cameraId: string, workerId: string, epoch: number): void {
    const model = this.cameras.get(cameraId);
    if (model === undefined) return;
    model.watchers.add(workerId);
    model.noticedAtMs = this.nowMs;
    this.#ownerOf(cameraId)?.wordMayChange();
    this.witness?.publishes(cameraId, workerId, epoch, this);
    if (model.awaitedSinceMs !== null) {
      this.account.windowServed(model.awaitedSinceMs, this.nowMs - model.awaitedSinceMs);
      model.awaitedSinceMs = null;
    }
    this.account.classify(model, this.nowMs);
  }

  /** By control's tables. */
  #ownerOf(cameraId: string): ModelWorker | undefined {
    return this.workers.get(this.states.get(cameraId)?.ownerWorkerId ?? '');
  }

  #stopsWatching(cameraId: string, workerId: string, cause: BlindCause): void {
    const model = this.cameras.get(cameraId);
    if (model?.watchers.delete(workerId) !== true) return;
    // A drain for Spot gives cameras up as any other does; the cause is Spot all the same.
    const isSpot = this.items.get(workerId)?.drain?.reason.includes('Spot') === true;
    model.cause = isSpot ? 'spot' : cause;
    this.account.classify(model, this.nowMs);
  }

  #releases(cameraId: string, workerId: string, epoch: number): void {
    const state = this.states.get(cameraId);
    if (state === undefined || state.ownerWorkerId !== workerId || state.epoch !== epoch) return;
    const lastMediaAtMs = this.cameras.get(cameraId)?.lastSeenAtMs(this.nowMs) ?? null;
    const seen = lastMediaAtMs === null ? {} : { lastMediaAtMs, lastInferenceAtMs: lastMediaAtMs };
    const checkpoint = { fragmentNumber: String(this.nowMs), producerTimestampMs: this.nowMs };
    this.writeState({ ...state, ...seen, releasedEpoch: epoch, checkpoint });
    this.deliver(() => {});
  }
}

/** Of the metric PutMedia.IncomingFragments. */
export const activityPeriodMs = defaultPolicy.reconcileIntervalMs;
