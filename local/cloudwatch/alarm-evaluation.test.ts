/** The tables of CloudWatch's user guide, row by row, and what must hold for every range. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AlarmState, evaluateAlarm, type MissingData, rangeBeyondEvaluated } from './alarm-evaluation.ts';

const treatments: readonly MissingData[] = ['missing', 'ignore', 'breaching', 'notBreaching'];
const rangeOf = (text: string) => text.split(' ').map((sign) => (sign === '-' ? null : sign === 'X'));
/** "Retain current state". */
const kept = 'INSUFFICIENT_DATA';

describe('the tables of the guide', () => {
  it.each<[number, string, AlarmState[]]>([
    [3, '0 - X - X', ['OK', 'OK', 'OK', 'OK']],
    [3, '0 - - - -', ['OK', 'OK', 'OK', 'OK']],
    [3, '- - - - -', ['INSUFFICIENT_DATA', kept, 'ALARM', 'OK']],
    [3, '0 X X - X', ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
    [3, '- - X - -', ['ALARM', kept, 'ALARM', 'OK']],
    [2, '0 - X - X', ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
    [2, '0 0 X 0 X', ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
    [2, '0 - X - -', ['OK', 'OK', 'ALARM', 'OK']],
    [2, '- - - - 0', ['OK', 'OK', 'ALARM', 'OK']],
    [2, '- - - X -', ['ALARM', kept, 'ALARM', 'OK']],
  ])('%i of 3: %s', (datapointsToAlarm, text, expected) => {
    const states = treatments.map((treatMissingData) =>
      evaluateAlarm({ evaluationPeriods: 3, datapointsToAlarm, treatMissingData }, rangeOf(text), kept),
    );
    expect(states).toEqual(expected);
  });

  it('one bad datapoint that has just come is not yet an alarm of three', () => {
    for (const text of ['- - - - X', '- - - X -']) {
      const missing = { evaluationPeriods: 3, datapointsToAlarm: 3, treatMissingData: 'missing' } as const;
      expect(evaluateAlarm(missing, rangeOf(text), 'OK'), text).toBe('OK');
    }
  });
});

const cases = fc.integer({ min: 1, max: 10 }).chain((evaluationPeriods) =>
  fc.record({
    evaluationPeriods: fc.constant(evaluationPeriods),
    datapointsToAlarm: fc.integer({ min: 1, max: evaluationPeriods }),
    range: fc.array(fc.constantFrom(true, false, null), {
      minLength: evaluationPeriods + rangeBeyondEvaluated,
      maxLength: evaluationPeriods + rangeBeyondEvaluated,
    }),
    current: fc.constantFrom<AlarmState>('OK', 'ALARM', 'INSUFFICIENT_DATA'),
  }),
);

describe('for every range', () => {
  it('enough real datapoints leave nothing to how missing ones are treated', () => {
    fc.assert(
      fc.property(cases, ({ range, current, ...alarm }) => {
        const states = treatments.map((treatMissingData) =>
          evaluateAlarm({ ...alarm, treatMissingData }, range, current),
        );
        if (range.filter((one) => one !== null).length >= alarm.evaluationPeriods) expect(new Set(states).size).toBe(1);
        // Taking silence for bad never calms an alarm that rings when it is taken for good.
        if (states[3] === 'ALARM') expect(states[2]).toBe('ALARM');
      }),
    );
  });

  it('a worse datapoint never calms an alarm', () => {
    fc.assert(
      fc.property(
        cases,
        fc.nat(),
        fc.constantFrom('breaching' as const, 'notBreaching' as const),
        (one, at, treatMissingData) => {
          const { range, current, ...alarm } = one;
          const index = at % range.length;
          if (range[index] !== false) return;
          const before = evaluateAlarm({ ...alarm, treatMissingData }, range, current);
          const after = evaluateAlarm({ ...alarm, treatMissingData }, range.with(index, true), current);
          if (before === 'ALARM') expect(after).toBe('ALARM');
        },
      ),
    );
  });
});
