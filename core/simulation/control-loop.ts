/**
 * The control loop of one fleet in virtual time: the minute and the events start runs (loop-turns.ts); each observes, calls
 * the very `decide` of production, and applies.
 * Invariant: a run whose decision is known to be empty is not thought through again, and skipping it changes nothing but
 * the time that the simulation takes (test/simulation proves it on small worlds).
 */
import { scheduledIntervals } from '../calendar.ts';
import { type ControlDecision, decide } from '../control/decide.ts';
import { demandHorizonMs } from '../control/demand.ts';
import {
  instancesToSample,
  type LeadTimes,
  leadTimeMaxMs,
  leadTimeMs,
  withLeadTimeSamples,
} from '../control/lead-time.ts';
import { type FleetObservation, hasEnded, instanceOf } from '../control/observation.ts';
import { handoverMs } from '../control/policy.ts';
import { SeededRandom } from '../seeded-random.ts';
import { applyToWorld } from './apply-to-world.ts';
import type { FleetWorld } from './fleet-world.ts';
import { holdsUntilMs } from './holds-until.ts';
import { LoopTurns } from './loop-turns.ts';
import { type ObservationPart, observationParts, WorldObserver } from './observe-world.ts';
import { drawMs, drawSpells } from './settings.ts';

export type ControlLoopOptions = {
  /** False: every run is thought through. */
  skipQuietRuns: boolean;
  /** Sees every decision and what it was made on, before it is applied. */
  onDecision?: (decision: ControlDecision, observation: FleetObservation) => void;
};

export class ControlLoop {
  /** Runs, and those of them that were thought through. */
  runs = 0;
  decisions = 0;
  readonly #world: FleetWorld;
  readonly #observer: WorldObserver;
  readonly #turns: LoopTurns;
  readonly #options: ControlLoopOptions;
  readonly #throttlings: { startMs: number; endMs: number; part: ObservationPart }[];
  /** Starts and ends of windows, each sorted: instants at which the calendar alone changes a decision. */
  readonly #startsMs: number[];
  readonly #endsMs: number[];
  /** With nothing changed, the decision is empty until then. */
  #quietUntilMs = Number.NEGATIVE_INFINITY;

