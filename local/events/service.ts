/**
 * EventBridge and EventBridge Scheduler behind the front: reads their requests, keeps their definitions on disk, and
 * hands what fires to the Lambda host. Invariant: definitions survive a restart; events in flight do not.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AwsError } from '../http/aws-error.ts';
import { sendJson } from '../http/respond.ts';
import type { CloudContext, LocalRequest, LocalService } from '../service.ts';
import type { EventPattern } from './event-pattern.ts';
import { createEventBus, type Rule } from './rules.ts';
import { createScheduler, type Schedule, type Scheduler } from './schedules.ts';

type Members = Record<string, unknown>;
export type EventsService = LocalService &
  Pick<CloudContext, 'emit'> & {
    /** A rule with one target, made or changed. @throws AwsError for a pattern that cannot be matched. */
    putRule(name: string, pattern: EventPattern, targetArn: string): Promise<void>;
    /** A schedule, made or changed; its period begins anew. */
    putSchedule(name: string, expression: string, targetArn: string): Promise<void>;
  };

/** @param options.invoke delivers an event to the target with this ARN; it must not throw. */
export async function createEventsService(
  context: Pick<CloudContext, 'clock' | 'region' | 'accountId' | 'dataFolder'>,
  options: { invoke: (targetArn: string, event: unknown) => void },
): Promise<EventsService> {
  const file = context.dataFolder === null ? null : join(context.dataFolder, 'events.json');
  const saved = await load(file);
  const rules = new Map(saved.rules.map((rule) => [rule.name, rule]));
  const scheduler = createScheduler(context, options.invoke);
  for (const schedule of saved.schedules) scheduler.put(schedule);
  // One save at a time: two would write the same temporary file.
  let saving = Promise.resolve();
  const changed = () => {
    saving = saving.then(() => save(file, { rules: [...rules.values()], schedules: scheduler.list() }));
    return saving;
  };
  const bus = createEventBus({ context, rules, changed, invoke: options.invoke });
  return {
    scopes: ['events', 'scheduler'],
    emit: bus.emit,
    async putRule(name, pattern, targetArn) {
      await bus.operations.PutRule?.({ Name: name, EventPattern: JSON.stringify(pattern) });
      await bus.operations.PutTargets?.({ Rule: name, Targets: [{ Id: 'target', Arn: targetArn }] });
    },
    async putSchedule(name, expression, targetArn) {
      const createdAtMs = context.clock.nowMs();
      scheduler.put({ name, expression, enabled: true, targetArn, input: '{}', createdAtMs });
      await changed();
    },
    async handle(request, response) {
      if (request.scope === 'scheduler') {
        sendJson(response, await answerScheduler(scheduler, changed, context, request));
        return;
      }
      const operation = bus.operations[request.operation];
      if (operation === undefined)
        throw new AwsError(
          400,
          'UnknownOperationException',
          `The local EventBridge does not answer ${request.operation}.`,
        );
      const output = await operation(parse(await request.body()));
      sendJson(response, output, { contentType: 'application/x-amz-json-1.1' });
    },
    async close() {
      scheduler.close();
    },
  };
}

async function answerScheduler(
  scheduler: Scheduler,
  changed: () => Promise<void>,
  context: Pick<CloudContext, 'clock' | 'region' | 'accountId'>,
  request: LocalRequest,
): Promise<Members> {
  const name = /^\/schedules\/([A-Za-z0-9_.-]{1,64})$/.exec(request.path)?.[1];
  const arnOf = (schedule: Schedule) =>
    `arn:aws:scheduler:${context.region}:${context.accountId}:schedule/default/${schedule.name}`;
  if (name === undefined) {
    if (request.method === 'GET' && request.path === '/schedules') {
      return {
        Schedules: scheduler.list().map((schedule) => ({
          Name: schedule.name,
          Arn: arnOf(schedule),
          GroupName: 'default',
          State: stateOf(schedule),
        })),
      };
    }
    throw new AwsError(
      400,
      'ValidationException',
      `The local Scheduler does not answer ${request.method} ${request.path}.`,
    );
  }
  if (request.method === 'GET') {
    const schedule = scheduler.get(name);
    return {
      Name: name,
      Arn: arnOf(schedule),
      GroupName: 'default',
      State: stateOf(schedule),
      ScheduleExpression: schedule.expression,
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: { Arn: schedule.targetArn, Input: schedule.input },
    };
  }
  if (request.method === 'DELETE') {
    scheduler.remove(name);
    await changed();
    return {};
  }
  const input = parse(await request.body());
  const target = (input.Target ?? {}) as Members;
  const schedule: Schedule = {
    name,
    expression: String(input.ScheduleExpression ?? ''),
    enabled: input.State !== 'DISABLED',
    targetArn: String(target.Arn ?? ''),
    input: String(target.Input ?? '{}'),
    createdAtMs: context.clock.nowMs(),
  };
  scheduler.put(schedule, request.method === 'POST' ? { mustBeNew: true } : { mustExist: true });
  await changed();
  return { ScheduleArn: arnOf(schedule) };
}

function stateOf(schedule: Schedule): string {
  return schedule.enabled ? 'ENABLED' : 'DISABLED';
}

function parse(body: Buffer): Members {
  if (body.length === 0) return {};
  try {
    const value: unknown = JSON.parse(body.toString());
    if (typeof value === 'object' && value !== null) return value as Members;
  } catch {
    // Answered below.
  }
  throw new AwsError(400, 'SerializationException', 'The request body is not a JSON object.');
}

type Saved = { rules: Rule[]; schedules: Schedule[] };

async function load(file: string | null): Promise<Saved> {
  if (file === null) return { rules: [], schedules: [] };
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Saved;
  } catch {
    // No file yet, or one that a crash cut short: the stage's start makes its rules and schedules again.
    return { rules: [], schedules: [] };
  }
}

async function save(file: string | null, state: Saved): Promise<void> {
  if (file === null) return;
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify(state));
  await rename(`${file}.new`, file);
}
