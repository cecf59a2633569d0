/**
 * `kvs-infer plan explain`: what was known, what was decided and why, at an instant. For one that has passed, the stored
 * decision at or before it; for one to come, the control loop's own `decide` on what is observed now with the clock at that
 * instant. Contract: `--json` prints `{ kind, at, observedAt, decision }`; a hypothetical decision says that it is one, and
 * nothing is stored or done.
 */
import type { Command } from 'commander';
import { type Decision, decisionRecord } from '../core/control/record.ts';
import { KvsInferError } from '../core/errors.ts';
import { chosenNames, resourceNames } from '../core/names.ts';
import { parseInstant } from './schedule.ts';
import { onStage, type Stage, type StageOptions, withStageOptions } from './stage.ts';

type Explained = { kind: 'stored' | 'hypothetical'; at: string; observedAt: string | null; decision: Decision };

const activityPeriodMs = 60_000;
const exceptionsMax = 20;

export function planCommand(program: Command): void {
  const plan = program.command('plan').description('explain what the control loop decides');
  withStageOptions(
    plan
      .command('explain')
      .description('print what was known, what was decided and why')
      .option(
        '--at <ISO>',
        'instant; in the past the stored decision at or before it, in the future a hypothetical one',
      )
      .option('--fleet <fleet>', 'name of the fleet', 'default'),
  )
    .addHelpText('after', '\nExample:\n  $ kvs-infer plan explain --at 2026-11-24T08:00:00Z --stage production')
    .action((options: StageOptions & { at?: string; fleet: string }) =>
      onStage(options, async (stage) => {
        const nowMs = Date.now();
        const atMs = options.at === undefined ? nowMs : parseInstant('--at', options.at);
        const explained =
          atMs > nowMs
            ? await hypothetical(stage, options.fleet, nowMs, atMs)
            : await stored(stage, options.fleet, atMs);
        console.log(options.json ? JSON.stringify(explained, null, 2) : describe(explained));
      }),
    );
}

async function stored(stage: Stage, fleet: string, atMs: number): Promise<Explained> {
  const decision = await newest(stage, fleet, atMs);
  return { kind: 'stored', at: new Date(atMs).toISOString(), observedAt: null, decision };
}

async function newest({ clients, tables, stage }: Stage, fleet: string, beforeMs: number): Promise<Decision> {
  const { readDecisions } = await import('../aws/decisions.ts');
  const [decision] = await readDecisions(clients, tables.decisions, fleet, { limit: 1, beforeMs });
  if (decision !== undefined) return decision;
  const when = new Date(beforeMs).toISOString();
  throw new KvsInferError('DECISION_NOT_FOUND', `stage ${stage} has no decision of fleet "${fleet}" up to ${when}`, {
    hint: 'check fleet and stage; decisions are kept for 30 days',
  });
}

/** The policy is the one that the newest decision was made under; the fleet's item is merged into it again. */
async function hypothetical(stage: Stage, fleet: string, nowMs: number, atMs: number): Promise<Explained> {
  const [{ observeFleet }, { readFleet }, { decide }, { atInstant, plannedActions }, { defaultPolicy, fleetPolicy }] =
    await Promise.all([
      import('../aws/observe.ts'),
      import('../aws/fleets.ts'),
      import('../core/control/decide.ts'),
      import('../core/control/hypothesis.ts'),
      import('../core/control/policy.ts'),
    ]);
  const last = await newest(stage, fleet, nowMs);
  const deployment = { ...defaultPolicy, ...last.policy };
  const item = await readFleet(stage.clients, stage.tables.fleets, fleet);
  const names = resourceNames(stage.stage, '', chosenNames(process.env));
  const surroundings = { clients: stage.clients, stage: stage.stage, names, activityPeriodMs };
  const observed = await observeFleet(surroundings, item, fleetPolicy(deployment, item).policy, nowMs);
  const decision = decide(atInstant(observed, nowMs, atMs), deployment, atMs);
  const record = decisionRecord(fleet, decision, observed.cameras, plannedActions(decision), 'hypothetical', {});
  if (record === null) throw new Error('a decision without a predecessor is always recorded');
  return {
    ...{ kind: 'hypothetical', at: new Date(atMs).toISOString(), observedAt: new Date(nowMs).toISOString() },
    decision: record,
  };
}

function describe({ kind, at, observedAt, decision }: Explained): string {
  const { fleet, trigger, inputs, previous, desired, reason } = decision;
  const head =
    kind === 'stored'
      ? `fleet ${fleet}: stored decision of ${decision.at} (${trigger}), the newest up to ${at}`
      : `fleet ${fleet}: HYPOTHETICAL decision at ${at}, on what was observed at ${observedAt}; nothing is stored or done`;
  const list = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`)];
  const exceptions = decision.exceptions.map(({ cameraId, phase, reason: why }) => `${cameraId} ${phase}: ${why}`);
  const more = exceptions.length - exceptionsMax;
  return [
    head,
    ...(decision.traceId === undefined
      ? []
      : [`trace: ${[decision.traceId, ...(decision.traceLinks ?? [])].join(', ')}`]),
    ...list(
      'known',
      Object.entries(inputs).map(([name, value]) => `${name} ${value}`),
    ),
    ...(decision.policy === undefined ? [] : list('policy', [JSON.stringify(decision.policy)])),
    `decided: instances ${previous.instances} -> ${desired.instances}, tasks ${previous.tasks} -> ${desired.tasks}`,
    `because: ${reason}`,
    ...list('problems', decision.problems ?? []),
    ...list(kind === 'stored' ? 'done' : 'would be done', decision.actions),
    ...list('cameras that do not get what they asked for', [
      ...exceptions.slice(0, exceptionsMax),
      ...(more > 0 ? [`and ${more} more`] : []),
    ]),
  ].join('\n');
}