  constructor(world: FleetWorld, options: ControlLoopOptions) {
    const { seed, settings, policy, toMs } = world.input;
    this.#world = world;
    this.#options = options;
    this.#observer = new WorldObserver(world);
    const random = new SeededRandom(`${seed}/throttlings`);
    this.#throttlings = drawSpells(
      random,
      settings.throttlingsPerDay / 24,
      settings.throttlingMs,
      world.startMs,
      toMs,
    ).map((spell) => ({ ...spell, part: random.pick(observationParts) }));
    // Windows just after the end are prepared for before it.
    const aheadMs = demandHorizonMs(policy, leadTimeMaxMs);
    const intervals = [...world.cameras.values()].flatMap(({ versions }) =>
      versions.flatMap(({ camera }) =>
        camera === null ? [] : scheduledIntervals(camera, world.startMs, toMs + aheadMs),
      ),
    );
    this.#startsMs = sortedOnce(intervals.map(({ startMs }) => startMs));
    this.#endsMs = sortedOnce(intervals.map(({ endMs }) => endMs));
    this.#turns = new LoopTurns({ queue: world.queue, clock: world.clock, run: (ended) => this.#run(ended) });
    world.onTrigger = (news) => this.#turns.hear(news);
    // A schedule's minute begins when it was made, not when clocks strike.
    const phaseMs = Math.floor(new SeededRandom(`${seed}/tick`).next() * policy.reconcileIntervalMs);
    world.queue.at(world.nowMs + phaseMs, () => {
      this.#turns.hear('urgent');
      this.#tick(policy.reconcileIntervalMs);
    });
  }

  #tick(intervalMs: number): void {
    const { queue, nowMs } = this.#world;
    queue.at(nowMs + intervalMs, () => {
      this.#tick(intervalMs);
      this.#turns.hear('urgent');
    });
  }

  /** @param ended is told whether a step failed. */
  #run(ended: (hasFailedSteps: boolean) => void): void {
    const { nowMs, queue, input } = this.#world;
    this.runs += 1;
    const random = new SeededRandom(`${input.seed}/run/${nowMs}`);
    const endMs = nowMs + drawMs(random, input.settings.runMs);
    const finish = this.#think(random);
    queue.at(endMs, () => ended(finish?.() ?? false));
  }

  /** @returns what is to be done at the end of the run, which tells whether a step failed; null: nothing. */
  #think(random: SeededRandom): (() => boolean) | null {
    const world = this.#world;
    const { nowMs, input } = world;
    const spell = this.#throttlings.find(({ startMs, endMs }) => startMs <= nowMs && nowMs < endMs);
    const isQuiet = !world.hasChanged && nowMs < this.#quietUntilMs && spell === undefined;
    if (isQuiet && this.#options.skipQuietRuns) return null;
    this.decisions += 1;
    world.hasChanged = false;
    if (spell !== undefined) {
      world.count(`unreadable: ${spell.part}`);
      world.changed();
    }
    const seen = this.#observer.observe(input.policy, random, spell?.part ?? null);
    if (seen === null) return null;
    if (seen.isStale) world.changed();
    const { observation } = seen;
    const decision = decide(observation, input.policy, nowMs, this.#observer.memory);
    this.#options.onDecision?.(decision, observation);
    // A worker that is cut off, or dead without anybody knowing it, looks well until its last heartbeat is old.
    const isWell = [...world.items.values()].every((item) => {
      return hasEnded(item) || world.workers.get(item.workerId)?.isCut === false;
    });
    this.#quietUntilMs = isWell
      ? Math.min(holdsUntilMs(observation, decision), this.#nextBoundaryMs())
      : Number.NEGATIVE_INFINITY;
    return () => {
      const hasFailed = applyToWorld(world, observation, decision, random);
      if (hasFailed) world.changed();
      this.#learn(observation, decision);
      return hasFailed;
    };
  }

  #learn(observation: FleetObservation, { plan, moves }: ControlDecision): void {
    const world = this.#world;
    const learned = this.#learnLeadTimes(observation);
    const { lowerDemandSinceMs: _, ...kept } = world.fleetItem;
    if (learned !== null) world.changed();
    world.fleetItem = {
      ...kept,
      moves,
      ...(plan.lowerDemandSinceMs === null ? {} : { lowerDemandSinceMs: plan.lowerDemandSinceMs }),
      ...(learned === null ? {} : { leadTimeSamplesMs: learned.samplesMs, leadTimeInstanceIds: learned.instanceIds }),
    };
  }

  #learnLeadTimes({ fleet, workers: items, containerInstances }: FleetObservation): LeadTimes | null {
    const workers = items.map((worker) => ({ worker, instanceId: instanceOf(worker, containerInstances) }));
    const candidates = instancesToSample(fleet, workers);
    if (candidates.length === 0) return null;
    const { instances } = this.#world.cloud;
    const launched = new Map(instances.map(({ instanceId, launchedAtMs }) => [instanceId, launchedAtMs]));
    return withLeadTimeSamples(fleet, candidates, launched, new Set(workers.map(({ instanceId }) => instanceId)));
  }

  /** The next instant at which a window comes within the lead time, is to be assigned, opens or closes. */
  #nextBoundaryMs(): number {
    const { nowMs, fleetItem, input } = this.#world;
    const { policy } = input;
    const leadMs = leadTimeMs(fleetItem.leadTimeSamplesMs ?? [], policy);
    // At exactly that instant it may not count yet: then the next run is thought through as well.
    const aheadOfStartMs = [demandHorizonMs(policy, leadMs), policy.reconcileIntervalMs + handoverMs, 0];
    const boundaries = aheadOfStartMs.map((aheadMs) => firstFrom(this.#startsMs, nowMs + aheadMs) - aheadMs);
    return Math.min(firstFrom(this.#endsMs, nowMs), ...boundaries);
  }
}

function sortedOnce(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

/** First of the sorted instants at or after `fromMs`; infinity when there is none. */
function firstFrom(sorted: readonly number[], fromMs: number): number {
  let low = 0;
  for (let high = sorted.length; low < high; ) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) >= fromMs) high = middle;
    else low = middle + 1;
  }
  return sorted[low] ?? Number.POSITIVE_INFINITY;
}
