/**
 * What a simulated span came to, in the words of the contract of `kvs-infer simulate --json`; fleets add up.
 * Invariant: scheduled = inferred + the sum of blind seconds; a rate is computed from sums, never averaged.
 */
import { type BlindCause, blindCauses, type WatchAccount } from './model-camera.ts';
import type { ModelInstance } from './model-cloud.ts';

/** US dollars per instance hour, each with its volume. */
export type HourPrices = { onDemandUsd: number; spotUsd: number };

export type ReadyBy = { windows: number; hit: number; missed: number; latenessP95Ms: number; latenessMaxMs: number };

export type Outcome = {
  scheduledCameraSeconds: number;
  inferredCameraSeconds: number;
  /** Of the scheduled seconds in which the camera sent anything at all, 0..1; 1 when there were none. */
  coverage: number;
  blindSecondsByCause: Record<BlindCause, number>;
  instanceHours: number;
  costUsd: number;
  peakInstances: number;
  readyBy: ReadyBy;
};

/** Sums from which an outcome is computed; those of several fleets are added. */
export type Tally = {
  inferredMs: number;
  blindMs: Record<BlindCause, number>;
  onDemandMs: number;
  spotMs: number;
  peakInstances: number;
  latenessesMs: number[];
};

export function tallyOf(account: WatchAccount, instances: readonly ModelInstance[], peakInstances: number): Tally {
  const { inferred, ...blindMs } = account.time;
  const paidMs = (instance: ModelInstance) =>
    Math.max(
      0,
      Math.min(instance.endedAtMs ?? account.toMs, account.toMs) - Math.max(instance.launchedAtMs, account.fromMs),
    );
  const sumOf = (isSpot: boolean) =>
    instances.reduce((sum, instance) => (instance.isSpot === isSpot ? sum + paidMs(instance) : sum), 0);
  return {
    inferredMs: inferred,
    blindMs,
    onDemandMs: sumOf(false),
    spotMs: sumOf(true),
    peakInstances,
    latenessesMs: account.windows.map(({ latenessMs }) => latenessMs),
  };
}

export function sumOfTallies(tallies: readonly Tally[]): Tally {
  const sum = (of: (tally: Tally) => number) => tallies.reduce((total, tally) => total + of(tally), 0);
  const blindMs = Object.fromEntries(blindCauses.map((cause) => [cause, sum((tally) => tally.blindMs[cause])]));
  return {
    inferredMs: sum((tally) => tally.inferredMs),
    blindMs: blindMs as Record<BlindCause, number>,
    onDemandMs: sum((tally) => tally.onDemandMs),
    spotMs: sum((tally) => tally.spotMs),
    peakInstances: sum((tally) => tally.peakInstances),
    latenessesMs: tallies.flatMap((tally) => tally.latenessesMs),
  };
}

export function outcomeOf(tally: Tally, prices: HourPrices): Outcome {
  const { inferredMs, blindMs, onDemandMs, spotMs, peakInstances, latenessesMs } = tally;
  const scheduledMs = blindCauses.reduce((sum, cause) => sum + blindMs[cause], inferredMs);
  const possibleMs = scheduledMs - blindMs.silent;
  const seconds = Object.fromEntries(blindCauses.map((cause) => [cause, blindMs[cause] / 1_000]));
  return {
    scheduledCameraSeconds: scheduledMs / 1_000,
    inferredCameraSeconds: inferredMs / 1_000,
    coverage: possibleMs === 0 ? 1 : inferredMs / possibleMs,
    blindSecondsByCause: seconds as Record<BlindCause, number>,
    instanceHours: (onDemandMs + spotMs) / 3_600_000,
    costUsd: (onDemandMs * prices.onDemandUsd + spotMs * prices.spotUsd) / 3_600_000,
    peakInstances,
    readyBy: readyByOf(latenessesMs),
  };
}

function readyByOf(latenessesMs: readonly number[]): ReadyBy {
  const sorted = [...latenessesMs].sort((a, b) => a - b);
  const hit = sorted.filter((latenessMs) => latenessMs <= 0).length;
  return {
    windows: sorted.length,
    hit,
    missed: sorted.length - hit,
    latenessP95Ms: sorted[Math.ceil(sorted.length * 0.95) - 1] ?? 0,
    latenessMaxMs: sorted.at(-1) ?? 0,
  };
}
