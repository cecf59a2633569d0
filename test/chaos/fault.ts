/**
 * One thing that breaks, and how it is broken and timed: inject, hold, heal, then wait until every camera that it touched
 * is watched again, and until nothing is left of it.
 * Invariant: a fault heals itself also when injecting it failed half-way, and the next one finds the system calm.
 */
import { systemClock } from '../../core/clock.ts';
import type { SeededRandom } from '../../core/seeded-random.ts';
import { type ChaosWorld, pause } from './chaos-world.ts';
import type { Watch } from './watch.ts';

/** Far more than the slowest way back: a lock that must expire (60 s), then a machine that must boot. */
export const recoveryMaxMs = 150_000;

export type Room =
  | 'workers'
  | 'control'
  | 'events'
  | 'apis'
  | 'network'
  | 'media'
  | 'clocks'
  | 'host'
  | 'capacity'
  | 'input';

export type Scene = { world: ChaosWorld; watch: Watch; random: SeededRandom };

export type Injected = {
  /** Whose watching is timed. */
  cameras: readonly string[];
  /** Workers whose frames do not count as watching: they were killed, or are to lose their cameras. */
  victims?: readonly string[];
  heal?: () => void | Promise<void>;
  /** What else must be so before the fault counts as recovered from. */
  isOver?: () => boolean;
};

export type ChaosFault = {
  name: string;
  room: Room;
  /** For the report. */
  what: string;
  /** How long it stays broken before it is healed; 0: it is one blow, and nobody heals it. */
  holdMs: number;
  /** Clocks differ meanwhile: times in records cannot be compared. */
  bendsTime?: boolean;
  /** Alone, it makes results late and loses none. */
  losesNothing?: boolean;
  inject(scene: Scene): Injected | Promise<Injected>;
};

export type FaultRun = {
  name: string;
  room: Room;
  fromMs: number;
  toMs: number;
  /**
   * Until the last camera was watched again: from the blow where a worker lost its cameras, from the healing where all was
   * broken until then. Null: not within the limit.
   */
  recoveryMs: number | null;
};

export async function runFault(scene: Scene, fault: ChaosFault): Promise<FaultRun> {
  const { watch } = scene;
  const { name, room, holdMs } = fault;
  const fromMs = systemClock.nowMs();
  watch.during.add(name);
  if (fault.bendsTime === true) watch.areTimesWrong = true;
  const injected = await fault.inject(scene);
  const victims = new Set(injected.victims);
  const watchedAgain = () => {
    const startMs = systemClock.nowMs();
    const isWatched = (cameraId: string) =>
      (watch.frames.get(cameraId) ?? [])
        .slice(-5)
        .some(({ capturedAtMs, workerId }) => capturedAtMs > startMs && !victims.has(workerId));
    return watch.until(() => injected.cameras.every(isWatched), recoveryMaxMs);
  };
  // Who lost its worker is to be watched by another, however long the fault lasts.
  const isTimedFromBlow = holdMs === 0 || victims.size > 0;
  let recovery = isTimedFromBlow ? watchedAgain() : null;
  try {
    if (holdMs > 0) await pause(holdMs);
  } finally {
    await injected.heal?.();
  }
  recovery ??= watchedAgain();
  const recoveryMs = await recovery;
  const isSettled = () => watch.isCalm() && (injected.isOver?.() ?? true);
  if ((await watch.until(isSettled, recoveryMaxMs)) === null)
    watch.violated('not-recovered', `${name}: ${watch.unrest()}`);
  watch.during.delete(name);
  if (watch.during.size === 0) watch.areTimesWrong = false;
  return { name, room, fromMs, toMs: systemClock.nowMs(), recoveryMs };
}

/** @returns a worker that watches at least one camera, drawn by the seed. */
export function someOwner({ world, watch, random }: Scene): string {
  const owners = new Set(watch.states.map(({ ownerWorkerId }) => ownerWorkerId));
  return random.pick(
    world
      .liveTasks()
      .map(({ taskId }) => taskId)
      .filter((taskId) => owners.has(taskId))
      .sort(),
  );
}

/** @returns cameras by the worker that owns them now. */
export function camerasOf({ watch }: Scene, workerIds: readonly string[]): string[] {
  return watch.states
    .filter(({ ownerWorkerId = '' }) => workerIds.includes(ownerWorkerId))
    .map(({ cameraId }) => cameraId);
}
