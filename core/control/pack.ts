/**
 * Which camera goes where on the workers that there are, in inferences per second. How many more, or fewer, workers would
 * do is asked of headcount.ts.
 * Invariants: a camera that has a place keeps it while its worker can carry it and no camera of higher priority needs the
 * room; a camera of lower priority never holds room that one of higher priority needs; a worker is loaded beyond its
 * capacity only by a single camera; the same input gives the same answer, whatever its order.
 */
export type Load = {
  cameraId: string;
  priority: number;
  /** Inferences per second. */
  load: number;
  /** Where it runs now, or null. */
  binId: string | null;
  /** It is watched elsewhere for the time being: it takes room that is free, and nobody's place. */
  isCarried?: true;
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

/** By the order of the loads: the bin of each, undefined when it found none. `isAsBefore`: everybody stays. */
export type Placement = { isAsBefore: boolean; places: readonly (string | undefined)[] };

/** Higher priority first; among equals by id, so that the order of the input does not matter. */
export function byPriority(a: Pick<Load, 'cameraId' | 'priority'>, b: Pick<Load, 'cameraId' | 'priority'>): number {
  return b.priority - a.priority || (a.cameraId < b.cameraId ? -1 : a.cameraId > b.cameraId ? 1 : 0);
}

const known = new WeakSet<readonly unknown[]>();

/** In order of `byPriority`, by whoever notes it: some of what is ranked. */
export function notedRanked<Item>(items: readonly Item[]): readonly Item[] {
  known.add(items);
  return items;
}

type Ranked = Pick<Load, 'cameraId' | 'priority'>;

/**
 * In order of `byPriority`. Tables answer in order of ids, and priorities are few: that is told by one look.
 * @param isById they are known to be in order of ids.
 */
export function ranked<Item extends Ranked>(items: readonly Item[]): readonly Item[];
export function ranked<Item>(items: readonly Item[], of: (item: Item) => Ranked, isById?: boolean): readonly Item[];
export function ranked<Item>(
  items: readonly Item[],
  of = (item: Item) => item as unknown as Ranked,
  isById = false,
): readonly Item[] {
  if (known.has(items)) return items;
  if (!isById) {
    let isRanked = true;
    let areById = true;
    for (let index = 1; index < items.length && (isRanked || areById); index += 1) {
      const [before, item] = [of(items[index - 1] as Item), of(items[index] as Item)];
      const isAfter = before.cameraId < item.cameraId;
      areById &&= isAfter;
      isRanked &&= before.priority > item.priority || (before.priority === item.priority && isAfter);
    }
    if (isRanked) return notedRanked(items);
    if (!areById) return notedRanked(items.toSorted((a, b) => byPriority(of(a), of(b))));
  }
  const byRank = new Map<number, Item[]>();
  for (const item of items) {
    const { priority } = of(item);
    const equals = byRank.get(priority);
    if (equals === undefined) byRank.set(priority, [item]);
    else equals.push(item);
  }
  return notedRanked([...byRank.keys()].sort((a, b) => b - a).flatMap((priority) => byRank.get(priority) ?? []));
}

export function inOrderOfIds(bins: readonly Bin[]): Bin[] {
  return [...bins].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Where each of the loads runs, by the bins' order; `nowhere`: on none of them. */
export function homesOf(loads: readonly Load[], bins: readonly Bin[]): Int32Array {
  const indexOf = new Map<string | null, number>(bins.map(({ id }, index) => [id, index]));
  const homes = new Int32Array(loads.length);
  for (let at = 0; at < homes.length; at += 1) homes[at] = indexOf.get((loads[at] as Load).binId) ?? nowhere;
  return homes;
}

export const nowhere = -1;

export function placeCameras(loads: readonly Load[], bins: readonly Bin[]): Placement {
  const sortedBins = inOrderOfIds(bins);
  const capacities = sortedBins.map(({ capacity, target }) => Math.min(capacity, target));
  if (everybodyStays(loads, homesOf(loads, sortedBins), capacities)) {
    return { isAsBefore: true, places: loads.map(({ binId }) => binId as string) };
  }
  const ordered = ranked(loads);
  let homes = homesOf(ordered, sortedBins);
  for (let round = 0; ; round += 1) {
    const places = placeOnce(ordered, homes, sortedBins);
    relieveOverTarget(ordered, sortedBins, places);
    if (round >= roundsMax || places.every((place, at) => place === homes[at])) {
      return placementOf(loads, ordered, sortedBins, places);
    }
    homes = places;
  }
}

function placementOf(
  loads: readonly Load[],
  ordered: readonly Load[],
  bins: readonly Bin[],
  places: Int32Array,
): Placement {
  const idAt = (at: number) => bins[places[at] as number]?.id;
  if (ordered === loads) return { isAsBefore: false, places: loads.map((_, at) => idAt(at)) };
  const placeOf = new Map(ordered.map((load, at) => [load, idAt(at)]));
  return { isAsBefore: false, places: loads.map((load) => placeOf.get(load)) };
}

/**
 * Has everybody a place within its worker's limit? Packing would change nothing then: an ordinary minute.
 * @param homes of the loads, in any order. @param limits of the bins.
 */
export function everybodyStays(loads: readonly Load[], homes: Int32Array, limits: readonly number[]): boolean {
  const sums = new Float64Array(limits.length);
  const counts = new Int32Array(limits.length);
  for (let at = 0; at < homes.length; at += 1) {
    const home = homes[at] as number;
    if (home === nowhere) return false;
    sums[home] = (sums[home] as number) + (loads[at] as Load).load;
    counts[home] = (counts[home] as number) + 1;
  }
  return limits.every((limit, index) => (counts[index] as number) < 2 || (sums[index] as number) <= limit + slack);
}

/**
 * One pass in order of priority. Those still to come reserve their present places until a higher one needs the room. Among
 * equals whoever has a place comes first: to put another in its place would watch no camera more.
 */
function placeOnce(ordered: readonly Load[], homes: Int32Array, bins: readonly Bin[]): Int32Array {
  const places = new Int32Array(ordered.length).fill(nowhere);
  const placed = new Float64Array(bins.length);
  const reserved = new Float64Array(bins.length);
  const placedIn = (index: number) => placed[index] as number;
  const taken = (index: number) => placedIn(index) + (reserved[index] as number);
  for (let at = 0; at < ordered.length; at += 1) {
    const home = homes[at] as number;
    if (home !== nowhere) reserved[home] = (reserved[home] as number) + (ordered[at] as Load).load;
  }
  const place = (at: number, index: number) => {
    placed[index] = placedIn(index) + (ordered[at] as Load).load;
    places[at] = index;
  };
  // The next homeless camera of the same load finds what this one found, as long as nothing but its own room was taken.
  const noAnswer = { load: Number.NaN, index: nowhere };
  let answer = noAnswer;
  const keepsPlace = (at: number): boolean => {
    const home = homes[at] as number;
    if (home === nowhere) return false;
    const { load } = ordered[at] as Load;
    reserved[home] = Math.max(0, (reserved[home] as number) - load);
    const stays = fits(placedIn(home), load, (bins[home] as Bin).capacity);
    // What it takes it had reserved: for others nothing has changed.
    if (stays) place(at, home);
    else answer = noAnswer;
    return stays;
  };
  const seekPlace = (at: number) => {
    const { load } = ordered[at] as Load;
    if (load === answer.load) {
      const bin = bins[answer.index];
      if (bin === undefined) return;
      if (load > 0 && fits(taken(answer.index), load, bin.target)) return place(at, answer.index);
    }
    const roomWithin = (limit: 'target' | 'capacity', score: (bin: Bin, index: number) => number) =>
      best(bins, (bin, index) => (fits(taken(index), load, bin[limit]) ? score(bin, index) : null));
    // What costs nothing now may cost something at any moment: there is most room for it on the emptiest.
    let index = load > 0 ? nowhere : best(bins, (bin, one) => -taken(one) / bin.capacity);
    // The fullest that stays within its target: fewer workers in the end.
    if (index === nowhere) index = roomWithin('target', (_, one) => taken(one));
    const isFullest = index !== nowhere && load > 0;
    // Beyond the target the emptiest is the kindest.
    if (index === nowhere) index = roomWithin('capacity', (bin, one) => -taken(one) / bin.capacity);
    // No room without displacing somebody less important.
    if (index === nowhere) {
      index = best(bins, ({ capacity }, one) =>
        fits(placedIn(one), load, capacity) ? -placedIn(one) / capacity : null,
      );
    }
    answer = isFullest || index === nowhere ? { load, index } : noAnswer;
    if (index !== nowhere) place(at, index);
  };
  const carried: number[] = [];
  for (let at = 0; at < ordered.length; ) {
    const { priority } = ordered[at] as Load;
    const homeless: number[] = [];
    for (; ordered[at]?.priority === priority; at += 1) {
      if (ordered[at]?.isCarried) carried.push(at);
      else if (!keepsPlace(at)) homeless.push(at);
    }
    for (const one of homeless) seekPlace(one);
  }
  // Nobody is still to come whose place they could take.
  for (const at of carried) if (!keepsPlace(at)) seekPlace(at);
  return places;
}

/** Moves cameras from workers beyond their target to workers with room within theirs; never the other way round. */
function relieveOverTarget(ordered: readonly Load[], bins: readonly Bin[], places: Int32Array): void {
  const sums = new Float64Array(bins.length);
  const counts = new Int32Array(bins.length);
  const add = (index: number, load: number, count: number) => {
    sums[index] = (sums[index] as number) + load;
    counts[index] = (counts[index] as number) + count;
  };
  const isOver = (index: number) =>
    (counts[index] as number) >= 2 && (sums[index] as number) > (bins[index] as Bin).target + slack;
  places.forEach((place, at) => {
    if (place !== nowhere) add(place, (ordered[at] as Load).load, 1);
  });
  if (!bins.some((_, index) => isOver(index))) return;
  for (let moved = true; moved; ) {
    moved = false;
    // What one did not find, none that weighs as much finds until somebody has moved.
    let refusedLoad = Number.POSITIVE_INFINITY;
    // Least important first: a move costs a camera some seconds.
    for (let at = ordered.length - 1; at >= 0; at -= 1) {
      const from = places[at] as number;
      const { load } = ordered[at] as Load;
      if (from === nowhere || load >= refusedLoad || !isOver(from)) continue;
      const to = best(bins, ({ target }, index) => {
        const sum = sums[index] as number;
        return index !== from && fits(sum, load, target) ? sum : null;
      });
      if (to === nowhere) {
        refusedLoad = load;
        continue;
      }
      places[at] = to;
      add(from, -load, -1);
      add(to, load, 1);
      refusedLoad = Number.POSITIVE_INFINITY;
      moved = true;
    }
  }
}

/** A single camera may exceed a limit: somebody has to take it, and it degrades only itself. */
export function fits(taken: number, load: number, limit: number): boolean {
  return taken <= slack || taken + load <= limit + slack;
}

/** The bin with the highest score, the first among equals; `nowhere` when all scores are null. */
function best(bins: readonly Bin[], score: (bin: Bin, index: number) => number | null): number {
  let chosen = nowhere;
  let chosenScore = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < bins.length; index += 1) {
    const value = score(bins[index] as Bin, index);
    if (value !== null && value > chosenScore) {
      chosen = index;
      chosenScore = value;
    }
  }
  return chosen;
}
