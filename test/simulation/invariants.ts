/**
 * The invariants of the control loop (design: control), watched from outside while a world is played: nothing here is
 * known to the loop, and the loop tells nothing but what it decided.
 */
import { expect } from 'vitest';
import { type ControlDecision, decide } from '../../core/control/decide.ts';
import { modelCostRatio } from '../../core/control/demand.ts';
import type { FleetObservation } from '../../core/control/observation.ts';
import { ControlLoop } from '../../core/simulation/control-loop.ts';
import type { FleetWorldInput } from '../../core/simulation/fleet-input.ts';
import { FleetWorld } from '../../core/simulation/fleet-world.ts';
import type { ModelCamera } from '../../core/simulation/model-camera.ts';

const checkEveryMs = 15_000;
/** A decision in so many is thought through again, from the same input in another order. */
const rethinkEvery = 25;
/** A tick, a heartbeat, two runs, and 25 s until a silent worker counts as dead. */
const ownedWithinMs = 60_000 + 3_000 + 6_000 + 25_000;
/** The metric lags by two minutes and has periods of one; nobody may have listened. */
const returnKnownAfterMs = 300_000;

export class InvariantWatch {
  readonly world: FleetWorld;
  readonly loop: ControlLoop;
  readonly violations: string[] = [];
  /** Camera checks in which somebody had to be the owner. */
  ownersDue = 0;
  readonly #unowned = new Map<string, { sinceMs: number; roomy: ReadonlySet<string> }>();
  readonly #sendingSinceMs = new Map<string, number>();
  #faults = 0;
  #decisions = 0;

  constructor(input: FleetWorldInput) {
    this.world = new FleetWorld(input);
    this.world.witness = {
      publishes: (cameraId) => this.#onePublisher(cameraId),
      terminates: ({ instanceId, taskId }) => {
        const cameras = this.world.workers.get(taskId ?? '')?.running.size ?? 0;
        if (cameras > 0) this.#violated(`${instanceId} is terminated with ${cameras} cameras`);
      },
    };
    this.loop = new ControlLoop(this.world, {
      skipQuietRuns: true,
      onDecision: (decision, observation) => this.#decided(decision, observation),
    });
    this.#checkAt(this.world.nowMs + checkEveryMs);
  }

  play(): void {
    const { toMs } = this.world.input;
    this.world.playUntil(toMs);
    this.world.account.integrate(toMs);
  }

