/**
 * Who passes when: every actor gets a straight path, a constant speed and a start, all drawn from the seed, on a
 * timetable that repeats after one period. Positions are therefore a closed formula of time and the clip loops without
 * a seam. Invariants: vehicles on a lane share one speed and keep their gap, also across the seam; nobody drives over a
 * crossing while persons are on it; in a quiet window nothing moves and nothing is parked.
 */

import type { SeededRandom } from '../../core/seeded-random.ts';
import { type BicycleLook, bicycleLook } from './bicycle.ts';
import type { Point2 } from './camera-view.ts';
import type { Crossing, Lane, Layout, Spot, Walkway } from './layout.ts';
import { type PersonLook, personLook } from './people.ts';
import { type Light, type OrientedSolid, orientSolid } from './solid.ts';
import type { Vehicle } from './vehicle.ts';
import { buildVehicle } from './vehicles.ts';

export type ActorBody =
  | { kind: 'vehicle'; vehicle: Vehicle; solid: OrientedSolid }
  | { kind: 'person'; look: PersonLook }
  | { kind: 'cyclist'; bicycle: BicycleLook; rider: PersonLook | null };
export type Actor = {
  id: string;
  body: ActorBody;
  from: Point2;
  heading: number;
  speedMetersPerSecond: number;
  startMs: number;
  /** Time on its path; the whole period for what is parked. */
  durationMs: number;
};
export type Timetable = { periodMs: number; actors: Actor[]; quietFromMs: number; quietToMs: number };

/** How long the street stays empty in scenes that have a quiet window. */
const QUIET_MS = 3500;
/** Half the length of road kept free while persons cross, in metres. */
const CROSSING_CLEARANCE_METERS = 5;

type Interval = { fromMs: number; toMs: number };

export function createTimetable(
  layout: Layout,
  light: Light,
  periodMs: number,
  density: number,
  quiet: boolean,
  random: SeededRandom,
): Timetable {
  const quietFromMs = quiet ? random.between(0.2, 0.8) * periodMs : 0;
  const timetable: Timetable = { periodMs, actors: [], quietFromMs, quietToMs: quietFromMs + (quiet ? QUIET_MS : 0) };
  const closed: Interval[] = quiet ? [{ fromMs: quietFromMs, toMs: timetable.quietToMs }] : [];
  const crossingTimes = layout.crossings.map((crossing) => ({
    crossing,
    windows: addCrossers(timetable, crossing, closed, density, random),
  }));
  for (const lane of layout.lanes) addLane(timetable, lane, crossingTimes, closed, density, light, random);
  for (const walkway of layout.walkways) addWalkers(timetable, walkway, closed, density, layout.workers, random);
  if (!quiet) for (const spot of layout.spots) addParked(timetable, spot, light, random);
  return timetable;
}

function addLane(
  timetable: Timetable,
  lane: Lane,
  crossings: readonly { crossing: Crossing; windows: readonly Interval[] }[],
  closed: readonly Interval[],
  density: number,
  light: Light,
  random: SeededRandom,
): void {
  const { heading, length } = pathOf(lane.from, lane.to);
  const speed = lane.speedMetersPerSecond;
  const durationMs = (length / speed) * 1000;
  const placed: { startMs: number; halfMs: number }[] = [];
  let startMs = random.between(0, 4000);
  while (startMs < timetable.periodMs) {
    const vehicle = buildVehicle(random.weighted(lane.mix), random);
    const halfMs = ((vehicle.lengthMeters / 2 + 1.5) / speed) * 1000;
    const crossesFreely = crossings.every(({ crossing, windows }) => {
      const reachMs = startMs + (distanceAlong(lane, crossing) / speed) * 1000;
      const marginMs = ((CROSSING_CLEARANCE_METERS + vehicle.lengthMeters / 2) / speed) * 1000;
      return windows.every(
        (window) => !overlaps(timetable.periodMs, { fromMs: reachMs - marginMs, toMs: reachMs + marginMs }, window),
      );
    });
    const apart = placed.every(
      (other) =>
        !overlaps(
          timetable.periodMs,
          { fromMs: startMs - halfMs, toMs: startMs + halfMs },
          { fromMs: other.startMs - other.halfMs, toMs: other.startMs + other.halfMs },
        ),
    );
    if (crossesFreely && apart && isOpen(timetable.periodMs, { fromMs: startMs, toMs: startMs + durationMs }, closed)) {
      placed.push({ startMs, halfMs });
      timetable.actors.push({
        id: `v${timetable.actors.length}`,
        body: { kind: 'vehicle', vehicle, solid: orientSolid(vehicle.solid, heading, light) },
        from: lane.from,
        heading,
        speedMetersPerSecond: speed,
        startMs,
        durationMs,
      });
    }
    startMs += halfMs + ((-Math.log(1 - random.next()) * lane.gapSeconds * 1000) / density) * 0.8 + 400;
  }
}

