/**
 * DescribeAlarms: the alarms that the local CloudWatch evaluates, as AWS describes those of a deployment: page by page, by
 * name, prefix or state. Nobody is notified here, so actions are told to be none.
 * Invariant: a page goes on behind the last name of the one before, whatever began or ceased to ring in between.
 */
import type { Alarm, Metric } from '../../core/alarms.ts';
import { alarmDescription } from '../../core/alarms.ts';
import { AwsError } from '../http/aws-error.ts';
import type { WatchedAlarm } from './alarm-watch.ts';
import { instant, invalid, type Members, text } from './members.ts';

const recordsUsual = 50;
const recordsMax = 100;
const states: readonly unknown[] = ['OK', 'ALARM', 'INSUFFICIENT_DATA'];
/** What the local cloud does not look into; AWS does. */
const notHere = ['ActionPrefix', 'ChildrenOfAlarmName', 'ParentsOfAlarmName'];

export function describeAlarms(
  alarms: readonly WatchedAlarm[],
  { region, accountId }: { region: string; accountId: string },
  input: Members,
): Members {
  for (const name of notHere) {
    if (input[name] !== undefined) throw invalid(`The parameter ${name} is not supported locally.`);
  }
  const { AlarmNames: names, AlarmNamePrefix: prefix, StateValue: state, AlarmTypes: types } = input;
  const limit = input.MaxRecords ?? recordsUsual;
  if (!Number.isInteger(limit) || (limit as number) < 1 || (limit as number) > recordsMax) {
    throw new AwsError(400, 'ValidationException', `MaxRecords must be between 1 and ${recordsMax}.`);
  }
  if (state !== undefined && !states.includes(state)) {
    throw new AwsError(400, 'ValidationException', `StateValue must be one of ${states.join(', ')}.`);
  }
  if (names !== undefined && prefix !== undefined) {
    throw new AwsError(
      400,
      'InvalidParameterCombinationException',
      'AlarmNames and AlarmNamePrefix may not be used together.',
    );
  }
  const isMetric = !Array.isArray(types) || types.length === 0 || types.includes('MetricAlarm');
  const behind = input.NextToken === undefined ? '' : nameOf(text(input.NextToken, 'NextToken'));
  const found = alarms
    .filter(({ name }) => isMetric && name > behind)
    .filter(({ name }) => !Array.isArray(names) || names.includes(name))
    .filter(({ name }) => prefix === undefined || name.startsWith(String(prefix)))
    .filter((alarm) => state === undefined || alarm.state === state)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const page = found.slice(0, limit as number);
  const last = page.at(-1);
  return {
    CompositeAlarms: [],
    MetricAlarms: page.map((alarm) => ({
      AlarmArn: `arn:aws:cloudwatch:${region}:${accountId}:alarm:${alarm.name}`,
      ...membersOf(alarm),
    })),
    ...(last === undefined || page.length === found.length ? {} : { NextToken: tokenOf(last.name) }),
  };
}

function membersOf({ name, alarm, state, sinceMs }: WatchedAlarm): Members {
  const { value, periodSeconds } = alarm;
  return {
    AlarmName: name,
    AlarmDescription: alarmDescription(alarm),
    StateValue: state,
    StateUpdatedTimestamp: instant(sinceMs),
    StateTransitionedTimestamp: instant(sinceMs),
    ActionsEnabled: false,
    ...{ AlarmActions: [], OKActions: [], InsufficientDataActions: [] },
    ComparisonOperator: alarm.when === 'above' ? 'GreaterThanThreshold' : 'LessThanThreshold',
    EvaluationPeriods: alarm.periods,
    Threshold: alarm.threshold,
    TreatMissingData: alarm.silence,
    ...('expression' in value
      ? {
          Metrics: [
            { Id: 'value', Expression: value.expression, ReturnData: true },
            ...Object.entries(value.metrics).map(([Id, metric]) => ({
              ...{ Id, ReturnData: false },
              MetricStat: { Metric: metricOf(metric), Period: periodSeconds, Stat: metric.statistic },
            })),
          ],
        }
      : { ...metricOf(value), Period: periodSeconds, Statistic: value.statistic }),
  };
}

function metricOf({ namespace, name, dimensions }: Metric): Members {
  return {
    ...{ Namespace: namespace, MetricName: name },
    Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
  };
}

function tokenOf(name: Alarm['name']): string {
  return Buffer.from(JSON.stringify({ behind: name })).toString('base64url');
}

function nameOf(token: string): string {
  try {
    const { behind } = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (typeof behind === 'string') return behind;
  } catch {
    // Refused below.
  }
  throw new AwsError(400, 'InvalidNextToken', 'The next token is not one of this service.');
}
