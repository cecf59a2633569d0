/**
 * The alarms of the stage, and what the overview says of them. CloudWatch judges once a minute and answers few calls a second,
 * so one answer serves everybody who asks within some seconds.
 * Invariant: an alarm that cannot be read is said to be so, and takes no other answer with it.
 */
import { createRoute, z } from '@hono/zod-openapi';
import { readAlarms } from '../../aws/alarms.ts';
import { KvsInferError } from '../../core/errors.ts';
import { type AlarmReport, type AlarmView, alarmReport } from '../../core/views/alarm-view.ts';
import type { ControlDeps } from '../handler-deps.ts';
import { json, unlessKnown } from './answers.ts';
import type { Api } from './app.ts';
import { failures } from './cameras.ts';

const keptMs = 10_000;

const alarmSchema = z
  .object({
    alarm: z.string().meta({ description: 'without the prefix of the stage, as in docs/operate.md' }),
    fleet: z.string().nullable().meta({ description: 'null: of the whole stage' }),
    state: z.enum(['OK', 'ALARM', 'INSUFFICIENT_DATA']),
    since: z.string().nullable(),
    meaning: z.string(),
    action: z.string(),
  })
  .meta({ id: 'Alarm' });
export const alarmReportSchema = z
  .object({
    ringing: z.array(alarmSchema),
    unreadable: z.string().nullable().meta({ description: 'why nobody knows; null when the alarms could be read' }),
  })
  .meta({ id: 'AlarmReport' });

/** Of one process. */
export type Alarms = { all(): Promise<AlarmView[]>; report(): Promise<AlarmReport> };

export function alarmsOf({ clients, clock, environment, telemetry }: ControlDeps): Alarms {
  let kept: { atMs: number; answer: Promise<AlarmView[]> } | null = null;
  const all = () => {
    const nowMs = clock.monotonicMs();
    if (kept !== null && nowMs - kept.atMs < keptMs) return kept.answer;
    const answer = readAlarms(clients, environment.stage, environment.fleets);
    kept = { atMs: nowMs, answer };
    answer.catch((error: unknown) => telemetry.logger.warn('the alarms could not be read', { failure: String(error) }));
    return answer;
  };
  return {
    all,
    async report() {
      try {
        return alarmReport(await all());
      } catch (error) {
        // The log has the words; a caller may know as much as of any other failure.
        return {
          ringing: [],
          unreadable: error instanceof KvsInferError ? error.code : 'unexpected; the log tells more',
        };
      }
    },
  };
}

export function addAlarmRoutes(app: Api, alarms: Alarms): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/alarms',
      summary: 'Every alarm of the stage: what rings first, since when, what it means and what to do',
      responses: {
        200: json(z.object({ alarms: z.array(alarmSchema) }), 'answers 304 to If-None-Match while nothing changes'),
        ...failures,
      },
    }),
    async (context) => unlessKnown(context, { alarms: await alarms.all() }),
  );
}
