/**
 * Which camera fits on which worker, in inferences per second. Two questions: where does every camera go on the workers
 * that there are (`placeCameras`), and how many more, or fewer, workers would do (`workersMissing`, `workersToSpare`).
 * Invariants: a camera that has a place keeps it while its worker can carry it; a camera of lower priority never holds
 * room that one of higher priority needs; a worker is loaded beyond its capacity only by a single camera; the same input
 * gives the same answer, whatever its order.
 */
export type Load = {
  cameraId: string;
  priority: number;
  /** Inferences per second. */
  load: number;
  /** Where it runs now, or null. */
  binId: string | null;
};

export type Bin = {
  id: string;
  /** Inferences per second that it can do. */
  capacity: number;
  /** Inferences per second that it should do: capacity times target utilization. */
  target: number;
};

/** Rounding slack: fps times ratio sums such as 0.1 + 0.2 must not cost a GPU. */
const slack = 1e-9;
/** Placing and rebalancing settle within two or three rounds; the bound only guards against an endless loop. */
const roundsMax = 8;

export type Placement = { binOf: Map<string, string>; unplaced: Load[] };

/** Higher priority first; among equals by id, so that the order of the input does not matter. */
export function byPriority(a: Pick<Load, 'cameraId' | 'priority'>, b: Pick<Load, 'cameraId' | 'priority'>): number {
  return b.priority - a.priority || (a.cameraId < b.cameraId ? -1 : a.cameraId > b.cameraId ? 1 : 0);
}

export function placeCameras(loads: readonly Load[], bins: readonly Bin[]): Placement {
  const ordered = [...loads].sort(byPriority);
  const sortedBins = [...bins].sort((a, b) => (a.id < b.id ? -1 : 1));
  let current = new Map(ordered.map((load) => [load.cameraId, load.binId]));
  for (let round = 0; ; round += 1) {
    const binOf = relieveOverTarget(ordered, sortedBins, placeOnce(ordered, current, sortedBins));
    const settled = ordered.every(
      (load) => (binOf.get(load.cameraId) ?? null) === (current.get(load.cameraId) ?? null),
    );
    if (settled || round >= roundsMax) return { binOf, unplaced: ordered.filter((load) => !binOf.has(load.cameraId)) };
    current = new Map(ordered.map((load) => [load.cameraId, binOf.get(load.cameraId) ?? null]));
  }
}

/** One pass in order of priority. Those still to come reserve their present places until a higher one needs the room. */
function placeOnce(
  ordered: readonly Load[],
  current: ReadonlyMap<string, string | null>,
  bins: readonly Bin[],
): Map<string, string> {
  const binById = new Map(bins.map((bin) => [bin.id, bin]));
  const placed = new Map(bins.map((bin) => [bin.id, 0]));
  const reserved = new Map(bins.map((bin) => [bin.id, 0]));
  for (const load of ordered) {
    const binId = current.get(load.cameraId) ?? null;
    if (binId !== null && reserved.has(binId)) reserved.set(binId, (reserved.get(binId) ?? 0) + load.load);
  }
  const placedIn = (bin: Bin) => placed.get(bin.id) ?? 0;
  const reservedIn = (bin: Bin) => reserved.get(bin.id) ?? 0;
  const binOf = new Map<string, string>();
  for (const load of ordered) {
    const own = binById.get(current.get(load.cameraId) ?? '');
    if (own !== undefined) reserved.set(own.id, Math.max(0, reservedIn(own) - load.load));
    const taken = (bin: Bin) => placedIn(bin) + reservedIn(bin);
    const chosen =
      (own !== undefined && fits(placedIn(own), load.load, own.capacity) ? own : undefined) ??
      // What costs nothing now may cost something at any moment: there is most room for it on the emptiest.
      (load.load > 0 ? undefined : best(bins, (bin) => -taken(bin) / bin.capacity)) ??
      // The fullest that stays within its target: fewer workers in the end.
      best(bins, (bin) => (fits(taken(bin), load.load, bin.target) ? taken(bin) : null)) ??
      // Beyond the target the emptiest is the kindest.
      best(bins, (bin) => (fits(taken(bin), load.load, bin.capacity) ? -taken(bin) / bin.capacity : null)) ??
      // No room without displacing somebody less important.
      best(bins, (bin) => (fits(placedIn(bin), load.load, bin.capacity) ? -placedIn(bin) / bin.capacity : null));
    if (chosen === undefined) continue;
    placed.set(chosen.id, placedIn(chosen) + load.load);
    binOf.set(load.cameraId, chosen.id);
  }
  return binOf;
}

