/**
 * When an alarm is in which state, as CloudWatch's user guide documents it ("Configuring how CloudWatch alarms treat missing
 * data"): more periods are looked at than are evaluated, real datapoints go before assumed ones, and what is missing is assumed
 * as seldom as possible. Pure, so that the guide's own tables are its test.
 * Invariant: as long as there are as many real datapoints as are evaluated, how missing data is treated does not matter.
 */
export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
export type MissingData = 'breaching' | 'notBreaching' | 'ignore' | 'missing';

/** The guide shows a range of five periods for three that are evaluated, and gives no other number. */
export const rangeBeyondEvaluated = 2;

export type Evaluation = { evaluationPeriods: number; datapointsToAlarm: number; treatMissingData: MissingData };

/**
 * @param range is each period of the evaluation range breaching? Oldest first; null: it has no datapoint.
 * @param current the state before, which `ignore` keeps.
 */
export function evaluateAlarm(
  { evaluationPeriods, datapointsToAlarm, treatMissingData }: Evaluation,
  range: readonly (boolean | null)[],
  current: AlarmState,
): AlarmState {
  const real = range.filter((breaching) => breaching !== null).slice(-evaluationPeriods);
  const stateOf = (breaching: number): AlarmState => (breaching >= datapointsToAlarm ? 'ALARM' : 'OK');
  const breaching = real.filter(Boolean).length;
  const missing = evaluationPeriods - real.length;
  if (missing === 0) return stateOf(breaching);
  switch (treatMissingData) {
    case 'breaching':
      return stateOf(breaching + missing);
    case 'notBreaching':
      return stateOf(breaching);
    case 'ignore':
    case 'missing': {
      if (real.length === 0) return treatMissingData === 'missing' ? 'INSUFFICIENT_DATA' : current;
      if (breaching >= datapointsToAlarm) return 'ALARM';
      // All that is known is bad, and has been for as long as the alarm needs: "premature alarm state".
      const oldestAge = range.length - range.indexOf(true);
      const isPremature = breaching === real.length && oldestAge >= datapointsToAlarm;
      if (!isPremature) return breaching === real.length && treatMissingData === 'ignore' ? current : 'OK';
      return treatMissingData === 'missing' ? 'ALARM' : current;
    }
  }
}
