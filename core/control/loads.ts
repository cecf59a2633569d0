/**
 * What the fleet's cameras load its workers with, now and at each start of a window that is in sight.
 * Invariant: loads are in order of priority, so that nobody who packs has to sort them again.
 */
import { workerPrefix } from './bins.ts';
import type { CameraDemand } from './demand.ts';
import { type Load, ranked } from './pack.ts';

/** Distinct window starts that are looked at one by one; beyond that all of the horizon counts as one instant. */
const instantsMax = 48;

/** A camera with anything ahead of it. */
export type Wanted = { load: Load; intervals: CameraDemand['intervals'] };

export function wantedOf(demands: readonly CameraDemand[]): Wanted[] {
  const bins = new Map<string, string>();
  return ranked(demands.filter(({ intervals }) => intervals.length > 0)).map((demand) => ({
    load: loadOf(demand, bins),
    intervals: demand.intervals,
  }));
}

/** What the workers will have to carry whenever a window starts within the horizon. */
export function comingLoads(nowMs: number, wanted: readonly Wanted[]): { startMs: number; loads: Load[] }[] {
  const starts = new Set<number>();
  // Cameras with the same hours share their intervals.
  for (const intervals of new Set(wanted.map((one) => one.intervals))) {
    for (const { startMs } of intervals) if (startMs > nowMs) starts.add(startMs);
  }
  const sorted = [...starts].sort((a, b) => a - b);
  const first = sorted[0];
  if (first === undefined) return [];
  if (sorted.length > instantsMax) return [{ startMs: first, loads: wanted.map(({ load }) => load) }];
  return sorted.map((startMs) => ({ startMs, loads: loadsAt(startMs, wanted) }));
}

export function loadsAt(atMs: number, wanted: readonly Wanted[]): Load[] {
  return wanted
    .filter(({ intervals }) => intervals.some(({ startMs, endMs }) => startMs <= atMs && atMs < endMs))
    .map(({ load }) => load);
}

/** @param bins the bins' names by worker: one text each, however many cameras it has. */
export function loadOf({ cameraId, priority, load, ownerWorkerId }: CameraDemand, bins: Map<string, string>): Load {
  if (ownerWorkerId === null) return { cameraId, priority, load, binId: null };
  const binId = bins.get(ownerWorkerId) ?? `${workerPrefix}${ownerWorkerId}`;
  bins.set(ownerWorkerId, binId);
  return { cameraId, priority, load, binId };
}
