/**
 * What an hour of each instance costs, for the accounts and the budget of a fleet. Invariant: never too low by what is not
 * known: Spot without a price of its own counts as on demand, and a type without any is left out rather than free.
 */
import type { PriceTable } from './price-table.ts';

/**
 * @param own prices that a policy gives, by type or `type/market`; they win over the table.
 * @returns US dollars an hour by `type/market`.
 */
export function instanceHourPrices(
  table: PriceTable,
  region: string,
  types: Iterable<string>,
  own: Readonly<Record<string, number>>,
): Map<string, number> {
  const prices = new Map<string, number>();
  for (const type of new Set(types)) {
    const onDemand = own[`${type}/on-demand`] ?? own[type] ?? table[region]?.[`ec2.${type}.onDemandHour`]?.usd;
    const spot = own[`${type}/spot`] ?? own[type] ?? table[region]?.[`ec2.${type}.spotHour`]?.usd ?? onDemand;
    if (onDemand !== undefined) prices.set(`${type}/on-demand`, onDemand);
    if (spot !== undefined) prices.set(`${type}/spot`, spot);
  }
  return prices;
}
