/**
 * Is a new version of a model worse than the one before? Decided from counts alone, by a test that may be looked at after
 * every frame: the likelihood ratio of "worse than allowed" against "just as bad as allowed" (Wald, Sequential Tests of
 * Statistical Hypotheses, 1945), averaged over a few ways to be worse. Under any healthy version it is a supermartingale,
 * so that it ever reaches 1/α has a probability of at most α, however often one looks (Ville, 1939; Howard et al.,
 * Time-uniform confidence sequences, 2021). What happened before may tell of what comes: only the chance of the next
 * count, given all before it, has to be within what is allowed.
 * Invariants: the same counts give the same verdict, in whatever order they came; counts never shrink.
 */

export type ModelCounts = {
  /** Calls of the detector, and those that failed. */
  batches: number;
  failedBatches: number;
  frames: number;
  /** Frames that were put through both versions and in which the former surely saw something; those in which the new one saw nothing. */
  sightings: number;
  missed: number;
  /** Frames that both versions were timed on; those that took the new one far longer than the former's 95th percentile. */
  timed: number;
  slow: number;
};

/**
 * What a camera is to run instead of the model that its row names, which older workers go on running. The change is made in
 * place: the fallback, or what ran before, watches until `name` is loaded, and stays when it cannot be.
 */
export type ModelOrder = {
  name: string;
  fallback: string;
  /** The rollout for which the two are compared and counted. */
  trial?: { id: string; maxErrorRate: number; maxSlowdown: number };
};

/** What a worker says of a model that a `ModelOrder` named. */
export type ModelReport = {
  trial?: string;
  state: 'loading' | 'running' | 'failed';
  reason: string;
  counts: ModelCounts;
};

export const noCounts: ModelCounts = {
  ...{ batches: 0, failedBatches: 0, frames: 0, sightings: 0, missed: 0, timed: 0, slow: 0 },
};

/** A healthy version is reverted by one of the three rules with at most this probability. */
export const falseRevertMax = 0.001;
/** Of the frames in which the former surely saw something, a healthy version may see nothing in so many. */
export const missedShareMax = 0.5;
/** By its meaning one frame in twenty takes longer than the 95th percentile; that one is measured, so twice as many are allowed. */
const slowShareMax = 0.1;
/** The p95 of fewer frames than these is not worth comparing with. */
export const timedBeforeP95 = 20;
/** A frame counts as slow only when it is also so much slower: below it are timers and the scheduler of the machine. */
export const slowAtLeastMs = 20;

/** Two failures in a row may have one cause outside the model. */
const hitsMin = 3;
const logThreshold = Math.log(3 / falseRevertMax);

export type ModelFault = { kind: 'errors' | 'detections' | 'latency'; words: string };

/** What is wrong with the new version, or null while nothing is certain. @param maxErrorRate above 0, at most 0.5. */
export function modelFault(
  counts: ModelCounts,
  { maxErrorRate, maxSlowdown }: { maxErrorRate: number; maxSlowdown: number },
): ModelFault | null {
  const { batches, failedBatches, sightings, missed, timed, slow } = counts;
  const rates = [2, 5, 20].map((factor) => factor * maxErrorRate);
  if (isWorse(failedBatches, batches, maxErrorRate, [...rates, 0.75, 0.95])) {
    const words = `${failedBatches} of ${batches} inferences failed, where ${percent(maxErrorRate)} may`;
    return { kind: 'errors', words };
  }
  if (isWorse(missed, sightings, missedShareMax, [0.75, 0.95, 0.999])) {
    const words = `it saw nothing in ${missed} of ${sightings} frames in which the version before saw something`;
    return { kind: 'detections', words };
  }
  if (isWorse(slow, timed, slowShareMax, [0.3, 0.6, 0.95])) {
    const words = `${slow} of ${timed} frames took more than ${maxSlowdown} times the 95th percentile of the version before`;
    return { kind: 'latency', words };
  }
  return null;
}

export function sumOfCounts(all: Iterable<ModelCounts>): ModelCounts {
  const sum = { ...noCounts };
  for (const counts of all) {
    for (const key of Object.keys(sum) as (keyof ModelCounts)[]) sum[key] += counts[key] ?? 0;
  }
  return sum;
}

/** @param allowed share that a healthy version may have. @param worse shares of bad ones; those that are none are left out. */
function isWorse(hits: number, count: number, allowed: number, worse: readonly number[]): boolean {
  const shares = worse.filter((share) => share > allowed && share < 1);
  if (hits < hitsMin || hits / count <= allowed || shares.length === 0) return false;
  const logs = shares.map(
    (share) => hits * Math.log(share / allowed) + (count - hits) * Math.log((1 - share) / (1 - allowed)),
  );
  const most = Math.max(...logs);
  const mean = logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / logs.length;
  return most + Math.log(mean) >= logThreshold;
}

function percent(share: number): string {
  return `${Math.round(share * 10_000) / 100} %`;
}
