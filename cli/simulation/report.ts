/**
 * A simulated week as people read it in a terminal: what it comes to, the other ways beside it, and where time was lost.
 * Invariant: nothing is shown that the JSON document does not hold; figures are rounded here and only here.
 */
import Table from 'cli-table3';
import { blindCauses } from '../../core/simulation/model-camera.ts';
import type { Outcome } from '../../core/simulation/outcome.ts';
import type { Week } from './week.ts';

export const causeWords: Record<(typeof blindCauses)[number], string> = {
  silent: 'the camera sent nothing',
  returning: 'it sent again and was not taken up yet',
  late: 'no GPU was ready when its window opened',
  moving: 'it changed its worker',
  spot: 'Spot took its GPU',
  'worker-lost': 'its worker crashed, hung or was cut off',
  shed: 'no room, cameras of higher priority had it',
};

export const wayNames = {
  ours: 'kvs-infer',
  alwaysOn: 'always on',
  scheduledActions: 'scheduled actions',
  ecsTargetTracking: 'ECS target tracking',
} as const;

export function columnsOf(week: Week): [string, Outcome][] {
  const { alwaysOn, scheduledActions, ecsTargetTracking } = week.baselines;
  return [
    [wayNames.ours, week],
    [wayNames.alwaysOn, alwaysOn],
    [wayNames.scheduledActions, scheduledActions],
    [wayNames.ecsTargetTracking, ecsTargetTracking],
  ];
}

/** The rows of the comparison: what it says, and how it is written. */
export const comparisonRows: [string, (outcome: Outcome) => string][] = [
  ['GPU instance hours', ({ instanceHours }) => hours(instanceHours)],
  ['GPU cost, USD', ({ costUsd }) => costUsd.toFixed(2)],
  ['most GPUs at once', ({ peakInstances }) => String(peakInstances)],
  ['watched of what was sent', ({ coverage }) => percent(coverage, 3)],
  ['windows ready by their start', ({ readyBy }) => readyShare(readyBy)],
  ['latest of 95 % of windows', ({ readyBy }) => seconds(readyBy.latenessP95Ms)],
  ['blind camera hours', (outcome) => hours(blindHours(outcome))],
];

export function weekText(
  week: Week,
  { isSpotPriceKnown, page }: { isSpotPriceKnown: boolean; page: string | null },
): string {
  const columns = columnsOf(week);
  const table = new Table({
    head: ['', ...columns.map(([name]) => name)],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'right'],
  });
  for (const [name, text] of comparisonRows) table.push([name, ...columns.map(([, outcome]) => text(outcome))]);
  const { clairvoyant, controlLoop, faults } = week;
  return [
    `${week.cameras} cameras in ${week.fleets} ${week.fleets === 1 ? 'fleet' : 'fleets'}, ${week.from} to ${week.to}, seed ${week.seed}`,
    ...week.skipped.map(({ cameraId, reason }) => `left out: ${cameraId}: ${reason}`),
    table.toString(),
    clairvoyantWords(clairvoyant),
    ...lostWords(week),
    `${controlLoop.decisions} decisions in ${controlLoop.runs} runs of the control loop; ${faultWords(faults)}`,
    ...(isSpotPriceKnown ? [] : ['No Spot price of this type is in the table: Spot hours are priced as on demand.']),
    ...(page === null ? [] : [`The picture is in ${page}.`]),
  ].join('\n');
}

export function clairvoyantWords({ instanceHours, ratio }: Week['clairvoyant']): string {
  const least = `A clairvoyant would need ${hours(instanceHours)} GPU hours`;
  if (ratio === null) return `${least}.`;
  const more = (ratio - 1) * 100;
  return `${least}; kvs-infer took ${Math.abs(more).toFixed(1)} % ${more < 0 ? 'less, and watched less' : 'more'}.`;
}

export function faultWords(faults: Record<string, number>): string {
  const named = Object.entries(faults).filter(([, count]) => count > 0);
  if (named.length === 0) return 'no faults were drawn';
  return `faults that were drawn: ${named.map(([name, count]) => `${count} ${name}`).join(', ')}`;
}

/** Blind time by cause, the largest first. */
function lostWords({ blindSecondsByCause }: Outcome): string[] {
  const lost = blindCauses
    .map((cause) => ({ cause, hours: blindSecondsByCause[cause] / 3_600 }))
    .filter(({ hours: blind }) => blind > 0)
    .sort((a, b) => b.hours - a.hours);
  if (lost.length === 0) return ['No camera was blind inside its hours.'];
  return ['Blind camera hours:', ...lost.map((one) => `  ${hours(one.hours).padStart(9)}  ${causeWords[one.cause]}`)];
}

/** Without the time in which there was nothing to see. */
function blindHours({ blindSecondsByCause }: Outcome): number {
  return blindCauses.reduce((sum, cause) => (cause === 'silent' ? sum : sum + blindSecondsByCause[cause]), 0) / 3_600;
}

export function readyShare({ windows, hit }: Outcome['readyBy']): string {
  return windows === 0 ? 'none opened' : `${percent(hit / windows, 2)} of ${windows}`;
}

/** Rounded down: 99.9996 % is no promise kept in full. */
export function percent(share: number, digits: number): string {
  const factor = 10 ** (digits + 2);
  return `${((Math.floor(share * factor + 1e-9) / factor) * 100).toFixed(digits)} %`;
}

export function hours(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function seconds(ms: number): string {
  return ms <= 0 ? 'on time' : `${(ms / 1_000).toFixed(1)} s late`;
}
