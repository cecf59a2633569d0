/**
 * The cost report as people read it: two tables and the notes on prices that no source confirmed.
 * Invariant: nothing is shown that the JSON document does not hold; amounts are US dollars, rounded here and only here.
 */

import Table from 'cli-table3';
import { plural } from '../core/control/plan-reason.ts';
import type { Bill, Charge } from '../core/cost/bill.ts';
import type { CamerasCost, OriginalCost } from './cost.ts';

export function originalText({ publishedTotalUsd, publishedUsd, bills }: OriginalCost): string {
  const [first] = bills;
  const table = tableOf(['replaced deployment', 'what', 'printed', ...bills.map((bill) => bill.region)]);
  for (const [index, line] of (first?.lines ?? []).entries()) {
    const amounts = bills.map((bill) => dollars(bill.lines[index]?.usd ?? 0));
    table.push([line.name, line.configuration, dollars(publishedUsd[line.name] ?? 0), ...amounts]);
  }
  table.push(['total', '', `about ${publishedTotalUsd}`, ...bills.map((bill) => dollars(bill.totalUsd))]);
  return [
    'The deployment that this one replaces, one GPU for 720 hours, in US dollars a month. "printed" is its own estimate:',
    'it says ap-southeast-1, its figures are those of us-east-1.',
    table.toString(),
    ...priceNotes(bills),
  ].join('\n');
}

export function forecastText(cost: CamerasCost | null): string {
  if (cost === null) return 'Give --cameras <file> or --stage <stage> for what their schedules will cost.';
  const { hours, onDemand, spot } = cost;
  const table = tableOf(['your schedules', 'what', 'on demand', ...(spot === null ? [] : ['Spot'])]);
  for (const [index, line] of onDemand.lines.entries()) {
    const spotUsd = spot === null ? [] : [dollars(spot.lines[index]?.usd ?? 0)];
    table.push([line.name, line.configuration, dollars(line.usd), ...spotUsd]);
  }
  table.push(['total', '', dollars(onDemand.totalUsd), ...(spot === null ? [] : [dollars(spot.totalUsd)])]);
  const shown = (value: number) => Math.round(value * 10) / 10;
  return [
    `${plural(cost.cameras, 'camera')}, ${cost.from} to ${cost.to} (${shown(hours.spanHours)} h), ${onDemand.region}, network ${cost.network}`,
    `${shown(hours.cameraHours)} camera hours need ${shown(hours.instanceHours)} h of ${cost.instanceType}, ${hours.peakInstances} at most at once;`,
    `always on, ${plural(hours.peakInstances, 'instance')} would cost ${dollars(cost.alwaysOnGpuUsd)} for the GPUs alone.`,
    ...(hours.missingInstanceHours > 0
      ? [
          `--max-workers keeps back ${shown(hours.missingInstanceHours)} instance hours: cameras of low priority are shed.`,
        ]
      : []),
    ...cost.skipped.map(({ cameraId, reason }) => `left out: ${cameraId}: ${reason}`),
    table.toString(),
    `The control plane (the loop, its tables and metrics) is ${dollars(cost.controlPlaneUsd)} of it, ${shareWords(cost)}.`,
    ...priceNotes(spot === null ? [onDemand] : [onDemand, spot]),
    ...(spot === null ? [`No Spot price of ${cost.instanceType} is in the table.`] : []),
  ].join('\n');
}

function shareWords({ controlPlaneUsd, cameras, onDemand }: CamerasCost): string {
  const gpuUsd = onDemand.lines.find(({ name }) => name === 'GPU instances')?.usd ?? 0;
  const each = `${(controlPlaneUsd / Math.max(1, cameras)).toFixed(3)} a camera`;
  return gpuUsd === 0 ? each : `${each} and ${((controlPlaneUsd / gpuUsd) * 100).toFixed(1)} % of the GPUs on demand`;
}

/** Prices without a confirming source, named once each under what stands in for it. */
function priceNotes(bills: readonly Bill[]): string[] {
  const unverified = new Map<string, Charge & { region: string }>();
  for (const bill of bills) {
    for (const charge of bill.lines.flatMap((line) => line.charges)) {
      if (!charge.verified) unverified.set(`${bill.region} ${charge.price}`, { ...charge, region: bill.region });
    }
  }
  if (unverified.size === 0) return [];
  const bySource = Map.groupBy(unverified.values(), ({ region, source, asOf }) => `${region}: ${source} (${asOf})`);
  const notes = [...bySource].flatMap(([source, prices]) => [
    `  ${source}`,
    ...prices.map(({ price, usdPerUnit }) => `    ${price} ${usdPerUnit}`),
  ]);
  return ['Not confirmed by a price list; override with --prices:', ...notes];
}

function dollars(usd: number): string {
  return usd.toFixed(2);
}

function tableOf(head: string[]): Table.Table {
  const colAligns = head.map((_, index) => (index < 2 ? 'left' : 'right')) as ('left' | 'right')[];
  return new Table({ head, style: { head: [], border: [], compact: true }, colAligns });
}
