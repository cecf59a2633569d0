/**
 * The alarms of a stage as people see them: which ring, since when, what that means and what to do. The words are those that
 * were deployed with each alarm, so that mail, command and dashboard say the same.
 * Invariant: an alarm belongs to the stage by its exact name: a stage called `a` shows none of `a-b`, which begins alike.
 */
import { alarmedFunctions, alarmedQueues, apiAlarms, functionAlarms, natAlarms, queueAlarms } from '../alarms.ts';
import { fleetAlarms, gpuAlarms } from '../fleet-alarms.ts';

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
/** As CloudWatch has it; `sinceMs`: when the state last changed, null when that is not told. */
export type StoredAlarm = { name: string; description: string; state: AlarmState; sinceMs: number | null };
export type AlarmView = {
  /** Without the stage's prefix, as in docs/operate.md. */
  alarm: string;
  /** Null: it is of the whole stage. */
  fleet: string | null;
  state: AlarmState;
  since: string | null;
  meaning: string;
  action: string;
};
/** What an overview says of alarms: those that ring, or why nobody knows. */
export type AlarmReport = { ringing: AlarmView[]; unreadable: string | null };

/** More NAT gateways than a region has zones. */
const natsMax = 16;
const order: readonly AlarmState[] = ['ALARM', 'INSUFFICIENT_DATA', 'OK'];

export function alarmPrefix(stage: string): string {
  return `kvs-infer-${stage}-`;
}

/** Those of this stage, what rings first, and of these the newest. */
export function alarmViews(stored: readonly StoredAlarm[], stage: string, fleets: readonly string[]): AlarmView[] {
  const fleetOf = new Map<string, string | null>([
    ...stageAlarmNames().map((name) => [name, null] as const),
    ...fleets.flatMap((fleet) => fleetAlarmNames(fleet).map((name) => [name, fleet] as const)),
  ]);
  const prefix = alarmPrefix(stage);
  return stored
    .flatMap(({ name, description, state, sinceMs }): AlarmView[] => {
      const alarm = name.startsWith(prefix) ? name.slice(prefix.length) : '';
      const fleet = fleetOf.get(alarm);
      if (fleet === undefined) return [];
      const [meaning = '', ...rest] = description.split('\n');
      const since = sinceMs === null ? null : new Date(sinceMs).toISOString();
      return [{ alarm, fleet, state, since, meaning, action: rest.join(' ') }];
    })
    .sort(
      (a, b) =>
        order.indexOf(a.state) - order.indexOf(b.state) ||
        (b.since ?? '').localeCompare(a.since ?? '') ||
        a.alarm.localeCompare(b.alarm),
    );
}

export function alarmReport(alarms: readonly AlarmView[]): AlarmReport {
  return { ringing: alarms.filter(({ state }) => state === 'ALARM'), unreadable: null };
}

function stageAlarmNames(): string[] {
  const functions = alarmedFunctions.map((id) => ({ id, name: id }));
  return [
    ...functionAlarms(functions, '', ''),
    ...apiAlarms(''),
    ...queueAlarms(Object.fromEntries(alarmedQueues.map((queue) => [queue, queue]))),
    ...natAlarms(Array.from({ length: natsMax }, String), 'managed'),
  ].map(({ name }) => name);
}

function fleetAlarmNames(fleet: string): string[] {
  return [...fleetAlarms(fleet, '', {}, { cluster: '', service: '' }), ...gpuAlarms(fleet, '', '')].map(
    ({ name }) => name,
  );
}
