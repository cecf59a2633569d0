/**
 * What the fleet's cameras load its workers with, now and at each start of a window that is in sight.
 * Invariant: loads are in order of priority, so that nobody who packs has to sort them again.
 */
import { workerPrefix } from './bins.ts';
import type { CameraDemand } from './demand.ts';
import { type Load, notedRanked, ranked } from './pack.ts';
import type { Crowd, Settled } from './settled.ts';

/** Distinct window starts that are looked at one by one; beyond that all of the horizon counts as one instant. */
const instantsMax = 48;

/** A camera with anything ahead of it. `assignNow`: it is to have a worker now, and costs it something. */
export type Wanted = { load: Load; intervals: CameraDemand['intervals']; assignNow: boolean };

/** In order of priority. @param demands of the cameras that the run looks at, in order of ids. @param crowd the others. */
export function wantedOf(demands: readonly CameraDemand[], { members, before }: Crowd): readonly Wanted[] {
  const bins = new Map<string, string>();
  const wanted: Wanted[] = [];
  let next = 0;
  const join = (count: number) => {
    for (; next < count; next += 1) {
      const { load, shared, owner } = members[next] as Settled;
      wanted.push({ load, intervals: shared.hours.outlook.intervals, assignNow: owner !== null });
    }
  };
  for (let index = 0; index < demands.length; index += 1) {
    const demand = demands[index] as CameraDemand;
    join(before[index] ?? 0);
    const { intervals, assignNow, isListenedTo } = demand;
    if (intervals.length === 0) continue;
    wanted.push({ load: loadOf(demand, bins), intervals, assignNow: assignNow && !isListenedTo });
  }
  join(members.length);
  return ranked(wanted, ({ load }) => load, members.length > 0);
}

/** What the workers will have to carry whenever a window starts within the horizon. */
export function comingLoads(nowMs: number, wanted: readonly Wanted[]): { startMs: number; loads: readonly Load[] }[] {
  const starts = new Set<number>();
  // Cameras with the same hours share their intervals.
  for (const intervals of new Set(wanted.map((one) => one.intervals))) {
    for (const { startMs } of intervals) if (startMs > nowMs) starts.add(startMs);
  }
  const sorted = [...starts].sort((a, b) => a - b);
  const first = sorted[0];
  if (first === undefined) return [];
  if (sorted.length > instantsMax) return [{ startMs: first, loads: notedRanked(wanted.map(({ load }) => load)) }];
  return sorted.map((startMs) => ({ startMs, loads: loadsAt(startMs, wanted) }));
}

export function loadsAt(atMs: number, wanted: readonly Wanted[]): readonly Load[] {
  const loads: Load[] = [];
  // Cameras with the same hours share their intervals.
  const known = new Map<Wanted['intervals'], boolean>();
  for (const { load, intervals } of wanted) {
    let isLoad = known.get(intervals);
    if (isLoad === undefined) {
      isLoad = intervals.some(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
      known.set(intervals, isLoad);
    }
    if (isLoad) loads.push(load);
  }
  return notedRanked(loads);
}

/** @param bins the bins' names by worker: one text each, however many cameras it has. */
export function loadOf({ cameraId, priority, load, ownerWorkerId }: CameraDemand, bins: Map<string, string>): Load {
  if (ownerWorkerId === null) return { cameraId, priority, load, binId: null };
  const binId = bins.get(ownerWorkerId) ?? `${workerPrefix}${ownerWorkerId}`;
  bins.set(ownerWorkerId, binId);
  return { cameraId, priority, load, binId };
}
