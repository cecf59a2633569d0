/**
 * What a fleet does when EC2 has no machine for it. Auto Scaling itself goes from zone to zone and from type to type within
 * the markets and types that the group names; it never leaves them. So the ladder has the rungs that only we can climb:
 * as deployed, everything further on demand, and further types where the policy allows them. A rung that failed is left
 * alone for 15 minutes, and then tried again from the bottom.
 * Invariants: Spot instances that are there keep their share of the mix, so that changing it ends none; nothing climbs
 * while nothing is missing; the same input gives the same rung.
 */
import type { FleetPolicy } from '../fleet-state.ts';
import type { GroupObservation, LaunchFailure } from './observation.ts';
import { presentInstances } from './observation.ts';

/** A pool that has no machine rarely has one within minutes (design: control loop). */
export const shortageMemoryMs = 900_000;
/** Auto Scaling that fails for so long has tried every zone at least twice, whatever its activities name. */
const patienceMs = 180_000;

/** Launches that began so soon after a climb were still under way as before it. */
const inFlightMs = 5_000;

/** How the group is to launch; absolute, so that setting it twice changes nothing. */
export type LaunchChoice = { onDemandBase: number; onDemandPercent: number; instanceTypes: readonly string[] };

/** Where a fleet stands, in its item. */
export type CapacityLadder = {
  rung: number;
  sinceMs: number;
  /** Rungs that failed within the last 15 minutes. */
  failed: { rung: number; atMs: number; words: string }[];
};

export type LadderStep = {
  /** What to set on the group now; null: leave it. */
  choice: LaunchChoice | null;
  /** To be remembered; undefined: nothing. */
  ladder: CapacityLadder | undefined;
  /** Name of the rung that the fleet stands on. */
  rung: string;
  /** Instances are missing and every rung has failed. */
  isExhausted: boolean;
  /** What a person should know: the climb, or that there is no rung left. */
  words: string | null;
};

type Rung = { name: string; onlyOnDemand: boolean; instanceTypes: readonly string[] };

/** Bottom first. A policy that names no types leaves the group's launches as they were deployed. */
function rungsOf(policy: FleetPolicy): Rung[] {
  const { instanceTypes, fallbackInstanceTypes, spotPercent } = policy;
  const rungs: Rung[] = [{ name: 'as deployed', onlyOnDemand: false, instanceTypes }];
  if (instanceTypes.length === 0) return rungs;
  if (spotPercent > 0) rungs.push({ name: 'on demand', onlyOnDemand: true, instanceTypes });
  const further = fallbackInstanceTypes.filter((type) => !instanceTypes.includes(type));
  if (further.length > 0) {
    const types = [...instanceTypes, ...further];
    rungs.push({ name: `on demand with ${further.join(', ')}`, onlyOnDemand: true, instanceTypes: types });
  }
  return rungs;
}

export function climbLadder(input: {
  nowMs: number;
  policy: FleetPolicy;
  ladder: CapacityLadder | undefined;
  group: GroupObservation | null;
  /** Launches that failed lately; null when they were not read. */
  failures: readonly LaunchFailure[] | null;
  /** The size that the group is to have. */
  desired: number;
}): LadderStep {
  const { nowMs, policy, group, failures, desired } = input;
  const rungs = rungsOf(policy);
  const top = rungs.length - 1;
  const before = input.ladder ?? { rung: 0, sinceMs: 0, failed: [] };
  const stood = Math.min(before.rung, top);
  const isRemembered = (atMs: number) => atMs <= nowMs && nowMs - atMs < shortageMemoryMs;
  let failed = before.failed.filter(({ rung, atMs }) => rung <= top && isRemembered(atMs));
  const missing = group === null ? 0 : Math.max(0, group.desired - presentInstances(group).length);
  const news = missing === 0 ? null : newestFailure(failures ?? [], before.sinceMs, group, nowMs);
  if (news !== null) failed = [...failed.filter(({ rung }) => rung !== stood), { rung: stood, ...news }];
  failed.sort((a, b) => a.rung - b.rung);
  const hasFailed = new Set(failed.map(({ rung }) => rung));
  const free = rungs.findIndex((_, index) => !hasFailed.has(index));
  const index = free === -1 ? top : free;
  const isExhausted = missing > 0 && hasFailed.has(top);
  const rung = rungs[index] as Rung;
  const isUntouched = input.ladder === undefined && index === 0 && failed.length === 0;
  return {
    choice: choiceOf(rung, policy, group, desired),
    ladder: isUntouched ? undefined : { rung: index, sinceMs: index === stood ? before.sinceMs : nowMs, failed },
    rung: rung.name,
    isExhausted,
    words: wordsOf({ rungs, index, stood, failed, missing, isExhausted }),
  };
}