function addWalkers(
  timetable: Timetable,
  walkway: Walkway,
  closed: readonly Interval[],
  density: number,
  workers: boolean,
  random: SeededRandom,
): void {
  const cyclists = walkway.users === 'cyclists';
  const count = Math.round((walkway.perMinute * density * timetable.periodMs) / 60_000 + random.between(-0.5, 0.5));
  const groupStarts: number[] = [];
  for (let index = 0; index < count; index += 1) {
    // Persons often walk in twos: every third joins the one before, a step beside.
    const joins = !cyclists && index % 3 === 2 && groupStarts.length > 0;
    const startMs = joins
      ? (groupStarts.at(-1) as number) + random.between(-400, 400)
      : random.between(0, timetable.periodMs);
    groupStarts.push(startMs);
    const backwards = cyclists ? false : random.chance(0.5);
    const speed = cyclists ? random.between(3.6, 6.2) : random.between(1, 1.7);
    const { heading, length } = backwards ? pathOf(walkway.to, walkway.from) : pathOf(walkway.from, walkway.to);
    const shift = random.between(-walkway.halfWidth, walkway.halfWidth);
    const start = backwards ? walkway.to : walkway.from;
    const durationMs = Math.min((length / speed) * 1000, timetable.periodMs * 0.95);
    if (!isOpen(timetable.periodMs, { fromMs: startMs, toMs: startMs + durationMs }, closed)) continue;
    timetable.actors.push({
      id: `${cyclists ? 'b' : 'p'}${timetable.actors.length}`,
      body: cyclists
        ? { kind: 'cyclist', bicycle: bicycleLook(random), rider: personLook(random) }
        : { kind: 'person', look: personLook(random, { vest: workers && random.chance(0.6) }) },
      from: [start[0] + Math.cos(heading) * shift, start[1] - Math.sin(heading) * shift],
      heading,
      speedMetersPerSecond: speed,
      startMs,
      durationMs,
    });
  }
}

/** Groups crossing the road; returns when the crossing is taken. */
function addCrossers(
  timetable: Timetable,
  crossing: Crossing,
  closed: readonly Interval[],
  density: number,
  random: SeededRandom,
): Interval[] {
  const windows: Interval[] = [];
  for (let group = Math.max(1, Math.round((timetable.periodMs / 24_000) * density)); group > 0; group -= 1) {
    const groupMs = random.between(0, timetable.periodMs);
    let latestMs = groupMs;
    for (let index = random.integer(1, 4); index > 0; index -= 1) {
      const { heading, length } = random.chance(0.5)
        ? pathOf(crossing.from, crossing.to)
        : pathOf(crossing.to, crossing.from);
      const forwards = heading === pathOf(crossing.from, crossing.to).heading;
      const start = forwards ? crossing.from : crossing.to;
      const speed = random.between(1.2, 1.7);
      const startMs = groupMs + random.between(0, 2500);
      const durationMs = (length / speed) * 1000;
      const shift = random.between(-crossing.halfWidth, crossing.halfWidth);
      if (!isOpen(timetable.periodMs, { fromMs: startMs, toMs: startMs + durationMs }, closed)) continue;
      latestMs = Math.max(latestMs, startMs + durationMs);
      timetable.actors.push({
        id: `p${timetable.actors.length}`,
        body: { kind: 'person', look: personLook(random) },
        from: [start[0] + Math.cos(heading) * shift, start[1] - Math.sin(heading) * shift],
        heading,
        speedMetersPerSecond: speed,
        startMs,
        durationMs,
      });
    }
    if (latestMs > groupMs) windows.push({ fromMs: groupMs, toMs: latestMs });
  }
  return windows;
}

function addParked(timetable: Timetable, spot: Spot, light: Light, random: SeededRandom): void {
  if (!random.chance(spot.probability)) return;
  const common = {
    from: spot.at,
    heading: spot.heading,
    speedMetersPerSecond: 0,
    startMs: 0,
    durationMs: timetable.periodMs,
  };
  const id = `s${timetable.actors.length}`;
  if (spot.holds === 'person')
    timetable.actors.push({ ...common, id, body: { kind: 'person', look: personLook(random) } });
  else if (spot.holds === 'bicycle')
    timetable.actors.push({ ...common, id, body: { kind: 'cyclist', bicycle: bicycleLook(random), rider: null } });
  else {
    const vehicle = buildVehicle(spot.holds, random);
    timetable.actors.push({
      ...common,
      id,
      body: { kind: 'vehicle', vehicle, solid: orientSolid(vehicle.solid, spot.heading, light) },
    });
  }
}

/** Where an actor is at a time, or null while it is off its path. */
export function actorAt(
  actor: Actor,
  timeMs: number,
  periodMs: number,
): { x: number; y: number; distanceMeters: number } | null {
  const elapsedMs = modulo(timeMs - actor.startMs, periodMs);
  if (elapsedMs >= actor.durationMs) return null;
  const distanceMeters = (elapsedMs / 1000) * actor.speedMetersPerSecond;
  return {
    x: actor.from[0] + Math.sin(actor.heading) * distanceMeters,
    y: actor.from[1] + Math.cos(actor.heading) * distanceMeters,
    distanceMeters,
  };
}

export function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

function pathOf(from: Point2, to: Point2): { heading: number; length: number } {
  return {
    heading: Math.atan2(to[0] - from[0], to[1] - from[1]),
    length: Math.hypot(to[0] - from[0], to[1] - from[1]),
  };
}

function distanceAlong(lane: Lane, crossing: Crossing): number {
  const { heading } = pathOf(lane.from, lane.to);
  const x = (crossing.from[0] + crossing.to[0]) / 2 - lane.from[0];
  const y = (crossing.from[1] + crossing.to[1]) / 2 - lane.from[1];
  return x * Math.sin(heading) + y * Math.cos(heading);
}

function isOpen(periodMs: number, interval: Interval, closed: readonly Interval[]): boolean {
  return closed.every((window) => !overlaps(periodMs, interval, window));
}

/** Whether two intervals meet on the circle of one period. */
export function overlaps(periodMs: number, a: Interval, b: Interval): boolean {
  const gapAfterA = modulo(b.fromMs - a.fromMs, periodMs);
  const gapAfterB = modulo(a.fromMs - b.fromMs, periodMs);
  return gapAfterA < a.toMs - a.fromMs || gapAfterB < b.toMs - b.fromMs;
}