/** Moves cameras from workers beyond their target to workers with room within theirs; never the other way round. */
function relieveOverTarget(
  ordered: readonly Load[],
  bins: readonly Bin[],
  binOf: Map<string, string>,
): Map<string, string> {
  const result = new Map(binOf);
  const binById = new Map(bins.map((bin) => [bin.id, bin]));
  const sums = new Map<string, { load: number; count: number }>(bins.map((bin) => [bin.id, { load: 0, count: 0 }]));
  for (const load of ordered) {
    const sum = sums.get(result.get(load.cameraId) ?? '');
    if (sum !== undefined) {
      sum.load += load.load;
      sum.count += 1;
    }
  }
  // Least important first: a move costs a camera some seconds.
  const leastImportantFirst = [...ordered].reverse();
  for (let moved = true; moved; ) {
    moved = false;
    for (const load of leastImportantFirst) {
      const from = binById.get(result.get(load.cameraId) ?? '');
      const fromSum = sums.get(from?.id ?? '');
      if (from === undefined || fromSum === undefined) continue;
      if (fromSum.count < 2 || fromSum.load <= from.target + slack) continue;
      const to = best(bins, (bin) => {
        const sum = sums.get(bin.id);
        if (sum === undefined || bin.id === from.id) return null;
        return fits(sum.load, load.load, bin.target) ? sum.load : null;
      });
      const toSum = sums.get(to?.id ?? '');
      if (to === undefined || toSum === undefined) continue;
      result.set(load.cameraId, to.id);
      fromSum.load -= load.load;
      fromSum.count -= 1;
      toSum.load += load.load;
      toSum.count += 1;
      moved = true;
    }
  }
  return result;
}

/** How many workers of `newBin`'s size would have to be added so that everybody fits within the targets. */
export function workersMissing(loads: readonly Load[], bins: readonly Bin[], newBin: Omit<Bin, 'id'>): number {
  return packWithinTargets([...loads].sort(byPriority), (load) => load.binId, bins, newBin).added;
}

/**
 * Which workers could go, emptiest first, such that their cameras fit on the others within the targets. Only workers
 * that `mayGo` allows are taken; at most `countMax`.
 */
export function workersToSpare(
  loads: readonly Load[],
  bins: readonly Bin[],
  newBin: Omit<Bin, 'id'>,
  countMax: number,
  mayGo: (binId: string) => boolean = () => true,
): string[] {
  const ordered = [...loads].sort(byPriority);
  const { sums, binOf, added } = packWithinTargets(ordered, (load) => load.binId, bins, newBin);
  const spared: string[] = [];
  if (added > 0) return spared;
  const loadsIn = Map.groupBy(ordered, (load) => binOf.get(load.cameraId));
  const candidates = bins
    .filter((bin) => mayGo(bin.id))
    .sort((a, b) => (sums.get(a.id) ?? 0) - (sums.get(b.id) ?? 0) || (a.id < b.id ? -1 : 1));
  const remaining = new Set([...bins].sort((a, b) => (a.id < b.id ? -1 : 1)));
  const filled = leastRoom(ordered, bins);
  let room = bins.reduce((sum, { target }) => sum + target, 0);
  for (const candidate of candidates) {
    if (spared.length >= countMax) break;
    // A full fleet is told at once, without trying each of its workers.
    if (filled > room - candidate.target + slack * (ordered.length + 1)) continue;
    remaining.delete(candidate);
    const moves = moveInto(remaining, loadsIn.get(candidate.id) ?? [], sums);
    if (moves === null) {
      remaining.add(candidate);
      continue;
    }
    for (const [load, bin] of moves) {
      const inside = loadsIn.get(bin.id);
      if (inside === undefined) loadsIn.set(bin.id, [load]);
      else inside.push(load);
    }
    room -= candidate.target;
    spared.push(candidate.id);
  }
  // The next run packs from the homes that cameras have now. What it would miss again was not to spare.
  const binById = new Map(bins.map((bin) => [bin.id, bin]));
  const wouldMiss = () => packWithinTargets(ordered, (load) => load.binId, [...remaining], newBin).added > 0;
  while (spared.length > 0 && wouldMiss()) {
    const last = binById.get(spared.pop() ?? '');
    if (last !== undefined) remaining.add(last);
  }
  return spared;
}