/** The newest failure of the present rung once it has failed everywhere: in each zone, or for longer than the patience. */
function newestFailure(
  failures: readonly LaunchFailure[],
  sinceMs: number,
  group: GroupObservation | null,
  nowMs: number,
): { atMs: number; words: string } | null {
  const own = failures
    .filter(({ atMs }) => atMs > sinceMs + inFlightMs && nowMs - atMs < shortageMemoryMs)
    .sort((a, b) => b.atMs - a.atMs);
  const [newest] = own;
  const oldest = own.at(-1);
  if (newest === undefined || oldest === undefined) return null;
  const zones = group?.launch?.zones ?? [];
  const failedIn = new Set(own.map(({ zone }) => zone));
  const everywhere = zones.length > 0 && zones.every((zone) => failedIn.has(zone));
  if (!everywhere && nowMs - oldest.atMs < patienceMs) return null;
  const where = [...failedIn].filter((zone) => zone !== '').sort();
  return { atMs: newest.atMs, words: `${newest.code}${where.length === 0 ? '' : ` in ${where.join(' and ')}`}` };
}

function choiceOf(
  rung: Rung,
  policy: FleetPolicy,
  group: GroupObservation | null,
  desired: number,
): LaunchChoice | null {
  const launch = group?.launch;
  if (group === null || launch === undefined || rung.instanceTypes.length === 0) return null;
  const { onDemandBase } = policy;
  const onDemandPercent = rung.onlyOnDemand ? percentKeeping(group, policy, desired) : 100 - policy.spotPercent;
  const isSet =
    launch.onDemandBase === onDemandBase &&
    launch.onDemandPercent === onDemandPercent &&
    launch.instanceTypes.join() === rung.instanceTypes.join();
  return isSet ? null : { onDemandBase, onDemandPercent, instanceTypes: rung.instanceTypes };
}

/**
 * The percentage under which everything missing comes on demand and every Spot instance keeps its place: AWS replaces
 * instances that are beyond their market's share.
 */
function percentKeeping(group: GroupObservation, { onDemandBase, spotPercent }: FleetPolicy, desired: number): number {
  // What EC2 did not tell the market of may be Spot.
  const spot = presentInstances(group).filter(({ market }) => market !== 'on-demand').length;
  const aboveBase = Math.max(desired, group.desired) - onDemandBase;
  if (aboveBase <= 0 || spot === 0) return 100;
  // Rounded down: AWS rounds the number of instances up in favour of on demand.
  const kept = Math.floor((100 * Math.max(0, aboveBase - spot)) / aboveBase);
  return Math.max(kept, 100 - spotPercent);
}

function wordsOf(facts: {
  rungs: readonly Rung[];
  index: number;
  stood: number;
  failed: CapacityLadder['failed'];
  missing: number;
  isExhausted: boolean;
}): string | null {
  const { rungs, index, stood, failed, missing, isExhausted } = facts;
  const tried = failed.map(({ rung, words }) => `${rungs[rung]?.name}: ${words}`).join('; ');
  const name = rungs[index]?.name ?? '';
  const lacks = `${missing} instance${missing === 1 ? ' is' : 's are'} missing`;
  if (isExhausted) return `no capacity: ${lacks}, and nothing is left to try (${tried}); trying ${name} again`;
  if (index > 0) return `launches ${name}, because there was no capacity (${tried})`;
  return stood > 0 ? 'launches as deployed again: the shortage is 15 minutes old' : null;
}
