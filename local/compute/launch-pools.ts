/**
 * Where the next instance of a group comes from: the market that its mix is short of, and the first pool (zone and type)
 * of that market which has a machine. Auto Scaling tries zone after zone and, within one, type after type, in the order of
 * the overrides; it never goes to the other market by itself.
 * Invariant: an instance is launched only from a pool that no shortage covers.
 */
import type { Group, Instance, InstanceLifecycle } from './compute-state.ts';

/** Pools without a machine: an attribute that is left out covers all of its kind. */
export type Shortage = { market?: InstanceLifecycle; instanceType?: string; zone?: string };
export type Pool = { market: InstanceLifecycle; instanceType: string; zone: string };

/** On demand first up to the base, then by percentage, rounded up in favour of on demand (InstancesDistribution). */
export function marketOfNext(group: Group, active: readonly Instance[]): InstanceLifecycle {
  const aboveBase = Math.max(0, group.desiredCapacity - group.onDemandBase);
  const wanted =
    Math.min(group.onDemandBase, group.desiredCapacity) + Math.ceil((aboveBase * group.onDemandPercent) / 100);
  const present = active.filter((instance) => instance.lifecycle === 'on-demand').length;
  return present < wanted ? 'on-demand' : 'spot';
}

/** @returns the pool, or null, and the zones that were tried in vain. @param turn zones are taken in turns. */
export function choosePool(
  group: Group,
  market: InstanceLifecycle,
  shortages: readonly Shortage[],
  turn: number,
): { pool: Pool | null; failedZones: string[] } {
  const zones = group.availabilityZones;
  const failedZones: string[] = [];
  for (let step = 0; step < zones.length; step += 1) {
    const zone = zones[(turn + step) % zones.length] ?? '';
    for (const instanceType of group.instanceTypes) {
      const pool = { market, instanceType, zone };
      if (!shortages.some((shortage) => covers(shortage, pool))) return { pool, failedZones };
    }
    failedZones.push(zone);
  }
  return { pool: null, failedZones };
}

function covers({ market, instanceType, zone }: Shortage, pool: Pool): boolean {
  return (
    (market === undefined || market === pool.market) &&
    (instanceType === undefined || instanceType === pool.instanceType) &&
    (zone === undefined || zone === pool.zone)
  );
}

/** What a scaling activity says of a zone in which no type of this market was to be had, in Auto Scaling's words. */
export function shortageWords(group: Group, market: InstanceLifecycle, zone: string): string {
  const parts = group.instanceTypes.map(
    (type) =>
      `We currently do not have sufficient ${type} capacity in the Availability Zone you requested (${zone}). Our system will be working on provisioning additional capacity.`,
  );
  return failedLaunchWords(market, 'InsufficientInstanceCapacity', parts.join(' '));
}

export function failedLaunchWords(market: InstanceLifecycle, code: string, message: string): string {
  const which = market === 'spot' ? 'Spot' : 'On-Demand';
  return `Could not launch ${which} Instances. ${code} - ${message} Launching EC2 instance failed.`;
}
