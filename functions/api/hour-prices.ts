/** What an hour of a fleet's instances costs, by its first type. Invariant: a price that nobody knows is null, never zero. */
import { instanceHourPrices } from '../../core/cost/instance-prices.ts';
import { priceTable } from '../../core/cost/prices.ts';
import type { FleetPolicy } from '../../core/fleet-state.ts';
import type { HourPrices } from '../../core/simulation/outcome.ts';

/** What a fleet launches when its deployment names no types (stacks/settings.ts). */
const usualInstanceType = 'g4dn.xlarge';

export function firstInstanceType({ instanceTypes: [type = usualInstanceType] }: FleetPolicy): string {
  return type;
}

/** Spot counts as on demand where it has no price of its own, as `kvs-infer simulate` counts. */
export function hourPrices(policy: FleetPolicy, region: string): HourPrices | null {
  const type = firstInstanceType(policy);
  const prices = instanceHourPrices(priceTable, region, [type], policy.instanceUsdPerHour);
  const onDemandUsd = prices.get(`${type}/on-demand`);
  return onDemandUsd === undefined ? null : { onDemandUsd, spotUsd: prices.get(`${type}/spot`) ?? onDemandUsd };
}
