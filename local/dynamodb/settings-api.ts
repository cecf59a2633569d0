/**
 * UpdateTimeToLive, DescribeTimeToLive, UpdateContinuousBackups and DescribeContinuousBackups: what they answer and what
 * they change. Recovery itself does not exist here: the setting is kept so that deployment checks can read it.
 */
import { AwsError } from '../http/aws-error.ts';
import type { Input, Output, Table } from './dynalite-engine.ts';
import type { TableSettings } from './table-settings.ts';

type Answer = { output: Output; changes: Partial<TableSettings> | null };

export function settingsCall(operation: string, input: Input, table: Table, settings: TableSettings): Answer {
  switch (operation) {
    case 'UpdateTimeToLive':
      return updateTimeToLive(input, settings);
    case 'DescribeTimeToLive':
      return { output: { TimeToLiveDescription: timeToLiveDescription(settings) }, changes: null };
    case 'UpdateContinuousBackups': {
      const { PointInTimeRecoverySpecification: wanted } = input as {
        PointInTimeRecoverySpecification?: { PointInTimeRecoveryEnabled?: boolean };
      };
      const changes = { pointInTimeRecovery: wanted?.PointInTimeRecoveryEnabled === true };
      return { output: continuousBackups(table, { ...settings, ...changes }), changes };
    }
    default:
      return { output: continuousBackups(table, settings), changes: null };
  }
}

function updateTimeToLive(input: Input, settings: TableSettings): Answer {
  const specification = input.TimeToLiveSpecification as { Enabled?: boolean; AttributeName?: string } | undefined;
  if (specification?.AttributeName === undefined || specification.Enabled === undefined) {
    throw validation('TimeToLiveSpecification needs Enabled and AttributeName.');
  }
  const { timeToLiveAttribute: current } = settings;
  const { Enabled, AttributeName } = specification;
  if (Enabled && current !== null) throw validation('TimeToLive is already enabled');
  if (!Enabled && current === null) throw validation('TimeToLive is already disabled');
  if (!Enabled && current !== AttributeName) {
    throw validation(`TimeToLive is active on a different AttributeName: current AttributeName is ${current}`);
  }
  return {
    output: { TimeToLiveSpecification: specification },
    changes: { timeToLiveAttribute: Enabled ? AttributeName : null },
  };
}

function timeToLiveDescription({ timeToLiveAttribute }: TableSettings): Output {
  return timeToLiveAttribute === null
    ? { TimeToLiveStatus: 'DISABLED' }
    : { TimeToLiveStatus: 'ENABLED', AttributeName: timeToLiveAttribute };
}

function continuousBackups(table: Table, { pointInTimeRecovery }: TableSettings): Output {
  const createdAtSeconds = Number(table.CreationDateTime);
  return {
    ContinuousBackupsDescription: {
      ContinuousBackupsStatus: 'ENABLED',
      PointInTimeRecoveryDescription: pointInTimeRecovery
        ? {
            PointInTimeRecoveryStatus: 'ENABLED',
            RecoveryPeriodInDays: 35,
            EarliestRestorableDateTime: createdAtSeconds,
          }
        : { PointInTimeRecoveryStatus: 'DISABLED' },
    },
  };
}

function validation(message: string): AwsError {
  return new AwsError(400, 'ValidationException', message);
}
