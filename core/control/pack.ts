/**
 * Which camera goes where on the workers that there are, in inferences per second. How many more, or fewer, workers would
 * do is asked of headcount.ts.
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
export const slack = 1e-9;
/** Placing and rebalancing settle within two or three rounds; the bound only guards against an endless loop. */
const roundsMax = 8;

export type Placement = { binOf: Map<string, string>; unplaced: Load[] };

/** Higher priority first; among equals by id, so that the order of the input does not matter. */
export function byPriority(a: Pick<Load, 'cameraId' | 'priority'>, b: Pick<Load, 'cameraId' | 'priority'>): number {
  return b.priority - a.priority || (a.cameraId < b.cameraId ? -1 : a.cameraId > b.cameraId ? 1 : 0);
}

/** In order of `byPriority`. Tables answer in order of ids, and priorities are few: that is told by one look. */
export function ranked<Item extends Pick<Load, 'cameraId' | 'priority'>>(items: readonly Item[]): readonly Item[] {
  let isRanked = true;
  let isById = true;
  for (let index = 1; index < items.length && (isRanked || isById); index += 1) {
    const [before, item] = [items[index - 1] as Item, items[index] as Item];
    isById &&= before.cameraId < item.cameraId;
    isRanked &&= byPriority(before, item) <= 0;
  }
  if (isRanked) return items;
  if (!isById) return items.toSorted(byPriority);
  const byRank = Map.groupBy(items, ({ priority }) => priority);
  return [...byRank.keys()].sort((a, b) => b - a).flatMap((priority) => byRank.get(priority) ?? []);
}

export function inOrderOfIds(bins: readonly Bin[]): Bin[] {
  return [...bins].sort((a, b) => (a.id < b.id ? -1 : 1));
}

export function placeCameras(loads: readonly Load[], bins: readonly Bin[]): Placement {
  const ordered = ranked(loads);
  const sortedBins = inOrderOfIds(bins);
  if (everybodyStays(ordered, sortedBins)) {
    return { binOf: new Map(ordered.map(({ cameraId, binId }) => [cameraId, binId as string])), unplaced: [] };
  }
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

/** Has everybody a place within its worker's target? What follows would change nothing then: an ordinary minute. */
function everybodyStays(ordered: readonly Load[], bins: readonly Bin[]): boolean {
  const indexOf = new Map<string | null, number>(bins.map(({ id }, index) => [id, index]));
  const sums = bins.map(() => 0);
  const counts = bins.map(() => 0);
  for (const { binId, load } of ordered) {
    const index = indexOf.get(binId);
    const bin = bins[index ?? -1];
    if (index === undefined || bin === undefined || !fits(sums[index] as number, load, bin.capacity)) return false;
    sums[index] = (sums[index] as number) + load;
    counts[index] = (counts[index] as number) + 1;
  }
  return bins.every(({ target }, index) => (counts[index] as number) < 2 || (sums[index] as number) <= target + slack);
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

/** A single camera may exceed a limit: somebody has to take it, and it degrades only itself. */
export function fits(taken: number, load: number, limit: number): boolean {
  return taken <= slack || taken + load <= limit + slack;
}

/** The candidate with the highest score, the first among equals; undefined when all scores are null. */
export function best(bins: Iterable<Bin>, score: (bin: Bin) => number | null): Bin | undefined {
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
