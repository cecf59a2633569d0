/**
 * EventBridge's default bus: PutEvents, rules and their targets. Invariant: delivery is asynchronous and goes to every
 * target whose rule matches; a target that fails is the target's matter (Lambda retries it), never the sender's.
 */
import { randomUUID } from 'node:crypto';
import { AwsError } from '../http/aws-error.ts';
import type { CloudContext, LocalEvent } from '../service.ts';
import { type EventPattern, matchesPattern, patternProblem } from './event-pattern.ts';

/** EventBridge: entries per PutEvents and bytes per request. */
const ENTRIES_MAX = 10;
const ENTRY_BYTES_MAX = 256 * 1024;
const RULES_MAX = 300;
const TARGETS_PER_RULE_MAX = 5;

export type Target = { Id: string; Arn: string };
export type Rule = { name: string; pattern: EventPattern; enabled: boolean; targets: Target[] };
type Members = Record<string, unknown>;

export type RulesOptions = {
  context: Pick<CloudContext, 'clock' | 'region' | 'accountId'>;
  rules: Map<string, Rule>;
  changed: () => Promise<void>;
  invoke: (targetArn: string, event: LocalEvent) => void;
};

export type EventBus = {
  operations: Record<string, (input: Members) => Promise<Members>>;
  emit: CloudContext['emit'];
};

export function createEventBus({ context, rules, changed, invoke }: RulesOptions): EventBus {
  const arnOf = (name: string) => `arn:aws:events:${context.region}:${context.accountId}:rule/${name}`;
  const find = (input: Members, member = 'Name'): Rule => {
    const rule = rules.get(String(input[member]));
    if (rule === undefined)
      throw new AwsError(
        400,
        'ResourceNotFoundException',
        `Rule ${String(input[member])} does not exist on EventBus default.`,
      );
    return rule;
  };
  const publish = (event: LocalEvent) => {
    for (const rule of rules.values()) {
      if (!rule.enabled || !matchesPattern(rule.pattern, event)) continue;
      for (const target of rule.targets) invoke(target.Arn, event);
    }
  };
  const emit: CloudContext['emit'] = ({ source, detail, resources, 'detail-type': detailType }) => {
    publish({
      version: '0',
      id: randomUUID(),
      'detail-type': detailType,
      source,
      account: context.accountId,
      time: new Date(context.clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z'),
      region: context.region,
      resources: resources ?? [],
      detail,
    });
  };
  return {
    emit,
    operations: {
      PutEvents: async (input) => putEvents(input, emit),
      PutRule: async (input) => {
        const name = String(input.Name ?? '');
        if (!/^[.\-_A-Za-z0-9]{1,64}$/.test(name))
          throw invalid(`Value '${name}' at 'name' failed to satisfy constraint: [.\\-_A-Za-z0-9]+`);
        if (input.EventPattern === undefined)
          throw invalid('The local EventBridge takes rules with an EventPattern; use Scheduler for schedules.');
        const pattern = parsePattern(String(input.EventPattern));
        if (!rules.has(name) && rules.size >= RULES_MAX)
          throw new AwsError(400, 'LimitExceededException', `The limit of ${RULES_MAX} rules was reached.`);
        rules.set(name, {
          name,
          pattern,
          enabled: input.State !== 'DISABLED',
          targets: rules.get(name)?.targets ?? [],
        });
        await changed();
        return { RuleArn: arnOf(name) };
      },
      PutTargets: async (input) => {
        const rule = find(input, 'Rule');
        const added = (Array.isArray(input.Targets) ? input.Targets : []) as Target[];
        const kept = rule.targets.filter((target) => !added.some(({ Id }) => Id === target.Id));
        if (kept.length + added.length > TARGETS_PER_RULE_MAX)
          throw new AwsError(
            400,
            'LimitExceededException',
            `The limit of ${TARGETS_PER_RULE_MAX} targets per rule was reached.`,
          );
        rule.targets = [...kept, ...added.map(({ Id, Arn }) => ({ Id, Arn }))];
        await changed();
        return { FailedEntryCount: 0, FailedEntries: [] };
      },
      RemoveTargets: async (input) => {
        const rule = find(input, 'Rule');
        const ids = (Array.isArray(input.Ids) ? input.Ids : []) as string[];
        rule.targets = rule.targets.filter((target) => !ids.includes(target.Id));
        await changed();
        return { FailedEntryCount: 0, FailedEntries: [] };
      },
      DeleteRule: async (input) => {
        const rule = rules.get(String(input.Name));
        if (rule !== undefined && rule.targets.length > 0) throw invalid("Rule can't be deleted since it has targets.");
        rules.delete(String(input.Name));
        await changed();
        return {};
      },
      DescribeRule: async (input) => describe(find(input), arnOf),
      ListRules: async (input) => ({
        Rules: [...rules.values()]
          .filter((rule) => rule.name.startsWith(String(input.NamePrefix ?? '')))
          .map((rule) => describe(rule, arnOf)),
      }),
      ListTargetsByRule: async (input) => ({ Targets: find(input, 'Rule').targets }),
    },
  };
}

function putEvents(input: Members, emit: CloudContext['emit']): Members {
  const entries = (Array.isArray(input.Entries) ? input.Entries : []) as Members[];
  if (entries.length === 0 || entries.length > ENTRIES_MAX) {
    throw invalid(
      `1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and ${ENTRIES_MAX}`,
    );
  }
  let failed = 0;
  const results = entries.map((entry) => {
    const problem = entryProblem(entry);
    if (problem !== null) {
      failed += 1;
      return problem;
    }
    emit({
      source: String(entry.Source),
      'detail-type': String(entry.DetailType),
      detail: JSON.parse(String(entry.Detail)),
      resources: (entry.Resources as string[] | undefined) ?? [],
    });
    return { EventId: randomUUID() };
  });
  return { FailedEntryCount: failed, Entries: results };
}

function entryProblem(entry: Members): Members | null {
  if (!entry.Source || !entry.DetailType || entry.Detail === undefined) {
    return { ErrorCode: 'InvalidArgument', ErrorMessage: 'Parameter Source, DetailType and Detail are required.' };
  }
  if (String(entry.Detail).length > ENTRY_BYTES_MAX)
    return { ErrorCode: 'InvalidArgument', ErrorMessage: 'Total size of the entry is over 256 KB.' };
  try {
    const detail: unknown = JSON.parse(String(entry.Detail));
    if (typeof detail === 'object' && detail !== null && !Array.isArray(detail)) return null;
  } catch {
    // Answered below, like any other detail that is not an object.
  }
  return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
}

function parsePattern(text: string): EventPattern {
  let pattern: unknown;
  try {
    pattern = JSON.parse(text);
  } catch {
    throw new AwsError(400, 'InvalidEventPatternException', 'Event pattern is not valid. Reason: it is not JSON');
  }
  const problem = patternProblem(pattern);
  if (problem !== null) throw new AwsError(400, 'InvalidEventPatternException', problem);
  return pattern as EventPattern;
}

function describe(rule: Rule, arnOf: (name: string) => string): Members {
  return {
    Name: rule.name,
    Arn: arnOf(rule.name),
    EventPattern: JSON.stringify(rule.pattern),
    State: rule.enabled ? 'ENABLED' : 'DISABLED',
    EventBusName: 'default',
  };
}

function invalid(message: string): AwsError {
  return new AwsError(400, 'ValidationException', message);
}
