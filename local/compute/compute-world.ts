/**
 * What the parts of the local compute share: state, clock, events, and the one loop that drives them. A part that changes
 * something calls `changed()`; the reconciler then runs every part until nothing moves. All delays are timers on the
 * cloud's clock, so a stepped test and `npm start` run the same code.
 * Invariant: `settled()` resolves only when nothing can happen before the clock moves or a task's own code acts.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { CloudContext } from '../service.ts';
import { type ArnMaker, arnMaker } from './arns.ts';
import type { ComputeState, Resources } from './compute-state.ts';
import type { TaskRunner } from './task-runner.ts';

export type ComputeTimings = {
  /** Launch of an instance until it is InService. */
  bootDelayMs: number;
  /** Up to this much is added to each boot, at random. */
  bootJitterMs: number;
  /** InService until the ECS agent has registered. */
  registrationDelayMs: number;
  /** Placement of a task until its process starts (image pull and container start). */
  taskStartDelayMs: number;
  /** Shutting down an instance; tasks on it get SIGTERM at its start and SIGKILL at its end. */
  terminationDelayMs: number;
  /** A group tries a failed launch again after this time. */
  launchRetryMs: number;
  /** First wait after a failed placement; doubles each time. */
  placementBackoffMs: number;
  placementBackoffMaxMs: number;
  /** Spot interruption notice until the instance goes: 2 minutes in AWS. */
  spotNoticeMs: number;
  /** How long terminated instances and stopped tasks can be described: 1 hour in AWS. */
  historyMs: number;
};

export const defaultTimings: ComputeTimings = {
  bootDelayMs: 8_000,
  bootJitterMs: 0,
  registrationDelayMs: 1_000,
  taskStartDelayMs: 500,
  terminationDelayMs: 2_000,
  launchRetryMs: 60_000,
  placementBackoffMs: 15_000,
  // The service scheduler's ceiling (ECS developer guide, "Service throttle logic").
  placementBackoffMaxMs: 27 * 60_000,
  spotNoticeMs: 120_000,
  historyMs: 3_600_000,
};

export type ComputeOptions = Partial<ComputeTimings> & {
  runner: TaskRunner;
  /** Environment that every task gets beneath its own, e.g. credentials for the local endpoint. */
  taskEnvironment?: Record<string, string>;
  /** What each instance registers with ECS; default: a g4dn.xlarge. */
  instanceResources?: Resources;
  instanceType?: string;
  /** 0 ≤ random() < 1, for boot jitter. */
  random?: () => number;
  /** Told of trouble that no request can be answered with, e.g. state that cannot be saved. */
  onWarning?: (message: string) => void;
};

/** What the ECS agent registers on a g4dn.xlarge: 4 vCPU, 16 GiB less what the system keeps, one T4. */
const g4dnXlarge: Resources = { cpu: 4096, memory: 15_564, gpu: 1 };

/** A reconcile that does not come to rest is a bug, not a reason to hang. */
const reconcilePassesMax = 1_000;

export type ReconcilePart = {
  /** @returns true when it changed something that another part may act on. */
  reconcile(): boolean;
};

/** Earlier than this is a clock that was set. */
const timerEarlyMaxMs = 5;

export class ComputeWorld {
  readonly context: CloudContext;
  readonly state: ComputeState;
  readonly arns: ArnMaker;
  readonly runner: TaskRunner;
  readonly timings: ComputeTimings;
  readonly taskEnvironment: Record<string, string>;
  readonly instanceResources: Resources;
  readonly instanceType: string;
  readonly onWarning: (message: string) => void;
  readonly #random: () => number;
  readonly #parts: ReconcilePart[] = [];
  readonly #timers = new Set<() => void>();
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #definitionListeners: (() => void)[] = [];
  #scheduled: Promise<void> | null = null;
  #closed = false;
  #paused = false;

  constructor(context: CloudContext, options: ComputeOptions, state: ComputeState) {
    this.context = context;
    this.state = state;
    this.arns = arnMaker(context.region, context.accountId);
    this.runner = options.runner;
    this.timings = { ...defaultTimings };
    for (const name of Object.keys(defaultTimings) as (keyof ComputeTimings)[]) {
      this.timings[name] = options[name] ?? defaultTimings[name];
    }
    this.taskEnvironment = options.taskEnvironment ?? {};
    this.instanceResources = options.instanceResources ?? g4dnXlarge;
    this.instanceType = options.instanceType ?? 'g4dn.xlarge';
    this.onWarning = options.onWarning ?? ((message) => process.emitWarning(message));
    this.#random = options.random ?? Math.random;
  }

