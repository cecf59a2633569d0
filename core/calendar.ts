/**
 * When a camera is to be watched: the weekly windows, dated exceptions and dated override of its row as UTC intervals.
 * Invariant: membership in an interval decides, never the proximity of a fire time; intervals are half-open, ordered,
 * disjoint and merged; where a local time does not exist or exists twice, nothing is watched less than was asked for.
 */
import { Temporal } from 'temporal-polyfill';
import { type Camera, type Weekday, type WeeklySchedule, weekdays } from './camera.ts';

/** Half-open `[startMs, endMs)`, Unix epoch milliseconds. */
export type Interval = { startMs: number; endMs: number };
export type Scheduled = Pick<Camera, 'enabled' | 'schedule' | 'override'>;

/**
 * All watched intervals that intersect `[fromMs, toMs)`, clipped to it. A camera that is not enabled has none. An
 * override holds for every instant before its `until`: rows carry no instant at which it began.
 */
export function scheduledIntervals(camera: Scheduled, fromMs: number, toMs: number): Interval[] {
  if (!camera.enabled || !(fromMs < toMs)) return [];
  const untilMs = camera.override === undefined ? Number.NEGATIVE_INFINITY : Date.parse(camera.override.until);
  const overriddenToMs = Math.min(Math.max(untilMs, fromMs), toMs);
  const intervals: Interval[] = [];
  if (camera.override?.state === 'on') intervals.push({ startMs: fromMs, endMs: overriddenToMs });
  if (camera.schedule === 'always') {
    intervals.push({ startMs: overriddenToMs, endMs: toMs });
  } else {
    for (const { startMs, endMs } of weeklyIntervals(oneOf(camera.schedule), overriddenToMs, toMs)) {
      intervals.push({ startMs: Math.max(startMs, overriddenToMs), endMs: Math.min(endMs, toMs) });
    }
  }
  return merge(intervals);
}

/**
 * One value for all cameras that are watched at the same hours as this one; null when it has hours of its own (a dated
 * override), or none. Fleets are large and opening hours few: who answers for a fleet answers once for each.
 */
export function sharedHours({ enabled, schedule, override }: Scheduled): object | 'always' | null {
  if (!enabled || override !== undefined) return null;
  return schedule === 'always' ? schedule : oneOf(schedule);
}

/** The same camera with the one schedule object of all that say the same: whoever asks it often finds its answers at hand. */
export function withSharedSchedule<One extends Scheduled>(camera: One): One {
  return camera.schedule === 'always' ? camera : { ...camera, schedule: oneOf(camera.schedule) };
}

/** Is `atMs` inside a watched interval? */
export function isScheduled(camera: Scheduled, atMs: number): boolean {
  return scheduledIntervals(camera, atMs, atMs + 1).length > 0;
}

/** Start of the first watched interval that begins after `afterMs` and before `afterMs + horizonMs`, else null. */
export function nextScheduledStart(camera: Scheduled, afterMs: number, horizonMs: number): number | null {
  const intervals = scheduledIntervals(camera, afterMs, afterMs + horizonMs);
  return intervals.find((interval) => interval.startMs > afterMs)?.startMs ?? null;
}

/** The schedules that were met, by what they say, and which of them stands for each. */
const schedulesByText = new Map<string, WeeklySchedule>();
const schedulesMax = 2_000;
const standsFor = new WeakMap<WeeklySchedule, WeeklySchedule>();

/** The first schedule that was met and that says the same. */
function oneOf(schedule: WeeklySchedule): WeeklySchedule {
  const known = standsFor.get(schedule);
  if (known !== undefined) return known;
  const first = remembered(schedulesByText, schedulesMax, JSON.stringify(schedule), () => schedule);
  standsFor.set(schedule, first);
  return first;
}

/** Windows that may intersect `[fromMs, toMs)`, unclipped and unmerged. A window begins on the local date that lists it. */
function weeklyIntervals(schedule: WeeklySchedule, fromMs: number, toMs: number): Interval[] {
  if (!(fromMs < toMs)) return [];
  const intersects = ({ startMs, endMs }: Interval) => startMs < toMs && endMs > fromMs;
  if (toMs - fromMs > rememberedSpanMaxMs) return computedIntervals(schedule, fromMs, toMs).filter(intersects);
  const known = knownWeeks.get(schedule);
  if (known !== undefined && known.startMs <= fromMs && toMs <= known.endMs) return known.intervals.filter(intersects);
  // Who asks twice of one schedule will ask on: a simulated minute later, and for nearly the same span.
  const aroundMs = known === undefined ? 0 : spanAroundMs;
  const span = { startMs: fromMs - aroundMs, endMs: toMs + aroundMs };
  const intervals = computedIntervals(schedule, span.startMs, span.endMs);
  knownWeeks.set(schedule, { ...span, intervals });
  return intervals.filter(intersects);
}

