/**
 * The modelled Auto Scaling group, ECS service and EC2 instances of one fleet: instances that boot, register, get a task,
 * are taken back by Spot, and are paid for. It follows orders and knows nothing of cameras.
 * Invariants: the group's size stays within its bounds; an instance has one task at most; everything by chance is drawn
 * per instance from the seed, so that another order of calls draws the same lifetimes.
 */
import type { ContainerInstanceObservation, GroupObservation, ServiceObservation } from '../control/observation.ts';
import { SeededRandom } from '../seeded-random.ts';
import type { EventQueue } from './event-queue.ts';
import { drawMs, drawWaitMs, type SimulationSettings } from './settings.ts';

/** Auto Scaling looks at a group about this often, and retries a failed launch a minute later. */
const groupLookMs = 8_000;
const launchRetryMs = 60_000;
/** ECS's service scheduler answers a change within some seconds. */
const schedulerLookMs = 5_000;
/** From TerminateInstance to the end of its containers, and of what is paid. */
const containersEndMs = 3_000;
const instanceEndMs = 30_000;

export type ModelInstance = {
  instanceId: string;
  index: number;
  isSpot: boolean;
  launchedAtMs: number;
  registeredAtMs: number | null;
  /** Terminating: still there, no longer counted. */
  isLeaving: boolean;
  /** Gone, and paid until then. */
  endedAtMs: number | null;
  /** The task on it, from its placement. */
  taskId: string | null;
  /** Of that task. */
  revision: string | null;
};

/** What the cloud tells the world. */
export type CloudListener = {
  launched(instance: ModelInstance): void;
  registered(instance: ModelInstance): void;
  launchFailed(): void;
  spotNotice(instance: ModelInstance): void;
  rebalanceRecommended(instance: ModelInstance): void;
  taskRunning(instance: ModelInstance, taskId: string, random: SeededRandom): void;
  /** The task's process has ended with the instance or by order. */
  taskEnded(taskId: string, why: 'terminated' | 'spot' | 'stopped' | 'crashed'): void;
  instanceEnded(instance: ModelInstance): void;
  /** May ECS stop this task when the service shrinks? */
  isProtected(taskId: string): boolean;
};

export type CloudInput = {
  seed: string;
  settings: SimulationSettings;
  queue: EventQueue;
  clock: { readonly nowMs: number };
  bounds: { min: number; max: number };
  shortages: readonly { startMs: number; endMs: number }[];
  listener: CloudListener;
};

export class ModelCloud {
  readonly instances: ModelInstance[] = [];
  groupDesired: number;
  serviceDesired = 0;
  /** The newest deployment's; its tasks are those that are placed from then on. Null until somebody deploys. */
  revision: string | null = null;
  /** Changes of what can be read, so that an observer knows when to look again. */
  version = 0;
  /** Highest number of instances that were paid for at once. */
  peakInstances = 0;
  readonly #input: CloudInput;
  #launched = 0;
  #tasks = 0;
  #isLooking = false;

  constructor(input: CloudInput) {
    this.#input = input;
    this.groupDesired = input.bounds.min;
    if (this.groupDesired > 0) this.#lookAtGroup(0);
  }

  get present(): ModelInstance[] {
    return this.instances.filter((instance) => instance.endedAtMs === null);
  }

  group(): GroupObservation {
    return {
      desired: this.groupDesired,
      ...this.#input.bounds,
      instances: this.present.map(({ instanceId, isLeaving, registeredAtMs }) => ({
        instanceId,
        lifecycleState: isLeaving ? 'Terminating' : registeredAtMs === null ? 'Pending' : 'InService',
      })),
    };
  }

  service(): ServiceObservation {
    const tasks = this.present.filter((instance) => instance.taskId !== null).length;
    return { desired: this.serviceDesired, running: tasks, pending: 0, taskDefinition: this.revision };
  }

  containerInstances(): ContainerInstanceObservation[] {
    return this.present
      .filter(({ registeredAtMs, isLeaving }) => registeredAtMs !== null && !isLeaving)
      .map(({ instanceId }) => ({ arn: `arn/${instanceId}`, instanceId, status: 'ACTIVE' }));
  }

  /** @throws RangeError outside of the bounds, as SetDesiredCapacity refuses it. */
  setGroupSize(desired: number): void {
    const { min, max } = this.#input.bounds;
    if (desired < min || desired > max) throw new RangeError(`desired ${desired} is not within ${min} and ${max}`);
    this.groupDesired = desired;
    this.version += 1;
    this.#lookAtGroup(groupLookMs);
  }

  setServiceSize(desired: number): void {
    this.serviceDesired = desired;
    this.version += 1;
    this.#lookAtService();
  }

  /** @returns false when the instance is gone, or the size would fall below the minimum. */
  terminate(instanceId: string, decrement: boolean): boolean {
    const instance = this.present.find((one) => one.instanceId === instanceId);
    if (instance === undefined || instance.isLeaving) return false;
    if (decrement && this.groupDesired - 1 < this.#input.bounds.min) return false;
    if (decrement) this.groupDesired -= 1;
    this.#remove(instance, 'terminated', instanceEndMs);
    return true;
  }

  deploy(revision: string): void {
    this.revision = revision;
    this.version += 1;
    this.#lookAtService();
  }

  /** Ends one task; the service starts another when it still wants as many. */
  stopTask(taskId: string, why: 'stopped' | 'crashed'): void {
    const instance = this.present.find((one) => one.taskId === taskId);
    if (instance === undefined) return;
    instance.taskId = null;
    this.version += 1;
    this.#input.listener.taskEnded(taskId, why);
    this.#lookAtService();
  }

  #lookAtGroup(delayMs: number): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { queue, clock } = this.#input;
    queue.at(clock.nowMs + delayMs, () => {
      this.#isLooking = false;
      this.#launchMissing();
    });
  }

