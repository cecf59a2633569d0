/**
 * How many workers more would be needed, or could go, so that every camera has its place within a worker's target.
 * Invariants: what is spared is not missed by the next run; the same input gives the same answer, whatever its order.
 */
import { type Bin, byPriority, fits, homesOf, inOrderOfIds, type Load, nowhere, ranked, slack } from './pack.ts';

export type Headcount = {
  /** Workers of `newBin`'s size that would have to be added. */
  missing: number;
  /** Workers that could go, emptiest first; none while some are missing. */
  spare: string[];
};

/** @param mayGo workers that may be spared. */
export function headcount(
  loads: readonly Load[],
  bins: readonly Bin[],
  newBin: Omit<Bin, 'id'>,
  mayGo: (binId: string) => boolean = () => true,
): Headcount {
  const ordered = ranked(loads);
  const sorted = inOrderOfIds(bins);
  const packing = packWithinTargets(ordered, homesOf(ordered, sorted), sorted, newBin);
  if (packing.added > 0) return { missing: packing.added, spare: [] };
  return { missing: 0, spare: binsToSpare(ordered, sorted, newBin, packing, mayGo) };
}

type Packing = {
  added: number;
  /** By the bins' order. */
  sums: number[];
  /** Where each of the loads went, by the bins' order. */
  places: Int32Array;
};

/** @param ordered by priority. @param homes of the loads, by the bins' order. @param bins by id. */
function packWithinTargets(
  ordered: readonly Load[],
  homes: Int32Array,
  bins: readonly Bin[],
  newBin: Omit<Bin, 'id'>,
): Packing {
  const all = bins.map(({ target }) => target);
  const sums = bins.map(() => 0);
  const places = new Int32Array(ordered.length).fill(nowhere);
  const homeless: number[] = [];
  for (let at = 0; at < ordered.length; at += 1) {
    const home = homes[at] as number;
    const { load } = ordered[at] as Load;
    if (home !== nowhere && fits(sums[home] as number, load, all[home] as number)) {
      sums[home] = (sums[home] as number) + load;
      places[at] = home;
    } else homeless.push(at);
  }
  sortLargestFirst(homeless, ordered);
  const place = placing(sums, all, newBin.target);
  for (const at of homeless) places[at] = place((ordered[at] as Load).load);
  return { added: all.length - bins.length, sums, places };
}

/**
 * @param sums what the bins carry: a placed load is added. @param targets of the bins: one that is added is appended to both.
 * @returns puts one load into the fullest bin with room, or into a new one; the answer is the bin's index.
 */
function placing(sums: number[], targets: number[], newTarget: number): (load: number) => number {
  let before = { load: Number.NaN, place: nowhere };
  return (load) => {
    // What was the fullest with room for one is so for the next of the same load, while that has room in it as well.
    const isSame =
      load === before.load && load > 0 && fits(sums[before.place] as number, load, targets[before.place] as number);
    let place = isSame ? before.place : fullestWithRoom(targets.keys(), load, sums, targets);
    if (place === null) {
      place = targets.length;
      targets.push(newTarget);
      sums.push(0);
    }
    sums[place] = (sums[place] as number) + load;
    before = { load, place };
    return place;
  };
}

/**
 * `headcount(…).missing` of cameras that have no place and no workers yet: only what they weigh counts then, not who they are.
 * @param loads how many cameras weigh so much.
 */
export function workersFor(loads: ReadonlyMap<number, number>, newBin: Omit<Bin, 'id'>): number {
  const sums: number[] = [];
  const place = placing(sums, [], newBin.target);
  for (const load of [...loads.keys()].sort((a, b) => b - a)) {
    for (let left = loads.get(load) ?? 0; left > 0; left -= 1) place(load);
  }
  return sums.length;
}

/** Cameras of a fleet mostly weigh the same: in order of priority they are in order then. */
function sortLargestFirst(homeless: number[], ordered: readonly Load[]): void {
  const isEven = homeless.every((at) => ordered[at]?.load === ordered[homeless[0] as number]?.load);
  if (!isEven) homeless.sort((a, b) => largestFirst(ordered[a] as Load, ordered[b] as Load));
}

/** Packs tighter (first-fit decreasing). */
function largestFirst(a: Load, b: Load): number {
  return b.load - a.load || byPriority(a, b);
}