/** What was computed last of a schedule, and for which span. */
const knownWeeks = new WeakMap<WeeklySchedule, Interval & { intervals: Interval[] }>();
const spanAroundMs = 2 * 86_400_000;

function computedIntervals(schedule: WeeklySchedule, fromMs: number, toMs: number): Interval[] {
  const { timeZone } = schedule;
  const exceptions = new Map(schedule.exceptions.map((exception) => [exception.date, exception.windows]));
  const intervals: Interval[] = [];
  for (const { date, nextDate, weekday } of localDays(timeZone, fromMs, toMs)) {
    const windows = exceptions.get(date) ?? schedule.windows.filter((window) => window.days.includes(weekday));
    for (const { start, end } of windows) {
      const endDate = end === '24:00' || end <= start ? nextDate : date;
      const startMs = instantOf(date, start, timeZone, 'earlier');
      const endMs = instantOf(endDate, end === '24:00' ? '00:00' : end, timeZone, 'later');
      intervals.push({ startMs, endMs });
    }
  }
  return intervals;
}

/** A local date and what a calendar asks of it; dates are ISO 8601. */
type LocalDay = { date: string; nextDate: string; weekday: Weekday };

/**
 * Every camera of a fleet asks about the same span, and most share their time zone and opening hours: what Temporal
 * answered is kept, since asking it is all that a calendar costs. Bounded; forgetting changes nothing but time.
 */
const instantsMax = 10_000;
/** Longer spans are asked by people, once. */
const rememberedSpanMaxMs = 15 * 86_400_000;
const spansMax = 1_000;
const knownDays = new Map<string, LocalDay[]>();
const knownInstants = new Map<string, number>();

function remembered<Answer>(known: Map<string, Answer>, max: number, question: string, ask: () => Answer): Answer {
  const before = known.get(question);
  if (before !== undefined) return before;
  if (known.size >= max) known.clear();
  const answer = ask();
  known.set(question, answer);
  return answer;
}

/** The local dates whose windows may intersect `[fromMs, toMs)`. */
function localDays(timeZone: string, fromMs: number, toMs: number): LocalDay[] {
  const ask = () => {
    const dateOf = (ms: number) =>
      Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone).toPlainDate();
    // A window lasts at most one calendar day past its date, and a zone can skip a whole day (Samoa in 2011).
    const lastDate = dateOf(toMs - 1);
    const days: LocalDay[] = [];
    for (let date = dateOf(fromMs).subtract({ days: 2 }); Temporal.PlainDate.compare(date, lastDate) <= 0; ) {
      const next = date.add({ days: 1 });
      const weekday = weekdays[date.dayOfWeek - 1];
      if (weekday !== undefined) days.push({ date: date.toString(), nextDate: next.toString(), weekday });
      date = next;
    }
    return days;
  };
  if (toMs - fromMs > rememberedSpanMaxMs) return ask();
  return remembered(knownDays, spansMax, `${timeZone} ${fromMs} ${toMs}`, ask);
}

/**
 * The instant of a local time: `occurrence` of it where clocks go back, the first instant after the gap where clocks
 * skip it.
 */
function instantOf(date: string, time: string, timeZone: string, occurrence: 'earlier' | 'later'): number {
  return remembered(knownInstants, instantsMax, `${timeZone} ${date}T${time} ${occurrence}`, () => {
    const local = Temporal.PlainDateTime.from(`${date}T${time}`);
    const chosen = local.toZonedDateTime(timeZone, { disambiguation: occurrence });
    if (chosen.toPlainDateTime().equals(local)) return chosen.epochMilliseconds;
    const beforeGap = local.toZonedDateTime(timeZone, { disambiguation: 'earlier' });
    return beforeGap.getTimeZoneTransition('next')?.epochMilliseconds ?? chosen.epochMilliseconds;
  });
}

/** Sorted, disjoint, without empty intervals; intervals that touch become one. */
function merge(intervals: Interval[]): Interval[] {
  const sorted = intervals.filter(({ startMs, endMs }) => startMs < endMs).sort((a, b) => a.startMs - b.startMs);
  const merged: Interval[] = [];
  for (const { startMs, endMs } of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && startMs <= last.endMs) last.endMs = Math.max(last.endMs, endMs);
    else merged.push({ startMs, endMs });
  }
  return merged;
}
