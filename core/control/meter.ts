/**
 * What a fleet used and kept, day by day: instance seconds and their price, idle GPU seconds, windows and how they were
 * kept, and the ledger's seconds of all its cameras. Each run adds the time since the last one, so a day is as exact as the runs are frequent; nothing more is stored for it than
 * the fleet's item, which is written anyway.
 * Invariants: a clock that jumps back adds nothing, one that jumps forward at most an hour; at most eight days are kept.
 */
import { Temporal } from 'temporal-polyfill';
import type { FleetItem, WorkerItem } from '../fleet-state.ts';
import type { LedgerEntry } from './ledger.ts';
import type { FleetObservation, GroupInstance } from './observation.ts';
import { presentInstances } from './observation.ts';
import type { WindowPromise } from './ready-by.ts';

/** A week, and today. */
const daysMax = 8;
/** A loop that stood still for longer knows no more what ran meanwhile. */
const gapMaxMs = 3_600_000;

/** What a fleet used and kept on one calendar day, in the zone of its budget. */
export type FleetDay = {
  /** `YYYY-MM-DD`. */
  day: string;
  /** By the prices of core/cost; what has no price there counts nothing. */
  usd: number;
  instanceSeconds: number;
  /** Seconds in which a worker was ready and had nobody to watch: before windows, and until scale-in. */
  idleSeconds: number;
  windows: number;
  windowsHit: number;
  latenessMaxMs: number;
  /** Of all cameras, as the ledger has them by camera; absent in days that an older version counted. */
  scheduledSeconds?: number;
  inferredSeconds?: number;
  /** By cause. */
  blindSeconds?: Record<string, number>;
};

export type Meter = { meteredThroughMs: number; days: FleetDay[] };

/** The calendar day of an instant, and where the next one begins, in the zone in which the budget counts. */
export function dayOf(atMs: number, timeZone: string): { day: string; endMs: number } {
  const date = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timeZone).toPlainDate();
  const next = date.add({ days: 1 }).toZonedDateTime({ timeZone, plainTime: '00:00' });
  return { day: date.toString(), endMs: next.epochMilliseconds };
}

/** @param idle workers that are ready and have nobody to watch at this instant. */
export function meterRun(input: {
  item: FleetItem;
  observation: Pick<FleetObservation, 'group' | 'usdPerHour'>;
  idle: readonly WorkerItem[];
  timeZone: string;
  nowMs: number;
}): Meter {
  const { item, observation, idle, timeZone, nowMs } = input;
  const days = new Map((item.days ?? []).map((day) => [day.day, { ...day }]));
  const throughMs = item.meteredThroughMs ?? nowMs;
  // What lies ahead of now was written by a clock that was wrong.
  let fromMs = throughMs > nowMs ? nowMs : Math.max(throughMs, nowMs - gapMaxMs);
  const instances = presentInstances(observation.group);
  const usdPerHour = instances.reduce((sum, instance) => sum + (priceOf(instance, observation.usdPerHour) ?? 0), 0);
  while (fromMs < nowMs) {
    const { day, endMs } = dayOf(fromMs, timeZone);
    const untilMs = Math.min(nowMs, endMs);
    const seconds = (untilMs - fromMs) / 1_000;
    const entry = days.get(day) ?? emptyDay(day);
    entry.instanceSeconds = rounded(entry.instanceSeconds + seconds * instances.length);
    entry.idleSeconds = rounded(entry.idleSeconds + seconds * Math.min(idle.length, instances.length));
    entry.usd = Math.round((entry.usd + (usdPerHour * seconds) / 3_600) * 1e6) / 1e6;
    days.set(day, entry);
    fromMs = untilMs;
  }
  return { meteredThroughMs: nowMs, days: newest([...days.values()]) };
}

/** What a run has accounted for. Windows count on the day on which they opened, seconds on the day of their hour. */
export function withAccounts(
  meter: Meter,
  { promises, entries }: { promises: readonly WindowPromise[]; entries: readonly LedgerEntry[] },
  timeZone: string,
): Meter {
  const days = new Map(meter.days.map((day) => [day.day, { ...day }]));
  const dayOfHour = new Map<string, string>();
  for (const { hour, scheduledSeconds, inferredSeconds, blindSeconds } of entries) {
    const day = dayOfHour.get(hour) ?? dayOf(Date.parse(hour.replace('Z', ':00:00Z')), timeZone).day;
    dayOfHour.set(hour, day);
    const entry = days.get(day) ?? emptyDay(day);
    entry.scheduledSeconds = rounded((entry.scheduledSeconds ?? 0) + scheduledSeconds);
    entry.inferredSeconds = rounded((entry.inferredSeconds ?? 0) + inferredSeconds);
    const blind = { ...entry.blindSeconds };
    for (const [cause, seconds] of Object.entries(blindSeconds)) blind[cause] = rounded((blind[cause] ?? 0) + seconds);
    entry.blindSeconds = blind;
    days.set(day, entry);
  }
  for (const { windowStartMs, outcome, latenessMs } of promises) {
    const { day } = dayOf(windowStartMs, timeZone);
    const entry = days.get(day) ?? emptyDay(day);
    entry.windows += 1;
    if (outcome === 'hit') entry.windowsHit += 1;
    else entry.latenessMaxMs = Math.max(entry.latenessMaxMs, latenessMs);
    days.set(day, entry);
  }
  return { ...meter, days: newest([...days.values()]) };
}

/** US dollars an hour; null when the price is not known. What EC2 did not tell the market of is paid on demand. */
export function priceOf(
  { instanceType, market }: Pick<GroupInstance, 'instanceType' | 'market'>,
  usdPerHour: FleetObservation['usdPerHour'],
): number | null {
  return usdPerHour?.get(`${instanceType}/${market ?? 'on-demand'}`) ?? null;
}

function emptyDay(day: string): FleetDay {
  return { day, usd: 0, instanceSeconds: 0, idleSeconds: 0, windows: 0, windowsHit: 0, latenessMaxMs: 0 };
}

function newest(days: FleetDay[]): FleetDay[] {
  return days.sort((a, b) => (a.day < b.day ? -1 : 1)).slice(-daysMax);
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1_000) / 1_000;
}