  #launchMissing(): void {
    const { clock, shortages, listener } = this.#input;
    let missing = this.groupDesired - this.present.filter((instance) => !instance.isLeaving).length;
    if (missing <= 0) return;
    const { nowMs } = clock;
    if (shortages.some(({ startMs, endMs }) => startMs <= nowMs && nowMs < endMs)) {
      listener.launchFailed();
      this.#lookAtGroup(launchRetryMs);
      return;
    }
    for (; missing > 0; missing -= 1) this.#launch();
  }

  #launch(): void {
    const { seed, settings, queue, clock, listener } = this.#input;
    const index = this.#launched;
    this.#launched += 1;
    const random = new SeededRandom(`${seed}/instance/${index}`);
    const instance: ModelInstance = {
      instanceId: `i-${String(index).padStart(6, '0')}`,
      index,
      isSpot: random.chance(settings.spotShare),
      launchedAtMs: clock.nowMs,
      registeredAtMs: null,
      isLeaving: false,
      endedAtMs: null,
      taskId: null,
      revision: null,
    };
    this.instances.push(instance);
    this.peakInstances = Math.max(this.peakInstances, this.present.length);
    this.version += 1;
    listener.launched(instance);
    queue.at(clock.nowMs + drawMs(random, settings.registrationMs), () => {
      if (instance.isLeaving) return;
      instance.registeredAtMs = clock.nowMs;
      this.version += 1;
      listener.registered(instance);
      this.#lookAtService();
    });
    const lifeMs = drawWaitMs(random, instance.isSpot ? settings.spotInterruptionsPerHour : 0);
    if (Number.isFinite(lifeMs)) queue.at(clock.nowMs + lifeMs, () => this.#takeBack(instance));
    const adviceMs = drawWaitMs(random, instance.isSpot ? settings.rebalanceRecommendationsPerHour : 0);
    if (!Number.isFinite(adviceMs)) return;
    queue.at(clock.nowMs + adviceMs, () => {
      if (!instance.isLeaving) listener.rebalanceRecommended(instance);
    });
  }

  #takeBack(instance: ModelInstance): void {
    const { settings, queue, clock, listener } = this.#input;
    if (instance.isLeaving) return;
    listener.spotNotice(instance);
    queue.at(clock.nowMs + settings.spotNoticeMs, () => {
      if (!instance.isLeaving) this.#remove(instance, 'spot', 0);
    });
  }

  #remove(instance: ModelInstance, why: 'terminated' | 'spot', endMs: number): void {
    const { queue, clock, listener } = this.#input;
    instance.isLeaving = true;
    this.version += 1;
    const endTask = () => {
      const { taskId } = instance;
      instance.taskId = null;
      this.version += 1;
      if (taskId !== null) listener.taskEnded(taskId, why);
    };
    if (endMs === 0) endTask();
    else queue.at(clock.nowMs + containersEndMs, endTask);
    queue.at(clock.nowMs + endMs, () => {
      instance.endedAtMs = clock.nowMs;
      this.version += 1;
      listener.instanceEnded(instance);
    });
    // Without a lower size the group replaces what went.
    this.#lookAtGroup(groupLookMs);
  }

  #lookAtService(): void {
    const { queue, clock } = this.#input;
    queue.at(clock.nowMs + schedulerLookMs, () => this.#schedule());
  }

  /** One pass of the service scheduler: a task for every registered instance without one, as far as the size goes. */
  #schedule(): void {
    const { seed, settings, queue, clock, listener } = this.#input;
    const usable = this.present.filter(({ registeredAtMs, isLeaving }) => registeredAtMs !== null && !isLeaving);
    let tasks = usable.filter((instance) => instance.taskId !== null).length;
    for (const instance of usable) {
      if (tasks >= this.serviceDesired) break;
      if (instance.taskId !== null) continue;
      tasks += 1;
      const random = new SeededRandom(`${seed}/task/${this.#tasks}`);
      const taskId = `task-${String(this.#tasks).padStart(6, '0')}`;
      this.#tasks += 1;
      instance.taskId = taskId;
      instance.revision = this.revision;
      this.version += 1;
      queue.at(clock.nowMs + drawMs(random, settings.taskStartMs), () => {
        if (instance.taskId === taskId) listener.taskRunning(instance, taskId, random);
      });
    }
    for (const instance of usable.toReversed()) {
      if (tasks <= this.serviceDesired) break;
      if (instance.taskId === null || listener.isProtected(instance.taskId)) continue;
      tasks -= 1;
      this.stopTask(instance.taskId, 'stopped');
    }
    // ECS's rolling deployment replaces what nobody protects, one at a time.
    const outdated = usable.find(
      ({ taskId, revision }) => taskId !== null && revision !== this.revision && !listener.isProtected(taskId),
    );
    if (outdated?.taskId != null) this.stopTask(outdated.taskId, 'stopped');
  }
}
