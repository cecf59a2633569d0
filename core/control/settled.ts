/**
 * Cameras that are settled: a run weighed them, left them as they are, and nothing that it went by has changed since. Their
 * worker watches them and says so, or their window comes closer. They still count in the size of the fleet and in every
 * packing; their lease, their phase and their account are not thought through again.
 * Who decides again and again on the same objects (the simulator) keeps this memory from run to run, and tells by `wordOf`
 * whether a worker says of its cameras what it said before. Without that nothing is remembered, as in production.
 * Invariants: the memory makes a run shorter and no different; states are replaced, never changed.
 */
import { sharedHours } from '../calendar.ts';
import type { CameraState, FleetPolicy } from '../fleet-state.ts';
import type { CameraDemand } from './demand.ts';
import { HeadcountMemory } from './headcount-memory.ts';
import type { Hours } from './hours.ts';
import { accountDueMs } from './ledger.ts';
import { loadOf } from './loads.ts';
import type { StreamsObservation } from './observation.ts';
import type { Owner, Owners, Word } from './owners.ts';
import type { Load } from './pack.ts';
import { isUntouched, lastEndMs, RestMemory } from './rest.ts';

export type DecisionMemory = { rest: RestMemory; settled: SettledMemory; headcounts: HeadcountMemory };

/** @param wordOf null: of cameras that are awake nothing is remembered. */
export function decisionMemory(wordOf: WordOf | null = null): DecisionMemory {
  return { rest: new RestMemory(), settled: new SettledMemory(wordOf), headcounts: new HeadcountMemory() };
}

/**
 * What a worker's item and heartbeats say, as an object: the very same one as long as they say the same, but for times that
 * go on with the clock while media flows. Undefined: nobody knows.
 */
export type WordOf = (workerId: string) => object | undefined;

/** Cameras of one schedule, in this run. */
type SharedHours = {
  state: CameraState;
  hours: Hours;
  lastEndMs: number;
  /** Inside a window; with one ahead, for which nobody is to have them yet; or so close to it that they are to have a worker. */
  stage: 'open' | 'ahead' | 'close' | null;
};
/** A worker whose cameras are settled. */
type SettledOwner = { workerId: string; word: object; holds: boolean };

export type Settled = {
  state: CameraState;
  shared: SharedHours;
  /** Null: nobody has it, and its window is ahead. */
  owner: SettledOwner | null;
  /** When the ledger asks for its next slice. */
  dueAtMs: number;
  /** What it is to the plan. */
  load: Load;
  /** What it is to its worker, in that worker's name; null: nobody has it. */
  seat: Load | null;
};

/** The settled cameras beside those that a run looks at. */
export type Crowd = {
  /** In order of ids. */
  members: readonly Settled[];
  /** How many of them come before each of the others, by their ids. */
  before: readonly number[];
  /** How many of them each worker has that has any. */
  owners: ReadonlyMap<string, number>;
  /** Workers that have some inside their windows. */
  busy: ReadonlySet<string>;
};

export const noCrowd: Crowd = { members: [], before: [], owners: new Map(), busy: new Set() };

type Split = { cameras: readonly CameraState[]; crowd: Crowd };

/** All of them are looked at. */
export function allOf(cameras: readonly CameraState[]): Split {
  return { cameras, crowd: noCrowd };
}

type Run = {
  nowMs: number;
  policy: FleetPolicy;
  owners: Owners;
  statusByName: StreamsObservation['statusByName'];
  hoursOf: (camera: NonNullable<CameraState['camera']>) => Hours;
};

export class SettledMemory {
  readonly #wordOf: WordOf | null;
  /** By the place of the state among all of the fleet. */
  #settled: (Settled | undefined)[] = [];
  #shared = new Map<object | string, SharedHours>();
  #owners = new Map<string, SettledOwner>();
  /** Names of the workers' bins. */
  readonly #bins = new Map<string, string>();
  #run: Run | null = null;
  /** Places of the states that the run looks at. */
  #places: readonly number[] = [];

  constructor(wordOf: WordOf | null) {
    this.#wordOf = wordOf;
  }