  #violated(what: string): void {
    this.violations.push(`${new Date(this.world.nowMs).toISOString()} ${what}`);
  }

  #onePublisher(cameraId: string): void {
    const watchers = [...(this.world.cameras.get(cameraId)?.watchers ?? [])];
    if (watchers.length > 1) this.#violated(`${cameraId} is published by ${watchers.join(' and ')}`);
  }

  #decided(decision: ControlDecision, observation: FleetObservation): void {
    const { plan, policy, nowMs } = decision;
    for (const size of [plan.setInstances, plan.setTasks]) {
      if (size === null) continue;
      if (!Number.isInteger(size) || size < 0 || size > policy.maxWorkers) this.#violated(`ordered size ${size}`);
    }
    for (const { ownership, cameraId } of decision.changes) {
      const usable = observation.cameras.find((state) => state.cameraId === cameraId)?.camera;
      if (ownership?.kind === 'give' && usable === null) this.#violated(`${cameraId} is given though its row is wrong`);
    }
    this.#decisions += 1;
    if (this.#decisions % rethinkEvery !== 0) return;
    const again = decide(
      {
        ...observation,
        cameras: observation.cameras.toReversed(),
        workers: observation.workers.toReversed(),
        containerInstances: observation.containerInstances?.toReversed() ?? null,
        group:
          observation.group === null
            ? null
            : { ...observation.group, instances: observation.group.instances.toReversed() },
      },
      this.world.input.policy,
      nowMs,
    );
    const byCamera = ({ changes }: ControlDecision) =>
      changes.toSorted((a, b) => (a.cameraId < b.cameraId ? -1 : 1)).map(({ cameraId, next }) => ({ cameraId, next }));
    expect(again.plan).toEqual(plan);
    expect(byCamera(again)).toEqual(byCamera(decision));
  }

  #checkAt(atMs: number): void {
    this.world.queue.at(atMs, () => {
      this.#owners();
      this.#checkAt(atMs + checkEveryMs);
    });
  }

  /** No camera within its hours is without an owner for long while there is room for it. */
  #owners(): void {
    const { world } = this;
    // Throttled calls and failed steps excuse what they delay: the time counts anew from the last of them.
    const faults = Object.values(world.faults).reduce((sum, count) => sum + count, 0);
    if (faults !== this.#faults) this.#unowned.clear();
    this.#faults = faults;
    for (const [cameraId, model] of world.cameras) {
      if (!model.isSending) this.#sendingSinceMs.delete(cameraId);
      else if (!this.#sendingSinceMs.has(cameraId)) this.#sendingSinceMs.set(cameraId, world.nowMs);
      const isDue = model.isScheduled && this.#isKnownToSend(cameraId) && !this.#hasOwner(cameraId);
      const roomy = isDue ? this.#workersWithRoomFor(model) : [];
      if (roomy.length === 0) {
        this.#unowned.delete(cameraId);
        continue;
      }
      this.ownersDue += 1;
      // The same worker had room all the while: what had room before, and has none now, was used for somebody else.
      const before = this.#unowned.get(cameraId);
      const still = roomy.filter((workerId) => before?.roomy.has(workerId));
      const sinceMs = before === undefined || still.length === 0 ? world.nowMs : before.sinceMs;
      this.#unowned.set(cameraId, { sinceMs, roomy: new Set(still.length === 0 ? roomy : still) });
      const forMs = world.nowMs - sinceMs;
      if (forMs > ownedWithinMs && forMs <= ownedWithinMs + checkEveryMs) {
        this.#violated(`${cameraId} has no owner for ${forMs / 1_000} s though there is room`);
      }
    }
  }

  #isKnownToSend(cameraId: string): boolean {
    const sinceMs = this.#sendingSinceMs.get(cameraId);
    return sinceMs !== undefined && this.world.nowMs - sinceMs >= returnKnownAfterMs;
  }

  #hasOwner(cameraId: string): boolean {
    const owner = this.world.workers.get(this.world.states.get(cameraId)?.ownerWorkerId ?? '');
    return owner !== undefined && !owner.isCut;
  }

  #workersWithRoomFor({ camera }: ModelCamera): string[] {
    const { workers, items, states, input, cloud } = this.world;
    const loadOf = ({ detect }: typeof camera) => detect.fps * modelCostRatio(detect.model);
    // What a leaving worker watches until it has moved has a claim to the room that is left.
    let claimed = 0;
    for (const { ownerWorkerId, camera: owned } of states.values()) {
      if (owned !== null && items.get(ownerWorkerId ?? '')?.drain !== undefined) claimed += loadOf(owned);
    }
    const roomy = [...workers.values()].filter((worker) => {
      const item = items.get(worker.workerId);
      if (worker.readyAtMs === null || worker.isDraining || worker.isCut || item === undefined) return false;
      // What a rollout replaces takes nothing new while there is another place.
      if (item.drain !== undefined || (item.revision ?? cloud.revision) !== cloud.revision) return false;
      let taken = claimed;
      for (const { ownerWorkerId, successorWorkerId, camera: owned } of states.values()) {
        // Room that is promised to a camera that comes from an overloaded worker is taken too.
        const isHere = ownerWorkerId === worker.workerId || successorWorkerId === worker.workerId;
        if (isHere && owned !== null) taken += loadOf(owned);
      }
      return taken + loadOf(camera) <= worker.capacityInferencesPerSecond * input.policy.targetUtilization;
    });
    return roomy.map(({ workerId }) => workerId);
  }
}
