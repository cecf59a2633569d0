/**
 * `kvs-infer trace`: what one trace id led to, from the row, tick or event that it was made for to the worker's first frame, as
 * the tables tell it; beside that the lines of a log that have it: that of the `npm start` which runs here, or any file.
 * Contract: `--json` prints `{ traceId, beganAt, steps, log }`; `log` is null where no log was read. Exit code 1 when
 * nothing stored has the id.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Command, InvalidArgumentError } from 'commander';
import { plural } from '../core/control/plan-reason.ts';
import { KvsInferError } from '../core/errors.ts';
import { beganAtMs, traceIdIn, traceIdOfHeader } from '../core/trace.ts';
import { byTime, idsOfStory, type TracedDecision, type TraceStep, traceStory } from '../core/views/trace-view.ts';
import { findLocalStage, localStage } from './local-endpoint.ts';
import { onStage, type Stage, type StageOptions, withStageOptions } from './stage.ts';

type Log = { path: string; lines: string[]; more: number };
type Story = { traceId: string; beganAt: string; steps: TraceStep[]; log: Log | null };
type TraceOptions = StageOptions & { log?: string };

/** Clocks of functions differ by so much at most. */
const beforeMs = 60_000;
/** A run that answers a cause begins within minutes; what the worker tells of it comes back under the same id. */
const afterMs = 3_600_000;
const logLinesMax = 100;
const stepsShownMax = 100;
const actionsShownMax = 10;

export function traceCommand(program: Command): void {
  withStageOptions(
    program
      .command('trace')
      .description('print what one trace id led to: row, decision, worker, first frame')
      .argument('<traceId>', 'as camera show, plan explain and the logs print it', parseTraceId)
      .option('--log <file>', 'a log to look into as well; that of the npm start that runs here is found by itself'),
  )
    .addHelpText('after', '\nExample:\n  $ kvs-infer trace 1-69256f2a-8f2f0a4b7c1d2e3f4a5b6c7d --stage production')
    .action((traceId: string, options: TraceOptions) =>
      onStage(options, async (stage) => {
        const log = await logOf(traceId, stage.stage, options);
        const steps = await stepsOf(traceId, stage);
        if (steps.length === 0 && (log === null || log.lines.length === 0)) throw notFound(traceId, stage.stage);
        const story = { traceId, beganAt: new Date(beganAtMs(traceId)).toISOString(), steps, log };
        console.log(options.json ? JSON.stringify(story, null, 2) : describe(story, stage.stage));
      }),
    );
}

/** X-Ray's header is taken as well: it stands in the lines of Lambda. */
function parseTraceId(text: string): string {
  const traceId = traceIdIn(text) ?? traceIdOfHeader(text);
  if (traceId !== null) return traceId;
  throw new InvalidArgumentError('expected 1-<8 hex digits>-<24 hex digits>.');
}

async function stepsOf(traceId: string, { clients, tables }: Stage): Promise<TraceStep[]> {
  const [{ listFleets }, { readCameraStates }, { readWorkers }, { readTracedDecisions }] = await Promise.all([
    import('../aws/fleet-list.ts'),
    import('../aws/camera-states.ts'),
    import('../aws/workers.ts'),
    import('../aws/decisions.ts'),
  ]);
  const fleets = await listFleets(clients, tables.fleets);
  const steps: TraceStep[] = [];
  for (const { fleet } of fleets) {
    const [states, workers] = await Promise.all([
      readCameraStates(clients, tables.cameraStates, fleet),
      readWorkers(clients, tables.workers, fleet),
    ]);
    // A decision may answer several of the ids.
    const decisions = new Map<string, TracedDecision>();
    for (const id of idsOfStory(traceId, { states, workers })) {
      const atMs = beganAtMs(id);
      const span = { traceId: id, fromMs: atMs - beforeMs, toMs: atMs + afterMs };
      for (const decision of await readTracedDecisions(clients, tables.decisions, fleet, span))
        decisions.set(decision.at, decision);
    }
    steps.push(...traceStory(traceId, { states, workers, decisions: [...decisions.values()] }));
  }
  return steps.sort(byTime);
}

function notFound(traceId: string, stage: string): KvsInferError {
  return new KvsInferError('TRACE_NOT_FOUND', `nothing that stage ${stage} has stored knows ${traceId}`, {
    hint: 'a quiet tick stores nothing, an item knows its newest ids alone, decisions are kept for 30 days; the logs of the functions and workers know more (docs/operate.md)',
  });
}

async function logOf(traceId: string, stage: string, options: TraceOptions): Promise<Log | null> {
  const isHere = stage === localStage && options.endpointUrl === undefined;
  const path = options.log ?? (isHere ? (await findLocalStage())?.log : undefined);
  if (path === undefined) return null;
  const lines: string[] = [];
  let more = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      if (!line.includes(traceId)) continue;
      if (lines.length < logLinesMax) lines.push(line);
      else more += 1;
    }
  } catch (cause) {
    throw new KvsInferError('LOG_UNREADABLE', `cannot read the log ${path}`, { hint: 'check --log', cause });
  }
  return { path, lines, more };
}

function describe({ traceId, beganAt, steps, log }: Story, stage: string): string {
  const shown = steps.slice(0, stepsShownMax);
  const fleets = new Set(steps.map(({ fleet }) => fleet));
  return [
    `${traceId}, stage ${stage}: its cause came at ${beganAt}`,
    ...shown.flatMap(({ at, kind, fleet, words, actions, traceId: own }) => [
      `${at ?? 'no time told'.padEnd(24)}  ${kind.padEnd(11)}  ${fleets.size > 1 ? `fleet ${fleet}: ` : ''}${words}${own === traceId ? '' : ` (${own})`}`,
      ...bounded(actions).map((action) => `${' '.repeat(39)}${action}`),
    ]),
    ...(steps.length > shown.length ? [`and ${steps.length - shown.length} more steps (--json has all)`] : []),
    ...(log === null
      ? [`log lines: see "One id from cause to frame" in docs/operate.md for the query`]
      : [
          `${plural(log.lines.length + log.more, 'line')} of ${log.path}${log.lines.length === 0 ? '' : ':'}`,
          ...log.lines.map((line) => `  ${line}`),
          ...(log.more > 0 ? [`  and ${log.more} more`] : []),
        ]),
  ].join('\n');
}

function bounded(actions: readonly string[]): readonly string[] {
  const more = actions.length - actionsShownMax;
  return more > 0 ? [...actions.slice(0, actionsShownMax), `and ${more} more`] : actions;
}