  /**
   * Begins a run. @param states that do not rest, in order of ids. @param places of them among all of the fleet.
   * @param stirred are to be looked at though they are settled. @returns those that have to be looked at, and the others.
   */
  recall(states: readonly CameraState[], places: readonly number[], run: Run, stirred: ReadonlySet<Settled>): Split {
    if (this.#wordOf === null) return allOf(states);
    const last = this.#run;
    if (last?.policy !== run.policy || last.statusByName !== run.statusByName) this.#forget();
    this.#run = run;
    for (const shared of this.#shared.values()) seen(shared, run);
    this.#look(run.owners);
    const cameras: CameraState[] = [];
    const members: Settled[] = [];
    const before: number[] = [];
    const lookedAt: number[] = [];
    const owners = new Map<string, number>();
    const busy = new Set<string>();
    for (let index = 0; index < states.length; index += 1) {
      const state = states[index] as CameraState;
      const place = places[index] as number;
      const known = this.#settled[place];
      if (known !== undefined && known.state === state && holds(known, run.nowMs) && !stirred.has(known)) {
        members.push(known);
        if (known.owner === null) continue;
        const { workerId } = known.owner;
        owners.set(workerId, (owners.get(workerId) ?? 0) + 1);
        if (known.shared.stage === 'open') busy.add(workerId);
      } else {
        cameras.push(state);
        before.push(members.length);
        lookedAt.push(place);
      }
    }
    this.#places = lookedAt;
    return { cameras, crowd: { members, before, owners, busy } };
  }

  /** Those of the fleet's cameras at these places whose streams no worker reads for certain: a metric may have to be asked. */
  perhapsUnread(cameras: readonly CameraState[], places: readonly number[], owners: Owners): CameraState[] {
    this.#look(owners);
    const unread: CameraState[] = [];
    for (const place of places) {
      const state = cameras[place] as CameraState;
      const known = this.#settled[place];
      if (known === undefined || known.state !== state || known.owner?.holds !== true) unread.push(state);
    }
    return unread;
  }

  /** The run has left a camera as it was. @param index among the states of the run. @param word of an owner that lives. */
  remember(index: number, state: CameraState, demand: CameraDemand, word: Word | null): void {
    const run = this.#run;
    const place = this.#places[index];
    if (run === null || place === undefined) return;
    const settled = this.#settledNow(state, demand, word, run);
    if (settled !== null) this.#settled[place] = settled;
  }

  #settledNow(state: CameraState, demand: CameraDemand, word: Word | null, run: Run): Settled | null {
    const { camera, ownerWorkerId, accountedThroughMs } = state;
    if (camera === null || accountedThroughMs === undefined || !isUntouched(state)) return null;
    if (demand.silentSinceMs !== null) return null;
    const key = sharedHours(camera);
    if (key === null) return null;
    const dueAtMs = accountDueMs(state.cameraId, accountedThroughMs);
    const shared = this.#sharedOf(key, state, run);
    if (ownerWorkerId === undefined) {
      const load = { ...loadOf(demand, this.#bins), binId: null };
      const settled = { state, shared, owner: null, dueAtMs: Number.POSITIVE_INFINITY, load, seat: null };
      return holds(settled, run.nowMs) ? settled : null;
    }
    const owner = run.owners.get(ownerWorkerId);
    if (owner === undefined || word === null || !isWatched(state, owner, word, run.policy)) return null;
    const settledOwner = this.#ownerOf(ownerWorkerId, owner);
    if (settledOwner === null) return null;
    const load = loadOf(demand, this.#bins);
    const seat = { ...load, binId: ownerWorkerId };
    const settled = { state, shared, owner: settledOwner, dueAtMs, load, seat };
    return holds(settled, run.nowMs) ? settled : null;
  }

  #sharedOf(key: object | string, state: CameraState, run: Run): SharedHours {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const shared = { state, hours: run.hoursOf(state.camera as never), lastEndMs: 0, stage: null };
    seen(shared, run);
    this.#shared.set(key, shared);
    return shared;
  }

  #ownerOf(workerId: string, owner: Owner): SettledOwner | null {
    const word = this.#wordOf?.(workerId);
    if (word === undefined) return null;
    const known = this.#owners.get(workerId);
    if (known?.word === word) return known;
    if (known !== undefined) known.holds = false;
    const settled = { workerId, word, holds: serves(owner) };
    this.#owners.set(workerId, settled);
    return settled;
  }

  /** Which workers are as they were. */
  #look(owners: Owners): void {
    for (const [workerId, settled] of this.#owners) {
      const owner = owners.get(workerId);
      const isSame = owner !== undefined && this.#wordOf?.(workerId) === settled.word;
      settled.holds = isSame && serves(owner);
      // Its cameras are looked at anew, and the next word is another's.
      if (!isSame) this.#owners.delete(workerId);
    }
  }

  #forget(): void {
    this.#settled = [];
    this.#shared = new Map();
    this.#owners = new Map();
  }
}

function seen(shared: SharedHours, { hoursOf }: Run): void {
  const hours = hoursOf(shared.state.camera as never);
  const { current, outlook, isPaused } = hours;
  shared.hours = hours;
  shared.lastEndMs = lastEndMs(hours);
  if (isPaused) shared.stage = null;
  else if (current !== null) shared.stage = outlook.wantedNow ? 'open' : null;
  else if (outlook.intervals.length === 0) shared.stage = null;
  else shared.stage = outlook.assignNow ? 'close' : 'ahead';
}

function holds({ state, shared, owner, dueAtMs }: Settled, nowMs: number): boolean {
  if (owner !== null && !owner.holds) return false;
  if (shared.stage === 'open') return owner !== null && state.phase === 'running' && nowMs < dueAtMs;
  if (shared.stage !== (owner === null ? 'ahead' : 'close')) return false;
  if ((state.accountedThroughMs ?? 0) < shared.lastEndMs) return false;
  const { phase, reason } = shared.hours.outlook.idle;
  return state.phase === phase && state.phaseReason === reason;
}

function serves({ isAlive, isLeaving, worker }: Owner): boolean {
  return isAlive && !isLeaving && worker.lifecycle === 'ready';
}

/** Its worker runs it by its list and sees media now: as long as it says the same, it does. */
function isWatched(state: CameraState, owner: Owner, { report, reportedAtMs }: Word, policy: FleetPolicy): boolean {
  const { worker } = owner;
  if (!serves(owner) || report.state !== 'running' || state.releasedEpoch === state.epoch) return false;
  if (state.phase === 'running' && state.phaseReason !== owner.watchesWords) return false;
  const given = worker.assignments?.[state.cameraId];
  if (given?.epoch !== state.epoch || given.camera !== state.camera) return false;
  return reportedAtMs - (report.lastMediaAtMs ?? 0) < policy.silentGraceMs;
}
