/**
 * How long it takes from asking for an instance to the first inference on it: learned from what was measured, assumed
 * until enough was. Invariant: one sample per instance, so a restarted task does not teach a short or a huge lead time.
 */
import type { FleetItem, FleetPolicy, WorkerItem } from '../fleet-state.ts';

/** Below five samples a p95 says nothing (design: plan). */
const samplesMin = 5;
const samplesMax = 50;
/** Longer than any boot: a worker that waited for its first camera for hours says nothing about booting. */
const sampleMaxMs = 3_600_000;
/** What the samples can come to. */
export const leadTimeMaxMs = 2 * sampleMaxMs;

export type LeadTimes = { samplesMs: number[]; instanceIds: string[]; byType: Record<string, number[]> };
export type InstanceToSample = { instanceId: string; servedAtMs: number };

/**
 * The median of the samples and so many times the distance to their p95 (nearest rank) that nearly every boot is covered,
 * or the policy's assumption until there are five. A window waits for the last of the workers that it needs, and one boot
 * in twenty is slower than the p95. The distance widens with the spread and, once there are twenty samples, knows nothing
 * of one odd boot; before that the result lies between the assumption and twice what is usual (docs/decisions/0019).
 */
export function leadTimeMs(samplesMs: readonly number[], policy: FleetPolicy): number {
  if (samplesMs.length < samplesMin) return policy.leadTimeDefaultMs;
  const sorted = [...samplesMs].sort((a, b) => a - b);
  const rank = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? policy.leadTimeDefaultMs;
  const medianMs = rank(0.5);
  const coveredMs = medianMs + Math.max(2, toleranceFactor(sorted.length) / z95) * (rank(0.95) - medianMs);
  if (sorted.length >= fewSamples) return Math.round(coveredMs);
  const usualMs = Math.max(policy.leadTimeDefaultMs, medianMs);
  return Math.round(Math.min(Math.max(coveredMs, policy.leadTimeDefaultMs), 2 * usualMs));
}

/** With fewer, the p95 is the longest of them. */
const fewSamples = 20;
/** Quantiles of the normal distribution. */
const z99 = 2.326;
const z95 = 1.645;

/**
 * Standard deviations above the mean that hold 99 % of a normal population with 95 % confidence, when both are known from
 * so many samples alone: 5.7 for 5, 3.9 for 10, 3.3 for 20. M. G. Natrella, Experimental Statistics, 1963, section 2-5.2.
 */
function toleranceFactor(samples: number): number {
  const a = 1 - z95 ** 2 / (2 * (samples - 1));
  const b = z99 ** 2 - z95 ** 2 / samples;
  return (z99 + Math.sqrt(z99 ** 2 - a * b)) / a;
}

/** Instances whose first inference is known and that gave no sample yet: their launch times are worth asking for. */
export function instancesToSample(
  item: FleetItem | null,
  workers: readonly { worker: WorkerItem; instanceId: string | null }[],
): InstanceToSample[] {
  const known = new Set(item?.leadTimeInstanceIds ?? []);
  const first = new Map<string, number>();
  for (const { worker, instanceId } of workers) {
    if (instanceId === null || known.has(instanceId) || worker.firstInferenceAtMs === undefined) continue;
    const servedAtMs = worker.firstInferenceAtMs - idleBeforeFirstCameraMs(worker);
    first.set(instanceId, Math.min(servedAtMs, first.get(instanceId) ?? Number.POSITIVE_INFINITY));
  }
  return [...first]
    .map(([instanceId, servedAtMs]) => ({ instanceId, servedAtMs }))
    .sort((a, b) => a.servedAtMs - b.servedAtMs);
}

/**
 * A worker that was ready early waits for the window to come near. That wait is not lead time: counting it would make
 * every lead time as long as the one that was assumed.
 */
function idleBeforeFirstCameraMs(worker: WorkerItem): number {
  const assignedAtMs = Math.min(
    ...Object.values(worker.assignments ?? {}).map((assignment) => assignment.assignedAtMs),
  );
  const readyAtMs = worker.readyAtMs ?? assignedAtMs;
  return Number.isFinite(assignedAtMs) ? Math.max(0, assignedAtMs - readyAtMs) : 0;
}

/**
 * @param present instances that have a worker: each is remembered while it has one, however many there are.
 * @returns the samples with the new ones appended, or null when there is nothing new.
 */
export function withLeadTimeSamples(
  item: FleetItem | null,
  candidates: readonly InstanceToSample[],
  launchedAtMs: ReadonlyMap<string, number>,
  present: ReadonlySet<string | null>,
  typeOf: ReadonlyMap<string, string> = new Map(),
): LeadTimes | null {
  const samplesMs = [...(item?.leadTimeSamplesMs ?? [])];
  const instanceIds = [...(item?.leadTimeInstanceIds ?? [])];
  const byType = { ...item?.leadTimesByType };
  let added = false;
  for (const { instanceId, servedAtMs } of candidates) {
    const launched = launchedAtMs.get(instanceId);
    if (launched === undefined) continue;
    const sampleMs = servedAtMs - launched;
    instanceIds.push(instanceId);
    added = true;
    if (sampleMs <= 0 || sampleMs > sampleMaxMs) continue;
    samplesMs.push(sampleMs);
    const type = typeOf.get(instanceId);
    if (type !== undefined) byType[type] = [...(byType[type] ?? []), sampleMs].slice(-samplesMax);
  }
  if (!added) return null;
  const firstKept = instanceIds.length - samplesMax;
  return {
    samplesMs: samplesMs.slice(-samplesMax),
    instanceIds: instanceIds.filter((id, index) => index >= firstKept || present.has(id)),
    byType,
  };
}

/**
 * The lead time of a fleet: of the slowest of the types that it may launch now, and of all its boots together while one of
 * these types has too few of its own.
 */
export function fleetLeadTimeMs(item: FleetItem, policy: FleetPolicy, types: readonly string[]): number {
  const own = types.map((type) => item.leadTimesByType?.[type] ?? []);
  const known = own.filter((samples) => samples.length >= samplesMin).map((samples) => leadTimeMs(samples, policy));
  if (known.length < types.length || types.length === 0) known.push(leadTimeMs(item.leadTimeSamplesMs ?? [], policy));
  return Math.max(...known);
}