  nowMs(): number {
    return this.context.clock.nowMs();
  }

  get closed(): boolean {
    return this.#closed;
  }

  addPart(part: ReconcilePart): void {
    this.#parts.push(part);
  }

  /** From now on nothing is launched, placed or replaced; what runs goes on, and timers fire. */
  pause(): void {
    this.#paused = true;
  }

  /** Called after every change of a definition (group, cluster, service …), which is what is saved. */
  onDefinitionChange(listener: () => void): void {
    this.#definitionListeners.push(listener);
  }

  definitionChanged(): void {
    for (const listener of this.#definitionListeners) listener();
    this.changed();
  }

  /** Asks for a reconcile; many calls in one turn make one run. */
  changed(): void {
    if (this.#closed || this.#scheduled !== null) return;
    this.#scheduled = Promise.resolve().then(() => {
      this.#scheduled = null;
      try {
        this.#reconcile();
      } catch (error) {
        // One broken record must not end the loop for all others.
        this.onWarning(`local compute: reconcile failed: ${error instanceof Error ? error.stack : String(error)}`);
      }
    });
  }

  /** Runs `callback` after `delayMs` on the cloud's clock, then reconciles. The returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void {
    const dueMs = this.nowMs() + delayMs;
    let cancelTimer = () => {};
    const wait = (waitMs: number): void => {
      cancelTimer = this.context.clock.setTimer(waitMs, () => {
        // By the wall clock Node's timers come up to a millisecond early, and what asks whether it is time would say no.
        const earlyMs = dueMs - this.nowMs();
        if (earlyMs > 0 && earlyMs <= timerEarlyMaxMs) return wait(earlyMs);
        this.#timers.delete(cancel);
        if (this.#closed) return;
        callback();
        this.changed();
      });
    };
    wait(delayMs);
    const cancel = (): void => {
      this.#timers.delete(cancel);
      cancelTimer();
    };
    this.#timers.add(cancel);
    return cancel;
  }

  /** Marks work that goes on without the clock (a process being started or killed), so that `settled` waits for it. */
  track(work: Promise<unknown>): void {
    const tracked = work.catch(() => {}).finally(() => this.#inFlight.delete(tracked));
    this.#inFlight.add(tracked);
  }

  async settled(): Promise<void> {
    // Promise chains of in-process tasks need a few turns of the event loop to reach us; only then is quiet really quiet.
    for (let quietTurns = 0; quietTurns < 4 && !this.#closed; quietTurns += 1) {
      if (this.#scheduled !== null || this.#inFlight.size > 0) {
        quietTurns = -1;
        await this.#scheduled;
        await Promise.all(this.#inFlight);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Stops timers and reconciling. In-flight work is awaited by the caller through the runner's `close`. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of [...this.#timers]) cancel();
    await this.runner.close();
    await Promise.all(this.#inFlight);
  }

  jitterMs(): number {
    return Math.floor(this.#random() * this.timings.bootJitterMs);
  }

  #reconcile(): void {
    for (let pass = 0; pass < reconcilePassesMax; pass += 1) {
      if (this.#closed || this.#paused) return;
      let moved = false;
      for (const part of this.#parts) moved = part.reconcile() || moved;
      if (!moved) return;
    }
    this.onWarning(`local compute: reconcile did not come to rest in ${reconcilePassesMax} passes`);
  }
}

export const newUuid = (): string => randomUUID();
/** 32 hex digits: ids of tasks and container instances. */
export const newHexId = (): string => randomBytes(16).toString('hex');
/** `i-` and 17 hex digits. */
export const newInstanceId = (): string => `i-${randomBytes(9).toString('hex').slice(0, 17)}`;
/** `ecs-svc/` and 19 digits. */
export const newDeploymentId = (): string =>
  `ecs-svc/${(randomBytes(8).readBigUInt64BE() % 9_000_000_000_000_000_000n) + 1_000_000_000_000_000_000n}`;
