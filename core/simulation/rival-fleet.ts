/**
 * The same cameras, silences, boots and Spot notices under another control: a pool of workers whose size somebody else
 * sets. What a rival is given for nothing makes the comparison hard on us: its cameras are shared out among the ready
 * workers at once and without a gap, to the last inference per second; its workers never crash or hang; its API calls
 * never fail.
 * Invariant: a rival sees what its controller could see in AWS, never the modelled cameras' future.
 */
import { modelCostRatio } from '../control/demand.ts';
import { byPriority } from '../control/pack.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { EventQueue } from './event-queue.ts';
import { drawCameras, drawShortages, type FleetWorldInput, warmUpMs } from './fleet-input.ts';
import { type ModelCamera, WatchAccount } from './model-camera.ts';
import { ModelCloud } from './model-cloud.ts';
import { drawMs } from './settings.ts';

const pool = 'pool';

export class RivalFleet {
  readonly input: FleetWorldInput;
  readonly clock = { nowMs: 0 };
  readonly cloud: ModelCloud;
  readonly account: WatchAccount;
  readonly cameras: readonly ModelCamera[];
  readonly startMs: number;
  /** Inferences per second that the scheduled cameras want and get; what a utilisation metric is made of. */
  served = 0;
  capacity = 0;
  readonly #queue = new EventQueue();
  readonly #ready = new Map<string, number>();
  readonly #loads: readonly { model: ModelCamera; load: number }[];
  #isSpotShort = false;

  constructor(input: FleetWorldInput, sizeAtStart: number) {
    const { seed, settings, fromMs, toMs, policy } = input;
    this.input = input;
    this.startMs = fromMs - warmUpMs;
    this.clock.nowMs = this.startMs;
    this.account = new WatchAccount(fromMs, toMs, this.startMs);
    this.cameras = drawCameras(input, this.startMs);
    this.#loads = this.cameras
      .map((model) => {
        const { cameraId, priority, detect } = model.camera;
        return { model, cameraId, priority, load: detect.fps * modelCostRatio(detect.model), binId: null };
      })
      .sort(byPriority);
    this.cloud = new ModelCloud({
      ...{ seed, settings, queue: this.#queue, clock: this.clock },
      bounds: { min: 0, max: Math.max(policy.maxWorkers, sizeAtStart) },
      shortages: drawShortages(input, this.startMs),
      listener: {
        launched: () => {},
        registered: () => {},
        launchFailed: () => {},
        // Nobody acts on the notice.
        spotNotice: () => {},
        rebalanceRecommended: () => {},
        taskRunning: (_instance, taskId, random) => this.#taskRuns(taskId, random),
        taskEnded: (taskId, why) => this.#taskEnds(taskId, why === 'spot'),
        instanceEnded: () => {},
        isProtected: () => false,
      },
    });
    for (const model of this.cameras) this.#follow(model);
    this.resize(sizeAtStart);
  }

  /** Group and service alike; the surplus goes at once, the newest first. @param size within the policy's maximum. */
  resize(size: number): void {
    const { cloud } = this;
    const surplus = cloud.present.filter((instance) => !instance.isLeaving).slice(size);
    for (const { instanceId } of surplus) cloud.terminate(instanceId, true);
    if (cloud.groupDesired !== size) cloud.setGroupSize(size);
    if (cloud.serviceDesired !== size) cloud.setServiceSize(size);
  }

  at(atMs: number, happen: () => void): void {
    if (atMs >= this.startMs) this.#queue.at(atMs, happen);
  }

  playUntil(untilMs: number): void {
    while (this.#queue.nextAtMs < untilMs) {
      const event = this.#queue.take();
      if (event === undefined) break;
      this.clock.nowMs = event.atMs;
      event.happen();
    }
    this.clock.nowMs = untilMs;
    this.account.integrate(untilMs);
  }

  #follow(model: ModelCamera): void {
    for (const { startMs, endMs } of model.intervals) {
      this.at(startMs, () => {
        model.isScheduled = true;
        model.cause = 'late';
        model.awaitedSinceMs = startMs;
        this.#share();
      });
      this.at(endMs, () => {
        model.isScheduled = false;
        const { awaitedSinceMs } = model;
        if (awaitedSinceMs !== null) this.account.windowServed(awaitedSinceMs, endMs - awaitedSinceMs);
        model.awaitedSinceMs = null;
        this.#share();
      });
    }
    for (const { startMs, endMs } of model.silences) {
      this.at(Math.max(startMs, this.startMs), () => this.#mediaChanges(model, false));
      this.at(endMs, () => this.#mediaChanges(model, true));
    }
  }

  #mediaChanges(model: ModelCamera, isSending: boolean): void {
    model.isSending = isSending;
    if (isSending && model.watchers.size === 0 && model.cause !== 'late') model.cause = 'shed';
    this.#share();
  }

  #taskRuns(taskId: string, random: SeededRandom): void {
    const { settings } = this.input;
    const capacity = settings.workerInferencesPerSecond * random.between(0.95, 1.05);
    this.#ready.set(taskId, 0);
    this.at(this.clock.nowMs + drawMs(random, settings.modelLoadMs) + drawMs(random, settings.streamOpenMs), () => {
      if (!this.#ready.has(taskId)) return;
      this.#ready.set(taskId, capacity);
      this.#isSpotShort = false;
      this.#share();
    });
  }

  #taskEnds(taskId: string, isSpot: boolean): void {
    if (!this.#ready.delete(taskId)) return;
    if (isSpot) this.#isSpotShort = true;
    this.#share();
  }

  /** Gives the capacity that there is to the scheduled cameras, the most important first. */
  #share(): void {
    const { nowMs } = this.clock;
    this.capacity = [...this.#ready.values()].reduce((sum, capacity) => sum + capacity, 0);
    let left = this.capacity;
    for (const { model, load } of this.#loads) {
      const costs = model.isSending ? load : 0;
      const isServed = model.isScheduled && left > 0 && costs <= left + 1e-9;
      if (isServed) left -= costs;
      this.#serve(model, isServed);
      this.account.classify(model, nowMs);
    }
    this.served = this.capacity - left;
  }

  #serve(model: ModelCamera, isServed: boolean): void {
    if (!isServed) {
      const wasServed = model.watchers.delete(pool);
      if (wasServed && model.isScheduled) model.cause = this.#isSpotShort ? 'spot' : 'shed';
      return;
    }
    model.watchers.add(pool);
    if (model.awaitedSinceMs === null) return;
    this.account.windowServed(model.awaitedSinceMs, this.clock.nowMs - model.awaitedSinceMs);
    model.awaitedSinceMs = null;
  }
}
