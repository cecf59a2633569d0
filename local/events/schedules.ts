/**
 * EventBridge Scheduler: schedules with `rate(…)` and `at(…)` that invoke a function on the local cloud's clock.
 * Invariant: a schedule fires at least once per period and never more often; an expression that is not supported
 * (`cron(…)`) is refused when the schedule is made.
 */
import { AwsError } from '../http/aws-error.ts';
import type { CloudContext } from '../service.ts';

const SCHEDULES_MAX = 1_000;
const periodsMs: Record<string, number> = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000 };

export type Schedule = {
  name: string;
  expression: string;
  enabled: boolean;
  targetArn: string;
  input: string;
  createdAtMs: number;
};

export type Scheduler = {
  put(schedule: Schedule, options?: { mustBeNew?: boolean; mustExist?: boolean }): void;
  remove(name: string): void;
  get(name: string): Schedule;
  list(): Schedule[];
  close(): void;
};

/** @param invoke called at each firing with the schedule's target and the event Scheduler would send. */
export function createScheduler(
  context: Pick<CloudContext, 'clock'>,
  invoke: (targetArn: string, event: unknown) => void,
): Scheduler {
  const schedules = new Map<string, { schedule: Schedule; cancel: () => void }>();

  const arm = (schedule: Schedule): (() => void) => {
    if (!schedule.enabled) return () => {};
    const delayMs = delayOf(schedule.expression, context.clock.nowMs());
    if (delayMs === null) return () => {};
    return context.clock.setTimer(delayMs, () => {
      const held = schedules.get(schedule.name);
      if (held?.schedule !== schedule) return;
      held.cancel = schedule.expression.startsWith('at') ? () => {} : arm(schedule);
      invoke(schedule.targetArn, parseInput(schedule.input));
    });
  };

  const get = (name: string): Schedule => {
    const held = schedules.get(name);
    if (held === undefined) throw new AwsError(404, 'ResourceNotFoundException', `Schedule ${name} does not exist.`);
    return held.schedule;
  };

  return {
    get,
    put(schedule, options = {}) {
      if (options.mustExist === true) get(schedule.name);
      if (options.mustBeNew === true && schedules.has(schedule.name)) {
        throw new AwsError(409, 'ConflictException', `Schedule ${schedule.name} already exists.`);
      }
      if (schedules.size >= SCHEDULES_MAX)
        throw new AwsError(
          402,
          'ServiceQuotaExceededException',
          `The limit of ${SCHEDULES_MAX} schedules was reached.`,
        );
      schedules.get(schedule.name)?.cancel();
      const cancel = arm(schedule);
      schedules.set(schedule.name, { schedule, cancel });
    },
    remove(name) {
      get(name);
      schedules.get(name)?.cancel();
      schedules.delete(name);
    },
    list: () => [...schedules.values()].map(({ schedule }) => schedule),
    close() {
      for (const { cancel } of schedules.values()) cancel();
      schedules.clear();
    },
  };
}

/** @returns milliseconds until the next firing, or null when an `at` lies in the past. `rate` in seconds is ours: AWS has minutes at the least. */
function delayOf(expression: string, nowMs: number): number | null {
  const rate = /^rate\((\d+) (second|minute|hour|day)s?\)$/.exec(expression);
  const periodMs = periodsMs[rate?.[2] ?? ''];
  if (rate !== null && periodMs !== undefined && Number(rate[1]) > 0) return Number(rate[1]) * periodMs;
  const at = /^at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)$/.exec(expression);
  const atMs = at === null ? Number.NaN : Date.parse(`${at[1]}Z`);
  if (Number.isNaN(atMs)) {
    throw new AwsError(
      400,
      'ValidationException',
      `Invalid Schedule Expression ${expression}: the local Scheduler takes rate(…) and at(…) in UTC.`,
    );
  }
  return atMs > nowMs ? atMs - nowMs : null;
}

function parseInput(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch {
    return input;
  }
}