/** The first of the fullest that have room; null when none has. */
function fullestWithRoom(
  bins: Iterable<number>,
  load: number,
  sums: readonly number[],
  targets: readonly number[],
): number | null {
  let chosen: number | null = null;
  let most = Number.NEGATIVE_INFINITY;
  for (const index of bins) {
    const taken = sums[index] as number;
    if (taken <= most || !fits(taken, load, targets[index] as number)) continue;
    chosen = index;
    most = taken;
  }
  return chosen;
}

function binsToSpare(
  ordered: readonly Load[],
  bins: readonly Bin[],
  newBin: Omit<Bin, 'id'>,
  { sums, places }: Packing,
  mayGo: (binId: string) => boolean,
): string[] {
  const filled = leastRoom(ordered, bins);
  let room = bins.reduce((sum, { target }) => sum + target, 0);
  // A full fleet is told at once, without trying each of its workers.
  const isFull = ({ target }: Bin) => filled > room - target + slack * (ordered.length + 1);
  const candidates = [...bins.keys()]
    .filter((index) => mayGo((bins[index] as Bin).id))
    .sort((a, b) => (sums[a] as number) - (sums[b] as number) || a - b);
  if (candidates.every((index) => isFull(bins[index] as Bin))) return [];
  const targets = bins.map(({ target }) => target);
  const loadsIn = bins.map((): Load[] => []);
  places.forEach((place, at) => {
    loadsIn[place]?.push(ordered[at] as Load);
  });
  const remaining = new Set(bins.keys());
  const spared: number[] = [];
  for (const candidate of candidates) {
    const bin = bins[candidate] as Bin;
    if (isFull(bin)) continue;
    remaining.delete(candidate);
    const moves = moveInto(remaining, loadsIn[candidate] ?? [], sums, targets);
    if (moves === null) {
      remaining.add(candidate);
      continue;
    }
    for (const [load, place] of moves) loadsIn[place]?.push(load);
    room -= bin.target;
    spared.push(candidate);
  }
  // The next run packs from the homes that cameras have now. What it would miss again was not to spare.
  const isMissed = () => {
    const left = bins.filter((_, index) => remaining.has(index));
    return packWithinTargets(ordered, homesOf(ordered, left), left, newBin).added > 0;
  };
  while (spared.length > 0 && isMissed()) remaining.add(spared.pop() as number);
  return spared.map((index) => (bins[index] as Bin).id);
}

/** What the loads fill at least: no packing exists in less room. */
function leastRoom(loads: readonly Load[], bins: readonly Bin[]): number {
  const smallestTarget = bins.reduce((least, { target }) => Math.min(least, target), Number.POSITIVE_INFINITY);
  // A camera larger than a target may have a worker for itself: it fills one, whatever it weighs.
  return loads.reduce((sum, { load }) => sum + Math.min(load, smallestTarget), 0);
}

/** Adds the loads to the sums of the fullest bins that have room for them. @returns null, and no sum is changed, when one finds none. */
function moveInto(
  bins: ReadonlySet<number>,
  loads: readonly Load[],
  sums: number[],
  targets: readonly number[],
): [Load, number][] | null {
  if (!mayHold(bins, loads, sums, targets)) return null;
  const moves: [Load, number][] = [];
  const before = new Map<number, number>();
  for (const load of [...loads].sort(largestFirst)) {
    const place = fullestWithRoom(bins, load.load, sums, targets);
    if (place === null) {
      for (const [index, sum] of before) sums[index] = sum;
      return null;
    }
    const taken = sums[place] as number;
    if (!before.has(place)) before.set(place, taken);
    sums[place] = taken + load.load;
    moves.push([load, place]);
  }
  return moves;
}

/** Is there as much room as they need, counting only what the smallest of them can use? False is certain. */
function mayHold(
  bins: ReadonlySet<number>,
  loads: readonly Load[],
  sums: readonly number[],
  targets: readonly number[],
): boolean {
  const least = loads.reduce((min, { load }) => Math.min(min, load), Number.POSITIVE_INFINITY);
  if (loads.length === 0 || least <= slack) return true;
  const isEven = loads.every(({ load }) => load === least);
  let needed = 0;
  for (const { load } of loads) needed += load;
  for (const index of bins) {
    const taken = sums[index] as number;
    // An empty one takes a single camera of any size.
    if (taken <= slack) return true;
    const count = Math.floor(((targets[index] as number) + slack - taken) / least + slack);
    if (count > 0) needed -= isEven ? count * least : (targets[index] as number) + slack - taken;
    if (needed <= slack) return true;
  }
  return false;
}
