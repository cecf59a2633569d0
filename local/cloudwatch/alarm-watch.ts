/**
 * The alarms of a stage on the local cloud's clock: each is judged every minute over the periods that end then, and a change
 * of state is told once. Metric math is the one expression that the alarms use, a difference.
 * Invariants: an alarm begins as INSUFFICIENT_DATA; an expression has a value only where all its metrics have one.
 */
import type { Alarm, Metric } from '../../core/alarms.ts';
import type { Clock } from '../../core/clock.ts';
import { type AlarmState, evaluateAlarm, rangeBeyondEvaluated } from './alarm-evaluation.ts';
import type { MetricStore } from './metric-store.ts';

const everyMs = 60_000;

export type AlarmChange = { alarm: string; meaning: string; from: AlarmState; to: AlarmState; atMs: number };
/** `name`: with the prefix; `sinceMs`: when the state last changed. */
export type WatchedAlarm = { name: string; alarm: Alarm; state: AlarmState; sinceMs: number };
export type AlarmWatchOptions = {
  /** Before each alarm's name. */
  prefix: string;
  alarms: readonly Alarm[];
  /** Called before each look, to count what AWS counts once a minute. */
  eachMinute: () => void;
  onChange: (change: AlarmChange) => void;
};

export class AlarmWatch {
  readonly #store: MetricStore;
  readonly #clock: Clock;
  readonly #options: AlarmWatchOptions;
  readonly #watched: WatchedAlarm[];
  #cancel: () => void = () => {};

  constructor(store: MetricStore, clock: Clock, options: AlarmWatchOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
    const sinceMs = clock.nowMs();
    this.#watched = options.alarms.map((alarm) => {
      if ('expression' in alarm.value) termsOf(alarm.value);
      return { name: `${options.prefix}-${alarm.name}`, alarm, state: 'INSUFFICIENT_DATA', sinceMs };
    });
    this.#arm();
  }

  states(): readonly Readonly<WatchedAlarm>[] {
    return this.#watched;
  }

  close(): void {
    this.#cancel();
  }

  #arm(): void {
    const nowMs = this.#clock.nowMs();
    this.#cancel = this.#clock.setTimer(everyMs - (nowMs % everyMs), () => {
      this.#options.eachMinute();
      this.#look();
      this.#arm();
    });
  }

  #look(): void {
    const nowMs = this.#clock.nowMs();
    for (const watched of this.#watched) {
      const { alarm, name, state } = watched;
      const next = evaluateAlarm(
        { evaluationPeriods: alarm.periods, datapointsToAlarm: alarm.periods, treatMissingData: alarm.silence },
        this.#rangeOf(alarm, nowMs),
        state,
      );
      if (next === state) continue;
      Object.assign(watched, { state: next, sinceMs: nowMs });
      this.#options.onChange({ alarm: name, meaning: alarm.meaning, from: state, to: next, atMs: nowMs });
    }
  }

  #rangeOf({ value, periodSeconds, periods, when, threshold }: Alarm, nowMs: number): (boolean | null)[] {
    const periodMs = periodSeconds * 1000;
    const endMs = Math.floor(nowMs / everyMs) * everyMs;
    return Array.from({ length: periods + rangeBeyondEvaluated }, (_, index) => {
      const toMs = endMs - (periods + rangeBeyondEvaluated - 1 - index) * periodMs;
      const of = ({ namespace, name: metricName, dimensions, statistic }: Metric) =>
        this.#store.aggregate({ namespace, metricName, dimensions }, statistic, toMs - periodMs, toMs, nowMs);
      const datapoint = 'expression' in value ? difference(termsOf(value).map(of)) : of(value);
      if (datapoint === null) return null;
      return when === 'above' ? datapoint > threshold : datapoint < threshold;
    });
  }
}

function difference([minuend, subtrahend]: readonly (number | null)[]): number | null {
  return minuend == null || subtrahend == null ? null : minuend - subtrahend;
}

function termsOf({ expression, metrics }: Extract<Alarm['value'], { expression: string }>): Metric[] {
  const ids = expression.split(' - ');
  const terms = ids.flatMap((id) => metrics[id] ?? []);
  if (ids.length !== 2 || terms.length !== 2) {
    throw new Error(`the local CloudWatch evaluates "a - b" alone, not "${expression}"`);
  }
  return terms;
}