/** What the loads fill at least: no packing exists in less room. */
function leastRoom(loads: readonly Load[], bins: readonly Bin[]): number {
  const smallestTarget = bins.reduce((least, { target }) => Math.min(least, target), Number.POSITIVE_INFINITY);
  // A camera larger than a target may have a worker for itself: it fills one, whatever it weighs.
  return loads.reduce((sum, { load }) => sum + Math.min(load, smallestTarget), 0);
}

/** Adds the loads to the sums of the fullest bins that have room for them. @returns null, and no sum is changed, when one finds none. */
function moveInto(bins: Iterable<Bin>, loads: readonly Load[], sums: Map<string, number>): [Load, Bin][] | null {
  const moves: [Load, Bin][] = [];
  const before = new Map<string, number>();
  for (const load of [...loads].sort(largestFirst)) {
    const bin = best(bins, (candidate) => {
      const taken = sums.get(candidate.id) ?? 0;
      return fits(taken, load.load, candidate.target) ? taken : null;
    });
    if (bin === undefined) {
      for (const [id, sum] of before) sums.set(id, sum);
      return null;
    }
    const taken = sums.get(bin.id) ?? 0;
    if (!before.has(bin.id)) before.set(bin.id, taken);
    sums.set(bin.id, taken + load.load);
    moves.push([load, bin]);
  }
  return moves;
}

/** Packs tighter (first-fit decreasing). */
function largestFirst(a: Load, b: Load): number {
  return b.load - a.load || byPriority(a, b);
}

/** @param ordered by priority. @param homeOf where each runs now, or null. */
function packWithinTargets(
  ordered: readonly Load[],
  homeOf: (load: Load) => string | null,
  bins: readonly Bin[],
  newBin: Omit<Bin, 'id'>,
): { added: number; sums: Map<string, number>; binOf: Map<string, string> } {
  const all = [...bins].sort((a, b) => (a.id < b.id ? -1 : 1));
  const binById = new Map(all.map((bin) => [bin.id, bin]));
  const sums = new Map(all.map((bin) => [bin.id, 0]));
  const binOf = new Map<string, string>();
  const sumOf = (bin: Bin) => sums.get(bin.id) ?? 0;
  const put = (load: Load, bin: Bin) => {
    sums.set(bin.id, sumOf(bin) + load.load);
    binOf.set(load.cameraId, bin.id);
  };
  const homeless: Load[] = [];
  for (const load of ordered) {
    const own = binById.get(homeOf(load) ?? '');
    if (own !== undefined && fits(sumOf(own), load.load, own.target)) put(load, own);
    else homeless.push(load);
  }
  homeless.sort(largestFirst);
  let added = 0;
  for (const load of homeless) {
    let bin = best(all, (candidate) => (fits(sumOf(candidate), load.load, candidate.target) ? sumOf(candidate) : null));
    if (bin === undefined) {
      bin = { id: `new-${String(added).padStart(6, '0')}`, ...newBin };
      added += 1;
      all.push(bin);
    }
    put(load, bin);
  }
  return { added, sums, binOf };
}

/** A single camera may exceed a limit: somebody has to take it, and it degrades only itself. */
function fits(taken: number, load: number, limit: number): boolean {
  return taken <= slack || taken + load <= limit + slack;
}

/** The candidate with the highest score, the first among equals; undefined when all scores are null. */
function best(bins: Iterable<Bin>, score: (bin: Bin) => number | null): Bin | undefined {
  let chosen: Bin | undefined;
  let chosenScore = Number.NEGATIVE_INFINITY;
  for (const bin of bins) {
    const value = score(bin);
    if (value !== null && value > chosenScore) {
      chosen = bin;
      chosenScore = value;
    }
  }
  return chosen;
}
