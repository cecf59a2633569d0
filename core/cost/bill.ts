/**
 * A bill: named lines, each the sum of quantities times unit prices of the table.
 * Invariant: every dollar can be traced to a price name, its source and a quantity; nothing is rounded before printing.
 */
import { type Price, type PriceName, type PriceTable, priceOf } from './price-table.ts';

/** The months of this bill have 720 hours, as the original's estimate had. */
export const hoursPerMonth = 720;

export type LineItem = { price: PriceName; quantity: number };
export type LinePlan = { name: string; configuration: string; items: LineItem[] };

export type Charge = LineItem & { usdPerUnit: number; usd: number; source: string; asOf: string; verified: boolean };
export type BillLine = { name: string; configuration: string; usd: number; charges: Charge[] };
export type Bill = { region: string; lines: BillLine[]; totalUsd: number };

export function billOf(plans: readonly LinePlan[], table: PriceTable, region: string): Bill {
  const lines = plans.map(({ name, configuration, items }) => {
    const charges = items.map((item) => chargeOf(item, priceOf(table, region, item.price)));
    return { name, configuration, usd: sum(charges.map((charge) => charge.usd)), charges };
  });
  return { region, lines, totalUsd: sum(lines.map((line) => line.usd)) };
}

function chargeOf(item: LineItem, price: Price): Charge {
  return {
    ...item,
    usdPerUnit: price.usd,
    usd: item.quantity * price.usd,
    source: price.source,
    asOf: price.asOf,
    verified: price.verified,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
