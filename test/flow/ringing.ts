/**
 * Watches alarms ring for a fault and cease once it is mended, minute by minute of a stepped clock.
 * Invariant: what rang before the fault proves nothing, so it fails the test.
 */
import { expect } from 'vitest';
import type { Clock } from '../../core/clock.ts';
import type { AlarmChange, AlarmWatch } from '../../local/cloudwatch/alarm-watch.ts';
import { alarmsOfTest } from './alarm-cases.ts';

/** Of a stage called `test`. */
export const alarmPrefix = 'kvs-infer-test';
const ceaseMinutesMax = 60;

export type Alarmed = {
  /** Before the names of its alarms; that of the stage `test` when left out. */
  prefix?: string;
  clock: Clock;
  alarms: AlarmWatch;
  alarmChanges: readonly AlarmChange[];
  advance(seconds: number): Promise<void>;
};

const prefixOf = ({ prefix = alarmPrefix }: Alarmed) => `${prefix}-`;
const ringing = (stage: Alarmed) =>
  stage.alarms
    .states()
    .filter(({ state }) => state === 'ALARM')
    .map(({ name }) => name.slice(prefixOf(stage).length));

/** Steps minute by minute until it is so; the alarms that others cause may ring too. */
async function until(stage: Alarmed, minutesMax: number, isSo: () => boolean, what: string) {
  for (let minute = 0; minute < minutesMax; minute += 1) {
    if (isSo()) return;
    await stage.advance(60);
  }
  expect(isSo(), `${what} after ${minutesMax} min; ringing: ${ringing(stage).join(', ')}`).toBe(true);
}

/**
 * All alarms that the test is there for ring within the time, and cease.
 * @param mend ends the fault.
 */
export async function ringsAndCeases(stage: Alarmed, test: string, minutesMax: number, mend: () => unknown) {
  const names = alarmsOfTest(test);
  const begunMs = stage.clock.nowMs();
  expect(
    ringing(stage).filter((name) => names.includes(name)),
    'rings before the fault',
  ).toEqual([]);
  const hasRung = (name: string) =>
    stage.alarmChanges.some(
      ({ alarm, to, atMs }) => alarm === `${prefixOf(stage)}${name}` && to === 'ALARM' && atMs > begunMs,
    );
  await until(stage, minutesMax, () => names.every(hasRung), `${names.join(', ')} ring`);
  await mend();
  const isOver = () => names.every((name) => !ringing(stage).includes(name));
  await until(stage, ceaseMinutesMax, isOver, `${names.join(', ')} cease`);
}
