/**
 * Cameras at rest: nobody has them or is to have them, no window of theirs is open or near, the last one is accounted for, and
 * their states say so already. A run leaves them out of all that it weighs; most of a large fleet rests most of the time.
 * Who decides again and again on the same objects (the simulator) hands a memory from run to run: what rested in the run
 * before and is the very same object rests on while its hours do, and is not looked at.
 * Invariants: a camera at rest would change nothing and take part in nothing; the memory makes a run shorter and no
 * different; states are replaced, never changed.
 */
import type { Scheduled } from '../calendar.ts';
import { sharedHours } from '../calendar.ts';
import type { CameraState } from '../fleet-state.ts';
import type { Hours } from './hours.ts';
import { type StreamsObservation, statesInOrder } from './observation.ts';

type HoursOf = (camera: Scheduled) => Hours;

/**
 * Cameras that rest under the same hours, the words that their states had for it, and the end of the window that all of them
 * are accounted for (no window: minus infinity).
 */
type Sleepers = { camera: Scheduled; phase: string; reason: string; accountedEndMs: number; isSoNow: boolean };

export class RestMemory {
  #states: readonly CameraState[] = [];
  /** Of each of the states; null: it was awake. */
  #sleepers: (Sleepers | null)[] = [];
  #byHours = new Map<object | string, Sleepers>();
  #statusByName: StreamsObservation['statusByName'] = null;

  /** Are all of the fleet in order of ids? */
  isInOrder = false;
  /** Places of the cameras that do not rest among all of the fleet. */
  awakePlaces: readonly number[] = [];

  /**
   * The cameras that do not rest, in their order.
   * @param statusByName of the streams: a camera whose stream is gone has other words. The very same map: nothing changed.
   */
  awake(
    cameras: readonly CameraState[],
    hoursOf: HoursOf,
    statusByName: StreamsObservation['statusByName'],
  ): CameraState[] {
    if (statusByName !== this.#statusByName) this.#sleepers = [];
    this.#statusByName = statusByName;
    for (const sleepers of this.#byHours.values()) {
      const hours = hoursOf(sleepers.camera);
      const isAccounted = hours.past.length === 0 || lastEndMs(hours) === sleepers.accountedEndMs;
      sleepers.isSoNow = isAccounted && rests(hours, sleepers.phase, sleepers.reason);
    }
    const before = this.#states;
    const slept = this.#sleepers;
    const sleepersOf = new Array<Sleepers | null>(cameras.length);
    const awake: CameraState[] = [];
    const places: number[] = [];
    let areSameIds = before.length === cameras.length;
    for (let index = 0; index < cameras.length; index += 1) {
      const state = cameras[index] as CameraState;
      areSameIds &&= state === before[index] || state.cameraId === before[index]?.cameraId;
      let sleepers = state === before[index] ? slept[index] : undefined;
      if (sleepers?.isSoNow !== true) sleepers = this.#fallsAsleep(state, hoursOf, statusByName);
      sleepersOf[index] = sleepers;
      if (sleepers !== null) continue;
      awake.push(state);
      places.push(index);
    }
    if (!areSameIds) this.isInOrder = statesInOrder(cameras) === cameras;
    this.awakePlaces = places;
    this.#states = cameras;
    this.#sleepers = sleepersOf;
    return awake;
  }

  /** Places of the cameras that may be inside a window now: all but those that rested in the last run and whose hours have not begun. */
  maybeScheduled(cameras: readonly CameraState[], isScheduledNow: (camera: Scheduled) => boolean): number[] {
    for (const sleepers of this.#byHours.values()) sleepers.isSoNow = !isScheduledNow(sleepers.camera);
    const places: number[] = [];
    for (let place = 0; place < cameras.length; place += 1) {
      if (cameras[place] !== this.#states[place] || this.#sleepers[place]?.isSoNow !== true) places.push(place);
    }
    return places;
  }

  #fallsAsleep(
    state: CameraState,
    hoursOf: HoursOf,
    statusByName: StreamsObservation['statusByName'],
  ): Sleepers | null {
    const { camera, phase, phaseReason } = state;
    if (state.ownerWorkerId !== undefined || camera === null || !isUntouched(state)) return null;
    const key = sharedHours(camera);
    if (key === null) return null;
    const hours = hoursOf(camera);
    const accountedEndMs = lastEndMs(hours);
    if (!rests(hours, phase, phaseReason) || (state.accountedThroughMs ?? 0) < accountedEndMs) return null;
    const status = statusByName === null ? 'unknown' : statusByName.get(camera.streamName);
    if (status === undefined || status === 'DELETING') return null;
    const known = this.#byHours.get(key);
    if (known?.phase === phase && known.reason === phaseReason && known.accountedEndMs === accountedEndMs) {
      known.isSoNow = true;
      return known;
    }
    // Those of other words, or of an earlier window, are looked at anew.
    if (known !== undefined) known.isSoNow = false;
    const sleepers = { camera, phase, reason: phaseReason, accountedEndMs, isSoNow: true };
    this.#byHours.set(key, sleepers);
    return sleepers;
  }
}

/** Nobody waits for anything of it. */
export function isUntouched(state: CameraState): boolean {
  const { successorWorkerId, successorSinceMs, releaseRequestedAtMs, silentSinceMs, leaving } = state;
  return (
    successorWorkerId === undefined &&
    successorSinceMs === undefined &&
    releaseRequestedAtMs === undefined &&
    silentSinceMs === undefined &&
    leaving === undefined
  );
}

/** Of the newest window; minus infinity when there was none. */
export function lastEndMs({ past }: Hours): number {
  return past.at(-1)?.endMs ?? Number.NEGATIVE_INFINITY;
}

function rests({ current, outlook }: Hours, phase: string, reason: string): boolean {
  if (current !== null || outlook.intervals.length > 0) return false;
  return outlook.idle.phase === phase && outlook.idle.reason === reason;
}
