/** The cost of calendars: every tick asks every camera of a fleet when it is wanted, DST and exceptions included. */
import { scheduledIntervals } from '../core/calendar.ts';
import { accountablePastMs, demandHorizonMs } from '../core/control/demand.ts';
import { defaultPolicy } from '../core/control/policy.ts';
import { type Bench, type Benchmark, millisecondsPer } from './benchmark.ts';
import { fleetCameras, noonMs } from './fleet-of-2000.ts';

const WEEK_MS = 7 * 86_400_000;
const DECIDED_WITHIN_MS = 50;

export const calendar: Benchmark = {
  name: 'calendar',
  claim: 'the calendars of 2,000 cameras in six time zones cost a small part of a tick',
  async run(bench: Bench) {
    const cameras = fleetCameras();
    const horizonMs = demandHorizonMs(defaultPolicy, defaultPolicy.leadTimeDefaultMs);
    let minute = 0;
    // A minute later each time, as ticks are: what is remembered of one span must not answer for another.
    const ask = (fromMs: number, toMs: number) => () => {
      minute += 1;
      const shiftMs = minute * 60_000;
      let intervals = 0;
      for (const camera of cameras) intervals += scheduledIntervals(camera, fromMs + shiftMs, toMs + shiftMs).length;
      if (intervals === 0) throw new Error('no camera is ever watched');
    };
    await bench.measure(
      'what one tick asks: the past 15 min to the lead time ahead',
      millisecondsPer(1, 'tick'),
      ask(noonMs - accountablePastMs, noonMs + horizonMs),
      { goalAtMost: DECIDED_WITHIN_MS },
    );
    await bench.measure('a week ahead', millisecondsPer(1, 'fleet'), ask(noonMs, noonMs + WEEK_MS));
  },
};
