/**
 * The alarms of a stage, read from CloudWatch by their common prefix.
 * Invariant: the answer is whole, or an error; and it comes within a bound, because what it goes into is asked for by people.
 */
import { DescribeAlarmsCommand, type MetricAlarm } from '@aws-sdk/client-cloudwatch';
import { KvsInferError } from '../core/errors.ts';
import { type AlarmView, alarmPrefix, alarmViews } from '../core/views/alarm-view.ts';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';

/** As many as AWS tells in one answer. */
const recordsMax = 100;
/** All pages together, however many there are: it bounds them. */
const answerMaxMs = 3_000;

/** @returns what rings first. @throws KvsInferError */
export async function readAlarms(
  clients: AwsClients,
  stage: string,
  fleets: readonly string[],
  { waitMaxMs = answerMaxMs } = {},
): Promise<AlarmView[]> {
  const abortSignal = AbortSignal.timeout(waitMaxMs);
  const found: MetricAlarm[] = [];
  let token: string | undefined;
  try {
    do {
      const asked = {
        ...{ AlarmNamePrefix: alarmPrefix(stage), MaxRecords: recordsMax },
        ...(token === undefined ? {} : { NextToken: token }),
      };
      const answer = await awsCall('read the alarms', () =>
        clients.cloudWatch.send(new DescribeAlarmsCommand(asked), { abortSignal }),
      );
      found.push(...(answer.MetricAlarms ?? []));
      token = answer.NextToken;
    } while (token !== undefined);
  } catch (error) {
    if (!abortSignal.aborted) throw error;
    throw new KvsInferError('AWS_UNAVAILABLE', `CloudWatch did not tell the alarms within ${waitMaxMs / 1_000} s`, {
      hint: 'look again later; look at the AWS health dashboard',
      retryable: true,
      cause: error,
    });
  }
  const stored = found.map(
    ({ AlarmName, AlarmDescription, StateValue, StateTransitionedTimestamp, StateUpdatedTimestamp }) => ({
      name: AlarmName ?? '',
      description: AlarmDescription ?? '',
      state: StateValue ?? ('INSUFFICIENT_DATA' as const),
      sinceMs: (StateTransitionedTimestamp ?? StateUpdatedTimestamp)?.getTime() ?? null,
    }),
  );
  return alarmViews(stored, stage, fleets);
}
