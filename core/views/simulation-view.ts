/**
 * A change of schedules and what it comes to, as people and scripts see it: by the calendar, and as it was played.
 * Invariant: both sides are of the same days, the same chances and the same prices; what is unknown is null.
 */
import { type HourPrices, type Outcome, outcomeOf, sumOfTallies } from '../simulation/outcome.ts';
import type { CalendarFigures, CameraChange } from '../simulation/schedule-change.ts';
import type { FleetRun } from '../simulation/simulate.ts';
import { sumOfTimelines } from '../simulation/timeline.ts';

export type PlayedOutcome = Omit<Outcome, 'costUsd'> & { costUsd: number | null };
export type PlayedChange = {
  /** The days after it were not played. */
  to: string;
  before: PlayedOutcome;
  after: PlayedOutcome;
  /** Means over buckets of instances that are paid for. */
  instances: { fromMs: number; bucketMs: number; before: number[]; after: number[] };
};
export type Simulation = {
  from: string;
  to: string;
  seed: string;
  fleets: string[];
  usdPerInstanceHour: number | null;
  changes: CameraChange[];
  calendar: { before: CalendarFigures; after: CalendarFigures };
  /** Null: it was too much for a request. */
  played: PlayedChange | null;
  /** In words. */
  notSimulated: string[];
};

/** @param prices null: not known. */
export function playedChange(
  before: readonly FleetRun[],
  after: readonly FleetRun[],
  to: string,
  prices: HourPrices | null,
): PlayedChange {
  const outcome = (runs: readonly FleetRun[]): PlayedOutcome => {
    const one = outcomeOf(sumOfTallies(runs.map(({ tally }) => tally)), prices ?? { onDemandUsd: 0, spotUsd: 0 });
    return { ...one, costUsd: prices === null ? null : one.costUsd };
  };
  const lines = sumOfTimelines(before.map(({ instances }) => instances));
  const linesAfter = sumOfTimelines(after.map(({ instances }) => instances));
  const { fromMs = 0, bucketMs = 1 } = lines ?? {};
  const instances = { fromMs, bucketMs, before: lines?.values.paid ?? [], after: linesAfter?.values.paid ?? [] };
  return { to, before: outcome(before), after: outcome(after), instances };
}
