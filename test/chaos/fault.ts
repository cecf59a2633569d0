/**
 * One thing that breaks, and how it is broken and timed: inject, hold, heal, then wait until every camera that it touched
 * is watched again, and until nothing is left of it.
 * Invariant: a fault heals itself also when injecting it failed half-way, and the next one finds the system calm.
 */
import { systemClock } from '../../core/clock.ts';
import type { SeededRandom } from '../../core/seeded-random.ts';
import { type ChaosWorld, pause } from './chaos-world.ts';
import type { Watch } from './watch.ts';

/** The slowest way back: a hung worker is known after 25 s, and ECS kills its task 120 s after it was told to stop. */
export const recoveryMaxMs = 200_000;

/** One period and what is judged late, twice. */
const alarmMaxMs = 300_000;

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
  | 'input'
  | 'models';

export type Scene = { world: ChaosWorld; watch: Watch; random: SeededRandom };

export type Injected = {
  /** Whose watching is timed. */
  cameras: readonly string[];
  /** Workers whose frames do not count as watching: they were killed, or are to lose their cameras. */
  victims?: readonly string[];
  heal?: () => void | Promise<void>;
  /** What an operator does once the alarms have rung, where they do not cease by themselves. */
  mend?: () => void;
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
  /** Alarms that must ring for it when it comes alone, and cease once it is over; without the prefix of the stage. */
  rings?: readonly string[];
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
  /** From the blow until each alarm rang, and from the end of the fault until it was over; null: not within the limit. */
  alarms: AlarmRun[];
};

export type AlarmRun = { alarm: string; rangAfterMs: number | null; overAfterMs: number | null };

/** @param isAlone its alarms are waited for. */
export async function runFault(scene: Scene, fault: ChaosFault, isAlone: boolean): Promise<FaultRun> {
  const { watch } = scene;
  const { name, room, holdMs } = fault;
  if (isAlone) await quietOf(scene, fault);
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
  const toMs = systemClock.nowMs();
  const alarms = isAlone ? await alarmsOf(scene, fault, injected, fromMs) : [];
  return { name, room, fromMs, toMs, recoveryMs, alarms };
}

/** What a fault before it left ringing would hide that this one rings: queues are purged, the rest ceases by itself. */
async function quietOf({ world, watch }: Scene, { rings = [] }: ChaosFault): Promise<void> {
  const isRinging = (alarm: string) =>
    world.alarmChanges.findLast((change) => change.alarm === `${world.alarmPrefix}${alarm}`)?.to === 'ALARM';
  if (!rings.some(isRinging)) return;
  world.cloud.lambda.deadLettersOf(() => true).purge();
  await watch.until(() => !rings.some(isRinging), alarmMaxMs);
}

/** What rings is judged once a minute, so this takes minutes; nothing is wrong meanwhile, and all rules hold. */
async function alarmsOf(
  { world, watch }: Scene,
  { name, rings = [], holdMs }: ChaosFault,
  { mend }: Injected,
  fromMs: number,
): Promise<AlarmRun[]> {
  const changeOf = (alarm: string, to: 'ALARM' | 'OK', afterMs: number) =>
    world.alarmChanges.find(
      (change) => change.alarm === `${world.alarmPrefix}${alarm}` && change.to === to && change.atMs > afterMs,
    );
  await watch.until(() => rings.every((alarm) => changeOf(alarm, 'ALARM', fromMs) !== undefined), alarmMaxMs);
  mend?.();
  const over = (alarm: string) => changeOf(alarm, 'OK', changeOf(alarm, 'ALARM', fromMs)?.atMs ?? Infinity);
  await watch.until(() => rings.every((alarm) => over(alarm) !== undefined), alarmMaxMs);
  return rings.map((alarm) => {
    const [rang, ceased] = [changeOf(alarm, 'ALARM', fromMs), over(alarm)];
    if (rang === undefined) watch.violated('alarm', `${alarm} did not ring for ${name}`);
    else if (ceased === undefined) watch.violated('alarm', `${alarm} rings on after ${name}`);
    return {
      alarm,
      rangAfterMs: rang === undefined ? null : rang.atMs - fromMs,
      overAfterMs: ceased === undefined ? null : ceased.atMs - fromMs - holdMs,
    };
  });
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
